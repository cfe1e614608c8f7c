#pragma once

#include "protocol/group/lane_field.h"

namespace quorate {

/// The curves that lanes compute on, told apart by L: five limbs for P-256, eight for P-384.
template <std::size_t L>
struct LanePrime;

template <>
struct LanePrime<5> {
  static constexpr std::size_t kWords = 4;
  static constexpr std::uint64_t kP[] = {0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001};
  static constexpr std::uint64_t kB[] = {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc,
                                         0x5ac635d8aa3a93e7};
  /// -Z of RFC 9380, and a square root of it.
  static constexpr std::uint64_t kMinusZ[] = {10, 0, 0, 0};
  static constexpr std::uint64_t kRoot[] = {0x2ccd3427e433c47f, 0x7b8d1ff84c55d5b6, 0xc978fc675180aab2,
                                            0xda538e3be1d89b99};
  static constexpr std::size_t kBits = 256;
  /// Multiples of p that products and tidy limbs have room for: 2^260 / p.
  static constexpr std::uint64_t kRoom = 16;
  /// What coordinates are kept below between the formulas, in multiples of p.
  static constexpr std::uint64_t kRest = 2;
};

template <>
struct LanePrime<8> {
  static constexpr std::size_t kWords = 6;
  static constexpr std::uint64_t kP[] = {0x00000000ffffffff, 0xffffffff00000000, 0xfffffffffffffffe,
                                         0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff};
  static constexpr std::uint64_t kB[] = {0x2a85c8edd3ec2aef, 0xc656398d8a2ed19d, 0x0314088f5013875a,
                                         0x181d9c6efe814112, 0x988e056be3f82d19, 0xb3312fa7e23ee7e4};
  static constexpr std::uint64_t kMinusZ[] = {12, 0, 0, 0, 0, 0};
  static constexpr std::uint64_t kRoot[] = {0x14e2ec69f5a626b3, 0x3c0de1f8a80f7e19, 0x1f872fcb9ccb80c5,
                                            0x7f98e383d68b5387, 0x71f0500e83da2fdd, 0x2accb4a656b0249c};
  static constexpr std::size_t kBits = 384;
  static constexpr std::uint64_t kRoom = std::uint64_t{1} << 32;
  static constexpr std::uint64_t kRest = 32;
};

/// Constants of the field in limbs of 52 bits, made by the compiler. R = 2^(52 L).
template <std::size_t L>
struct LaneConstants {
  std::uint64_t p[L] = {}, one[L] = {}, r2[L] = {}, b[L] = {};  ///< p; R, R^2 and b R mod p
  std::uint64_t minus_z[L] = {}, root[L] = {};                  ///< LanePrime's times R mod p
  std::uint64_t p0 = 0;                                         ///< -1/p mod 2^52

  constexpr LaneConstants() {
    using Prime = LanePrime<L>;
    split(p, Prime::kP);
    split(b, Prime::kB);
    split(minus_z, Prime::kMinusZ);
    split(root, Prime::kRoot);
    for (std::uint64_t* constant : {b, minus_z, root})
      for (std::size_t i = 0; i < 52 * L; ++i) twice(constant);
    one[0] = 1;
    for (std::size_t i = 0; i < 52 * L; ++i) twice(one);
    for (std::size_t i = 0; i < L; ++i) r2[i] = one[i];
    for (std::size_t i = 0; i < 52 * L; ++i) twice(r2);
    std::uint64_t inverse = 1;
    for (int i = 0; i < 6; ++i) inverse *= 2 - p[0] * inverse;
    p0 = (0 - inverse) & kLow;
  }

 private:
  static constexpr std::uint64_t kLow = (std::uint64_t{1} << 52) - 1;
  static constexpr void split(std::uint64_t* out, const std::uint64_t* words) {
    for (std::size_t i = 0; i < L; ++i) {
      const std::size_t word = 52 * i / 64, shift = 52 * i % 64;
      if (word >= LanePrime<L>::kWords) continue;
      out[i] = words[word] >> shift;
      if (shift > 12 && word + 1 < LanePrime<L>::kWords) out[i] |= words[word + 1] << (64 - shift);
      out[i] &= kLow;
    }
  }
  constexpr void twice(std::uint64_t* a) const {
    std::uint64_t difference[L] = {}, carry = 0, borrow = 0;
    for (std::size_t i = 0; i < L; ++i) {
      const std::uint64_t doubled = 2 * a[i] + carry;
      a[i] = doubled & kLow;
      carry = doubled >> 52;
      const std::uint64_t d = a[i] - p[i] - borrow;
      difference[i] = d & kLow;
      borrow = d >> 63;
    }
    if (borrow > carry) return;
    for (std::size_t i = 0; i < L; ++i) a[i] = difference[i];
  }
};
template <std::size_t L>
inline constexpr LaneConstants<L> kLaneConstants{};

/// Eight integers from 0 to below K p, p being the curve's prime: coordinates in Montgomery form. K is part of
/// the type, so that the compiler proves that nothing outgrows its limbs. In a Sum the limbs are signed and may
/// be longer than 52 bits; it cannot be multiplied.
template <class V, std::size_t L, std::uint64_t K>
struct LaneSum {
  std::array<V, L> limbs;
};
/// The same with every limb below 2^52.
template <class V, std::size_t L, std::uint64_t K>
struct LaneCoordinate : LaneSum<V, L, K> {
  static_assert(K <= LanePrime<L>::kRoom);
  template <std::uint64_t kMore>
  requires(kMore > K) operator LaneCoordinate<V, L, kMore>() const {
    return {{this->limbs}};
  }
};

template <class V, std::size_t L, std::uint64_t A, std::uint64_t B>
inline LaneSum<V, L, A + B> operator+(const LaneSum<V, L, A>& a, const LaneSum<V, L, B>& b) {
  LaneSum<V, L, A + B> r;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < L; ++i) r.limbs[i] = a.limbs[i] + b.limbs[i];
  return r;
}
/// a - b + B p
template <class V, std::size_t L, std::uint64_t A, std::uint64_t B>
inline LaneSum<V, L, A + B> operator-(const LaneSum<V, L, A>& a, const LaneSum<V, L, B>& b) {
  LaneSum<V, L, A + B> r;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < L; ++i)
    r.limbs[i] = a.limbs[i] + (V::broadcast(B * kLaneConstants<L>.p[i]) - b.limbs[i]);
  return r;
}
template <std::uint64_t kTimes, class V, std::size_t L, std::uint64_t A>
inline LaneSum<V, L, kTimes * A> times(const LaneSum<V, L, A>& a) {
  static_assert(kTimes == 2 || kTimes == 3);
  LaneSum<V, L, kTimes * A> r;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < L; ++i) {
    r.limbs[i] = a.limbs[i] + a.limbs[i];
    if constexpr (kTimes == 3) r.limbs[i] = r.limbs[i] + a.limbs[i];
  }
  return r;
}

/// Arithmetic on the coordinates of one curve. Constant-time in the values.
template <class V, std::size_t L>
class LaneCoordinates {
 public:
  using Prime = LanePrime<L>;
  using Limbs52 = LaneField<V, L>;
  template <std::uint64_t K>
  using Below = LaneCoordinate<V, L, K>;
  template <std::uint64_t K>
  using Sum = LaneSum<V, L, K>;
  /// What a formula takes and gives.
  using Element = Below<Prime::kRest>;

  static Below<1> constant(const std::uint64_t (&limbs)[L]) {
    Below<1> r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r.limbs[i] = V::broadcast(limbs[i]);
    return r;
  }
  static Below<1> one() { return constant(kLaneConstants<L>.one); }
  static Below<1> zero() {
    Below<1> r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r.limbs[i] = V::broadcast(0);
    return r;
  }

  template <std::uint64_t A>
  static Below<A> tidy(const Sum<A>& a) {
    return {{Limbs52::carried(a.limbs)}};
  }
  /// The same residue as an Element.
  template <std::uint64_t A>
  static Element rest(const Sum<A>& a) {
    if constexpr (A <= Prime::kRest) {
      return {{Limbs52::carried(a.limbs)}};
    } else {
      static_assert(L == 5 && A < 64);
      return {{Limbs52::carried(less_multiples(a.limbs))}};
    }
  }

  /// a b / R, below (A B / room + 1) p.
  template <std::uint64_t A, std::uint64_t B>
  static Below<2> mul(const Below<A>& a, const Below<B>& b) {
    static_assert(A * B <= Prime::kRoom);
    return {{multiplied(a.limbs, b.limbs)}};
  }
  template <std::uint64_t A>
  static Below<2> sqr(const Below<A>& a) {
    static_assert(A * A <= Prime::kRoom);
    return {{squared(a.limbs)}};
  }
  /// a / 2
  template <std::uint64_t A>
  static Below<(A + 2) / 2> halve(const Sum<A>& a) {
    const V odd = V::broadcast(0) - (a.limbs[0] & V::broadcast(1));
    std::array<V, L> even, r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i)
      even[i] = a.limbs[i] + (odd & V::broadcast(kLaneConstants<L>.p[i]));
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) {
      r[i] = sar<1>(even[i]);
      if (i + 1 < L) r[i] = r[i] + shl<51>(even[i + 1] & V::broadcast(1));
    }
    return {{Limbs52::carried(r)}};
  }
  /// a where mask is ones, b where it is zeros.
  static Element choose(V mask, const Element& a, const Element& b) {
    return {{Limbs52::choose(mask, a.limbs, b.limbs)}};
  }
  /// -a. Of 0 it is 0: kRest p, which 0 is taken from otherwise, would be one too much for an Element.
  static Element negate(const Element& a) {
    V any = a.limbs[0];
#pragma GCC unroll 16
    for (std::size_t i = 1; i < L; ++i) any = any | a.limbs[i];
    const V zero = mask_if_zero(any);
    std::array<V, L> r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i)
      r[i] = andnot(zero, V::broadcast(Prime::kRest * kLaneConstants<L>.p[i])) - a.limbs[i];
    return {{Limbs52::carried(r)}};
  }

  /// Ones where a is 0 mod p.
  static V is_zero(const Element& a) {
    const auto r = plain_montgomery(a);
    V any = r[0];
#pragma GCC unroll 16
    for (std::size_t i = 1; i < L; ++i) any = any | r[i];
    return mask_if_zero(any);
  }

  /// Ones where the plain integer is odd.
  static V is_odd(const Element& a) { return V::broadcast(0) - (plain(a)[0] & V::broadcast(1)); }

  /// 1 / a by Fermat; 0 gives 0. The exponent is public.
  static Element invert(const Element& a) {
    Element table[16];
    table[0] = one();
    table[1] = a;
    for (std::size_t k = 2; k < 16; ++k) table[k] = mul(table[k - 1], a);
    Element r = one();
    for (std::size_t i = Prime::kWords; i-- > 0;) {
      const std::uint64_t e = Prime::kP[i] - (i == 0 ? 2 : 0);
      for (int shift = 60; shift >= 0; shift -= 4) {
        for (int s = 0; s < 4; ++s) r = sqr(r);
        r = mul(r, table[e >> shift & 15]);
      }
    }
    return r;
  }

  /// Eight plain integers below p of kWords words, `stride` words apart.
  static Element load(const std::uint64_t* words, std::size_t stride) {
    const Below<1> plain{{Limbs52::load(words, stride)}};
    return mul(plain, constant(kLaneConstants<L>.r2));
  }
  /// The same for integers that are in Montgomery form already.
  static Below<1> load_montgomery(const std::uint64_t* words, std::size_t stride) {
    return {{Limbs52::load(words, stride)}};
  }
  static void store(std::uint64_t* words, std::size_t stride, const Element& a) {
    Limbs52::store(words, stride, plain(a));
  }

 private:
  // Not inlined, which would gain nothing: the columns fill the registers.
  [[gnu::noinline]] static std::array<V, L> multiplied(const std::array<V, L>& a, const std::array<V, L>& b) {
    V t[2 * L];
    Limbs52::product(t, a, b);
    return reduce(t);
  }
  [[gnu::noinline]] static std::array<V, L> squared(const std::array<V, L>& a) {
    V t[2 * L];
    Limbs52::square(t, a);
    return reduce(t);
  }

  static V low() { return V::broadcast((std::uint64_t{1} << 52) - 1); }
  static std::array<V, L> less_p_once(const std::array<V, L>& a) {
    std::array<V, L> r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = a[i] - V::broadcast(kLaneConstants<L>.p[i]);
    r = Limbs52::carried(r);  // a negative integer shows in the sign of its topmost limb
    return Limbs52::choose(mask_if_negative(r[L - 1]), a, r);
  }
  /// a / R, below p. The reduction gives at most p, as a is below R.
  static std::array<V, L> plain(const Element& a) {
    V t[2 * L];
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 2 * L; ++i) t[i] = i < L ? a.limbs[i] : V::broadcast(0);
    return less_p_once(reduce(t));
  }
  /// a itself, below p.
  static std::array<V, L> plain_montgomery(const Element& a) {
    if constexpr (Prime::kRest <= 2) {
      return less_p_once(a.limbs);
    } else {
      return plain(a);  // another factor, which does not matter to who asks whether it is 0
    }
  }

  /// P-256: a less as many p as it holds, but for one at most: between 0 and 1.01 p. q estimates a / 2^256 from
  /// the topmost limb alone; 2^8 of it are kept back, as what carries into it from the others, below 2^58
  /// each, is less. q p = q (2^256 - 2^224 + 2^192 + 2^96 - 1).
  static std::array<V, L> less_multiples(std::array<V, L> a) {
    const V q = sar<48>(a[4] - V::broadcast(256));
    a[0] = a[0] + q;
    a[1] = a[1] - shl<44>(q);
    a[3] = a[3] - shl<36>(q);
    a[4] = a[4] - shl<48>(q) + shl<16>(q);
    return a;
  }

  [[gnu::always_inline]] static std::array<V, L> reduce(V* t) {
    if constexpr (L == 5) {
      return reduce_p256(t);
    } else {
      const V p0 = V::broadcast(kLaneConstants<L>.p0), none = V::broadcast(0);
#pragma GCC unroll 16
      for (std::size_t i = 0; i < L; ++i) {
        const V q = madlo(none, t[i], p0);
        t[i] = madlo(t[i], q, V::broadcast(kLaneConstants<L>.p[0]));
        t[i + 1] = madhi(t[i + 1], q, V::broadcast(kLaneConstants<L>.p[0])) + shr<52>(t[i]);
#pragma GCC unroll 16
        for (std::size_t j = 1; j < L; ++j) {
          t[i + j] = madlo(t[i + j], q, V::broadcast(kLaneConstants<L>.p[j]));
          t[i + j + 1] = madhi(t[i + j + 1], q, V::broadcast(kLaneConstants<L>.p[j]));
        }
      }
      return upper(t);
    }
  }
  /// P-256: -1/p is 1 mod 2^52, so that q is the lowest limb itself; q p is added as q (2^256 - 2^224), q 2^192
  /// and q 2^96, and its last term - q clears the limb.
  [[gnu::always_inline]] static std::array<V, L> reduce_p256(V* t) {
    const V at_192 = V::broadcast(std::uint64_t{1} << 36), at_96 = V::broadcast(std::uint64_t{1} << 44),
            at_256 = V::broadcast((std::uint64_t{1} << 48) - (std::uint64_t{1} << 16));
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) {
      // IFMA reads the low 52 bits of t[i] only.
      t[i + 1] = t[i + 1] + shr<52>(t[i]) + (shl<44>(t[i]) & low());
      t[i + 2] = madhi(t[i + 2], t[i], at_96);
      t[i + 3] = madlo(t[i + 3], t[i], at_192);
      t[i + 4] = madlo(madhi(t[i + 4], t[i], at_192), t[i], at_256);
      t[i + 5] = madhi(t[i + 5], t[i], at_256);
    }
    return upper(t);
  }
  static std::array<V, L> upper(const V* t) {
    std::array<V, L> r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = t[L + i];
    return Limbs52::carried(r);
  }
};

}  // namespace quorate
