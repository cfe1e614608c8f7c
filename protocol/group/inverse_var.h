#pragma once

#include <algorithm>
#include <bit>
#include <utility>

#include "protocol/group/montgomery.h"

namespace quorate {

/// Inverses of public residues by division steps (Bernstein and Yang, ePrint 2019/266): f = n and g = a go to
/// +-1 and 0 by steps that look at their lowest bits only, so that 62 steps at a time are gathered in a
/// matrix of words, which is then applied to f and g and, modulo n, to d and e, for which d a = f C and e a =
/// g C all along, C being what e began with. Variable time.
template <std::size_t N>
class InverseVar {
 public:
  explicit InverseVar(const Modulus& m) : m_(m), n_(split(m.n.data())) {
    // -1/n mod 2^62, from that mod 2^64.
    n0_ = m.n0 & kLow;
  }

  /// r = 1 / a, both in Montgomery form and below n; 0 gives 0.
  void invert(std::uint64_t* r, const std::uint64_t* a) const {
    Number f = n_, g = split(a), d{}, e = split(m_.r2.data());
    std::int64_t delta = 1;
    while (!is_zero(g)) {
      const Matrix t = steps(delta, word(f), word(g));
      apply(t, f, g);
      apply_modulo(t, d, e);
    }
    // f is +-1 now, unless a was 0 and d still is.
    if (f.limbs[kLimbs - 1] < 0) d = sum(Number{}, d, -1);
    while (d.limbs[kLimbs - 1] < 0) d = sum(d, n_, 1);
    for (Number less = sum(d, n_, -1); less.limbs[kLimbs - 1] >= 0; less = sum(d, n_, -1)) d = less;
    join(r, d);
  }

 private:
  __extension__ typedef __int128 Wide;
  static constexpr std::size_t kStep = 62;
  static constexpr std::uint64_t kLow = (std::uint64_t{1} << kStep) - 1;
  /// With 5 bits to spare at least, a sign among them: d and e, below n at first, grow by n/2 a round at
  /// most, and 384 bits take 18 rounds of 62 steps (theorem 11.2 there).
  static constexpr std::size_t kLimbs = (64 * N + 5) / kStep + 1;
  /// A signed integer in limbs of 62 bits, all but the topmost of which are not negative.
  struct Number {
    std::int64_t limbs[kLimbs] = {};
  };
  /// 62 steps take (f, g) to (u f + v g, q f + r g) / 2^62.
  struct Matrix {
    std::int64_t u, v, q, r;
  };

  static Number split(const std::uint64_t* words) {
    Number out;
    for (std::size_t i = 0; i < kLimbs; ++i) {
      const std::size_t at = kStep * i / 64, shift = kStep * i % 64;
      if (at >= N) continue;
      std::uint64_t limb = words[at] >> shift;
      if (shift > 64 - kStep && at + 1 < N) limb |= words[at + 1] << (64 - shift);
      out.limbs[i] = static_cast<std::int64_t>(limb & kLow);
    }
    return out;
  }
  /// Takes integers from 0 to below 2^(64 N).
  static void join(std::uint64_t* words, const Number& a) {
    for (std::size_t i = 0; i < N; ++i) words[i] = 0;
    for (std::size_t i = 0; i < kLimbs; ++i) {
      const std::size_t at = kStep * i / 64, shift = kStep * i % 64;
      const auto limb = static_cast<std::uint64_t>(a.limbs[i]);
      if (at < N) words[at] |= limb << shift;
      if (shift > 64 - kStep && at + 1 < N) words[at + 1] |= limb >> (64 - shift);
    }
  }
  static bool is_zero(const Number& a) {
    std::int64_t any = 0;
    for (const auto limb : a.limbs) any |= limb;
    return any == 0;
  }
  /// The lowest 62 bits, and two of no meaning, which 62 steps do not get to see.
  static std::uint64_t word(const Number& a) { return static_cast<std::uint64_t>(a.limbs[0]); }
  /// a + sign b
  static Number sum(const Number& a, const Number& b, std::int64_t sign) {
    Number out;
    std::int64_t carry = 0;
    for (std::size_t i = 0; i < kLimbs; ++i) {
      carry += a.limbs[i] + sign * b.limbs[i];
      out.limbs[i] =
          i + 1 < kLimbs ? static_cast<std::int64_t>(static_cast<std::uint64_t>(carry) & kLow) : carry;
      carry >>= kStep;
    }
    return out;
  }

  /// A step: if delta > 0 and g is odd, (delta, f, g) becomes (1 - delta, g, (g - f) / 2); else (1 + delta,
  /// f, g / 2) or (1 + delta, f, (g + f) / 2), whichever is an integer. As long as delta is not above 0 f
  /// stays, so that several steps amount to adding one multiple of f to g.
  static Matrix steps(std::int64_t& delta, std::uint64_t f, std::uint64_t g) {
    // What g and q, r are divided by falls to f, u and v as a factor.
    std::uint64_t u = 1, v = 0, q = 0, r = 1;
    for (int left = kStep;;) {
      const int zeros = std::countr_zero(g | std::uint64_t{1} << left);
      g >>= zeros;
      u <<= zeros;
      v <<= zeros;
      delta += zeros;
      left -= zeros;
      if (left == 0) break;
      if (delta > 0) {
        delta = -delta;
        f = std::exchange(g, 0 - f);
        u = std::exchange(q, 0 - u);
        v = std::exchange(r, 0 - v);
      }
      const auto together = std::min({std::int64_t{left}, 1 - delta, std::int64_t{6}});
      const std::uint64_t inverse = f * (2 - f * f);  // mod 2^6, as f f is 1 mod 2^3
      const std::uint64_t times = (0 - g) * inverse & ((std::uint64_t{1} << together) - 1);
      g += f * times;
      q += u * times;
      r += v * times;
    }
    return {static_cast<std::int64_t>(u), static_cast<std::int64_t>(v), static_cast<std::int64_t>(q),
            static_cast<std::int64_t>(r)};
  }

  static void apply(const Matrix& t, Number& f, Number& g) {
    Wide a = 0, b = 0;
    for (std::size_t i = 0; i < kLimbs; ++i) {
      a += Wide{t.u} * f.limbs[i] + Wide{t.v} * g.limbs[i];
      b += Wide{t.q} * f.limbs[i] + Wide{t.r} * g.limbs[i];
      if (i > 0) {
        f.limbs[i - 1] = low(a);
        g.limbs[i - 1] = low(b);
      }
      a >>= kStep;
      b >>= kStep;
    }
    f.limbs[kLimbs - 1] = static_cast<std::int64_t>(a);
    g.limbs[kLimbs - 1] = static_cast<std::int64_t>(b);
  }
  /// The same with such a multiple of n added, of at most 2^61 n, that the division comes out even.
  void apply_modulo(const Matrix& t, Number& d, Number& e) const {
    Wide a = Wide{t.u} * d.limbs[0] + Wide{t.v} * e.limbs[0],
         b = Wide{t.q} * d.limbs[0] + Wide{t.r} * e.limbs[0];
    const std::int64_t for_a = multiple(a), for_b = multiple(b);
    for (std::size_t i = 0; i < kLimbs; ++i) {
      if (i > 0) {
        a += Wide{t.u} * d.limbs[i] + Wide{t.v} * e.limbs[i];
        b += Wide{t.q} * d.limbs[i] + Wide{t.r} * e.limbs[i];
      }
      a += Wide{for_a} * n_.limbs[i];
      b += Wide{for_b} * n_.limbs[i];
      if (i > 0) {
        d.limbs[i - 1] = low(a);
        e.limbs[i - 1] = low(b);
      }
      a >>= kStep;
      b >>= kStep;
    }
    d.limbs[kLimbs - 1] = static_cast<std::int64_t>(a);
    e.limbs[kLimbs - 1] = static_cast<std::int64_t>(b);
  }
  static std::int64_t low(Wide a) { return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) & kLow); }
  /// How often n has to be added to a for its lowest 62 bits to be 0, from -2^61 to 2^61.
  [[nodiscard]] std::int64_t multiple(Wide a) const {
    const std::uint64_t times = static_cast<std::uint64_t>(a) * n0_ & kLow;
    return static_cast<std::int64_t>(times << 2) >> 2;
  }

  const Modulus& m_;
  Number n_;
  std::uint64_t n0_;
};

}  // namespace quorate
