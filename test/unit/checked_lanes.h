#pragma once

#include "protocol/group/lanes.h"

/// Eight words like PortableLanes, which count what a register would lose in silence: sums that leave 64 signed
/// bits, and second factors of more than 52 bits. First factors may be longer: reductions multiply by the low bits of
/// a column.
namespace quorate {

class CheckedLanes {
 public:
  static inline std::size_t lost = 0;
  /// A factor of which the low bits are meant: -1/n mod 2^64.
  static inline std::uint64_t long_factor = 0;

  static CheckedLanes broadcast(std::uint64_t x) {
    CheckedLanes r;
    for (auto& w : r.w_) w = x;
    return r;
  }
  static CheckedLanes load(const std::uint64_t* p) { return gather(p, 1); }
  static CheckedLanes gather(const std::uint64_t* p, std::size_t stride) {
    CheckedLanes r;
    for (std::size_t i = 0; i < kLanes; ++i) r.w_[i] = p[i * stride];
    return r;
  }
  void store(std::uint64_t* p) const { scatter(p, 1); }
  void scatter(std::uint64_t* p, std::size_t stride) const {
    for (std::size_t i = 0; i < kLanes; ++i) p[i * stride] = w_[i];
  }

  friend CheckedLanes operator+(CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) { return sum(a.w_[i], b.w_[i]); });
  }
  friend CheckedLanes operator-(CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) {
      std::int64_t r;
      lost += __builtin_sub_overflow(as_signed(a.w_[i]), as_signed(b.w_[i]), &r);
      return static_cast<std::uint64_t>(r);
    });
  }
  friend CheckedLanes operator&(CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) { return a.w_[i] & b.w_[i]; });
  }
  friend CheckedLanes operator|(CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) { return a.w_[i] | b.w_[i]; });
  }
  friend CheckedLanes operator^(CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) { return a.w_[i] ^ b.w_[i]; });
  }
  friend CheckedLanes andnot(CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) { return ~a.w_[i] & b.w_[i]; });
  }
  template <unsigned kBits>
  friend CheckedLanes shl(CheckedLanes a) {
    return each([&](std::size_t i) { return a.w_[i] << kBits; });
  }
  template <unsigned kBits>
  friend CheckedLanes shr(CheckedLanes a) {
    return each([&](std::size_t i) { return a.w_[i] >> kBits; });
  }
  template <unsigned kBits>
  friend CheckedLanes sar(CheckedLanes a) {
    return each([&](std::size_t i) { return static_cast<std::uint64_t>(as_signed(a.w_[i]) >> kBits); });
  }
  friend CheckedLanes madlo(CheckedLanes acc, CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) {
      return sum(acc.w_[i], static_cast<std::uint64_t>(product(a.w_[i], b.w_[i])) & kLow);
    });
  }
  friend CheckedLanes madhi(CheckedLanes acc, CheckedLanes a, CheckedLanes b) {
    return each([&](std::size_t i) {
      return sum(acc.w_[i], static_cast<std::uint64_t>(product(a.w_[i], b.w_[i]) >> 52));
    });
  }
  friend CheckedLanes select(CheckedLanes mask, CheckedLanes a, CheckedLanes b) { return b ^ (mask & (a ^ b)); }
  friend CheckedLanes mask_if_zero(CheckedLanes a) {
    return each([&](std::size_t i) { return a.w_[i] == 0 ? ~std::uint64_t{0} : 0; });
  }
  friend CheckedLanes mask_if_negative(CheckedLanes a) { return sar<63>(a); }

 private:
  __extension__ typedef unsigned __int128 Wide;
  static constexpr std::uint64_t kLow = (std::uint64_t{1} << 52) - 1;
  static std::int64_t as_signed(std::uint64_t x) { return static_cast<std::int64_t>(x); }
  static std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
    std::int64_t r;
    lost += __builtin_add_overflow(as_signed(a), as_signed(b), &r);
    return static_cast<std::uint64_t>(r);
  }
  static Wide product(std::uint64_t a, std::uint64_t b) {
    lost += b > kLow && b != long_factor;
    return Wide{a & kLow} * (b & kLow);
  }
  template <class F>
  static CheckedLanes each(F&& word) {
    CheckedLanes r;
    for (std::size_t i = 0; i < kLanes; ++i) r.w_[i] = word(i);
    return r;
  }
  std::uint64_t w_[kLanes];
};

}  // namespace quorate
