#pragma once

#include "protocol/group/lane_curve.h"

namespace quorate {

/// Simplified SWU of P256_XMD:SHA-256_SSWU_RO_ and P384_XMD:SHA-384_SSWU_RO_ on eight field elements at once:
/// RFC 9380 appendix F.2, straight-line. Constant-time in the values; exponents are public.
template <class V, std::size_t L>
class LaneMaps {
 public:
  using Law = LaneCurve<V, L>;
  using F = typename Law::F;
  using Element = typename F::Element;

  static typename Law::Projective map(const Element& u) {
    const auto minus_z = F::constant(kLaneConstants<L>.minus_z), b = F::constant(kLaneConstants<L>.b);
    const auto zuu = F::tidy(F::zero() - F::mul(minus_z, F::sqr(u)));
    const auto t = F::sqr(zuu) + zuu;
    // x1 = -(b/a)(1 + 1/t), or b/(za) where t is 0; a is -3.
    const auto n1 = F::mul(b, F::tidy(t + F::one()));
    const Element d = F::choose(F::is_zero(F::rest(t)), F::rest(times<3>(minus_z)), F::rest(times<3>(t)));
    // g(x1) = (n1^3 + a n1 d^2 + b d^3) / d^3
    const auto dd = F::sqr(d), ddd = F::mul(dd, d);
    const auto g = F::tidy(F::mul(F::tidy(F::sqr(n1) - times<3>(dd)), n1) + F::mul(b, ddd));
    // sqrt(g / d^3), or sqrt(z g / d^3) where g(x1) is no square (appendix F.2.1.2).
    const auto gd = F::mul(g, ddd);
    const auto root1 = F::mul(root_power(F::mul(F::sqr(ddd), gd)), gd);
    const auto root2 = F::mul(root1, F::constant(kLaneConstants<L>.root));
    const V square = F::is_zero(F::rest(F::mul(F::sqr(root1), ddd) - g));
    // There x2 = z u^2 x1 and y2 = z u^3 sqrt(z g(x1)).
    const Element x = F::choose(square, n1, F::mul(zuu, n1));
    Element y = F::choose(square, root1, F::mul(F::mul(zuu, u), root2));
    y = F::choose(F::is_odd(u) ^ F::is_odd(y), F::negate(y), y);
    return {x, F::mul(y, d), d};
  }

 private:
  /// a^((p - 3) / 4), by the runs of ones and zeros in the exponent.
  static Element root_power(const Element& a) {
    Element ones[8];  // a^(2^(2^k) - 1)
    ones[0] = a;
    for (int k = 0; k < 7; ++k) ones[k + 1] = with_below(ones[k], 1 << k, ones[k]);
    if constexpr (L == 5) {  // 32 ones, 31 zeros, a one, 96 zeros, 94 ones
      Element r = with_below(ones[5], 31 + 1, a);
      r = with_below(r, 96 + 32, ones[5]);
      for (int k = 5; k >= 1; --k) r = with_below(r, 1 << k, ones[k]);
      return r;
    } else {  // 255 ones, a zero, 32 ones, 64 zeros, 30 ones
      Element r = ones[7];
      for (int k = 6; k >= 0; --k) r = with_below(r, 1 << k, ones[k]);
      r = with_below(r, 1 + 32, ones[5]);
      r = with_below(r, 64 + 16, ones[4]);
      for (int k = 3; k >= 1; --k) r = with_below(r, 1 << k, ones[k]);
      return r;
    }
  }
  /// a^(2^bits) b: b's exponent is written below that of a.
  static Element with_below(Element a, int bits, const Element& b) {
    for (int i = 0; i < bits; ++i) a = F::sqr(a);
    return F::mul(a, b);
  }
};

}  // namespace quorate
