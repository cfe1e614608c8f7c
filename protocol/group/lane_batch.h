#pragma once

#include <array>
#include <span>
#include <vector>

#include "protocol/base/secret.h"
#include "protocol/group/coordinates.h"
#include "protocol/group/lane_kernels.h"

namespace quorate {

/// Points and scalars on their way through LaneKernels. Scalars are plain and below the order; kernels are those of
/// the points' curve. Constant-time in the scalars.

/// For each of one or two lists of scalars its products with the same points.
std::array<std::vector<Point>, 2> lane_products(const LaneKernels& kernels, const Curve& curve,
                                                std::span<const std::span<const Limbs>> lists,
                                                std::span<const Point> p);
/// k_i G
std::vector<Point> lane_base_products(const LaneKernels& kernels, const Curve& curve, std::span<const Limbs> k);
/// P_i + H_i, or P_i - H_i: H_i is what RFC 9380 makes of the field elements 2i and 2i + 1, plain and below
/// p. Constant-time in them, and in the coordinates of points that are not infinity.
std::vector<Point> lane_add_hashes(const LaneKernels& kernels, const Curve& curve, std::span<const Point> p,
                                   std::span<const Limbs> fields, bool subtract);
/// Eight points that add up to sum k_i P_i. No scalar may be longer than `bits`, which is public.
SecretVector<Homogeneous> lane_sum(const LaneKernels& kernels, const Curve& curve, std::span<const Limbs> k,
                                   std::span<const Point> p, std::size_t bits);

}  // namespace quorate
