#include <gtest/gtest.h>

#include "protocol/hash/identity.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

Secret<std::array<std::uint8_t, 32>> seed_from(std::string_view hex) {
  const Bytes raw = from_hex(hex).value();
  std::array<std::uint8_t, 32> seed{};
  std::copy(raw.begin(), raw.end(), seed.begin());
  return Secret(seed);
}

class IdentityTest : public testing::Test {
 protected:
  sim::SeededRng rng_{10};
  const IdentityKey key_ = IdentityKey::generate(rng_);
  const Digest digest_ = rng_.make_id<Digest>();
};

/// RFC 8032 section 7.1, tests 1 and 2: the seed gives the public key.
TEST(Identity, PublicKeysOfRfc8032) {
  EXPECT_EQ(
      IdentityKey::from_seed(seed_from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
          .public_key()
          .hex(),
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(
      IdentityKey::from_seed(seed_from("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
          .public_key()
          .hex(),
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
}

TEST_F(IdentityTest, SignsAndVerifiesDeterministically) {
  const auto signature = key_.sign(digest_);
  EXPECT_TRUE(verify_identity(key_.public_key(), digest_, signature));
  EXPECT_EQ(key_.sign(digest_), signature);
}

TEST_F(IdentityTest, TheSeedAloneRestoresTheKey) {
  const IdentityKey again = IdentityKey::from_seed(key_.seed());
  EXPECT_EQ(again.public_key(), key_.public_key());
  EXPECT_EQ(again.sign(digest_), key_.sign(digest_));
}

TEST_F(IdentityTest, AMovedKeyStillSigns) {
  IdentityKey key = IdentityKey::from_seed(key_.seed());
  const IdentityKey moved = std::move(key);
  EXPECT_TRUE(verify_identity(moved.public_key(), digest_, moved.sign(digest_)));
}

TEST_F(IdentityTest, RejectsEveryFlippedBitOfTheSignature) {
  const auto good = key_.sign(digest_);
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    auto bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << (i % 8));
    EXPECT_FALSE(verify_identity(key_.public_key(), digest_, bad)) << i;
  }
}

TEST_F(IdentityTest, RejectsEveryFlippedBitOfDigestAndKey) {
  const auto signature = key_.sign(digest_);
  for (std::size_t i = 0; i < 256; ++i) {
    Digest digest = digest_;
    digest.bytes[i / 8] ^= static_cast<std::uint8_t>(1 << (i % 8));
    EXPECT_FALSE(verify_identity(key_.public_key(), digest, signature)) << i;
    IdentityPublicKey key = key_.public_key();
    key.bytes[i / 8] ^= static_cast<std::uint8_t>(1 << (i % 8));
    EXPECT_FALSE(verify_identity(key, digest_, signature)) << i;
  }
}

TEST_F(IdentityTest, RejectsAMalleableS) {
  // S + L is the same number mod L; RFC 8032 has it refused.
  const Bytes order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").value();
  auto signature = key_.sign(digest_);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(verify_identity(key_.public_key(), digest_, signature));
}

TEST_F(IdentityTest, RejectsAnotherSignersSignature) {
  const IdentityKey other = IdentityKey::generate(rng_);
  EXPECT_FALSE(verify_identity(key_.public_key(), digest_, other.sign(digest_)));
  EXPECT_FALSE(verify_identity(key_.public_key(), digest_, {}));
  EXPECT_FALSE(verify_identity({}, digest_, key_.sign(digest_)));
}

}  // namespace
}  // namespace quorate
