#pragma once

#include "protocol/group/lanes.h"
#include "protocol/group/modulus.h"

namespace quorate {

/// Arithmetic modulo one odd prime n on eight residues at once, in L limbs of 52 bits; R = 2^(52 L). V is a
/// vector of lanes.h. Constant-time in the values; all lanes go through the same operations.
///
/// An Element is eight integers, Montgomery form being the caller's affair. Each limb is below 2^52
/// ("tidy"), but the integer need not be below n: reductions are left out where there is room. The room is
/// what R leaves above n: 16 n <= R for 64-bit words N = 4, and 2^32 n <= R for N = 6; N = 1 has more
/// still. Every function says what it takes and gives in multiples of n; "loose" is below 4n.
template <class V, std::size_t L>
class LaneField {
 public:
  static constexpr std::size_t kLimbs = L;
  /// Words of 64 bits of one residue.
  static constexpr std::size_t kWords = 52 * L / 64;
  static_assert(lane_limbs(kWords) == L);
  using Element = std::array<V, L>;

  explicit LaneField(const Modulus& m) : n0_(V::broadcast(m.n0)) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) {
      n_[0][i] = V::broadcast(m.lanes.n[i]);
      n_[1][i] = n_[0][i] + n_[0][i];
      n_[2][i] = n_[1][i] + n_[1][i];
      n_[3][i] = n_[2][i] + n_[2][i];
      one_[i] = V::broadcast(m.lanes.r[i]);
      r2_[i] = V::broadcast(m.lanes.r2[i]);
    }
  }

  [[nodiscard]] const Element& modulus() const { return n_[0]; }
  /// R mod n: 1 in Montgomery form.
  [[nodiscard]] const Element& one() const { return one_; }
  [[nodiscard]] static Element zero() {
    Element r;
    for (auto& limb : r) limb = V::broadcast(0);
    return r;
  }

  /// a b / R mod n, below 2n. Takes a b <= n R: loose operands, or 8n and 2n.
  [[nodiscard]] Element mul(const Element& a, const Element& b) const {
    V t[2 * L];
    product(t, a, b);
    return reduce(t);
  }

  /// a a / R mod n, below 2n. Takes loose a.
  [[nodiscard]] Element sqr(const Element& a) const {
    V t[2 * L];
    square(t, a);
    return reduce(t);
  }

  /// t = a b, in 2L columns below 2^57.
  [[gnu::always_inline]] static void product(V* t, const Element& a, const Element& b) {
    for (std::size_t i = 0; i < 2 * L; ++i) t[i] = V::broadcast(0);
    multiply_add(t, a, b);
  }
  /// t += a b in 2L columns; each grows by less than 2^52 (2L - 1).
  [[gnu::always_inline]] static void multiply_add(V* t, const Element& a, const Element& b) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i)
#pragma GCC unroll 16
      for (std::size_t j = 0; j < L; ++j) {
        t[i + j] = madlo(t[i + j], a[j], b[i]);
        t[i + j + 1] = madhi(t[i + j + 1], a[j], b[i]);
      }
  }
  [[gnu::always_inline]] static void square(V* t, const Element& a) {
    for (std::size_t i = 0; i < 2 * L; ++i) t[i] = V::broadcast(0);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i)
#pragma GCC unroll 16
      for (std::size_t j = i + 1; j < L; ++j) {
        t[i + j] = madlo(t[i + j], a[j], a[i]);
        t[i + j + 1] = madhi(t[i + j + 1], a[j], a[i]);
      }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) {
      t[2 * i] = madlo(t[2 * i] + t[2 * i], a[i], a[i]);
      t[2 * i + 1] = madhi(t[2 * i + 1] + t[2 * i + 1], a[i], a[i]);
    }
  }

  /// t / R mod n, below t / R + n, for 2L columns below 2^62: t = sum of t_i 2^(52 i) below (2^(52 L) - n) R.
  /// t is overwritten.
  [[nodiscard]] Element reduce(V* t) const {
    const V none = V::broadcast(0);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) {
      const V q = madlo(none, t[i], n0_);
      t[i] = madlo(t[i], q, n_[0][0]);
      t[i + 1] = madhi(t[i + 1], q, n_[0][0]) + shr<52>(t[i]);  // the low 52 bits of t[i] are 0 now
#pragma GCC unroll 16
      for (std::size_t j = 1; j < L; ++j) {
        t[i + j] = madlo(t[i + j], q, n_[0][j]);
        t[i + j + 1] = madhi(t[i + j + 1], q, n_[0][j]);
      }
    }
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = t[L + i];
    return carried(r);
  }

  /// Makes limbs tidy. Takes signed limbs of up to 62 bits whose integer lies from 0 to 2^(52 L) - 1.
  [[nodiscard]] static Element carried(Element a) {
    const V low = V::broadcast((std::uint64_t{1} << 52) - 1);
#pragma GCC unroll 16
    for (std::size_t i = 0; i + 1 < L; ++i) {
      a[i + 1] = a[i + 1] + sar<52>(a[i]);
      a[i] = a[i] & low;
    }
    return a;
  }

  /// a + b, which must be below 2^(52 L): 16n for N = 4.
  [[nodiscard]] static Element add(const Element& a, const Element& b) {
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = a[i] + b[i];
    return carried(r);
  }
  /// a - b + K n for b <= K n; K is 1, 2, 4 or 8.
  template <unsigned K = 2>
  [[nodiscard]] Element sub(const Element& a, const Element& b) const {
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = a[i] + (multiple<K>(i) - b[i]);
    return carried(r);
  }
  /// K n - a for a <= K n.
  template <unsigned K = 2>
  [[nodiscard]] Element negate(const Element& a) const {
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = multiple<K>(i) - a[i];
    return carried(r);
  }
  /// a less K n if a is not below that: from below 2K n to below K n.
  template <unsigned K>
  [[nodiscard]] Element less(const Element& a) const {
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = a[i] - multiple<K>(i);
    r = carried(r);  // a negative integer shows in the sign of its topmost limb
    return choose(mask_if_negative(r[L - 1]), a, r);
  }
  /// The residue itself, below n. Takes loose a.
  [[nodiscard]] Element canonical(const Element& a) const { return less<1>(less<2>(a)); }

  /// a less that multiple of n which its bits from 64 kWords on stand for: below 2^(64 kWords) + 2^(64 kWords
  /// - 27), so that less<1> makes it canonical. Takes any tidy a. For moduli that lack little to 2^(64 kWords), less than
  /// 2^(64 kWords - 27) over 2^4 for N = 4 and over 2^32 for N = 6: those of P-256 and P-384.
  [[nodiscard]] Element folded(const Element& a) const {
    static_assert(kWords > 1);
    constexpr std::size_t limb = 64 * kWords / 52, shift = 64 * kWords % 52;
    static_assert(limb == L - 1);
    const V q = shr<shift>(a[limb]);
    V t[L + 1];
#pragma GCC unroll 16
    for (auto& column : t) column = V::broadcast(0);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) {
      t[i] = madlo(t[i], q, n_[0][i]);
      t[i + 1] = madhi(t[i + 1], q, n_[0][i]);
    }
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = a[i] - t[i];
    return carried(r);
  }

  /// a R mod n, below 2n. Takes any a of kWords words (N = 4 and 6), and loose ones.
  [[nodiscard]] Element to_montgomery(const Element& a) const { return mul(a, r2_); }
  /// a / R mod n, below n. Takes loose a.
  [[nodiscard]] Element from_montgomery(const Element& a) const {
    V t[2 * L];
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 2 * L; ++i) t[i] = i < L ? a[i] : V::broadcast(0);
    return less<1>(reduce(t));
  }

  /// Ones where a is below n.
  [[nodiscard]] V is_below(const Element& a) const {
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = a[i] - n_[0][i];
    return mask_if_negative(carried(r)[L - 1]);
  }
  /// Ones where a is 0 mod n. Takes loose a.
  [[nodiscard]] V is_zero(const Element& a) const {
    const Element r = canonical(a);
    V any = r[0];
#pragma GCC unroll 16
    for (std::size_t i = 1; i < L; ++i) any = any | r[i];
    return mask_if_zero(any);
  }
  /// a where mask is ones, b where it is zeros.
  [[nodiscard]] static Element choose(V mask, const Element& a, const Element& b) {
    Element r;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < L; ++i) r[i] = select(mask, a[i], b[i]);
    return r;
  }

  /// 1 / a by Fermat, both in Montgomery form, below 2n; 0 gives 0. Takes loose a. Windows of four bits;
  /// which table entry is read depends on the modulus only.
  [[nodiscard]] Element invert(const Element& a, const Modulus& m) const {
    Element table[16];
    table[0] = one_;
    table[1] = a;
    for (std::size_t k = 2; k < 16; ++k) table[k] = mul(table[k - 1], a);
    Element acc = one_;
    for (std::size_t i = L; i-- > 0;) {
      const std::uint64_t e = m.lanes.n[i] - (i == 0 ? 2 : 0);  // no curve has a lowest limb of 1: no borrow
      for (int shift = 48; shift >= 0; shift -= 4) {
        for (int s = 0; s < 4; ++s) acc = sqr(acc);
        acc = mul(acc, table[e >> shift & 15]);
      }
    }
    return acc;
  }

  /// Eight residues of kWords little-endian words each, `stride` words apart, as they are.
  [[nodiscard]] static Element load(const std::uint64_t* words, std::size_t stride) {
    V w[kWords];
    V::template load_words<kWords>(w, reinterpret_cast<const std::uint8_t*>(words), 8 * stride);
    return split(w);
  }
  /// The way back: words in, one vector per word, limbs out.
  [[nodiscard]] static Element split(const V* w) {
    const V low = V::broadcast((std::uint64_t{1} << 52) - 1);
    Element r;
    each_limb([&]<std::size_t i>() {
      constexpr std::size_t word = 52 * i / 64, shift = 52 * i % 64;
      if constexpr (word >= kWords) {
        r[i] = V::broadcast(0);
      } else {
        r[i] = shr<shift>(w[word]);
        if constexpr (shift > 12 && word + 1 < kWords) r[i] = r[i] | shl<64 - shift>(w[word + 1]);
        r[i] = r[i] & low;
      }
    });
    return r;
  }
  /// Takes integers below 2^(64 kWords).
  static void store(std::uint64_t* words, std::size_t stride, const Element& a) {
    V w[kWords];
    join(w, a);
    V::template store_words<kWords>(reinterpret_cast<std::uint8_t*>(words), 8 * stride, w);
  }
  static void join(V* w, const Element& a) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kWords; ++i) w[i] = V::broadcast(0);
    each_limb([&]<std::size_t i>() {
      constexpr std::size_t word = 52 * i / 64, shift = 52 * i % 64;
      if constexpr (word < kWords) w[word] = w[word] | shl<shift>(a[i]);
      if constexpr (shift > 12 && word + 1 < kWords) w[word + 1] = w[word + 1] | shr<64 - shift>(a[i]);
    });
  }

 private:
  /// Calls f.template operator()<i>() for i = 0 .. L-1.
  template <std::size_t i = 0, class F>
  static void each_limb(F&& f) {
    if constexpr (i < L) {
      f.template operator()<i>();
      each_limb<i + 1>(f);
    }
  }
  template <unsigned K>
  [[nodiscard]] V multiple(std::size_t limb) const {
    static_assert(K == 1 || K == 2 || K == 4 || K == 8);
    return n_[K == 8 ? 3 : K / 2][limb];
  }

  V n0_;          // -1/n mod 2^52; multiplication ignores the bits above
  Element n_[4];  // n, 2n, 4n, 8n, limbs up to 55 bits
  Element one_, r2_;
};

}  // namespace quorate
