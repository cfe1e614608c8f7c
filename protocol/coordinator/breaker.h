#pragma once

#include "protocol/coordinator/config.h"

namespace quorate::coordinator {

/// Circuit breaker of one signer.
///   closed     it answers; any number of requests may go there
///   open       it failed lately; it is the last choice. 50 ms after the first failure, twice as long after
///              each further one, up to CoordinatorConfig::slow_limit
///   half-open  the pause is over: one request, the trial, goes there as if nothing had been. Until that is
///              decided, further ones are kept away as if it were open
/// A signature closes it, from whichever state; a failure while it is open is the same failure, and one that comes
/// slow_limit after the pause of the last one is a first one.
class Breaker {
 public:
  enum class State : std::uint8_t { Closed, Open, HalfOpen };
  [[nodiscard]] State state(Time now) const {
    if (failures_ == 0) return State::Closed;
    return now < retry_at_ ? State::Open : State::HalfOpen;
  }
  /// May a request go there for its own sake?
  [[nodiscard]] bool admits(Time now) const {
    const State here = state(now);
    return here == State::Closed || (here == State::HalfOpen && !on_trial_);
  }
  /// When it becomes half-open; in the past if it is not open.
  [[nodiscard]] Time retry_at() const { return retry_at_; }

  /// A request goes there. True: it is the trial; its end has to be told.
  bool begin(Time now);
  void succeeded();
  void failed(Time now, const CoordinatorConfig& config);
  /// The trial ended without a verdict: the next request is one.
  void undecided() { on_trial_ = false; }
  /// A new link: what was before counts for nothing.
  void reset() { *this = Breaker{}; }

 private:
  unsigned failures_ = 0;  ///< in a row
  Time retry_at_ = kLongAgo;
  bool on_trial_ = false;
};

}  // namespace quorate::coordinator
