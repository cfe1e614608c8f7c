#include "protocol/ot/aes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "protocol/group/lanes.h"
#include "test/sim/seeded_rng.h"

namespace quorate::ot {
namespace {

Block block(std::string_view hex) {
  const auto raw = from_hex(hex);
  Block out{};
  std::copy(raw->begin(), raw->end(), out.begin());
  return out;
}
std::string hex(const Block& b) { return to_hex(b); }

std::vector<Block> random_blocks(std::size_t n, Rng& rng) {
  std::vector<Block> out(n);
  for (auto& b : out) b = rng.make<Block>();
  return out;
}

// FIPS 197, appendix C.1.
TEST(FixedKeyAes, known_answer) {
  FixedKeyAes aes(block("000102030405060708090a0b0c0d0e0f"));
  const Block in[1] = {block("00112233445566778899aabbccddeeff")};
  Block out[1];
  aes.permute(in, out);
  EXPECT_EQ(hex(out[0]), "69c4e0d86a7b0430d8cdb78070b4c55a");
}

TEST(FixedKeyAes, permutes_in_place_and_each_block_by_itself) {
  sim::SeededRng rng(1);
  FixedKeyAes aes(rng.make<Block>());
  const auto in = random_blocks(77, rng);
  std::vector<Block> together(in.size()), place = in;
  aes.permute(in, together);
  aes.permute(place, place);
  EXPECT_EQ(place, together);
  for (std::size_t i = 0; i < in.size(); ++i) {
    Block one[1];
    aes.permute({&in[i], 1}, one);
    EXPECT_EQ(one[0], together[i]);
  }
}

// The definition, written out with two single permutations a block.
Block hash_by_definition(FixedKeyAes& aes, const Block& x, std::uint64_t j, std::uint64_t b) {
  Block inner[1], outer[1];
  aes.permute({&x, 1}, inner);
  outer[0] = inner[0];
  for (int i = 0; i < 8; ++i) {
    outer[0][i] ^= static_cast<std::uint8_t>(j >> (8 * i));
    outer[0][8 + i] ^= static_cast<std::uint8_t>(b >> (8 * i));
  }
  aes.permute(outer, outer);
  for (int i = 0; i < 16; ++i) outer[0][i] ^= inner[0][i];
  return outer[0];
}

TEST(FixedKeyAes, hash_is_the_definition_whatever_the_chunking) {
  sim::SeededRng rng(2);
  FixedKeyAes aes(rng.make<Block>());
  for (std::size_t count : {0, 1, 63, 64, 65, 200})
    for (std::size_t width : {1, 4, 9, 12}) {
      const std::uint64_t first = rng.below(1u << 20);
      const auto in = random_blocks(count, rng);
      std::vector<Block> out(count * width);
      aes.hash(in, first, width, out);
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t b = 0; b < width; ++b)
          ASSERT_EQ(out[i * width + b], hash_by_definition(aes, in[i], first + i, b))
              << count << " " << width;
    }
}

TEST(FixedKeyAes, hash_separates_index_block_input_and_key) {
  const Block zero{}, one = block("01000000000000000000000000000000");
  std::set<Block> seen;
  std::size_t expected = 0;
  for (const Block& key : {zero, one}) {
    FixedKeyAes aes(key);
    for (const Block& x : {zero, one})
      for (std::uint64_t j : {0, 1, 2}) {
        Block out[3];
        aes.hash({&x, 1}, j, 3, out);
        seen.insert(std::begin(out), std::end(out));
        expected += 3;
      }
  }
  EXPECT_EQ(seen.size(), expected);
}

// pi(pi(0)) xor pi(0) under the zero key, computed with the openssl command.
TEST(FixedKeyAes, hash_known_answer) {
  FixedKeyAes aes(Block{});
  const Block x[1] = {};
  Block out[1];
  aes.hash(x, 0, 1, out);
  EXPECT_EQ(hex(out[0]), "917cf69ebd68b2ec9b9fe9a3eadda692");
}

// AES-128 of 0 and 1 under the zero key stand in the test cases 1 and 2 of the GCM specification.
TEST(KeyStream, known_answer) {
  KeyStream prg;
  std::vector<Block> out(2);
  prg.generate(Block{}, out);
  EXPECT_EQ(hex(out[0]), "66e94bd4ef8a2c3b884cfa59ca342b2e");
  EXPECT_EQ(hex(out[1]), "58e2fccefa7e3061367f1d57a4e7455a");
}

TEST(KeyStream, counts_in_big_endian_from_zero_for_every_key) {
  sim::SeededRng rng(3);
  KeyStream prg;
  for (int round = 0; round < 3; ++round) {
    const Block key = rng.make<Block>();
    FixedKeyAes aes(key);
    std::vector<Block> out(300, rng.make<Block>()), counters(out.size()), expected(out.size());
    prg.generate(key, out);
    for (std::size_t i = 0; i < counters.size(); ++i) {
      counters[i][15] = static_cast<std::uint8_t>(i);
      counters[i][14] = static_cast<std::uint8_t>(i >> 8);
    }
    aes.permute(counters, expected);
    EXPECT_EQ(out, expected);
  }
}

TEST(KeyStream, shorter_stream_is_a_prefix) {
  sim::SeededRng rng(4);
  KeyStream prg;
  const Block key = rng.make<Block>();
  std::vector<Block> longer(40), shorter(7), none;
  prg.generate(key, longer);
  prg.generate(key, shorter);
  prg.generate(key, none);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(XorMasked, adds_all_or_nothing) {
  sim::SeededRng rng(5);
  const auto a = random_blocks(9, rng), b = random_blocks(9, rng);
  auto none = a, all = a, twice = a;
  xor_masked(none, 0, b);
  EXPECT_EQ(none, a);
  xor_masked(all, ~std::uint64_t{0}, b);
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < 16; ++k) EXPECT_EQ(all[i][k], a[i][k] ^ b[i][k]);
  xor_into(twice, b);
  EXPECT_EQ(twice, all);
  xor_into(twice, b);
  EXPECT_EQ(twice, a);
}

TEST(HashLanes, is_the_hash_in_another_order) {
  const Lanes before = lanes_in_use();
  std::vector<Lanes> all{Lanes::None, Lanes::Portable};
  if (lanes_available()) all.push_back(Lanes::Ifma);
  sim::SeededRng rng(8);
  for (const Lanes lanes : all) {
    use_lanes(lanes);
    for (std::size_t count : {0, 8, 16, 104})
      for (std::size_t width : {1, 2, 3, 9, 12, 13}) {
        const auto key = rng.make<Block>(), flip = rng.make<Block>();
        const std::uint64_t first = rng.below(1u << 20);
        const auto in = random_blocks(count, rng);
        auto flipped = in;
        for (auto& b : flipped) xor_into({&b, 1}, {&flip, 1});
        std::vector<Block> expected(count * width);
        FixedKeyAes(key).hash(flipped, first, width, expected);
        std::vector<std::uint64_t> out(2 * count * width);
        hash_lanes(key, flip, in, first, width, out);
        for (std::size_t i = 0; i < count; ++i)
          for (std::size_t word = 0; word < 2 * width; ++word) {
            std::uint64_t wanted;
            std::memcpy(&wanted, expected[i * width + word / 2].data() + 8 * (word % 2), 8);
            ASSERT_EQ(out[(i / 8 * 2 * width + word) * 8 + i % 8], wanted) << i << " " << word << " " << width;
          }
      }
  }
  use_lanes(before);
  std::vector<Block> seven(7);
  std::vector<std::uint64_t> out(14);
  EXPECT_DEATH(hash_lanes(Block{}, Block{}, seven, 0, 1, out), "");
}

}  // namespace
}  // namespace quorate::ot
