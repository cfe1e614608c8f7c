#include "protocol/ot/gf128.h"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/ot/transpose.h"
#include "test/sim/seeded_rng.h"

namespace quorate::ot {
namespace {

bool bit(const Block& b, std::size_t i) { return (b[i / 8] >> (i % 8) & 1) != 0; }
Block power(std::size_t i) {
  Block b{};
  b[i / 8] = static_cast<std::uint8_t>(1 << (i % 8));
  return b;
}

// Bit by bit: shift a up, fold the bit that falls out into x^7 + x^2 + x + 1.
Block reference_mul(Block a, const Block& b) {
  Block sum{};
  for (std::size_t i = 0; i < 128; ++i) {
    if (bit(b, i)) sum = gf128::add(sum, a);
    const bool out = bit(a, 127);
    for (std::size_t k = 16; k-- > 0;)
      a[k] = static_cast<std::uint8_t>(a[k] << 1 | (k > 0 ? a[k - 1] >> 7 : 0));
    if (out) a[0] ^= 0x87;
  }
  return sum;
}

Block portable_mul(const Block& a, const Block& b) { return gf128::inner_product_portable({&a, 1}, {&b, 1}); }

TEST(Gf128, reduces_x_to_the_128) {
  Block expected{};
  expected[0] = 0x87;
  EXPECT_EQ(gf128::mul(power(127), power(1)), expected);
  EXPECT_EQ(portable_mul(power(127), power(1)), expected);
}

TEST(Gf128, all_products_of_powers_match_the_reference) {
  for (std::size_t i = 0; i < 128; ++i)
    for (std::size_t j = 0; j < 128; ++j) {
      const Block expected = reference_mul(power(i), power(j));
      ASSERT_EQ(gf128::mul(power(i), power(j)), expected) << i << " " << j;
      ASSERT_EQ(portable_mul(power(i), power(j)), expected) << i << " " << j;
    }
}

TEST(Gf128, random_products_match_the_reference) {
  sim::SeededRng rng(1);
  Block ones;
  ones.fill(0xff);
  EXPECT_EQ(gf128::mul(ones, ones), reference_mul(ones, ones));
  EXPECT_EQ(portable_mul(ones, ones), reference_mul(ones, ones));
  for (int i = 0; i < 2000; ++i) {
    const Block a = rng.make<Block>(), b = rng.make<Block>();
    const Block expected = reference_mul(a, b);
    ASSERT_EQ(gf128::mul(a, b), expected);
    ASSERT_EQ(portable_mul(a, b), expected);
  }
}

TEST(Gf128, field_laws) {
  sim::SeededRng rng(2);
  for (int i = 0; i < 200; ++i) {
    const Block a = rng.make<Block>(), b = rng.make<Block>(), c = rng.make<Block>();
    EXPECT_EQ(gf128::mul(a, power(0)), a);
    EXPECT_EQ(gf128::mul(a, b), gf128::mul(b, a));
    EXPECT_EQ(gf128::mul(a, gf128::mul(b, c)), gf128::mul(gf128::mul(a, b), c));
    EXPECT_EQ(gf128::mul(a, gf128::add(b, c)), gf128::add(gf128::mul(a, b), gf128::mul(a, c)));
    Block frobenius = a;  // a^(2^128) = a in a field of 2^128 elements, and only there
    for (int k = 0; k < 128; ++k) frobenius = gf128::mul(frobenius, frobenius);
    EXPECT_EQ(frobenius, a);
  }
}

TEST(Gf128, inner_product_is_the_sum_of_products_on_both_paths) {
  sim::SeededRng rng(3);
  for (std::size_t n : {0, 1, 2, 7, 208}) {
    std::vector<Block> a(n), b(n);
    Block expected{};
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = rng.make<Block>();
      b[i] = rng.make<Block>();
      expected = gf128::add(expected, reference_mul(a[i], b[i]));
    }
    EXPECT_EQ(gf128::inner_product(a, b), expected);
    EXPECT_EQ(gf128::inner_product_portable(a, b), expected);
  }
}

TEST(Transpose, matches_bit_by_bit_whatever_the_stride) {
  sim::SeededRng rng(4);
  for (std::size_t stride : {1, 2, 5, 9})
    for (std::size_t taken : {stride, stride - 1}) {
      std::vector<Block> in(128 * stride), out(128 * taken);
      for (auto& b : in) b = rng.make<Block>();
      transpose(in, stride, out);
      for (std::size_t j = 0; j < out.size(); ++j)
        for (std::size_t r = 0; r < 128; ++r)
          ASSERT_EQ(bit(out[j], r), bit(in[r * stride + j / 128], j % 128)) << stride << " " << j << " " << r;
    }
}

TEST(Transpose, twice_is_the_identity_on_a_square) {
  sim::SeededRng rng(5);
  std::vector<Block> in(128), once(128), twice(128);
  for (auto& b : in) b = rng.make<Block>();
  transpose(in, 1, once);
  transpose(once, 1, twice);
  EXPECT_EQ(twice, in);
}

TEST(TransposeDeathTest, sizes_that_do_not_fit_end_the_process) {
  std::vector<Block> in(128), out(129), more(256);
  EXPECT_DEATH(transpose(in, 2, out), "");
  EXPECT_DEATH(transpose(in, 1, out), "");
  EXPECT_DEATH(transpose(in, 1, more), "");
}

}  // namespace
}  // namespace quorate::ot
