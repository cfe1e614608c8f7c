#include "protocol/coordinator/coordinator.h"

#include <algorithm>
#include <cstdlib>

#include "protocol/tecdsa/message.h"

namespace quorate::coordinator {

namespace {

constexpr std::size_t kMaxFrontend = 255;

/// Two requests with the same one ask for the same signature.
Digest subject_of(const SigningJob& job) {
  Bytes all(job.key.view().begin(), job.key.view().end());
  all.push_back(static_cast<std::uint8_t>(job.context));
  all.push_back(static_cast<std::uint8_t>(job.digest));
  append(all, job.content);
  Digest out;
  const Bytes hash = digest_content(MessageDigest::Sha256, all);
  std::copy(hash.begin(), hash.end(), out.bytes.begin());
  return out;
}

}  // namespace

Coordinator::Coordinator(CoordinatorConfig config, Rng& rng) : config_(std::move(config)), rng_(rng), hedge_budget_(config_.hedge_burst) {
  std::erase_if(config_.signers, [](PartyId id) { return !is_signer(id); });
}

void Coordinator::add_key(const KeyInfo& key) {
  auto [it, added] = keys_.try_emplace(key.id);
  if (!added) return;
  it->second.info = key;
  // Links that are up have told their keys before this one was of interest.
  for (auto& signer : signers_) signer.status_wanted = signer.status_wanted || signer.up();
  wake_at(now_);
}

RequestHandle Coordinator::submit(Time now, SigningJob job) {
  advance(now);
  const RequestHandle handle = next_handle_++;
  ++counters_.submitted;
  const auto it = keys_.find(job.key);
  const auto digest = message_digest_from(static_cast<std::uint8_t>(job.digest));
  if (it == keys_.end()) {
    reject(handle, SignErrorCode::KeyUnknown, "key " + job.key.brief() + " is not configured here");
  } else if (!digest) {
    reject(handle, SignErrorCode::PolicyDenied, "unknown digest algorithm");
  } else if (job.content.empty() || job.content.size() > config_.max_content) {
    reject(handle, SignErrorCode::PolicyDenied,
           "content of " + std::to_string(job.content.size()) + " bytes; 1 to " +
               std::to_string(config_.max_content) + " can be signed");
  } else if (job.deadline <= now_) {
    reject(handle, SignErrorCode::DeadlineExceeded, "the deadline had passed when the request was made");
  } else if (requests_.size() >= config_.max_in_flight) {
    reject(handle, SignErrorCode::Overloaded, std::to_string(requests_.size()) + " requests are in flight already");
  } else {
    KeyState& key = it->second;
    Request& request = requests_[handle];
    request.handle = handle;
    request.m = message_scalar(*key.info.curve, *digest, job.content);
    request.job = std::move(job);
    request.job.frontend = one_line(request.job.frontend).substr(0, kMaxFrontend);
    request.submitted = now_;
    request.subject = subject_of(request.job);
    hedge_budget_.earn(config_.hedge_percent);
    key.rate.count(now_);
    key.last_submit = now_;
    wake_at(now_ + config_.idle_after);
    wait_again(request);
  }
  settle();
  return handle;
}

void Coordinator::cancel(Time now, RequestHandle handle) {
  advance(now);
  if (auto it = requests_.find(handle); it != requests_.end()) {
    ++counters_.cancelled;
    drop(it->second);
  }
  settle();
}

void Coordinator::on_timer(Time now) {
  advance(now);
  settle();
}

std::vector<Action> Coordinator::take_actions() { return std::exchange(actions_, {}); }

Time Coordinator::next_wakeup() const {
  return timers_.empty() ? wake_ : std::min(wake_, timers_.begin()->first);
}

Readiness Coordinator::readiness(const KeyId& key) const {
  const auto it = keys_.find(key);
  if (it == keys_.end()) {
    Readiness out;
    out.state = Readiness::State::NotReady;
    out.reason = SignErrorCode::KeyUnknown;
    out.detail = "key " + key.brief() + " is not configured here";
    return out;
  }
  return readiness_of(look_at(it->second, signers_, config_, now_));
}

void Coordinator::advance(Time now) {
  now_ = std::max(now_, now);
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    const auto it = requests_.find(timers_.begin()->second);
    if (it == requests_.end()) std::abort();  // drop() takes the entry along
    on_request_timer(it->second);
  }
  if (wake_ > now_) return;
  wake_ = kNever;
  watch_timers();
  lease_timers();
  status_timers();
}

/// Serves those who wait, once per event, after all its consequences are known.
void Coordinator::settle() {
  bool ask = false;
  for (auto& [id, key] : keys_) {
    if (std::exchange(key.dirty, false)) pump(key);
    ask = ask || (!key.waiting.empty() && epochs_differ(key, signers_));
  }
  // Signers change epochs one after the other: whoever waits for them must not wait for the next regular status.
  if (!ask) return;
  for (auto& signer : signers_) signer.status_wanted = signer.status_wanted || signer.up();
  status_timers();
}

void Coordinator::arm(Request& request) {
  Time next = request.job.deadline;
  for (const auto& sid : request.live) {
    const Attempt& attempt = attempts_.at(sid);
    if (attempt.overdue) continue;
    next = std::min(next, attempt.overdue_at);
    if (!request.hedged) next = std::min(next, attempt.hedge_at);
  }
  if (keys_.at(request.job.key).waiting.contains(request.handle))
    next = std::min(next, request.avoid.next_end(now_));
  if (next == request.wake) return;
  timers_.erase({request.wake, request.handle});
  request.wake = next;
  timers_.insert({next, request.handle});
}

void Coordinator::on_request_timer(Request& request) {
  if (now_ >= request.job.deadline) {
    give_up(request);
    return;
  }
  for (const auto& sid : request.live) {
    Attempt& attempt = attempts_.at(sid);
    if (attempt.overdue) continue;
    if (!request.hedged && attempt.hedge_at <= now_) hedge(request, attempt);
    if (attempt.overdue_at <= now_) overdue(attempt, request);
  }
  if (keys_.at(request.job.key).waiting.contains(request.handle)) keys_.at(request.job.key).dirty = true;
  arm(request);
}

void Coordinator::give_up(Request& request) {
  if (request.live.empty()) {
    finish(request, fail(why_waiting(keys_.at(request.job.key), signers_, config_, request, now_)));
  } else {
    finish(request, fail(why_unanswered(request, attempts_.at(request.live.back()), now_)));
  }
}

void Coordinator::finish(Request& request, Result<SignResult, SignError> outcome) {
  if (outcome) {
    ++counters_.signatures;
  } else {
    ++counters_.failed_by_code[static_cast<std::size_t>(outcome.error().code)];
  }
  actions_.emplace_back(Finish{request.handle, std::move(outcome)});
  drop(request);
}

void Coordinator::drop(Request& request) {
  for (const auto& sid : request.live) watch(attempts_.at(sid), sid);
  keys_.at(request.job.key).waiting.erase(request.handle);
  timers_.erase({request.wake, request.handle});
  requests_.erase(request.handle);
}

void Coordinator::reject(RequestHandle handle, SignErrorCode code, std::string detail) {
  ++counters_.failed_by_code[static_cast<std::size_t>(code)];
  actions_.emplace_back(Finish{handle, fail(SignError{code, std::move(detail)})});
}

/// Puts a request among those that wait for a quorum, unless it has had its share of attempts.
void Coordinator::wait_again(Request& request) {
  KeyState& key = keys_.at(request.job.key);
  if (request.attempts < config_.max_attempts) {
    key.waiting.insert(request.handle);
    key.dirty = true;
  } else if (request.live.empty()) {
    finish(request, fail(why_waiting(key, signers_, config_, request, now_)));
    return;
  }
  arm(request);
}

void Coordinator::send(PartyId to, const SessionId& request, decltype(Send::message) message) {
  actions_.emplace_back(Send{to, request, std::move(message)});
}

}  // namespace quorate::coordinator
