#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__AVX512IFMA__) && defined(__AVX512DQ__)
#include <immintrin.h>
#endif

/// Eight 64-bit words that go through the same operations: the ground of LaneField. IfmaLanes is a register
/// of a processor that has AVX-512 IFMA; PortableLanes computes the same in plain C++, slowly, for tests and
/// for the constant-time test, whose valgrind knows no AVX-512. A third one would have to offer:
///
///   broadcast(x), load(p), store(p), gather(p, stride), scatter(p, stride)   stride in words
///   + - & | ^, andnot(a, b) = ~a & b
///   shl<n>(a), shr<n>(a), sar<n>(a)        by a constant; sar keeps the sign
///   madlo(acc, a, b), madhi(acc, a, b)     acc + the low, high 52 bits of the 104-bit product of the low 52
///                                          bits of a and b
///   select(mask, a, b)                     a where mask is ones, b where it is zeros
///   mask_if_zero(a), mask_if_negative(a)   all ones where a is 0, where its top bit is set
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

#if defined(__AVX512IFMA__) && defined(__AVX512DQ__)
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
  friend IfmaLanes mask_if_negative(IfmaLanes a) {
    return IfmaLanes(_mm512_maskz_srai_epi64(kAll, a.v_, 63));
  }

 private:
  /// The forms without a mask pass an undefined register along, which g++ 12 takes for an uninitialised
  /// variable of ours (GCC bug 105593). With this constant the same instructions come out.
  static constexpr __mmask8 kAll = 0xff;
  static __m512i offsets(std::size_t stride) {
    const auto s = static_cast<long long>(stride);
    return _mm512_set_epi64(7 * s, 6 * s, 5 * s, 4 * s, 3 * s, 2 * s, s, 0);
  }
  __m512i v_;
};
#endif

}  // namespace quorate
