#include "protocol/ot/gf128.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace quorate::ot::gf128 {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are loaded as native words");

// A polynomial of degree below 256, least significant word first.
struct Wide {
  std::uint64_t w[4] = {0, 0, 0, 0};
};

struct Half {
  std::uint64_t lo, hi;
};
Half load(const Block& block) {
  Half h;
  std::memcpy(&h, block.data(), sizeof h);
  return h;
}

// x^128 = x^7 + x^2 + x + 1: the upper half, times that, is added to the lower one. The product has
// up to 135 bits; the seven that stick out are folded once more.
Block reduce(const Wide& p) {
  const std::uint64_t h0 = p.w[2], h1 = p.w[3];
  const std::uint64_t over = (h1 >> 63) ^ (h1 >> 62) ^ (h1 >> 57);
  const std::uint64_t lo =
      p.w[0] ^ h0 ^ (h0 << 1) ^ (h0 << 2) ^ (h0 << 7) ^ over ^ (over << 1) ^ (over << 2) ^ (over << 7);
  const std::uint64_t hi = p.w[1] ^ h1 ^ (h1 << 1 | h0 >> 63) ^ (h1 << 2 | h0 >> 62) ^ (h1 << 7 | h0 >> 57);
  Block out;
  std::memcpy(out.data(), &lo, 8);
  std::memcpy(out.data() + 8, &hi, 8);
  return out;
}

// The low 64 bits of a carry-less product out of integer multiplications: with three zeros between
// the bits of each operand, at most 16 ones meet in a column, and a carry out of a four-bit column
// can only happen in the topmost one, where it leaves the word.
std::uint64_t multiply_low(std::uint64_t x, std::uint64_t y) {
  constexpr std::uint64_t kEvery4 = 0x1111111111111111;
  std::uint64_t a[4], b[4], out = 0;
  for (int i = 0; i < 4; ++i) {
    a[i] = x & (kEvery4 << i);
    b[i] = y & (kEvery4 << i);
  }
  for (int c = 0; c < 4; ++c) {
    std::uint64_t column = 0;
    for (int i = 0; i < 4; ++i) column ^= a[i] * b[(c - i) & 3];
    out |= column & (kEvery4 << c);
  }
  return out;
}

std::uint64_t reverse_bits(std::uint64_t x) {
  x = (x & 0x5555555555555555) << 1 | (x >> 1 & 0x5555555555555555);
  x = (x & 0x3333333333333333) << 2 | (x >> 2 & 0x3333333333333333);
  x = (x & 0x0f0f0f0f0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f0f0f0f0f);
  return __builtin_bswap64(x);
}

// Carry-less products have no carries to tell left from right: the high half is the low half of the
// mirrored operands, mirrored back.
Half multiply(std::uint64_t x, std::uint64_t y) {
  return {multiply_low(x, y), reverse_bits(multiply_low(reverse_bits(x), reverse_bits(y))) >> 1};
}

#if defined(__x86_64__)
__attribute__((target("pclmul"))) Wide sum_of_products(std::span<const Block> a, std::span<const Block> b) {
  __m128i low = _mm_setzero_si128(), high = low, middle = low;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a[i].data()));
    const __m128i y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b[i].data()));
    low = _mm_xor_si128(low, _mm_clmulepi64_si128(x, y, 0x00));
    high = _mm_xor_si128(high, _mm_clmulepi64_si128(x, y, 0x11));
    middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(x, y, 0x01));
    middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(x, y, 0x10));
  }
  low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
  high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
  Wide out;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out.w), low);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out.w + 2), high);
  return out;
}
#endif

}  // namespace

Block add(const Block& a, const Block& b) {
  const Half x = load(a), y = load(b);
  const Half sum{x.lo ^ y.lo, x.hi ^ y.hi};
  Block out;
  std::memcpy(out.data(), &sum, sizeof sum);
  return out;
}

Block mul(const Block& a, const Block& b) { return inner_product({&a, 1}, {&b, 1}); }

bool accelerated() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("pclmul") != 0;
  return has;
#else
  return false;
#endif
}

Block inner_product(std::span<const Block> a, std::span<const Block> b) {
  if (a.size() != b.size()) std::abort();
#if defined(__x86_64__)
  if (accelerated()) return reduce(sum_of_products(a, b));
#endif
  return inner_product_portable(a, b);
}

Block inner_product_portable(std::span<const Block> a, std::span<const Block> b) {
  if (a.size() != b.size()) std::abort();
  Wide sum;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Half x = load(a[i]), y = load(b[i]);
    const Half low = multiply(x.lo, y.lo), high = multiply(x.hi, y.hi);
    Half middle = multiply(x.lo ^ x.hi, y.lo ^ y.hi);
    middle.lo ^= low.lo ^ high.lo;
    middle.hi ^= low.hi ^ high.hi;
    sum.w[0] ^= low.lo;
    sum.w[1] ^= low.hi ^ middle.lo;
    sum.w[2] ^= high.lo ^ middle.hi;
    sum.w[3] ^= high.hi;
  }
  return reduce(sum);
}

}  // namespace quorate::ot::gf128
