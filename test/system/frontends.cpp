// Many front ends in one process, each with its own certificate and links, all asking for signatures at a steady rate.
//
//   frontends --key key.pem --seconds 10 a/provider.json=100 b/provider.json=0 ...
//
// Rate 0 stands for a front end that signs once and is idle from then on. What is due is asked for when it is due,
// whether or not earlier requests were answered. One line of JSON for each front end at the end.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "protocol/net/system_rng.h"
#include "provider/key_file.h"
#include "signerd/durable_file.h"
#include "tools/connection.h"

using namespace quorate;
using Clock = std::chrono::steady_clock;

namespace {

Bytes handshake_content() {
  Bytes content(64, 0x20);
  append(content, as_bytes("TLS 1.3, server CertificateVerify"));
  content.push_back(0);
  Bytes hash(32);
  net::SystemRng().fill(hash);
  append(content, hash);
  return content;
}

/// In milliseconds; 0 if there are none.
double percentile(std::vector<double>& values, double fraction) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(fraction * static_cast<double>(values.size())))];
}

struct FrontEnd {
  std::string name;
  double rate = 0;
  std::unique_ptr<net::SignClient> client;
  Clock::time_point due;
  std::size_t asked = 0;

  std::mutex mutex;
  std::condition_variable all_answered;
  std::size_t answered = 0;
  std::vector<double> signed_ms, failed_ms;
  std::map<std::string, std::size_t> failed;
  std::string first_failure;

  void ask(const KeyFile& key) {
    const auto begun = Clock::now();
    const auto digest = key.curve->id() == CurveId::P384 ? wire::DigestAlgorithm::Sha384 : wire::DigestAlgorithm::Sha256;
    ++asked;
    client->sign_async(key.key, wire::Context::Tls13ServerCertificateVerify, digest, handshake_content(),
                       [this, begun](Result<net::SignedContent, SignError> done) {
                         const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
                         std::lock_guard lock(mutex);
                         (done ? signed_ms : failed_ms).push_back(ms);
                         if (!done) {
                           ++failed[std::string(quorate::name(done.error().code))];
                           if (first_failure.empty()) first_failure = done.error().what();
                         }
                         ++answered;
                         all_answered.notify_all();
                       });
  }

  nlohmann::ordered_json report() {
    std::unique_lock lock(mutex);
    all_answered.wait_for(lock, std::chrono::seconds(10), [this] { return answered == asked; });
    return {{"front_end", name},
            {"asked", asked},
            {"signed", signed_ms.size()},
            {"unanswered", asked - answered},
            {"failed", failed},
            {"first_failure", first_failure},
            {"p50_ms", percentile(signed_ms, 0.5)},
            {"p99_ms", percentile(signed_ms, 0.99)},
            {"max_ms", percentile(signed_ms, 1)},
            {"failed_p99_ms", percentile(failed_ms, 0.99)}};
  }
};

std::chrono::nanoseconds interval(double rate) { return std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / rate)); }

int complain(const std::string& text) {
  std::fprintf(stderr, "frontends: %s\n", text.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"front ends that ask for signatures at a steady rate"};
  std::string key_path;
  std::vector<std::string> wanted;
  double seconds = 10;
  int deadline_ms = 200;
  app.add_option("--key", key_path)->required();
  app.add_option("--seconds", seconds);
  app.add_option("--deadline", deadline_ms);
  app.add_option("front_ends", wanted, "provider.json=RATE")->required();
  CLI11_PARSE(app, argc, argv);

  auto text = signerd::read_file(key_path, kMaxKeyFile);
  if (!text) return complain(text.error());
  auto key = parse_key_file_pem(as_text(*text));
  if (!key) return complain(key.error());
  std::vector<std::unique_ptr<FrontEnd>> all;
  for (const auto& one : wanted) {
    const auto equals = one.rfind('=');
    if (equals == std::string::npos) return complain("expected FILE=RATE, not " + one);
    auto connection = tools::connect(one.substr(0, equals), std::chrono::milliseconds(deadline_ms));
    if (!connection) return complain(connection.error());
    all.push_back(std::make_unique<FrontEnd>());
    all.back()->name = one.substr(0, equals);
    all.back()->rate = std::atof(one.c_str() + equals + 1);
    all.back()->client = std::move(connection->client);
    all.back()->client->add_key({key->key, key->curve, key->X});
    all.back()->client->warm_up();
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));  // links come up, pools are looked at
  const auto begun = Clock::now();
  const auto end = begun + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  // Idle ones sign in the first second, one after the other.
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i]->due = all[i]->rate == 0 ? begun + std::chrono::milliseconds(1000 * i / all.size()) : begun;
  for (auto now = begun; now < end; now = Clock::now()) {
    auto next = end;
    for (auto& one : all) {
      for (; one->due <= now; one->due = one->rate == 0 ? end : one->due + interval(one->rate)) one->ask(*key);
      next = std::min(next, one->due);
    }
    std::this_thread::sleep_until(next);
  }
  for (auto& one : all) std::printf("%s\n", one->report().dump().c_str());
  return 0;
}
