#pragma once

#include <cstddef>
#include <cstdint>

/// AES on four blocks an instruction, for processors with VAES and AVX-512. Pointers only: the source is
/// compiled for these processors, see protocol/group/lanes.h.
namespace quorate::ot {

/// FixedKeyAes::hash() of 8 `groups` blocks, each XORed with `flip` first, as hash_lanes() lays it out.
void vaes_hash_lanes(const std::uint8_t* key, const std::uint8_t* flip, const std::uint8_t* in,
                     std::uint64_t first, std::size_t groups, std::size_t width, std::uint64_t* out);

}  // namespace quorate::ot
