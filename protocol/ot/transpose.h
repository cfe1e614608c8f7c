#pragma once

#include <span>

#include "protocol/ot/params.h"

namespace quorate::ot {

/// Turns a bit matrix of 128 rows into one 128-bit row per column (SPEC 3.4).
/// in   128 rows of `stride` blocks each, row-major; bits LSB first
/// out  one entry per column: bit r of out[j] = bit j of row r, j = 0 .. out.size()-1
/// out.size() is a multiple of 128 and at most 128 * stride. Constant-time.
void transpose(std::span<const Block> in, std::size_t stride, std::span<Block> out);

}  // namespace quorate::ot
