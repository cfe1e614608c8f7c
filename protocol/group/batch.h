#pragma once

#include <span>
#include <utility>
#include <vector>

#include "protocol/group/point.h"

namespace quorate {

/// Products of many points at once: eight at a time where the processor can (lanes.h), else one by one. The
/// results are the same. All scalars and points are of one curve; any points are allowed, also the same several
/// times. Constant-time in the scalars.

/// k_i G
std::vector<Point> mul_base_each(std::span<const SecretScalar> k);
/// k_i P_i. As many scalars as points.
std::vector<Point> mul_each(std::span<const SecretScalar> k, std::span<const Point> p);
/// k_i P_i and l_i P_i, at half again the price of the first.
std::pair<std::vector<Point>, std::vector<Point>> mul_each(std::span<const SecretScalar> k,
                                                           std::span<const SecretScalar> l,
                                                           std::span<const Point> p);

}  // namespace quorate
