#pragma once

#include <map>

#include "signerd/pool.h"

namespace quorate::signerd {

/// How much presigning may send: a bucket that fills at `mbit` million bits a second up to one second's worth.
/// What has begun is never cut off, so the bucket may go below zero; then nothing begins before it is filled
/// again. What is sent for the batches of one leader, this signer among them, comes out of a share of that
/// leader, too: while there is something in it a batch of that leader may begin, however much the others had
/// sent. So no peer uses up what this signer, or another one, leads its own batches with. 0: no limit.
class SendBudget {
 public:
  /// `leaders`: how many signers share it.
  SendBudget(double mbit, std::size_t leaders);

  void spend(PartyId leader, std::size_t bytes, Clock::time_point now);
  /// This signer may begin a batch.
  [[nodiscard]] bool ready(PartyId me, Clock::time_point now);
  /// So far below zero that this signer keeps out of the batches of that leader: two seconds' worth.
  [[nodiscard]] bool overdrawn(PartyId leader, Clock::time_point now);

 private:
  struct Bucket {
    double rate = 0, bytes = 0;   ///< bytes a second; bytes left
    std::optional<Clock::time_point> filled;
    double at(Clock::time_point now);
  };
  Bucket& share(PartyId leader) { return shares_.try_emplace(leader, share_).first->second; }
  Bucket all_, share_;            ///< share_: as each begins
  std::map<PartyId, Bucket> shares_;
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
