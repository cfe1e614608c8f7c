#include "protocol/group/hash_to_curve.h"

#include <cstdlib>

#include "protocol/group/projective.h"

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

/// x = x_numerator / x_denominator, and y.
template <std::size_t N>
struct Mapped {
  FieldElement<N> x_numerator, x_denominator, y;
};

/// RFC 9380 section 8.2 and 8.3: simplified SWU with a random oracle, for a prime p = 3 mod 4.
template <std::size_t N>
class Suite {
 public:
  using Element = FieldElement<N>;

  /// minus_z: the suite's Z is its negative. wide: L of the RFC, bytes hashed for one field element.
  Suite(const Curve& curve, std::uint64_t minus_z, std::size_t wide)
      : curve_(curve),
        law_(curve),
        f_(law_.field()),
        wide_(wide),
        a_(f_.negate(f_.small(3))),
        z_(f_.negate(f_.small(minus_z))) {
    // (p - 3) / 4, and from it the root a^((p + 1) / 4) = a a^((p - 3) / 4) of -Z.
    const Limbs& p = curve.field().n;
    for (std::size_t i = 0; i < N; ++i) exponent_[i] = p[i] >> 2 | (i + 1 < N ? p[i + 1] << 62 : 0);
    const Element minus = f_.negate(z_);
    root_of_minus_z_ = f_.mul(minus, f_.pow(minus, exponent_));
    require(f_.equal(f_.square(root_of_minus_z_), minus) == 1);
  }

  Suite(const Suite&) = delete;
  Suite& operator=(const Suite&) = delete;

  [[nodiscard]] Point hash(ByteView message, ByteView dst) const {
    Bytes uniform = expand_message_xmd(curve_.digest_name(), message, dst, 2 * wide_);
    const auto q0 = projective(map(f_.reduce(ByteView(uniform).first(wide_))));
    const auto q1 = projective(map(f_.reduce(ByteView(uniform).last(wide_))));
    ct::wipe(uniform.data(), uniform.size());
    return law_.to_point(law_.add(q0, q1));
  }

 private:
  /// Simplified SWU, straight-line (RFC 9380 appendix F.2), with x as a fraction.
  [[nodiscard]] Mapped<N> map(const Element& u) const {
    const auto zuu = f_.mul(z_, f_.square(u));
    const auto t = f_.add(f_.square(zuu), zuu);
    // x1 = -(b/a)(1 + 1/t), or b/(za) where t is 0.
    const auto n1 = f_.mul(law_.b(), f_.add(t, f_.one()));
    const auto d = f_.mul(a_, f_.choose(f_.is_zero(t), f_.negate(t), z_));
    // g(x1) = (n1^3 + a n1 d^2 + b d^3) / d^3
    const auto dd = f_.square(d), ddd = f_.mul(dd, d);
    const auto g = f_.add(f_.mul(f_.add(f_.square(n1), f_.mul(a_, dd)), n1), f_.mul(law_.b(), ddd));
    Element root;
    const std::uint64_t square = sqrt_ratio(root, g, ddd);
    // If g(x1) is no square, x2 = z u^2 x1 and y2 = z u^3 sqrt(z g(x1)).
    const auto numerator = f_.choose(square, f_.mul(zuu, n1), n1);
    auto y = f_.choose(square, f_.mul(f_.mul(zuu, u), root), root);
    y = f_.choose(f_.parity(u) ^ f_.parity(y), y, f_.negate(y));
    return {numerator, d, y};
  }

  /// root = sqrt(u/v) and 1 if that exists, else sqrt(z u/v) and 0 (RFC 9380 appendix F.2.1.2).
  [[nodiscard]] std::uint64_t sqrt_ratio(Element& root, const Element& u, const Element& v) const {
    const auto uv = f_.mul(u, v);
    const auto y1 = f_.mul(f_.pow(f_.mul(f_.square(v), uv), exponent_), uv);
    const auto y2 = f_.mul(y1, root_of_minus_z_);
    const std::uint64_t square = f_.equal(f_.mul(f_.square(y1), v), u);
    root = f_.choose(square, y2, y1);
    return square;
  }

  [[nodiscard]] Projective<N> projective(const Mapped<N>& q) const {
    return {q.x_numerator, f_.mul(q.y, q.x_denominator), q.x_denominator};
  }

  const Curve& curve_;
  GroupLaw<N> law_;
  const Field<N>& f_;
  std::size_t wide_;
  Limbs exponent_{};
  Element a_, z_, root_of_minus_z_;
};

/// The toy curve's own suite: a scalar from the same expander, times G. It gives the logarithm of the
/// point away, which on a real curve would break what is built on it; here there is nothing to protect.
Point hash_to_toy(const Curve& curve, ByteView message, ByteView dst) {
  const Bytes uniform = expand_message_xmd(curve.digest_name(), message, dst, curve.wide_size());
  return Point::mul_base(SecretScalar::reduce(curve, uniform));
}

}  // namespace

Point hash_to_curve(const Curve& curve, ByteView message, ByteView dst) {
  static const Suite<4> p256(Curve::p256(), 10, 48);
  static const Suite<6> p384(Curve::p384(), 12, 72);
  switch (curve.id()) {
    case CurveId::P256:
      return p256.hash(message, dst);
    case CurveId::P384:
      return p384.hash(message, dst);
    case CurveId::Toy:
      return hash_to_toy(curve, message, dst);
  }
  std::abort();
}

}  // namespace quorate
