#pragma once

#include "signerd/pool.h"

namespace quorate::signerd {

/// How much presigning may send: a bucket that fills at `mbit` million bits a second up to one second's worth.
/// What has begun is never cut off, so the bucket may go below zero; then nothing begins before it is filled
/// again. 0: no limit.
class SendBudget {
 public:
  explicit SendBudget(double mbit) : rate_(mbit * 1e6 / 8), bytes_(rate_) {}

  void spend(std::size_t bytes, Clock::time_point now);
  /// This signer may begin a batch.
  [[nodiscard]] bool ready(Clock::time_point now);
  /// So far below zero that this signer keeps out of the batches of others, too: two seconds' worth.
  [[nodiscard]] bool overdrawn(Clock::time_point now);

 private:
  void fill(Clock::time_point now);
  double rate_, bytes_;           ///< bytes a second; bytes left
  std::optional<Clock::time_point> filled_;
};

/// The share of one core that a worker may take for background work.
class CpuShare {
 public:
  /// 0 < share <= 1; 1: all of it.
  explicit CpuShare(double share) : share_(share) {}
  /// How long a worker rests after a step that took so much CPU time; 2 s at most.
  [[nodiscard]] std::chrono::nanoseconds rest_after(std::chrono::nanoseconds used) const;
  [[nodiscard]] bool limited() const { return share_ < 1; }

 private:
  double share_;
};

}  // namespace quorate::signerd
