#pragma once

#include <span>
#include <vector>

#include "protocol/base/secret.h"
#include "protocol/group/point.h"

namespace quorate {

/// x = X / Z^2, y = Y / Z^3 in plain integers below the field prime; Z is 0 at infinity.
struct Jacobian {
  Limbs x{}, y{}, z{};
};

/// Plain integers below the field prime; (0, 0), which is on no curve, is infinity.
struct Affine {
  Limbs x{}, y{};
};

/// x = X / Z, y = Y / Z in plain integers; (0 : Y : 0) is infinity.
struct Homogeneous {
  Limbs x{}, y{}, z{};
};

/// How OpenSSL holds the point: no inversion is needed.
Jacobian jacobian(const Point& p);
/// Wiped when freed: of two points that a base OT computed, which one was sent tells its receiver's choice.
using AffinePoints = std::vector<Affine, WipingAllocator<Affine>>;
/// Of points of one curve, with one field inversion.
AffinePoints affine_all(std::span<const Point> points);

/// 0x04, x, y: field_size() bytes each, big-endian.
Bytes uncompressed(const Curve& curve, const Limbs& x, const Limbs& y);

}  // namespace quorate
