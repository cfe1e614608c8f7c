#pragma once

#include <cstdlib>

#include "protocol/group/coordinates.h"
#include "protocol/group/field.h"

namespace quorate {

/// Homogeneous coordinates: x = X / Z, y = Y / Z. (0 : 1 : 0) is infinity.
template <std::size_t N>
struct Projective {
  FieldElement<N> x, y, z;
};

/// x = X / Z^2, y = Y / Z^3.
template <std::size_t N>
struct Weighted {
  FieldElement<N> x, y, z;
};

/// x and y; infinity is nothing that it can hold. On P-256 it fills a cache line.
template <std::size_t N>
struct alignas(N == 4 ? 64 : 32) Finite {
  FieldElement<N> x, y;
};

/// The group law of a curve y^2 = x^3 - 3x + b of prime order in our own arithmetic, constant-time in the
/// points. For what OpenSSL has no constant-time or no fast way to do.
template <std::size_t N>
class GroupLaw {
 public:
  using Element = FieldElement<N>;

  explicit GroupLaw(const Curve& curve) : curve_(curve), f_(curve.field()), b_(coefficient(curve, f_)) {}

  [[nodiscard]] const Field<N>& field() const { return f_; }
  [[nodiscard]] const Element& b() const { return b_; }
  [[nodiscard]] Projective<N> infinity() const { return {{}, f_.one(), {}}; }

  /// P + Q for any two points, equal, opposite or at infinity, with one and the same sequence of field
  /// operations: Renes, Costello and Batina, ePrint 2015/1060, algorithm 4.
  [[nodiscard]] Projective<N> add(const Projective<N>& p, const Projective<N>& q) const {
    const auto xx = f_.mul(p.x, q.x), yy = f_.mul(p.y, q.y), zz = f_.mul(p.z, q.z);
    // The mixed sums x1 y2 + x2 y1 and so on, each from one product.
    const auto xy = f_.sub(f_.mul(f_.add(p.x, p.y), f_.add(q.x, q.y)), f_.add(xx, yy));
    const auto yz = f_.sub(f_.mul(f_.add(p.y, p.z), f_.add(q.y, q.z)), f_.add(yy, zz));
    const auto xz = f_.sub(f_.mul(f_.add(p.x, p.z), f_.add(q.x, q.z)), f_.add(xx, zz));

    const auto w = f_.triple(f_.sub(xz, f_.mul(b_, zz)));
    const auto minus = f_.sub(yy, w), plus = f_.add(yy, w);
    const auto zz3 = f_.triple(zz);
    const auto v = f_.triple(f_.sub(f_.sub(f_.mul(b_, xz), zz3), xx));
    const auto u = f_.sub(f_.triple(xx), zz3);
    return {f_.sub(f_.mul(xy, plus), f_.mul(yz, v)), f_.add(f_.mul(plus, minus), f_.mul(u, v)),
            f_.add(f_.mul(yz, minus), f_.mul(xy, u))};
  }

  /// 2^times P. Goes through Jacobian coordinates, where doubling costs eight products instead of
  /// thirteen and has no exceptional case either, as no point has order 2.
  [[nodiscard]] Projective<N> double_repeatedly(const Projective<N>& p, int times) const {
    // (X Z, Y Z^2, Z); infinity would lose its Y, which must not be 0 on the way back.
    const std::uint64_t infinite = f_.is_zero(p.z);
    auto x = f_.mul(p.x, p.z);
    auto y = f_.choose(infinite, f_.mul(p.y, f_.square(p.z)), f_.one());
    auto z = p.z;
    while (times-- > 0) {
      const auto zz = f_.square(z), yy = f_.square(y), xyy = f_.mul(x, yy);
      const auto slope = f_.triple(f_.mul(f_.sub(x, zz), f_.add(x, zz)));
      const auto xyy4 = f_.twice(f_.twice(xyy)), yyyy4 = f_.twice(f_.twice(f_.square(yy)));
      z = f_.sub(f_.square(f_.add(y, z)), f_.add(yy, zz));
      x = f_.sub(f_.square(slope), f_.twice(xyy4));
      y = f_.sub(f_.mul(slope, f_.sub(xyy4, x)), f_.twice(yyyy4));
    }
    return {f_.mul(x, z), y, f_.mul(f_.square(z), z)};
  }

  /// P + Q where P is not Q. P = -Q gives Z = 0, and so do P = Q and a P whose Z is 0, for which it does not hold.
  [[nodiscard]] Weighted<N> add_different(const Weighted<N>& p, const Finite<N>& q) const {
    const auto zz = f_.square(p.z);
    const auto h = f_.sub(f_.mul(q.x, zz), p.x);
    const auto r = f_.sub(f_.mul(f_.mul(q.y, p.z), zz), p.y);
    const auto hh = f_.square(h), hhh = f_.mul(h, hh), v = f_.mul(p.x, hh);
    const auto x = f_.sub(f_.square(r), f_.add(hhh, f_.twice(v)));
    return {x, f_.sub(f_.mul(r, f_.sub(v, x)), f_.mul(p.y, hhh)), f_.mul(p.z, h)};
  }
  [[nodiscard]] Projective<N> from_weighted(const Weighted<N>& p) const {
    return {f_.mul(p.x, p.z), p.y, f_.mul(f_.square(p.z), p.z)};
  }

  [[nodiscard]] Projective<N> from_point(const Point& p) const {
    const Jacobian j = jacobian(p);
    if (p.is_infinity()) return infinity();
    const auto z = f_.from_plain(j.z);
    return {f_.mul(f_.from_plain(j.x), z), f_.from_plain(j.y), f_.mul(f_.square(z), z)};
  }

  [[nodiscard]] Projective<N> from_plain(const Homogeneous& p) const {
    return {f_.from_plain(p.x), f_.from_plain(p.y), f_.from_plain(p.z)};
  }

  /// From here on the point is public. Ends the process if it is not on the curve: that can only come from a
  /// fault in the arithmetic, which must not leave this floor.
  [[nodiscard]] Point to_point(const Projective<N>& p) const {
    const auto inverse = f_.invert(p.z), x = f_.mul(p.x, inverse), y = f_.mul(p.y, inverse);
    const auto right = f_.add(f_.mul(f_.sub(f_.square(x), f_.triple(f_.one())), x), b_);
    std::uint64_t fault = (1 ^ f_.is_zero(p.z)) & (1 ^ f_.equal(f_.square(y), right));
    Affine affine{f_.plain(x), f_.plain(y)};  // (0, 0) where Z is 0
    ct::unpoison(&fault, sizeof fault);
    ct::unpoison(&affine, sizeof affine);
    if (fault != 0) std::abort();
    return Point::from_checked(curve_, affine);
  }

 private:
  static Element coefficient(const Curve& curve, const Field<N>& f) {
    // b = y^2 - x^3 + 3x at the generator.
    const Bytes g = Point::generator(curve).encode();
    const auto x = f.reduce(ByteView(g).subspan(1, curve.field_size()));
    const auto y = f.reduce(ByteView(g).last(curve.field_size()));
    return f.add(f.sub(f.square(y), f.mul(f.square(x), x)), f.triple(x));
  }
  const Curve& curve_;
  Field<N> f_;
  Element b_;
};

}  // namespace quorate
