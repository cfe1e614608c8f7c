#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "protocol/base/sign_error.h"
#include "protocol/net/sign_client.h"

namespace quorate::provider {

/// What becomes of a handshake that the cluster cannot sign for: "unavailable" in provider.json.
enum class Unavailable : std::uint8_t {
  Retry,    ///< wait within the deadline, as far as the caller's WaitBudget goes; then fail
  Fail,     ///< fail at once
  Decline,  ///< refuse before the certificate is chosen, so that libssl takes the server's other one
};

/// The share of its time that one thread may spend waiting for a cluster that does not sign: a fifth. A thread
/// that waits serves nobody else meanwhile, also nobody who needs no signature of ours.
class WaitBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::nanoseconds;
  static constexpr int kEarnedIn = 5;  ///< a second of waiting is earned back in so many, none of it while waiting

  /// How long the thread may wait now: `burst` less what was used and is not earned back yet; 0 or more.
  [[nodiscard]] Span left(Time now, Span burst) const;
  /// It has waited for nothing. What goes beyond `burst` is not held against it.
  void use(Time now, Span waited, Span burst);

 private:
  [[nodiscard]] Span owed(Time now) const;
  Span owed_{};
  Time as_of_{};
};

/// Decides for one key whether a caller may wait for a signature, and how long. Knows no clock: times are the
/// caller's, of a monotonic clock. All methods may be called from any thread; nothing is locked, so that a forked
/// child can go on with what it inherited.
///
/// Three cases, by what is known without asking anybody:
/// - a request can be signed, or nobody knows: it gets its whole deadline;
/// - it cannot: by policy, and from a thread that would block only as long as its WaitBudget lasts;
/// - it can, but kDoubtedAfter in a row came to nothing (signers that hang, and are not found out yet): one trial
///   at a time, with pauses four times as long as the trial took. A trial lasts 100 ms, or twice as long as signatures
///   took: so there is one every half second, and a short outage is not made a long one.
/// A signature ends the last case; a change of what is known suspends it until one more request has failed. So
/// nothing here can latch.
class Patience {
 public:
  using Time = WaitBudget::Time;
  using Span = WaitBudget::Span;
  static constexpr unsigned kDoubtedAfter = 3;
  static constexpr Span kLongestTrial = std::chrono::milliseconds(500);
  static constexpr Span kShortTrial = std::chrono::milliseconds(100);
  /// Pools that are below their minimum for shorter than this are no reason to decline: between the two calls of
  /// one handshake libssl must not see the answer change while a signature can still be had.
  static constexpr Span kSettling = std::chrono::milliseconds(20);

  /// Signers that come back are unknown until they have told their state. For so long that is no reason to take them
  /// for ready again, if it was known in this process that nothing could be signed.
  static constexpr Span kUndecided = std::chrono::seconds(5);

  struct Settings {
    Unavailable policy = Unavailable::Retry;
    Span back_off = std::chrono::milliseconds(50);
    Span deadline = std::chrono::milliseconds(200);
  };
  explicit Patience(const Settings& settings) : settings_(settings) {}
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  struct Caller {
    bool blocks = true;      ///< it is a thread that waits, not an ASYNC job
    bool runs_io = false;    ///< nobody else handles what comes from the signers
  };
  /// How long the caller may wait; nothing: fail it at once. Counts those refused.
  [[nodiscard]] Span allow(Time now, const net::KeyReadiness& known, Caller caller, const WaitBudget& budget);

  /// `took`: how long the caller has waited for the signature.
  void succeeded(Span took);
  /// A request that was allowed came to nothing. `known` is what allow() was told.
  void failed(Time now, const net::KeyReadiness& known, SignErrorCode why, Span waited, Caller caller,
              WaitBudget& budget);

  /// Whether to refuse before the certificate is chosen. Only with Unavailable::Decline; where nothing was known yet
  /// that counts as ready. Never waits, uses up nothing.
  [[nodiscard]] bool declines(Time now, const net::KeyReadiness& known);

  /// Requests that were failed at once so far.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  /// One after the other came to nothing although a signature should have been possible.
  [[nodiscard]] bool doubted(const net::KeyReadiness& known) const {
    return failures_ >= kDoubtedAfter && failing_version_ == known.version;
  }

 private:
  [[nodiscard]] Span burst() const;
  [[nodiscard]] Span trial() const;
  [[nodiscard]] Span refuse();

  const Settings settings_;
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> failures_{0};       ///< since the last signature
  std::atomic<Span::rep> usual_{-1};             ///< what signatures took, the slow ones of late; -1: there was none
  std::atomic<std::uint64_t> failing_version_{0};
  std::atomic<Time::rep> next_trial_{0};
  std::atomic<Time::rep> next_probe_{0};
  std::atomic<std::uint64_t> gone_version_{0};   ///< when nothing could be signed, the last time it was asked
  std::atomic<Time::rep> gone_at_{0};
  std::atomic<Time::rep> shallow_since_{0};      ///< 0: not shallow when last seen
};

}  // namespace quorate::provider
