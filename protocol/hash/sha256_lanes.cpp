// Compiled with AVX-512 flags, see protocol/group/lanes.h.
#include "protocol/hash/sha256_lanes.h"

#include <immintrin.h>

namespace quorate {
namespace {

using Vector = __m512i;
/// Without a mask, the compiler warns of what it declares itself.
constexpr __mmask16 kAll = 0xffff;

alignas(64) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

Vector plus(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
Vector xor3(Vector a, Vector b, Vector c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
Vector choose(Vector e, Vector f, Vector g) { return _mm512_ternarylogic_epi32(e, f, g, 0xca); }
Vector majority(Vector a, Vector b, Vector c) { return _mm512_ternarylogic_epi32(a, b, c, 0xe8); }
Vector big_sigma0(Vector x) {
  return xor3(_mm512_maskz_ror_epi32(kAll, x, 2), _mm512_maskz_ror_epi32(kAll, x, 13),
              _mm512_maskz_ror_epi32(kAll, x, 22));
}
Vector big_sigma1(Vector x) {
  return xor3(_mm512_maskz_ror_epi32(kAll, x, 6), _mm512_maskz_ror_epi32(kAll, x, 11),
              _mm512_maskz_ror_epi32(kAll, x, 25));
}
Vector sigma0(Vector x) {
  return xor3(_mm512_maskz_ror_epi32(kAll, x, 7), _mm512_maskz_ror_epi32(kAll, x, 18),
              _mm512_maskz_srli_epi32(kAll, x, 3));
}
Vector sigma1(Vector x) {
  return xor3(_mm512_maskz_ror_epi32(kAll, x, 17), _mm512_maskz_ror_epi32(kAll, x, 19),
              _mm512_maskz_srli_epi32(kAll, x, 10));
}

/// Rows to columns of 16 x 16 words. Pairs of rows, of pairs, and then two steps among the four quarters.
void transpose(Vector* m) {
  Vector t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_maskz_unpacklo_epi32(kAll, m[i], m[i + 1]);
    t[i + 1] = _mm512_maskz_unpackhi_epi32(kAll, m[i], m[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    m[i] = _mm512_maskz_unpacklo_epi64(kAll >> 8, t[i], t[i + 2]);
    m[i + 1] = _mm512_maskz_unpackhi_epi64(kAll >> 8, t[i], t[i + 2]);
    m[i + 2] = _mm512_maskz_unpacklo_epi64(kAll >> 8, t[i + 1], t[i + 3]);
    m[i + 3] = _mm512_maskz_unpackhi_epi64(kAll >> 8, t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_maskz_shuffle_i32x4(kAll, m[i], m[4 + i], 0x88);
    t[4 + i] = _mm512_maskz_shuffle_i32x4(kAll, m[i], m[4 + i], 0xdd);
    t[8 + i] = _mm512_maskz_shuffle_i32x4(kAll, m[8 + i], m[12 + i], 0x88);
    t[12 + i] = _mm512_maskz_shuffle_i32x4(kAll, m[8 + i], m[12 + i], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    m[i] = _mm512_maskz_shuffle_i32x4(kAll, t[i], t[8 + i], 0x88);
    m[4 + i] = _mm512_maskz_shuffle_i32x4(kAll, t[4 + i], t[12 + i], 0x88);
    m[8 + i] = _mm512_maskz_shuffle_i32x4(kAll, t[i], t[8 + i], 0xdd);
    m[12 + i] = _mm512_maskz_shuffle_i32x4(kAll, t[4 + i], t[12 + i], 0xdd);
  }
}

}  // namespace

void sha256_lanes(std::uint32_t* state, const std::uint8_t* const* in, std::size_t blocks) {
  const Vector big_endian = _mm512_set_epi32(
      0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203, 0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203,
      0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203, 0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  Vector hash[8];
  for (std::size_t i = 0; i < 8; ++i) hash[i] = _mm512_loadu_si512(state + kShaLanes * i);
  for (std::size_t block = 0; block < blocks; ++block) {
    Vector w[16];  // the schedule, of which each word takes the place of the one 16 before it
#pragma GCC unroll 16
    for (std::size_t lane = 0; lane < kShaLanes; ++lane)
      w[lane] = _mm512_loadu_si512(in[lane] + kShaBlock * block);
    transpose(w);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) w[i] = _mm512_shuffle_epi8(w[i], big_endian);
    Vector a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4], f = hash[5], g = hash[6],
           h = hash[7];
    for (std::size_t round = 0; round < 64; round += 16) {
#pragma GCC unroll 16
      for (std::size_t i = 0; i < 16; ++i) {
        const Vector constant = _mm512_set1_epi32(static_cast<int>(kRound[round + i]));
        const Vector t1 = plus(plus(plus(h, plus(constant, w[i])), choose(e, f, g)), big_sigma1(e));
        const Vector t2 = plus(big_sigma0(a), majority(a, b, c));
        h = g;
        g = f;
        f = e;
        e = plus(d, t1);
        d = c;
        c = b;
        b = a;
        a = plus(t1, t2);
        if (round < 48)
          w[i] = plus(plus(w[i], w[(i + 9) % 16]), plus(sigma0(w[(i + 1) % 16]), sigma1(w[(i + 14) % 16])));
      }
    }
    const Vector worked[8] = {a, b, c, d, e, f, g, h};
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) hash[i] = plus(hash[i], worked[i]);
  }
  for (std::size_t i = 0; i < 8; ++i) _mm512_storeu_si512(state + kShaLanes * i, hash[i]);
}

}  // namespace quorate
