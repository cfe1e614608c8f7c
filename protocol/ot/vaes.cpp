// Compiled with AVX-512 and VAES flags, see protocol/group/lanes.h.
#include "protocol/ot/vaes.h"

#include <immintrin.h>

namespace quorate::ot {
namespace {

constexpr int kRounds = 10;

template <int kConstant>
__m128i next_round_key(__m128i key) {
  const __m128i assist = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, kConstant), 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, assist);
}

__m512i four(__m128i block) { return _mm512_maskz_broadcast_i32x4(0xffff, block); }

/// The round keys of AES-128, each in all four blocks.
struct RoundKeys {
  explicit RoundKeys(const std::uint8_t* key) {
    __m128i k = _mm_loadu_si128(reinterpret_cast<const __m128i*>(key));
    keys[0] = four(k);
    keys[1] = four(k = next_round_key<0x01>(k));
    keys[2] = four(k = next_round_key<0x02>(k));
    keys[3] = four(k = next_round_key<0x04>(k));
    keys[4] = four(k = next_round_key<0x08>(k));
    keys[5] = four(k = next_round_key<0x10>(k));
    keys[6] = four(k = next_round_key<0x20>(k));
    keys[7] = four(k = next_round_key<0x40>(k));
    keys[8] = four(k = next_round_key<0x80>(k));
    keys[9] = four(k = next_round_key<0x1b>(k));
    keys[10] = four(next_round_key<0x36>(k));
  }
  /// Encrypts `count` vectors, which take turns so that none waits for its own last round.
  template <std::size_t count>
  void encrypt(__m512i* x) const {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < count; ++i) x[i] = _mm512_xor_si512(x[i], keys[0]);
#pragma GCC unroll 10
    for (int round = 1; round < kRounds; ++round)
#pragma GCC unroll 8
      for (std::size_t i = 0; i < count; ++i) x[i] = _mm512_aesenc_epi128(x[i], keys[round]);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < count; ++i) x[i] = _mm512_aesenclast_epi128(x[i], keys[kRounds]);
  }
  __m512i keys[kRounds + 1];
};

/// Blocks b .. of eight rows, `at_once` of them. y is what they have in common, image is XORed to the result;
/// [0] of rows 0, 2, 4, 6, [1] of rows 1, 3, 5, 7.
template <std::size_t at_once>
void hash_blocks(const RoundKeys& aes, const __m512i* y, const __m512i* image, std::uint64_t b,
                 std::uint64_t* out) {
  __m512i x[2 * at_once];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < at_once; ++i) {
    const auto number = static_cast<long long>(b + i);
    const __m512i tweak = _mm512_set_epi64(number, 0, number, 0, number, 0, number, 0);
    x[2 * i] = _mm512_xor_si512(y[0], tweak);
    x[2 * i + 1] = _mm512_xor_si512(y[1], tweak);
  }
  aes.encrypt<2 * at_once>(x);
#pragma GCC unroll 4
  for (std::size_t i = 0; i < at_once; ++i) {
    const __m512i even = _mm512_xor_si512(x[2 * i], image[0]), odd = _mm512_xor_si512(x[2 * i + 1], image[1]);
    _mm512_storeu_si512(out + 16 * (b + i), _mm512_maskz_unpacklo_epi64(0xff, even, odd));
    _mm512_storeu_si512(out + 16 * (b + i) + 8, _mm512_maskz_unpackhi_epi64(0xff, even, odd));
  }
}

}  // namespace

void vaes_hash_lanes(const std::uint8_t* key, const std::uint8_t* flip, const std::uint8_t* in,
                     std::uint64_t first, std::size_t groups, std::size_t width, std::uint64_t* out) {
  const RoundKeys aes(key);
  const __m512i mask = four(_mm_loadu_si128(reinterpret_cast<const __m128i*>(flip)));
  const __m512i even = _mm512_set_epi64(13, 12, 9, 8, 5, 4, 1, 0),
                odd = _mm512_set_epi64(15, 14, 11, 10, 7, 6, 3, 2);
  for (std::size_t g = 0; g < groups; ++g, in += 128, first += 8, out += 16 * width) {
    const __m512i low = _mm512_xor_si512(_mm512_loadu_si512(in), mask);
    const __m512i high = _mm512_xor_si512(_mm512_loadu_si512(in + 64), mask);
    __m512i image[2] = {_mm512_permutex2var_epi64(low, even, high),
                        _mm512_permutex2var_epi64(low, odd, high)};
    aes.encrypt<2>(image);
    const auto j = static_cast<long long>(first);
    const __m512i y[2] = {
        _mm512_xor_si512(image[0], _mm512_set_epi64(0, j + 6, 0, j + 4, 0, j + 2, 0, j)),
        _mm512_xor_si512(image[1], _mm512_set_epi64(0, j + 7, 0, j + 5, 0, j + 3, 0, j + 1))};
    std::size_t b = 0;
    for (; b + 3 <= width; b += 3) hash_blocks<3>(aes, y, image, b, out);
    for (; b < width; ++b) hash_blocks<1>(aes, y, image, b, out);
  }
}

}  // namespace quorate::ot
