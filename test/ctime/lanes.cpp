// Products and sums of eight points at a time, by PortableLanes: every scalar is secret, points are not.
#include "protocol/group/lanes.h"

#include "protocol/group/batch.h"
#include "test/ctime/cases.h"

namespace quorate::ctime {
namespace {

/// Anything, and what decides in the first or in the last window; all secret.
std::vector<SecretScalar> scalars(const Curve& curve) {
  PoisonedRng rng("lanes");
  std::vector<SecretScalar> out;
  for (int i = 0; i < 3; ++i) out.push_back(SecretScalar::random(curve, rng));
  for (const std::uint64_t small : {0U, 1U, 16U}) {
    SecretScalar k(curve, small);
    out.push_back(SecretScalar(curve) - k);
    out.push_back(std::move(k));
  }
  for (auto& k : out) ct::poison(k.montgomery().data(), sizeof(Limbs));
  return out;
}

std::vector<Point> points(const Curve& curve, std::size_t count) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(i == 4 ? Point(curve) : Point::mul_base(Scalar(curve, 1000 + i)));
  return out;
}

template <const Curve& (*curve_of)()>
void products() {
  use_lanes(Lanes::Portable);
  const Curve& curve = curve_of();
  const auto k = scalars(curve);
  std::vector<SecretScalar> l;
  for (std::size_t i = k.size(); i-- > 0;) l.push_back(k[i].clone());
  const auto p = points(curve, k.size());
  const auto base = mul_base_each(k), single = mul_each(k, p);
  const auto [left, right] = mul_each(k, l, p);
  for (std::size_t i = 0; i < k.size(); ++i) {
    const Scalar open = declassify(k[i]);
    require(base[i] == Point::mul_base(open), "products of the generator in lanes");
    require(single[i] == p[i].mul_var(open) && left[i] == single[i], "products in lanes");
    require(right[i] == p[i].mul_var(declassify(l[i])), "second products in lanes");
  }
}

template <const Curve& (*curve_of)()>
void sums() {
  use_lanes(Lanes::Portable);
  const Curve& curve = curve_of();
  const auto k = scalars(curve);
  auto p = points(curve, k.size());
  p[2] = p[1];
  PoisonedRng rng("sums");
  const auto g = SecretScalar::random(curve, rng);
  Point q = Point::mul_base(declassify(g));
  for (std::size_t i = 0; i < k.size(); ++i) q += p[i].mul_var(declassify(k[i]));
  require(vanishes(k, p, g, q.negate()), "a sum in lanes that vanishes");
  require(!vanishes(k, p, g, q), "a sum in lanes that does not vanish");
}

}  // namespace

std::vector<Case> lane_cases() {
  return {{"lane-products-p256", products<Curve::p256>},
          {"lane-products-p384", products<Curve::p384>},
          {"lane-sums-p256", sums<Curve::p256>},
          {"lane-sums-p384", sums<Curve::p384>}};
}

}  // namespace quorate::ctime
