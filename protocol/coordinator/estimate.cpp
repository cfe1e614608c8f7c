#include "protocol/coordinator/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quorate::coordinator {

void Latency::add(Time sample) {
  sample = std::max(sample, Time{0});
  mean_ = count_ == 0 ? sample : mean_ + (sample - mean_) / 8;
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(sample).count();
  micros_[next_] =
      static_cast<std::uint32_t>(std::min<std::int64_t>(micros, std::numeric_limits<std::uint32_t>::max()));
  next_ = (next_ + 1) % kWindow;
  count_ = std::min(count_ + 1, kWindow);
  if (count_ >= 16 && next_ % 8 != 0) {
    // Between two looks at the whole window a new maximum must not go unnoticed while it is small.
    if (count_ < 100) p99_ = std::max(p99_, sample);
    return;
  }
  std::array<std::uint32_t, kWindow> sorted = micros_;
  const std::size_t rank = count_ < 100 ? count_ - 1 : count_ - 1 - count_ / 100;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(count_);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(rank), end);
  p99_ = std::chrono::microseconds(sorted[rank]);
}

void Rate::count(Time now) {
  level_ = per_second(now) + 1;
  at_ = std::max(at_, now);
}

double Rate::per_second(Time now) const {
  if (at_ == kLongAgo) return 0;
  const double age = std::chrono::duration<double>(now - at_).count();
  return age <= 0 ? level_ : level_ * std::exp(-age);
}

}  // namespace quorate::coordinator
