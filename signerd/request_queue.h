#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "protocol/net/link.h"
#include "signerd/pool.h"

namespace quorate::signerd {

/// Requests of callers that wait for their turn: identities take turns, whatever one of them sends and over however
/// many links, so that one that floods keeps nobody else waiting. Knows how long each has waited. I/O thread only.
class RequestQueue {
 public:
  /// Requests of one identity that may wait.
  static constexpr std::size_t kMaxWaiting = 256;
  /// And what they may hold: evidence and certificate requests are long, and a signer's memory may be locked.
  static constexpr std::size_t kMaxWaitingBytes = std::size_t{4} << 20;

  struct Request {
    std::weak_ptr<net::Link> link;
    wire::Envelope envelope;
    Clock::time_point since;
  };
  /// False: this identity has too many waiting already; nothing is kept.
  bool push(const std::string& who, Request request);
  /// The next identity's eldest; nothing if none waits.
  std::optional<Request> pop();
  [[nodiscard]] bool empty() const { return turns_.empty(); }

 private:
  struct Waiting {
    std::deque<Request> requests;
    std::size_t bytes = 0;
  };
  std::map<std::string, Waiting> waiting_;
  std::deque<std::string> turns_;  ///< who has something waiting, next first
};

/// Since when a request that is read now may have been in this process: after the process was stopped, or busy
/// otherwise, what it reads is as old as that pause. Call turn() often.
class Stalls {
 public:
  /// The loop is alive. Reads that were waiting come within a moment after a pause.
  void turn(Clock::time_point now);
  [[nodiscard]] Clock::time_point arrived(Clock::time_point now) const;

 private:
  static constexpr std::chrono::milliseconds kNoticed{500}, kAfterwards{20};
  std::optional<Clock::time_point> last_;
  Clock::time_point began_{}, over_{};
};

}  // namespace quorate::signerd
