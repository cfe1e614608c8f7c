#pragma once

#include <memory>

#include "protocol/group/point.h"

namespace quorate {

/// A public key that many signatures will be verified under: X, and a table of its multiples, 256 KiB at
/// most, which copies share. Public throughout. Making one takes milliseconds, so that it is done once a key
/// and not for a request; the first one of a curve makes the same table for G.
class VerificationKey {
 public:
  VerificationKey() = default;  ///< of no curve; only assignment is allowed
  explicit VerificationKey(const Point& X);

  [[nodiscard]] const Point& point() const { return X_; }
  /// Whether a G + b X is a point, not infinity, whose x-coordinate is r mod n. Variable time. False if X is
  /// infinity.
  [[nodiscard]] bool reaches_var(const Scalar& a, const Scalar& b, const Scalar& r) const;

  class Table;

 private:
  Point X_;
  std::shared_ptr<const Table> table_;
};

}  // namespace quorate
