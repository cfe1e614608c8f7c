#include <gtest/gtest.h>

#include "protocol/tecdsa/message.h"

namespace quorate {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

TEST(Message, DigestNumbersAreTheWires) {
  EXPECT_EQ(message_digest_from(1), MessageDigest::Sha256);
  EXPECT_EQ(message_digest_from(2), MessageDigest::Sha384);
  EXPECT_EQ(message_digest_from(3), MessageDigest::Sha512);
  EXPECT_FALSE(message_digest_from(0));
  EXPECT_FALSE(message_digest_from(4));
}

TEST(Message, DigestsOfFips180) {
  const auto abc = as_bytes("abc");
  EXPECT_EQ(to_hex(digest_content(MessageDigest::Sha256, abc)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(digest_content(MessageDigest::Sha384, abc)),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(digest_content(MessageDigest::Sha512, abc).size(), 64u);
  EXPECT_EQ(to_hex(digest_content(MessageDigest::Sha256, {})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Message, ScalarIsTheDigestWhenSizesMatch) {
  const auto& curve = Curve::p256();
  const auto m = message_scalar(curve, MessageDigest::Sha256, as_bytes("sample"));
  EXPECT_EQ(to_hex(m.encode()), "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
}

TEST(Message, ShorterDigestIsTakenWhole) {
  const auto m = message_scalar(Curve::p384(), MessageDigest::Sha256, as_bytes("sample"));
  EXPECT_EQ(to_hex(m.encode()),
            "00000000000000000000000000000000af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
}

TEST(Message, LongerDigestIsCutAtTheRight) {
  const auto whole = digest_content(MessageDigest::Sha512, as_bytes("sample"));
  EXPECT_EQ(message_scalar(Curve::p256(), MessageDigest::Sha512, as_bytes("sample")),
            Scalar::reduce(Curve::p256(), ByteView(whole).first(32)));
  EXPECT_EQ(message_scalar(Curve::p384(), MessageDigest::Sha512, as_bytes("sample")),
            Scalar::reduce(Curve::p384(), ByteView(whole).first(48)));
}

TEST(Message, ValueAboveTheOrderIsReducedOnce) {
  const Bytes ones(32, 0xff);
  const auto m = scalar_from_digest(Curve::p256(), ones);
  // 2^256 - 1 - n
  EXPECT_EQ(to_hex(m.encode()), "00000000ffffffff00000000000000004319055258e8617b0c46353d039cdaae");
  EXPECT_TRUE(scalar_from_digest(Curve::p256(),
                                 hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"))
                  .is_zero());
}

TEST(Message, OddBitLengthsKeepTheLeftmostBits) {
  const auto& toy = Curve::toy();
  const std::size_t bits = toy.order_bits();
  ASSERT_LE(bits, 8u);
  for (unsigned first = 0; first < 256; ++first) {
    const Bytes digest{static_cast<std::uint8_t>(first), 0xa5, 0x5a};
    EXPECT_EQ(scalar_from_digest(toy, digest), Scalar(toy, first >> (8 - bits)));
  }
}

}  // namespace
}  // namespace quorate
