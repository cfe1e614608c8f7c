#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX512IFMA__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#include <immintrin.h>
#endif

/// Eight 64-bit words that go through the same operations: the ground of LaneField. IfmaLanes is a register
/// of a processor that has AVX-512 IFMA; PortableLanes computes the same in plain C++, slowly, for tests and
/// for the constant-time test, whose valgrind knows no AVX-512. A third one would have to offer:
///
///   broadcast(x), load(p), store(p), gather(p, stride), scatter(p, stride)   stride in words
///   load_words<k>(w, p, stride), store_words<k>(p, stride, w)   eight rows of k words in k vectors, w[i]
///                                          being word i of all rows; stride in bytes, p need not be aligned
///   from_bits(byte)                        ones in lane i where bit i is 1
///   + - & | ^, andnot(a, b) = ~a & b
///   shl<n>(a), shr<n>(a), sar<n>(a)        by a constant; sar keeps the sign
///   madlo(acc, a, b), madhi(acc, a, b)     acc + the low, high 52 bits of the 104-bit product of the low 52
///                                          bits of a and b
///   select(mask, a, b)                     a where mask is ones, b where it is zeros
///   mask_if_zero(a), mask_if_negative(a)   all ones where a is 0, where its top bit is set
///   swap_bytes(a)                          each word the other way round
///
/// Nothing here branches on or indexes by a value.
///
/// Sources that use IfmaLanes are compiled with flags of their own. An inline function that both they and
/// ordinary sources emit would be merged by the linker, and an ordinary path could then run AVX-512 code on a
/// processor without it. Hence: those sources instantiate templates over IfmaLanes, work on pointers to
/// words, call functions of other object files, and use no inline function and no template of anybody
/// else (no span, no vector, no algorithm).
namespace quorate {

inline constexpr std::size_t kLanes = 8;

/// Who does eight-lane arithmetic in this process. None: nobody, the code for single words runs.
enum class Lanes : std::uint8_t { None, Portable, Ifma };
/// Ifma where the processor has it, else None; in the constant-time test Portable.
Lanes lanes_in_use();
/// Whether the processor and the build have it.
bool lanes_available();
/// For tests and benchmarks, which compare them; not while other threads compute. Ifma where there is none
/// ends the process.
void use_lanes(Lanes lanes);

class PortableLanes {
 public:
  static PortableLanes broadcast(std::uint64_t x) {
    return make([=](std::size_t) { return x; });
  }
  static PortableLanes load(const std::uint64_t* p) {
    return make([=](std::size_t i) { return p[i]; });
  }
  static PortableLanes gather(const std::uint64_t* p, std::size_t stride) {
    return make([=](std::size_t i) { return p[i * stride]; });
  }
  void store(std::uint64_t* p) const { scatter(p, 1); }
  void scatter(std::uint64_t* p, std::size_t stride) const {
    for (std::size_t i = 0; i < kLanes; ++i) p[i * stride] = w_[i];
  }
  template <std::size_t kWords>
  static void load_words(PortableLanes* w, const std::uint8_t* p, std::size_t stride) {
    for (std::size_t row = 0; row < kLanes; ++row)
      for (std::size_t i = 0; i < kWords; ++i) std::memcpy(&w[i].w_[row], p + row * stride + 8 * i, 8);
  }
  template <std::size_t kWords>
  static void store_words(std::uint8_t* p, std::size_t stride, const PortableLanes* w) {
    for (std::size_t row = 0; row < kLanes; ++row)
      for (std::size_t i = 0; i < kWords; ++i) std::memcpy(p + row * stride + 8 * i, &w[i].w_[row], 8);
  }
  static PortableLanes from_bits(std::uint8_t bits) {
    return make([=](std::size_t i) { return 0 - static_cast<std::uint64_t>(bits >> i & 1); });
  }

  friend PortableLanes operator+(PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) { return a.w_[i] + b.w_[i]; });
  }
  friend PortableLanes operator-(PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) { return a.w_[i] - b.w_[i]; });
  }
  friend PortableLanes operator&(PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) { return a.w_[i] & b.w_[i]; });
  }
  friend PortableLanes operator|(PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) { return a.w_[i] | b.w_[i]; });
  }
  friend PortableLanes operator^(PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) { return a.w_[i] ^ b.w_[i]; });
  }
  friend PortableLanes andnot(PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) { return ~a.w_[i] & b.w_[i]; });
  }
  template <unsigned kBits>
  friend PortableLanes shl(PortableLanes a) {
    return make([&](std::size_t i) { return a.w_[i] << kBits; });
  }
  template <unsigned kBits>
  friend PortableLanes shr(PortableLanes a) {
    return make([&](std::size_t i) { return a.w_[i] >> kBits; });
  }
  template <unsigned kBits>
  friend PortableLanes sar(PortableLanes a) {
    return make([&](std::size_t i) {
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(a.w_[i]) >> kBits);
    });
  }
  friend PortableLanes madlo(PortableLanes acc, PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) {
      return acc.w_[i] + (static_cast<std::uint64_t>(product(a.w_[i], b.w_[i])) & kLow);
    });
  }
  friend PortableLanes madhi(PortableLanes acc, PortableLanes a, PortableLanes b) {
    return make([&](std::size_t i) {
      return acc.w_[i] + static_cast<std::uint64_t>(product(a.w_[i], b.w_[i]) >> 52);
    });
  }
  friend PortableLanes select(PortableLanes mask, PortableLanes a, PortableLanes b) {
    return b ^ (mask & (a ^ b));
  }
  friend PortableLanes mask_if_zero(PortableLanes a) {
    return make([&](std::size_t i) { return ((a.w_[i] | (0 - a.w_[i])) >> 63) - 1; });
  }
  friend PortableLanes mask_if_negative(PortableLanes a) { return sar<63>(a); }
  friend PortableLanes swap_bytes(PortableLanes a) {
    return make([&](std::size_t i) { return __builtin_bswap64(a.w_[i]); });
  }

 private:
  __extension__ typedef unsigned __int128 Wide;
  static constexpr std::uint64_t kLow = (std::uint64_t{1} << 52) - 1;
  static Wide product(std::uint64_t a, std::uint64_t b) { return Wide{a & kLow} * (b & kLow); }
  template <class F>
  static PortableLanes make(F&& word) {
    PortableLanes r;
    for (std::size_t i = 0; i < kLanes; ++i) r.w_[i] = word(i);
    return r;
  }
  std::uint64_t w_[kLanes];
};

#if defined(__AVX512IFMA__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
class IfmaLanes {
 public:
  IfmaLanes() = default;
  explicit IfmaLanes(__m512i v) : v_(v) {}
  [[nodiscard]] __m512i raw() const { return v_; }

  static IfmaLanes broadcast(std::uint64_t x) {
    return IfmaLanes(_mm512_set1_epi64(static_cast<long long>(x)));
  }
  static IfmaLanes load(const std::uint64_t* p) { return IfmaLanes(_mm512_loadu_si512(p)); }
  static IfmaLanes gather(const std::uint64_t* p, std::size_t stride) {
    return IfmaLanes(_mm512_mask_i64gather_epi64(_mm512_setzero_si512(), kAll, offsets(stride), p, 8));
  }
  void store(std::uint64_t* p) const { _mm512_storeu_si512(p, v_); }
  void scatter(std::uint64_t* p, std::size_t stride) const {
    _mm512_i64scatter_epi64(p, offsets(stride), v_, 8);
  }
  template <std::size_t kWords>
  static void load_words(IfmaLanes* w, const std::uint8_t* p, std::size_t stride) {
    std::size_t i = 0;
    for (; i + 4 <= kWords; i += 4) {
      __m512i row[4];  // number r, then number r + 4
      for (std::size_t r = 0; r < 4; ++r)
        row[r] = _mm512_maskz_inserti64x4(kAll, _mm512_castsi256_si512(load256(p + r * stride + 8 * i)),
                                          load256(p + (r + 4) * stride + 8 * i), 1);
      const __m512i even01 = unpack_low(row[0], row[1]), odd01 = unpack_high(row[0], row[1]);
      const __m512i even23 = unpack_low(row[2], row[3]), odd23 = unpack_high(row[2], row[3]);
      w[i] = IfmaLanes(lower_pairs(even01, even23));
      w[i + 1] = IfmaLanes(lower_pairs(odd01, odd23));
      w[i + 2] = IfmaLanes(upper_pairs(even01, even23));
      w[i + 3] = IfmaLanes(upper_pairs(odd01, odd23));
    }
    for (; i < kWords; ++i)
      w[i] =
          IfmaLanes(_mm512_mask_i64gather_epi64(_mm512_setzero_si512(), kAll, offsets(stride), p + 8 * i, 1));
  }
  template <std::size_t kWords>
  static void store_words(std::uint8_t* p, std::size_t stride, const IfmaLanes* w) {
    std::size_t i = 0;
    for (; i + 4 <= kWords; i += 4) {
      const __m512i even01 = lower_pairs(w[i].v_, w[i + 2].v_), odd01 = lower_pairs(w[i + 1].v_, w[i + 3].v_);
      const __m512i even23 = upper_pairs(w[i].v_, w[i + 2].v_), odd23 = upper_pairs(w[i + 1].v_, w[i + 3].v_);
      const __m512i row[4] = {unpack_low(even01, odd01), unpack_high(even01, odd01),
                              unpack_low(even23, odd23), unpack_high(even23, odd23)};
      for (std::size_t r = 0; r < 4; ++r) {
        store256(p + r * stride + 8 * i, _mm512_maskz_extracti64x4_epi64(kAll, row[r], 0));
        store256(p + (r + 4) * stride + 8 * i, _mm512_maskz_extracti64x4_epi64(kAll, row[r], 1));
      }
    }
    for (; i < kWords; ++i) _mm512_i64scatter_epi64(p + 8 * i, offsets(stride), w[i].v_, 1);
  }
  static IfmaLanes from_bits(std::uint8_t bits) { return IfmaLanes(_mm512_movm_epi64(bits)); }

  friend IfmaLanes operator+(IfmaLanes a, IfmaLanes b) { return IfmaLanes(_mm512_add_epi64(a.v_, b.v_)); }
  friend IfmaLanes operator-(IfmaLanes a, IfmaLanes b) { return IfmaLanes(_mm512_sub_epi64(a.v_, b.v_)); }
  friend IfmaLanes operator&(IfmaLanes a, IfmaLanes b) { return IfmaLanes(_mm512_and_si512(a.v_, b.v_)); }
  friend IfmaLanes operator|(IfmaLanes a, IfmaLanes b) { return IfmaLanes(_mm512_or_si512(a.v_, b.v_)); }
  friend IfmaLanes operator^(IfmaLanes a, IfmaLanes b) { return IfmaLanes(_mm512_xor_si512(a.v_, b.v_)); }
  friend IfmaLanes andnot(IfmaLanes a, IfmaLanes b) {
    return IfmaLanes(_mm512_maskz_andnot_epi64(kAll, a.v_, b.v_));
  }
  template <unsigned kBits>
  friend IfmaLanes shl(IfmaLanes a) {
    return IfmaLanes(_mm512_maskz_slli_epi64(kAll, a.v_, kBits));
  }
  template <unsigned kBits>
  friend IfmaLanes shr(IfmaLanes a) {
    return IfmaLanes(_mm512_maskz_srli_epi64(kAll, a.v_, kBits));
  }
  template <unsigned kBits>
  friend IfmaLanes sar(IfmaLanes a) {
    return IfmaLanes(_mm512_maskz_srai_epi64(kAll, a.v_, kBits));
  }
  friend IfmaLanes madlo(IfmaLanes acc, IfmaLanes a, IfmaLanes b) {
    return IfmaLanes(_mm512_madd52lo_epu64(acc.v_, a.v_, b.v_));
  }
  friend IfmaLanes madhi(IfmaLanes acc, IfmaLanes a, IfmaLanes b) {
    return IfmaLanes(_mm512_madd52hi_epu64(acc.v_, a.v_, b.v_));
  }
  friend IfmaLanes select(IfmaLanes mask, IfmaLanes a, IfmaLanes b) {
    return IfmaLanes(_mm512_ternarylogic_epi64(mask.v_, a.v_, b.v_, 0xca));
  }
  friend IfmaLanes mask_if_zero(IfmaLanes a) {
    return IfmaLanes(_mm512_movm_epi64(_mm512_testn_epi64_mask(a.v_, a.v_)));
  }
  friend IfmaLanes mask_if_negative(IfmaLanes a) { return sar<63>(a); }
  friend IfmaLanes swap_bytes(IfmaLanes a) {
    return IfmaLanes(_mm512_shuffle_epi8(
        a.v_,
        _mm512_set_epi64(0x08090a0b0c0d0e0f, 0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607,
                         0x08090a0b0c0d0e0f, 0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607)));
  }

 private:
  /// The forms without a mask pass an undefined register along, which g++ 12 takes for an uninitialised
  /// variable of ours (GCC bug 105593). With this constant the same instructions come out.
  static constexpr __mmask8 kAll = 0xff;
  static __m256i load256(const std::uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static void store256(std::uint8_t* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static __m512i unpack_low(__m512i a, __m512i b) { return _mm512_maskz_unpacklo_epi64(kAll, a, b); }
  static __m512i unpack_high(__m512i a, __m512i b) { return _mm512_maskz_unpackhi_epi64(kAll, a, b); }
  /// Of a's and b's four pairs of words, those numbered 0 and 2 in turn: a0 b0 a2 b2; and a1 b1 a3 b3.
  static __m512i lower_pairs(__m512i a, __m512i b) {
    return _mm512_permutex2var_epi64(a, _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0), b);
  }
  static __m512i upper_pairs(__m512i a, __m512i b) {
    return _mm512_permutex2var_epi64(a, _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2), b);
  }
  static __m512i offsets(std::size_t stride) {
    const auto s = static_cast<long long>(stride);
    return _mm512_set_epi64(7 * s, 6 * s, 5 * s, 4 * s, 3 * s, 2 * s, s, 0);
  }
  __m512i v_;
};
#endif

}  // namespace quorate
