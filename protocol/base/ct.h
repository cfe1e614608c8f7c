#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

#if defined(QUORATE_VALGRIND)
#include <valgrind/memcheck.h>
#endif

namespace quorate::ct {

/// True if equal. The running time depends on the length only; unequal lengths are a caller's bug
/// and compare as false.
bool equal(ByteView a, ByteView b);

/// All ones if bit is 1, all zeros if it is 0. The compiler is kept from seeing a branch.
inline std::uint64_t mask(std::uint64_t bit) {
  std::uint64_t m = 0 - bit;
#if defined(__GNUC__)
  __asm__("" : "+r"(m));
#endif
  return m;
}
inline std::uint64_t select(std::uint64_t mask_bits, std::uint64_t if_ones, std::uint64_t if_zeros) {
  return if_zeros ^ (mask_bits & (if_ones ^ if_zeros));
}
/// 1 if x is 0, else 0.
inline std::uint64_t is_zero(std::uint64_t x) { return 1 ^ ((x | (0 - x)) >> 63); }

/// out = bit ? b : a, byte by byte; all three of the same length.
void select_bytes(MutableByteView out, std::uint64_t bit, ByteView a, ByteView b);

/// Overwrites memory in a way that the compiler keeps.
void wipe(void* data, std::size_t size);

/// Marks memory as secret for the constant-time test (valgrind), nothing otherwise.
inline void poison([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t size) {
#if defined(QUORATE_VALGRIND)
  (void)VALGRIND_MAKE_MEM_UNDEFINED(data, size);
#endif
}
/// Marks memory as public again: called where the protocol reveals a value on purpose.
inline void unpoison([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t size) {
#if defined(QUORATE_VALGRIND)
  (void)VALGRIND_MAKE_MEM_DEFINED(data, size);
#endif
}

}  // namespace quorate::ct
