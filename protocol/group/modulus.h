#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace quorate {

inline constexpr std::size_t kMaxLimbs = 6;
using Limbs = std::array<std::uint64_t, kMaxLimbs>;  ///< little-endian words; unused high words are 0

/// Limbs of 52 bits that hold `limbs` words: 2, 5 and 8 for 1, 4 and 6.
constexpr std::size_t lane_limbs(std::size_t limbs) { return (64 * limbs + 51) / 52; }
inline constexpr std::size_t kMaxLaneLimbs = lane_limbs(kMaxLimbs);

/// An odd prime modulus below 2^(64 limbs) and its Montgomery constants, R = 2^(64 limbs).
struct Modulus {
  std::size_t limbs = 0;
  Limbs n{};             ///< the modulus
  Limbs r{};             ///< R mod n
  Limbs r2{};            ///< R^2 mod n
  std::uint64_t n0 = 0;  ///< -n^-1 mod 2^64

  /// The same for LaneField: limbs of 52 bits, R = 2^(52 lane_limbs).
  struct Lanes {
    std::uint64_t n[kMaxLaneLimbs] = {}, r[kMaxLaneLimbs] = {}, r2[kMaxLaneLimbs] = {};
  } lanes;
};

}  // namespace quorate
