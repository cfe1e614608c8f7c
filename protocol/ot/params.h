#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/group/curve.h"

namespace quorate::ot {

/// SPEC 0.2. lambda_c = 128 also for P-384.
inline constexpr std::size_t kLambdaC = 128;
inline constexpr std::size_t kLambdaS = 80;
/// SoftSpoken's k: depth of a GGM tree. Chosen by measurement (test/bench); must divide 128.
inline constexpr std::size_t kTreeDepth = 4;
inline constexpr std::size_t kTrees = kLambdaC / kTreeDepth;
inline constexpr std::size_t kLeaves = std::size_t{1} << kTreeDepth;
/// Sacrificed OTs of the consistency check, and width of its challenges.
inline constexpr std::size_t kSacrificed = 128;
inline constexpr std::size_t kMaxBatch = 256;

/// OTs per multiplication, xi = kappa + 2 lambda_s: 416 (P-256), 544 (P-384).
inline std::size_t ots_per_multiplication(const Curve& curve) { return curve.order_bits() + 2 * kLambdaS; }

/// 16 bytes; as an element of GF(2^128), bit i is byte i/8, bit i%8 (LSB first, SPEC 3.3).
using Block = std::array<std::uint8_t, 16>;

}  // namespace quorate::ot
