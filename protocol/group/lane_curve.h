#pragma once

#include "protocol/group/lane_coordinate.h"

namespace quorate {

/// The group law of P-256 (L = 5) and P-384 (L = 8) on eight points at once; y^2 = x^3 - 3x + b. Every function
/// is one sequence of field operations, whatever the points are.
template <class V, std::size_t L>
class LaneCurve {
 public:
  using F = LaneCoordinates<V, L>;
  using Element = typename F::Element;
  struct Affine {
    Element x, y;
  };
  /// x = X / Z^2, y = Y / Z^3.
  struct Jacobian {
    Element x, y, z;
  };
  /// x = X / Z, y = Y / Z; (0 : 1 : 0) is infinity.
  struct Projective {
    Element x, y, z;
  };

  static Projective infinity() { return {F::zero(), F::one(), F::zero()}; }

  /// P + Q for any two points, equal, opposite or at infinity: Renes, Costello and Batina, ePrint 2015/1060,
  /// algorithm 4.
  static Projective add(const Projective& p, const Projective& q) {
    const auto xx = F::mul(p.x, q.x), yy = F::mul(p.y, q.y), zz = F::mul(p.z, q.z);
    // The mixed sums x1 y2 + x2 y1 and so on, each from one product.
    const auto xy = F::rest(F::mul(F::tidy(p.x + p.y), F::tidy(q.x + q.y)) - (xx + yy));
    const auto yz = F::rest(F::mul(F::tidy(p.y + p.z), F::tidy(q.y + q.z)) - (yy + zz));
    const auto xz = F::tidy(F::mul(F::tidy(p.x + p.z), F::tidy(q.x + q.z)) - (xx + zz));

    const auto b = F::constant(kLaneConstants<L>.b);
    const auto w = F::rest(times<3>(xz - F::mul(b, zz)));
    const auto minus = F::tidy(yy - w), plus = F::tidy(yy + w);
    const auto zz3 = times<3>(zz);
    const auto v = F::rest(times<3>(F::mul(b, xz) - zz3 - xx));
    const auto u = F::rest(times<3>(xx) - zz3);
    return {F::rest(F::mul(xy, plus) - F::mul(yz, v)), F::rest(F::mul(plus, minus) + F::mul(u, v)),
            F::rest(F::mul(yz, minus) + F::mul(xy, u))};
  }

  /// 2 P, with no exceptional case, as no point has order 2. The usual formula with everything scaled by 1/2.
  static Jacobian twice(const Jacobian& p) {
    const auto zz = F::sqr(p.z), yy = F::sqr(p.y), xyy = F::mul(p.x, yy);
    const auto slope = F::halve(times<3>(F::mul(F::tidy(p.x - zz), F::tidy(p.x + zz))));
    const auto x = F::rest(F::sqr(slope) - times<2>(xyy));
    return {x, F::rest(F::mul(slope, F::tidy(xyy - x)) - F::sqr(yy)), F::mul(p.y, p.z)};
  }

  /// P + Q where neither is infinity and P is not Q. P = -Q gives Z = 0.
  static Jacobian add_different(const Jacobian& p, const Affine& q) {
    const auto zz = F::sqr(p.z);
    const auto h = F::tidy(F::mul(q.x, zz) - p.x);
    const auto r = F::tidy(F::mul(F::mul(q.y, p.z), zz) - p.y);
    const auto hh = F::sqr(h), hhh = F::mul(h, hh), v = F::mul(p.x, hh);
    const auto x = F::rest(F::sqr(r) - (hhh + times<2>(v)));
    return {x, F::rest(F::mul(r, F::tidy(v - x)) - F::mul(p.y, hhh)), F::mul(p.z, h)};
  }

  /// (0 : 1 : 0) where the mask says that P is infinity.
  static Projective projective(const Jacobian& p, V infinite) {
    const Element none = F::zero();
    return {F::choose(infinite, none, F::mul(p.x, p.z)), F::choose(infinite, F::one(), p.y),
            F::choose(infinite, none, F::mul(F::sqr(p.z), p.z))};
  }
  static Projective projective(const Affine& p, V infinite) {
    return {F::choose(infinite, F::zero(), p.x), F::choose(infinite, F::one(), p.y),
            F::choose(infinite, F::zero(), F::one())};
  }
  /// Infinity gets a Y that is not 0.
  static Jacobian jacobian(const Projective& p) {
    return {F::mul(p.x, p.z),
            F::choose(F::is_zero(p.z), F::one(), F::mul(p.y, F::sqr(p.z))), p.z};
  }

  static Jacobian choose(V mask, const Jacobian& a, const Jacobian& b) {
    return {F::choose(mask, a.x, b.x), F::choose(mask, a.y, b.y), F::choose(mask, a.z, b.z)};
  }

  /// Ones where y^2 = x^3 - 3x + b.
  static V on_curve(const Affine& p) {
    const auto right = F::mul(F::tidy(F::sqr(p.x) - times<3>(F::one())), p.x) + F::constant(kLaneConstants<L>.b);
    return F::is_zero(F::rest(F::sqr(p.y) - right));
  }
};

}  // namespace quorate
