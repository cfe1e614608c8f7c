#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/coordinator/monotonic.h"

namespace quorate::coordinator {

/// Round-trip times of one signer: a moving average, and the 99th percentile of the last 128.
class Latency {
 public:
  void add(Time sample);
  /// Weight 1/8 per sample; zero before the first one.
  [[nodiscard]] Time mean() const { return mean_; }
  /// With fewer than 100 samples their maximum; zero before the first one. At most 8 samples old.
  [[nodiscard]] Time p99() const { return p99_; }
  [[nodiscard]] bool known() const { return count_ != 0; }

 private:
  static constexpr std::size_t kWindow = 128;
  std::array<std::uint32_t, kWindow> micros_{};
  std::size_t next_ = 0, count_ = 0;
  Time mean_{}, p99_{};
};

/// What extra work may be done: a share of the requests, saved up to a burst.
class Budget {
 public:
  explicit Budget(unsigned burst) : burst_(burst), level_(burst) {}
  void earn(unsigned percent) { level_ = std::min(burst_, level_ + percent / 100.0); }
  [[nodiscard]] bool enough() const { return level_ >= 1; }
  bool spend() {
    if (!enough()) return false;
    level_ -= 1;
    return true;
  }

 private:
  double burst_, level_;
};

/// Events per second, forgotten with a time constant of one second.
class Rate {
 public:
  void count(Time now);
  [[nodiscard]] double per_second(Time now) const;

 private:
  double level_ = 0;
  Time at_ = kLongAgo;
};

}  // namespace quorate::coordinator
