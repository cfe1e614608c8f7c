#include "signerd/pacing.h"

#include <algorithm>

namespace quorate::signerd {

void SendBudget::fill(Clock::time_point now) {
  if (filled_ && now > *filled_)
    bytes_ = std::min(rate_, bytes_ + rate_ * std::chrono::duration<double>(now - *filled_).count());
  if (!filled_ || now > *filled_) filled_ = now;
}

void SendBudget::spend(std::size_t bytes, Clock::time_point now) {
  if (rate_ <= 0) return;
  fill(now);
  bytes_ -= static_cast<double>(bytes);
}

bool SendBudget::ready(Clock::time_point now) {
  if (rate_ <= 0) return true;
  fill(now);
  return bytes_ >= 0;
}

bool SendBudget::overdrawn(Clock::time_point now) {
  if (rate_ <= 0) return false;
  fill(now);
  return bytes_ < -2 * rate_;
}

std::chrono::nanoseconds CpuShare::rest_after(std::chrono::nanoseconds used) const {
  constexpr std::chrono::nanoseconds kLongest = std::chrono::seconds(2);
  if (!limited() || used <= std::chrono::nanoseconds::zero()) return {};
  const double rest = static_cast<double>(used.count()) * (1 / share_ - 1);
  return rest >= static_cast<double>(kLongest.count()) ? kLongest : std::chrono::nanoseconds(static_cast<std::int64_t>(rest));
}

}  // namespace quorate::signerd
