#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/ct.h"
#include "protocol/group/curve.h"

/// Fixed-width modular arithmetic, the kernel under scalars and field elements. N is the number of
/// 64-bit words; all numbers are little-endian words. Nothing here branches on or indexes by a value.
/// An operand may be the same array as the result.
namespace quorate::mont {

__extension__ typedef unsigned __int128 Wide;

/// r = a + b + carry for one word; returns the carry. GCC 12 makes chains of adc and sbb out of these
/// built-ins, but not out of 128-bit integers, which cost three times as much.
inline std::uint64_t add_word(std::uint64_t& r, std::uint64_t a, std::uint64_t b, std::uint64_t carry) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  unsigned long long sum;
  const unsigned char out = __builtin_ia32_addcarryx_u64(static_cast<unsigned char>(carry), a, b, &sum);
  r = sum;
  return out;
#else
  const Wide t = Wide{a} + b + carry;
  r = static_cast<std::uint64_t>(t);
  return static_cast<std::uint64_t>(t >> 64);
#endif
}

/// r = a - b - borrow for one word; returns the borrow.
inline std::uint64_t sub_word(std::uint64_t& r, std::uint64_t a, std::uint64_t b, std::uint64_t borrow) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  unsigned long long difference;
  const unsigned char out = __builtin_ia32_sbb_u64(static_cast<unsigned char>(borrow), a, b, &difference);
  r = difference;
  return out;
#else
  const Wide t = Wide{a} - b - borrow;
  r = static_cast<std::uint64_t>(t);
  return static_cast<std::uint64_t>(t >> 64) & 1;
#endif
}

/// r = a + b; returns the carry.
template <std::size_t N>
inline std::uint64_t add_words(std::uint64_t* r, const std::uint64_t* a, const std::uint64_t* b) {
  std::uint64_t carry = 0;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < N; ++i) carry = add_word(r[i], a[i], b[i], carry);
  return carry;
}

/// r = a - b; returns the borrow.
template <std::size_t N>
inline std::uint64_t sub_words(std::uint64_t* r, const std::uint64_t* a, const std::uint64_t* b) {
  std::uint64_t borrow = 0;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < N; ++i) borrow = sub_word(r[i], a[i], b[i], borrow);
  return borrow;
}

/// r = bit ? b : a.
template <std::size_t N>
inline void choose(std::uint64_t* r, std::uint64_t bit, const std::uint64_t* a, const std::uint64_t* b) {
  const std::uint64_t mask = ct::mask(bit);
  for (std::size_t i = 0; i < N; ++i) r[i] = ct::select(mask, b[i], a[i]);
}

/// r = carry 2^(64 N) + t, less n if that is not negative. The input must be below 2n.
template <std::size_t N>
inline void reduce_once(std::uint64_t* r, std::uint64_t carry, const std::uint64_t* t,
                        const std::uint64_t* n) {
  std::uint64_t d[N];
  const std::uint64_t borrow = sub_words<N>(d, t, n);
  choose<N>(r, borrow & (carry ^ 1), d, t);
}

template <std::size_t N>
inline void add(const Modulus& m, std::uint64_t* r, const std::uint64_t* a, const std::uint64_t* b) {
  std::uint64_t t[N];
  const std::uint64_t carry = add_words<N>(t, a, b);
  reduce_once<N>(r, carry, t, m.n.data());
}

template <std::size_t N>
inline void sub(const Modulus& m, std::uint64_t* r, const std::uint64_t* a, const std::uint64_t* b) {
  std::uint64_t t[N];
  const std::uint64_t mask = ct::mask(sub_words<N>(t, a, b));
  std::uint64_t back[N];
  for (std::size_t i = 0; i < N; ++i) back[i] = m.n[i] & mask;
  add_words<N>(r, t, back);
}

/// A running sum of two-word products in three words; the lowest is taken off column by column.
class Column {
 public:
  void multiply_add(std::uint64_t a, std::uint64_t b) {
    const Wide product = Wide{a} * b;
    const auto low = static_cast<std::uint64_t>(product), high = static_cast<std::uint64_t>(product >> 64);
#if defined(__x86_64__)
    // Three instructions; compilers turn the portable form below into comparisons and many more.
    __asm__("addq %[low], %[w0]\n\tadcq %[high], %[w1]\n\tadcq $0, %[w2]"
            : [w0] "+&r"(w0_), [w1] "+&r"(w1_), [w2] "+r"(w2_)  // & as w0 is written before high is read
            : [low] "r"(low), [high] "r"(high)
            : "cc");
#else
    const Wide s0 = Wide{w0_} + low;
    const Wide s1 = Wide{w1_} + high + static_cast<std::uint64_t>(s0 >> 64);
    w0_ = static_cast<std::uint64_t>(s0);
    w1_ = static_cast<std::uint64_t>(s1);
    w2_ += static_cast<std::uint64_t>(s1 >> 64);
#endif
  }
  [[nodiscard]] std::uint64_t low() const { return w0_; }
  /// Returns the lowest word and moves on to the next column.
  std::uint64_t shift() {
    const std::uint64_t out = w0_;
    w0_ = w1_;
    w1_ = w2_;
    w2_ = 0;
    return out;
  }

 private:
  std::uint64_t w0_ = 0, w1_ = 0, w2_ = 0;
};

/// r = a b / 2^(64 N) mod n. One operand below n is enough; the other may be any N words.
/// The columns of a b + q n are summed from the lowest up, where q makes the lower N of them vanish.
template <std::size_t N>
inline void mul(const Modulus& m, std::uint64_t* r, const std::uint64_t* a, const std::uint64_t* b) {
  std::uint64_t q[N], t[N];
  Column sum;
#pragma GCC unroll 6
  for (std::size_t i = 0; i < N; ++i) {
#pragma GCC unroll 6
    for (std::size_t j = 0; j < i; ++j) {
      sum.multiply_add(a[j], b[i - j]);
      sum.multiply_add(q[j], m.n[i - j]);
    }
    sum.multiply_add(a[i], b[0]);
    q[i] = sum.low() * m.n0;
    sum.multiply_add(q[i], m.n[0]);
    sum.shift();
  }
#pragma GCC unroll 6
  for (std::size_t i = N; i < 2 * N; ++i) {
#pragma GCC unroll 6
    for (std::size_t j = i - N + 1; j < N; ++j) {
      sum.multiply_add(a[j], b[i - j]);
      sum.multiply_add(q[j], m.n[i - j]);
    }
    t[i - N] = sum.shift();
  }
  reduce_once<N>(r, sum.low(), t, m.n.data());
}

/// r = a^e for a public exponent e of N words, a and r in Montgomery form. Windows of four bits; which
/// table entry is read depends on e only.
template <std::size_t N>
inline void pow(const Modulus& m, std::uint64_t* r, const std::uint64_t* a, const std::uint64_t* e) {
  std::uint64_t table[16][N];
  for (std::size_t i = 0; i < N; ++i) {
    table[0][i] = m.r[i];
    table[1][i] = a[i];
  }
  for (std::size_t k = 2; k < 16; ++k) mul<N>(m, table[k], table[k - 1], a);
  std::uint64_t acc[N];
  bool started = false;
  for (std::size_t nibble = 16 * N; nibble-- > 0;) {
    const std::size_t w = (e[nibble / 16] >> (4 * (nibble % 16))) & 15;
    if (!started) {
      if (w == 0 && nibble != 0) continue;
      for (std::size_t i = 0; i < N; ++i) acc[i] = table[w][i];
      started = true;
      continue;
    }
    for (int s = 0; s < 4; ++s) mul<N>(m, acc, acc, acc);
    if (w != 0) mul<N>(m, acc, acc, table[w]);
  }
  for (std::size_t i = 0; i < N; ++i) r[i] = acc[i];
  ct::wipe(table, sizeof table);
  ct::wipe(acc, sizeof acc);
}

/// r = a^-1 by Fermat, both in Montgomery form; 0 gives 0.
template <std::size_t N>
inline void invert(const Modulus& m, std::uint64_t* r, const std::uint64_t* a) {
  std::uint64_t e[N];
  const std::uint64_t two[N] = {2};
  sub_words<N>(e, m.n.data(), two);
  pow<N>(m, r, a, e);
}

/// Calls f with the number of words as a compile-time constant: f.template operator()<N>().
template <class F>
inline decltype(auto) with_width(const Modulus& m, F&& f) {
  switch (m.limbs) {
    case 1:
      return f.template operator()<1>();
    case 4:
      return f.template operator()<4>();
    case 6:
      return f.template operator()<6>();
    default:
      __builtin_trap();
  }
}

/// The constants of an odd prime modulus below 2^(64 kMaxLimbs), big-endian bytes without leading zeros.
Modulus make_modulus(ByteView big_endian);
/// The low 52 `limbs` bits of value, 52 a limb, lowest first.
void to_lane_limbs(std::uint64_t* out, std::size_t limbs, const Limbs& value);

}  // namespace quorate::mont
