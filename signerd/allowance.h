#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "signerd/pool.h"

namespace quorate::signerd {

/// So many of something a second for each sender, with a burst. Senders are identities of certificates: as many as
/// there are certificates.
class Allowance {
 public:
  Allowance(double rate, double burst) : rate_(rate), burst_(burst) {}

  /// False: this sender has had its share.
  bool take(const std::string& who, Clock::time_point now) {
    auto [bucket, fresh] = buckets_.try_emplace(who, Bucket{burst_, now});
    auto& [left, filled] = bucket->second;
    if (now > filled) {
      left = std::min(burst_, left + rate_ * std::chrono::duration<double>(now - filled).count());
      filled = now;
    }
    if (left < 1) return false;
    left -= 1;
    return true;
  }

 private:
  struct Bucket {
    double left = 0;
    Clock::time_point filled;
  };
  double rate_, burst_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace quorate::signerd
