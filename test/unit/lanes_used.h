#pragma once

#include "protocol/group/lanes.h"

namespace quorate {

/// Chooses who computes, for as long as it lives.
class LanesUsed {
 public:
  explicit LanesUsed(Lanes lanes) { use_lanes(lanes); }
  LanesUsed(const LanesUsed&) = delete;
  LanesUsed& operator=(const LanesUsed&) = delete;
  ~LanesUsed() { use_lanes(before_); }

 private:
  Lanes before_ = lanes_in_use();
};

inline bool can_use(Lanes lanes) { return lanes != Lanes::Ifma || lanes_available(); }

}  // namespace quorate
