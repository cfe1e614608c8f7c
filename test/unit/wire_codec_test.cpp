#include "protocol/wire/codec.h"

#include <gtest/gtest.h>

#include <set>

#include "test/sim/seeded_rng.h"

namespace quorate::wire {
namespace {

Bytes hex(std::string_view text) { return *from_hex(text); }

TEST(WireReader, IntegersAreBigEndian) {
  const auto bytes = hex("01" "0203" "04050607" "08090a0b0c0d0e0f");
  Reader in(bytes);
  EXPECT_EQ(in.u8("a"), 0x01);
  EXPECT_EQ(in.u16("b"), 0x0203);
  EXPECT_EQ(in.u32("c"), 0x04050607u);
  EXPECT_EQ(in.u64("d"), 0x08090a0b0c0d0e0full);
  EXPECT_TRUE(in.finish());
  EXPECT_EQ(std::move(Writer().u8(1).u16(0x0203).u32(0x04050607).u64(0x08090a0b0c0d0e0f)).take(), bytes);
}

TEST(WireReader, FirstFailureSticksAndNamesItsField) {
  const auto bytes = hex("010203");
  Reader in(bytes);
  EXPECT_EQ(in.u8("first"), 1);
  EXPECT_EQ(in.u32("second"), 0u);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8("third"), 0);
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_TRUE(in.raw("fourth", 0).empty());
  EXPECT_TRUE(in.parties("fifth", 0).empty());
  EXPECT_EQ(in.name("sixth"), "");
  in.reject("seventh", Reason::Mismatch);
  EXPECT_EQ(in.finish().error(), (WireError{"second", Reason::Truncated}));
  EXPECT_EQ(in.finish(5).error().what(), "second: Truncated");
}

TEST(WireReader, TrailingBytesAreRejected) {
  const auto bytes = hex("0102");
  Reader in(bytes);
  in.u8("only");
  EXPECT_EQ(in.finish(0).error().reason, Reason::Trailing);
}

TEST(WireReader, NumbersOutOfRangeAreRejected) {
  for (const auto& [text, good] : {std::pair{"01", false}, {"02", true}, {"05", true}, {"06", false}}) {
    const auto bytes = hex(text);
    Reader in(bytes);
    in.u8_in("x", 2, 5);
    EXPECT_EQ(in.ok(), good);
  }
  const auto wide = hex("0100" "00000100");
  Reader in(wide);
  EXPECT_EQ(in.u16_in("x", 0, 256), 256);
  EXPECT_EQ(in.u32_in("y", 0, 255), 0u);
  EXPECT_EQ(in.finish().error(), (WireError{"y", Reason::OutOfRange}));
}

TEST(WireReader, LengthsAboveTheLimitAreTooLongWhateverFollows) {
  const auto bytes8 = hex("ff");
  const auto bytes16 = hex("ffff");
  const auto bytes32 = hex("ffffffff");
  Reader a(bytes8), b(bytes16), c(bytes32), d(bytes16);
  EXPECT_TRUE(a.bytes8("a", 64).empty());
  EXPECT_TRUE(b.bytes16("b", 64).empty());
  EXPECT_TRUE(c.bytes32("c", 64).empty());
  EXPECT_TRUE(d.text("d", 64).empty());
  EXPECT_EQ(a.finish().error().reason, Reason::TooLong);
  EXPECT_EQ(b.finish().error().reason, Reason::TooLong);
  EXPECT_EQ(c.finish().error().reason, Reason::TooLong);
  EXPECT_EQ(d.finish().error().reason, Reason::TooLong);
}

TEST(WireReader, LengthsWithinTheLimitButNotThereAreTruncated) {
  const auto bytes = hex("00ffffff" "00");
  Reader in(bytes);
  EXPECT_TRUE(in.bytes32("x", std::size_t{1} << 30).empty());
  EXPECT_EQ(in.finish().error(), (WireError{"x", Reason::Truncated}));
}

TEST(WireReader, CountsAreHeldAgainstWhatIsLeft) {
  const auto bytes = hex("0003" "aabbccdd" "ee");
  Reader fits(bytes);
  EXPECT_EQ(fits.count16("x", 0, 100, 1), 3u);
  Reader does_not(bytes);
  EXPECT_EQ(does_not.count16("x", 0, 100, 2), 0u);
  EXPECT_EQ(does_not.finish().error().reason, Reason::Truncated);
  Reader too_many(bytes);
  EXPECT_EQ(too_many.count16("x", 0, 2, 1), 0u);
  EXPECT_EQ(too_many.finish().error().reason, Reason::TooLong);
  Reader too_few(bytes);
  EXPECT_EQ(too_few.count16("x", 4, 100, 1), 0u);
  EXPECT_EQ(too_few.finish().error().reason, Reason::TooShort);
  const auto huge = hex("ffffffff");
  Reader wide(huge);
  EXPECT_EQ(wide.count32("x", 0, SIZE_MAX, SIZE_MAX), 0u);
  EXPECT_FALSE(wide.ok());
}

Reason quorum_error(std::string_view text) {
  const auto bytes = hex(text);
  Reader in(bytes);
  const auto quorum = in.quorum("q");
  EXPECT_TRUE(quorum.empty());
  return in.finish().error().reason;
}

TEST(WireReader, QuorumsAreAscendingDistinctAndInRange) {
  const auto good = hex("03" "010210");
  Reader in(good);
  EXPECT_EQ(in.quorum("q"), (Quorum{1, 2, 16}));
  EXPECT_TRUE(in.finish());
  EXPECT_EQ(quorum_error("00"), Reason::TooShort);
  EXPECT_EQ(quorum_error("0101"), Reason::TooShort);
  EXPECT_EQ(quorum_error("020201"), Reason::NotAscending);
  EXPECT_EQ(quorum_error("020202"), Reason::NotAscending);
  EXPECT_EQ(quorum_error("020001"), Reason::OutOfRange);
  EXPECT_EQ(quorum_error("020111"), Reason::OutOfRange);
  EXPECT_EQ(quorum_error("0301"), Reason::Truncated);
  EXPECT_EQ(quorum_error("11" "0102030405060708090a0b0c0d0e0f1011"), Reason::TooLong);
}

Reason name_error(std::string_view text) {
  const auto bytes = hex(text);
  Reader in(bytes);
  EXPECT_EQ(in.name("n"), "");
  return in.finish().error().reason;
}

TEST(WireReader, NamesAreShortAndPlain) {
  EXPECT_TRUE(valid_name("web-1_Prod.eu"));
  EXPECT_TRUE(valid_name(std::string(64, 'x')));
  EXPECT_FALSE(valid_name(""));
  EXPECT_FALSE(valid_name(std::string(65, 'x')));
  for (int c = 0; c < 256; ++c) {
    const char each = static_cast<char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
                       c == '_' || c == '-';
    EXPECT_EQ(valid_name(std::string(1, each)), plain) << c;
  }
  EXPECT_EQ(name_error("00"), Reason::TooShort);
  EXPECT_EQ(name_error("41"), Reason::TooLong);
  EXPECT_EQ(name_error("0261"), Reason::Truncated);
  EXPECT_EQ(name_error("02612f"), Reason::NotText);
  EXPECT_EQ(name_error("026100"), Reason::NotText);
}

TEST(WireReader, TextIsPrintableAscii) {
  for (const auto* text : {"00011f", "00017f", "0001c3", "000100", "00010a"}) {
    const auto bytes = hex(text);
    Reader in(bytes);
    in.text("t", 10);
    EXPECT_EQ(in.finish().error().reason, Reason::NotText) << text;
  }
  const auto good = hex("0002207e");
  Reader in(good);
  EXPECT_EQ(in.text("t", 2), " ~");
  EXPECT_TRUE(in.finish());
}

class WireGroup : public ::testing::TestWithParam<const Curve*> {};
INSTANTIATE_TEST_SUITE_P(Curves, WireGroup, ::testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& each) {
                           if (each.param->is_toy()) return std::string("Toy");
                           return std::string(each.param->id() == CurveId::P256 ? "P256" : "P384");
                         });

TEST_P(WireGroup, ScalarsFromTheOrderOnAreRejected) {
  const auto& curve = *GetParam();
  Bytes order(curve.scalar_size());
  residue::to_big_endian(order, curve.order().n);
  Reader at_order(order);
  at_order.scalar("s", curve);
  EXPECT_EQ(at_order.finish().error(), (WireError{"s", Reason::BadScalar}));

  auto below = order;
  --below.back();  // the order is odd
  Reader greatest(below);
  const auto read = greatest.scalar("s", curve);
  ASSERT_TRUE(greatest.finish());
  EXPECT_EQ(read, Scalar(curve, 1).negate());

  const Bytes ones(curve.scalar_size(), 0xff);
  Reader all_ones(ones);
  all_ones.scalar("s", curve);
  EXPECT_EQ(all_ones.finish().error().reason, Reason::BadScalar);
  EXPECT_EQ(std::move(Writer().scalar(read)).take(), below);
}

TEST_P(WireGroup, PointsOffTheCurveAreRejected) {
  const auto& curve = *GetParam();
  const auto good = Point::generator(curve).encode();
  Reader in(good);
  EXPECT_EQ(in.point("p", curve), Point::generator(curve));
  ASSERT_TRUE(in.finish());

  auto check = [&](Bytes bytes) {
    Reader bad(bytes);
    bad.point("p", curve);
    return bad.finish().error().reason;
  };
  auto other_y = good;
  other_y.back() ^= 1;
  EXPECT_EQ(check(other_y), Reason::BadPoint);
  auto compressed = good;
  compressed[0] = 0x02;
  EXPECT_EQ(check(compressed), Reason::BadPoint);
  auto hybrid = good;
  hybrid[0] = static_cast<std::uint8_t>(0x06 | (good.back() & 1));
  EXPECT_EQ(check(hybrid), Reason::BadPoint);
  EXPECT_EQ(check(Bytes(good.begin(), good.end() - 1)), Reason::Truncated);
  Bytes coordinates_out_of_range(good.size(), 0xff);
  coordinates_out_of_range[0] = 0x04;
  EXPECT_EQ(check(coordinates_out_of_range), Reason::BadPoint);
}

TEST_P(WireGroup, InfinityIsForTheToyCurveOnly) {
  const auto& curve = *GetParam();
  Bytes zeros(curve.point_size());
  Reader in(zeros);
  const auto read = in.point("p", curve);
  if (curve.is_toy()) {
    ASSERT_TRUE(in.ok());
    EXPECT_TRUE(read.is_infinity());
    EXPECT_EQ(in.remaining(), zeros.size() - 1);
    EXPECT_EQ(std::move(Writer().point(read)).take(), Bytes{0});
  } else {
    EXPECT_EQ(in.finish().error().reason, Reason::BadPoint);
  }
}

TEST_P(WireGroup, ManyPointsAreWrittenAsOneByOne) {
  const auto& curve = *GetParam();
  sim::SeededRng rng(7);
  std::vector<Point> points;
  Writer single;
  for (int i = 0; i < 9; ++i) {
    points.push_back(Point::mul_base(Scalar::random_nonzero(curve, rng)));
    if (curve.is_toy() && i % 3 == 0) points.back() = Point(curve);
    single.point(points.back());
  }
  const auto bytes = std::move(single).take();
  EXPECT_EQ(std::move(Writer().points(points)).take(), bytes);
  Reader in(bytes);
  EXPECT_EQ(in.points("p", curve, 9), points);
  EXPECT_TRUE(in.finish());
}

TEST(WireReader, TheToyCurveHasToBeAllowed) {
  const auto toy = hex("fa");
  const auto zero = hex("00");
  const auto unknown = hex("03");
  Reader none(zero), three(unknown);
  none.curve("c");
  three.curve("c");
  EXPECT_EQ(none.finish().error().reason, Reason::UnknownValue);
  EXPECT_EQ(three.finish().error().reason, Reason::UnknownValue);
  Curve::allow_toy();
  Reader allowed(toy);
  EXPECT_EQ(&allowed.curve("c"), &Curve::toy());
  EXPECT_TRUE(allowed.finish());
}

TEST(WireReader, EveryReasonHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Reason::WrongVersion); ++i) names.insert(name(static_cast<Reason>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Reason::WrongVersion) + 1);
  EXPECT_FALSE(names.contains("?"));
}

TEST(WireWriterDeath, ValuesBeyondALimitEndTheProcess) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(Writer().u8(256), "");
  EXPECT_DEATH(Writer().u32(std::uint64_t{1} << 32), "");
  EXPECT_DEATH(Writer().bytes32(Bytes(5), 4), "");
  EXPECT_DEATH(Writer().name("a/b"), "");
  EXPECT_DEATH(Writer().quorum({1}), "");
  EXPECT_DEATH(Writer().quorum({2, 1}), "");
  EXPECT_DEATH(Writer().quorum({0, 1}), "");
  EXPECT_DEATH(Writer().count16(3, 0, 2), "");
}

}  // namespace
}  // namespace quorate::wire
