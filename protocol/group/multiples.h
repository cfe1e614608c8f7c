#pragma once

#include <vector>

#include "protocol/group/projective.h"

namespace quorate {

/// (j + 1) 2^(width w) P at 2^(width - 1) w + j, for j below 2^(width - 1) and w below `windows`: what
/// products with a fixed point are put together from, by signed digits. P is not infinity; its order being a
/// prime, neither is any multiple here.
template <std::size_t N>
std::vector<Finite<N>> multiples(const GroupLaw<N>& law, const Point& p, std::size_t width,
                                 std::size_t windows) {
  const Field<N>& f = law.field();
  const std::size_t entries = std::size_t{1} << (width - 1);
  std::vector<Projective<N>> points;
  points.reserve(windows * entries);
  Projective<N> step = law.from_point(p);
  for (std::size_t w = 0; w < windows; ++w) {
    points.push_back(step);
    for (std::size_t j = 1; j < entries; ++j) points.push_back(law.add(points.back(), step));
    step = law.double_repeatedly(points.back(), 1);
  }
  // One inversion for all: before[i] is the product of all z ahead of i.
  std::vector<FieldElement<N>> before;
  before.reserve(points.size());
  auto product = f.one();
  for (const auto& point : points) {
    before.push_back(product);
    product = f.mul(product, point.z);
  }
  auto inverse = f.invert(product);
  std::vector<Finite<N>> out(points.size());
  for (std::size_t i = points.size(); i-- > 0;) {
    const auto z = f.mul(inverse, before[i]);
    inverse = f.mul(inverse, points[i].z);
    out[i] = {f.mul(points[i].x, z), f.mul(points[i].y, z)};
  }
  return out;
}

}  // namespace quorate
