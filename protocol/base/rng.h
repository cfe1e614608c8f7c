#pragma once

#include "protocol/base/bytes.h"

namespace quorate {

/// Where a state machine gets its randomness. The daemon passes net::SystemRng; tests pass a seeded one.
class Rng {
 public:
  Rng() = default;
  Rng(const Rng&) = delete;
  Rng& operator=(const Rng&) = delete;
  virtual ~Rng() = default;
  /// Fills the whole span; ends the process if no randomness can be had.
  virtual void fill(MutableByteView out) = 0;

  template <class T>
  T make() {
    T out{};
    fill(out);
    return out;
  }
  template <class IdType>
  IdType make_id() {
    IdType id;
    fill(id.bytes);
    return id;
  }
};

}  // namespace quorate
