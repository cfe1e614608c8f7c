#include "protocol/coordinator/breaker.h"

#include <algorithm>

namespace quorate::coordinator {

bool Breaker::begin(Time now) {
  if (state(now) != State::HalfOpen || on_trial_) return false;
  on_trial_ = true;
  return true;
}

void Breaker::succeeded() {
  failures_ = 0;
  on_trial_ = false;
}

void Breaker::failed(Time now, const CoordinatorConfig& config) {
  if (state(now) == State::Open) return;  // many requests that time out together are one failure
  // What it did long ago, when nobody has asked it since, says nothing about how long to wait now.
  if (now >= retry_at_ + config.slow_limit) failures_ = 0;
  failures_ = std::min(failures_ + 1, 16u);
  retry_at_ = now + std::min(config.back_off * (1 << (failures_ - 1)), config.slow_limit);
  on_trial_ = false;
}

}  // namespace quorate::coordinator
