#include <gtest/gtest.h>

#include <set>
#include <string>

#include "protocol/group/hash_to_curve.h"
#include "test/unit/big_number.h"
#include "test/unit/rfc9380_vectors.h"

namespace quorate {
namespace {

using reference::Number;

void expect_points(const Curve& curve, std::string_view dst, std::span<const rfc9380::Vector> vectors) {
  for (const auto& v : vectors) {
    const Point p = hash_to_curve(curve, as_bytes(v.message), as_bytes(dst));
    EXPECT_EQ(to_hex(p.encode()), "04" + std::string(v.x) + std::string(v.y)) << v.message;
  }
}

TEST(HashToCurve, P256VectorsOfRfc9380) { expect_points(Curve::p256(), rfc9380::kP256Dst, rfc9380::kP256); }
TEST(HashToCurve, P384VectorsOfRfc9380) { expect_points(Curve::p384(), rfc9380::kP384Dst, rfc9380::kP384); }

void expect_field_elements(const Curve& curve, std::string_view dst, std::span<const rfc9380::Vector> vectors,
                           std::size_t wide) {
  const Number p = Number::field(curve);
  for (const auto& v : vectors) {
    const Bytes uniform =
        expand_message_xmd(curve.digest_name(), as_bytes(v.message), as_bytes(dst), 2 * wide);
    EXPECT_EQ(to_hex(Number(ByteView(uniform).first(wide)).mod(p).encode(curve.field_size())), v.u0);
    EXPECT_EQ(to_hex(Number(ByteView(uniform).last(wide)).mod(p).encode(curve.field_size())), v.u1);
  }
}

TEST(ExpandMessage, FieldElementsOfTheP256Suite) {
  expect_field_elements(Curve::p256(), rfc9380::kP256Dst, rfc9380::kP256, 48);
}
TEST(ExpandMessage, FieldElementsOfTheP384Suite) {
  expect_field_elements(Curve::p384(), rfc9380::kP384Dst, rfc9380::kP384, 72);
}

/// RFC 9380 appendix K.1 and K.2 (a DST longer than 255 bytes is hashed first).
TEST(ExpandMessage, Sha256VectorsOfRfc9380) {
  const std::string_view dst = "QUUX-V01-CS02-with-expander-SHA256-128";
  const auto expand = [](std::string_view message, std::string_view tag, std::size_t size) {
    return to_hex(expand_message_xmd("SHA256", as_bytes(message), as_bytes(tag), size));
  };
  EXPECT_EQ(expand("", dst, 32), "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235");
  EXPECT_EQ(expand("abc", dst, 32), "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615");
  EXPECT_EQ(expand("", dst, 128),
            "af84c27ccfd45d41914fdff5df25293e221afc53d8ad2ac06d5e3e29485dadbee0d121587713a3e0dd4d5e69e93eb7cd"
            "4f5df4cd103e188cf60cb02edc3edf18eda8576c412b18ffb658e3dd6ec849469b979d444cf7b26911a08e63cf31f9dc"
            "c541708d3491184472c2c29bb749d4286b004ceb5ee6b9a7fa5b646c993f0ced");
  std::string long_dst = "QUUX-V01-CS02-with-expander-SHA256-128-long-DST-";
  long_dst.resize(256, '1');
  EXPECT_EQ(expand("", long_dst, 32), "e8dc0c8b686b7ef2074086fbdd2f30e3f8bfbd3bdf177f73f04b97ce618a3ed3");
  EXPECT_EQ(expand("abc", long_dst, 32), "52dbf4f36cf560fca57dedec2ad924ee9c266341d8f3d6afe5171733b16bbb12");
}

TEST(ExpandMessage, TheLengthIsPartOfTheInput) {
  const auto a = expand_message_xmd("SHA256", as_bytes("m"), as_bytes("dst"), 32);
  const auto b = expand_message_xmd("SHA256", as_bytes("m"), as_bytes("dst"), 33);
  EXPECT_EQ(b.size(), 33u);
  EXPECT_NE(a, Bytes(b.begin(), b.begin() + 32));
  EXPECT_EQ(expand_message_xmd("SHA384", as_bytes("m"), as_bytes("dst"), 255 * 48).size(), 255u * 48);
}

TEST(ExpandMessage, RefusesWhatTheRfcRefuses) {
  EXPECT_DEATH(expand_message_xmd("SHA256", {}, as_bytes("dst"), 255 * 32 + 1), "");
  EXPECT_DEATH(expand_message_xmd("SHA1", {}, as_bytes("dst"), 20), "");
}

TEST(HashToCurve, DependsOnMessageAndDst) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    std::set<std::string> seen;
    for (const auto* message : {"", "a", "b", "ab"}) {
      for (const auto* dst : {"d", "e", "da"}) {
        seen.insert(to_hex(hash_to_curve(*curve, as_bytes(message), as_bytes(dst)).encode()));
      }
    }
    EXPECT_EQ(seen.size(), 12u);
  }
}

TEST(HashToCurve, ToySuiteReachesEveryPointWithInfinity) {
  std::set<std::string> seen;
  for (unsigned i = 0; i < 4000; ++i) {
    const std::string message = std::to_string(i);
    const Point p = hash_to_curve(Curve::toy(), as_bytes(message), as_bytes("toy"));
    EXPECT_EQ(p, hash_to_curve(Curve::toy(), as_bytes(message), as_bytes("toy")));
    seen.insert(to_hex(p.encode()));
  }
  EXPECT_EQ(seen.size(), 241u);
}

}  // namespace
}  // namespace quorate
