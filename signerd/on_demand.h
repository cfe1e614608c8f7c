#pragma once

#include <functional>
#include <map>
#include <vector>

#include "signerd/pool.h"

namespace quorate::signerd {

/// Quorums of one key beyond the active ones that this signer leads because somebody asked for a lease: after
/// more losses than the active ones survive, these keep the key going. Bounded in number and in time.
class OnDemand {
 public:
  static constexpr std::size_t kMax = 16;
  static constexpr std::chrono::seconds kKept{60};  ///< after the last question

  /// Takes it in or keeps it. False: there are too many.
  bool ask(const Quorum& quorum, Clock::time_point now);
  /// Lets go of those that nobody asked for lately; returns them.
  std::vector<Quorum> expire(Clock::time_point now);
  void forget_if(const std::function<bool(const Quorum&)>& which);
  [[nodiscard]] bool contains(const Quorum& quorum) const { return asked_.contains(quorum); }
  [[nodiscard]] const std::map<Quorum, Clock::time_point>& all() const { return asked_; }

 private:
  std::map<Quorum, Clock::time_point> asked_;
};

}  // namespace quorate::signerd
