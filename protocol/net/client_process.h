#pragma once

#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <variant>

#include "protocol/net/coordinator_driver.h"
#include "protocol/net/io_runner.h"
#include "protocol/net/sign_client.h"
#include "protocol/net/system_rng.h"
#include "protocol/net/tier_client.h"
#include "protocol/net/wake_timer.h"

namespace quorate::net {

/// Keys ever added, newest first. Only ever grows, so that a forked child can read it whatever its parent's
/// other threads were doing.
struct KeyNode {
  coordinator::KeyInfo key;
  KeyNode* next = nullptr;
};

/// Everything of one client that belongs to one process: loop, links, coordinator. A forked child leaves the
/// object that it inherited alone, as its locks may be held and its memory in any state, and makes its own.
class ClientProcess {
 public:
  /// Of its backends there is one: the coordinator in this process, or the client of a tier of them.
  using Settings = std::variant<DriverSettings, TierSettings>;
  ClientProcess(const SignClientConfig& config, const Settings& settings);
  ClientProcess(const ClientProcess&) = delete;
  ClientProcess& operator=(const ClientProcess&) = delete;
  ~ClientProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] IoRunner& runner() { return runner_; }
  [[nodiscard]] Rng& rng() { return rng_; }

  /// Any thread; the first call counts.
  void start(const std::atomic<KeyNode*>& keys);
  /// Any thread. From a cache; without an I/O thread what has arrived is handled first.
  [[nodiscard]] KeyReadiness readiness(const KeyId& key);
  /// Any thread. Without an I/O thread: handles what has arrived, and dials lost links anew twice a second at most.
  void probe();

  /// I/O side only; direct mode only.
  [[nodiscard]] CoordinatorDriver& driver() { return *driver_; }
  /// I/O side only.
  void sign(coordinator::SigningJob job, std::chrono::nanoseconds within, CoordinatorDriver::Done done);
  /// I/O side only.
  void add_key(const coordinator::KeyInfo& key);

 private:
  /// Of no other process.
  [[nodiscard]] std::uint64_t first_version() const { return (static_cast<std::uint64_t>(pid_) << 32) + 1; }
  void changed();
  void publish();

  const pid_t pid_;
  std::once_flag started_;
  IoRunner runner_;
  SystemRng rng_;
  std::unique_ptr<CoordinatorDriver> driver_;
  std::unique_ptr<TierClient> tier_;
  std::vector<KeyId> keys_;  ///< I/O side
  WakeTimer publish_timer_;
  bool publish_waits_ = false;
  coordinator::Time last_publish_ = coordinator::kLongAgo;
  std::atomic<IoRunner::Clock::rep> next_probe_{0};

  std::mutex published_mutex_;
  std::map<KeyId, KeyReadiness> published_;
};

}  // namespace quorate::net
