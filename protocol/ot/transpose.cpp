#include "protocol/ot/transpose.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "protocol/base/ct.h"

namespace quorate::ot {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are loaded as native words");

constexpr std::size_t kSide = kLambdaC;

// Exchanges, in every row pair (r, r + S) with bit S of r clear, the bits of r whose column has bit
// S set with those of r + S whose column has it clear. m holds two words a row, so that the rows of
// one group are 2 S consecutive words, which the compiler turns into vector code.
template <std::size_t S>
void exchange(std::uint64_t* m, std::uint64_t low_columns) {
  for (std::size_t base = 0; base < 2 * kSide; base += 4 * S) {
    std::uint64_t* const upper = m + base;
    std::uint64_t* const lower = upper + 2 * S;
    for (std::size_t i = 0; i < 2 * S; ++i) {
      const std::uint64_t t = ((upper[i] >> S) ^ lower[i]) & low_columns;
      lower[i] ^= t;
      upper[i] ^= t << S;
    }
  }
}

void transpose_square(std::uint64_t* m) {
  for (std::size_t r = 0; r < kSide / 2; ++r) std::swap(m[2 * r + 1], m[2 * (r + kSide / 2)]);
  exchange<32>(m, 0x00000000ffffffff);
  exchange<16>(m, 0x0000ffff0000ffff);
  exchange<8>(m, 0x00ff00ff00ff00ff);
  exchange<4>(m, 0x0f0f0f0f0f0f0f0f);
  exchange<2>(m, 0x3333333333333333);
  exchange<1>(m, 0x5555555555555555);
}

}  // namespace

void transpose(std::span<const Block> in, std::size_t stride, std::span<Block> out) {
  if (in.size() != kSide * stride || out.size() % kSide != 0 || out.size() > kSide * stride) std::abort();
  static_assert(sizeof(Block) == 2 * sizeof(std::uint64_t));
  alignas(64) std::uint64_t square[2 * kSide];
  for (std::size_t j = 0; j < out.size() / kSide; ++j) {
    for (std::size_t r = 0; r < kSide; ++r)
      std::memcpy(square + 2 * r, in[r * stride + j].data(), sizeof(Block));
    transpose_square(square);
    std::memcpy(out[j * kSide].data(), square, sizeof square);
  }
  ct::wipe(square, sizeof square);
}

}  // namespace quorate::ot
