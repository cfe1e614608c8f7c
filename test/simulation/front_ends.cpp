#include <algorithm>

#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "test/simulation/world.h"

namespace quorate::simulation {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A TLS 1.3 CertificateVerify whose transcript hash ends in the request's number.
Bytes World::content_of(std::uint64_t number) {
  constexpr std::string_view kLabel = "TLS 1.3, server CertificateVerify";
  Bytes content(64 + kLabel.size() + 1 + 32, 0);
  std::fill_n(content.begin(), 64, ' ');
  std::copy(kLabel.begin(), kLabel.end(), content.begin() + 64);
  for (std::size_t i = 0; i < 8; ++i) content[content.size() - 1 - i] = static_cast<std::uint8_t>(number >> 8 * i);
  return content;
}

std::size_t World::some_coordinator(std::size_t but) {
  std::size_t c = rng_.below(settings_.busy);
  for (std::size_t i = 0; i < settings_.busy; ++i, c = (c + 1) % settings_.busy)
    if (c != but && nodes_[c].core) return c;
  return but;
}

void World::new_request() {
  if (counts_.submitted >= settings_.requests) return;
  submit(++counts_.submitted, some_coordinator(settings_.busy));
  at(now_ + microseconds(rng_.below(2000)), [this] { new_request(); });
}

void World::submit(std::uint64_t number, std::size_t c) {
  auto [it, first] = requests_.try_emplace(number);
  Request& request = it->second;
  if (first) {
    request.deadline = now_ + milliseconds(200);
    // Judged by the whole time that it may take.
    request.calm = !settings_.storms || now_ + milliseconds(200) < calm_until_;
    if (settings_.forged_hints && rng_.below(100) == 0 && latest_.quorum.size() == fleet_.info().threshold) {
      // A front end that makes up what it was assigned: somebody else's presignature, or one of its neighbours.
      ++counts_.forged_hints;
      request.hint = latest_;
      request.hint->presignature.index += static_cast<std::uint32_t>(rng_.below(3));
    }
    if (rng_.below(50) == 0)
      at(now_ + milliseconds(rng_.below(10)), [this, number, c] {
        const auto found = requests_.find(number);
        if (found == requests_.end() || found->second.done) return;
        ++counts_.impatient;
        elsewhere(number, c);
      });
  }
  coordinator::SigningJob job{.key = key_.id, .context = wire::Context::Tls13ServerCertificateVerify,
                              .digest = wire::DigestAlgorithm::Sha256, .content = content_of(number),
                              .deadline = request.deadline, .hint = request.hint, .frontend = "quorate:sim/frontend/f"};
  ++request.open;
  const auto handle = nodes_[c].core->submit(now_, std::move(job));
  nodes_[c].open.emplace(handle, number);
  drain(c);
}

/// The same request once more, with what the front end was told of the first.
void World::elsewhere(std::uint64_t number, std::size_t but) {
  const std::size_t c = some_coordinator(but);
  if (nodes_[c].core && now_ < requests_.at(number).deadline) {
    submit(number, c);
  } else if (Request& request = requests_.at(number); request.open == 0 && !request.done) {
    ++counts_.failed;
    ++counts_.failed_by_code["no coordinator"];
    counts_.failed_calm += request.calm;
    requests_.erase(number);
  }
}

void World::finished(std::size_t c, const coordinator::Finish& finish) {
  auto& open = nodes_[c].open;
  const auto it = open.find(finish.request);
  if (it == open.end()) {
    ++counts_.ended_twice;
    return;
  }
  const std::uint64_t number = it->second;
  open.erase(it);
  Request& request = requests_.at(number);
  --request.open;
  counts_.too_late += now_ > request.deadline;
  if (finish.outcome) {
    const auto m = message_scalar(Curve::toy(), MessageDigest::Sha256, content_of(number));
    const auto& got = *finish.outcome;
    counts_.bad_signatures += !verify_ecdsa(key_.X, m, {got.r, got.s}) || got.s.is_high();
    counts_.signed_ += !request.done;
    request.done = true;
  } else if (!request.done && request.open == 0) {
    ++counts_.failed;
    ++counts_.failed_by_code[std::string(name(finish.outcome.error().code))];
    counts_.failed_calm += request.calm;
    request.done = true;
  }
  if (request.open == 0 && request.done) requests_.erase(number);
}

/// Its coordinator is gone: the front end sees the connection end.
void World::lost_by(std::uint64_t number, std::size_t c) {
  Request& request = requests_.at(number);
  --request.open;
  if (request.done) {
    if (request.open == 0) requests_.erase(number);
    return;
  }
  at(now_ + microseconds(300), [this, number, c] {
    const auto it = requests_.find(number);
    if (it == requests_.end() || it->second.done) return;
    ++counts_.fail_overs;
    elsewhere(number, c);
  });
}

}  // namespace quorate::simulation
