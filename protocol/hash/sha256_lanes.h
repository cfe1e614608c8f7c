#pragma once

#include <cstddef>
#include <cstdint>

/// SHA-256 of 16 messages at once, for processors with AVX-512. Pointers only: the source is compiled for
/// these processors, see protocol/group/lanes.h.
namespace quorate {

inline constexpr std::size_t kShaLanes = 16, kShaBlock = 64;

/// Goes on with `blocks` blocks of 64 bytes of each message (FIPS 180-4, 6.2.2). state[16 i + lane] is word i
/// of a lane's hash value, in native order; in[lane] need not be aligned. Constant-time in what is hashed.
void sha256_lanes(std::uint32_t* state, const std::uint8_t* const* in, std::size_t blocks);

}  // namespace quorate
