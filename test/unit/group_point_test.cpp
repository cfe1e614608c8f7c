#include <gtest/gtest.h>

#include <set>
#include <string>

#include "protocol/group/point.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"

namespace quorate {
namespace {

using reference::edge_scalars;
using reference::Number;

class PointTest : public testing::TestWithParam<const Curve*> {
 protected:
  const Curve& curve_ = *GetParam();
  const Point g_ = Point::generator(curve_);
  const Point infinity_{curve_};
  sim::SeededRng rng_{4, curve_.name()};

  Point random_point() { return Point::mul_base(Scalar::random_nonzero(curve_, rng_)); }
};
INSTANTIATE_TEST_SUITE_P(Curves, PointTest, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& test) {
                           return test.param->is_toy() ? std::string("Toy")
                                                       : "P" + std::to_string(test.param->order_bits());
                         });

TEST_P(PointTest, GroupLaws) {
  for (int i = 0; i < 10; ++i) {
    const Point p = random_point(), q = random_point(), r = random_point();
    EXPECT_EQ((p + q) + r, p + (q + r));
    EXPECT_EQ(p + q, q + p);
    EXPECT_EQ(p + infinity_, p);
    EXPECT_EQ(infinity_ + p, p);
    EXPECT_TRUE((p - p).is_infinity());
    EXPECT_EQ(p.negate().negate(), p);
    EXPECT_EQ(p + p, p.mul_var(Scalar(curve_, 2)));
  }
  EXPECT_TRUE(infinity_.negate().is_infinity());
  EXPECT_EQ(infinity_, infinity_);
  EXPECT_FALSE(infinity_ == g_);
}

TEST_P(PointTest, AllWaysOfMultiplyingAgreeOnEdgeAndRandomScalars) {
  auto scalars = edge_scalars(curve_);
  for (int i = 0; i < 5; ++i) scalars.push_back(Scalar::random(curve_, rng_));
  if (scalars.size() > 40) scalars.erase(scalars.begin() + 20, scalars.end() - 20);
  const Scalar k = Scalar::random_nonzero(curve_, rng_);
  const Point p = Point::mul_base(k);
  for (const auto& s : scalars) {
    const Point expected = Point::mul_base(s * k);
    ASSERT_EQ(p.mul(SecretScalar(s)), expected);
    ASSERT_EQ(p.mul_var(s), expected);
    ASSERT_EQ(Point::mul_base(SecretScalar(s * k)), expected);
    ASSERT_EQ(g_.mul(SecretScalar(s * k)), expected);
    ASSERT_EQ(mul_add_var(s, s, p), Point::mul_base(s + s * k));
  }
}

TEST_P(PointTest, BaseMultipleAgreesWithRepeatedAddition) {
  Point sum(curve_);
  for (unsigned i = 0; i < 40; ++i) {
    EXPECT_EQ(Point::mul_base(Scalar(curve_, i)), sum);
    EXPECT_EQ(Point::mul_base(SecretScalar(curve_, i)), sum);
    sum += g_;
  }
  EXPECT_EQ(Point::mul_base(Scalar(curve_, 1).negate()), g_.negate());
}

TEST_P(PointTest, MultiplesOfInfinityAreInfinity) {
  const Scalar k = Scalar::random(curve_, rng_);
  EXPECT_TRUE(infinity_.mul(SecretScalar(k)).is_infinity());
  EXPECT_TRUE(infinity_.mul_var(k).is_infinity());
  EXPECT_EQ(mul_add_var(k, k, infinity_), Point::mul_base(k));
  EXPECT_TRUE(g_.mul(SecretScalar(curve_)).is_infinity());
}

TEST_P(PointTest, MultiMulIsTheSumOfProducts) {
  for (const std::size_t count : {1u, 2u, 7u, 33u}) {
    std::vector<Scalar> k;
    std::vector<Point> p;
    Point expected(curve_);
    for (std::size_t i = 0; i < count; ++i) {
      k.push_back(i == 1 ? Scalar(curve_) : Scalar::random(curve_, rng_));
      p.push_back(i == 2 ? infinity_ : random_point());
      expected += p.back().mul_var(k.back());
    }
    EXPECT_EQ(multi_mul_var(k, p), expected) << count;
  }
}

TEST_P(PointTest, EncodingRoundTrips) {
  for (int i = 0; i < 20; ++i) {
    const Point p = random_point();
    const Bytes bytes = p.encode();
    ASSERT_EQ(bytes.size(), curve_.point_size());
    EXPECT_EQ(bytes[0], 4);
    EXPECT_EQ(Point::decode(curve_, bytes).value(), p);
  }
}

TEST_P(PointTest, EncodeAllGivesWhatEncodeGives) {
  EXPECT_TRUE(Point::encode_all({}).empty());
  for (const std::size_t count : {1u, 2u, 64u}) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < count; ++i) {
      points.push_back(i % 3 == 2 ? Point::decode(curve_, random_point().encode()).value() : random_point());
    }
    if (count > 2) points[1] = points[40] = infinity_;
    const auto encoded = Point::encode_all(points);
    ASSERT_EQ(encoded.size(), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(encoded[i], points[i].encode()) << i;
  }
  const std::vector<Point> only_infinity(3, infinity_);
  for (const auto& e : Point::encode_all(only_infinity)) EXPECT_EQ(e, Bytes{0});
}

TEST_P(PointTest, DecodeRejectsEveryOtherLength) {
  Bytes bytes = random_point().encode();
  bytes.resize(bytes.size() + 2);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(Point::decode(curve_, ByteView(bytes).first(size)).has_value(), size == curve_.point_size())
        << size;
  }
}

TEST_P(PointTest, DecodeRejectsEveryOtherFirstByte) {
  Bytes bytes = random_point().encode();
  for (unsigned first = 0; first < 256; ++first) {
    bytes[0] = static_cast<std::uint8_t>(first);
    EXPECT_EQ(Point::decode(curve_, bytes).has_value(), first == 4) << first;
  }
}

TEST_P(PointTest, DecodeRejectsCompressedPoints) {
  Bytes bytes(1 + curve_.field_size());
  ASSERT_EQ(EC_POINT_point2oct(curve_.group(), g_.get(), POINT_CONVERSION_COMPRESSED, bytes.data(),
                               bytes.size(), nullptr),
            bytes.size());
  EXPECT_FALSE(Point::decode(curve_, bytes));
}

TEST_P(PointTest, DecodeRejectsPointsOffTheCurve) {
  const Bytes good = random_point().encode();
  for (std::size_t i = 1; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[i] ^= static_cast<std::uint8_t>(1 << bit);
      const auto p = Point::decode(curve_, bad);
      // On the toy curve a changed x may meet another point.
      if (p && curve_.is_toy()) {
        EXPECT_EQ(p->encode(), bad);
      } else {
        EXPECT_FALSE(p) << i << " " << bit;
      }
    }
  }
}

TEST_P(PointTest, DecodeRejectsCoordinatesFromTheFieldPrimeOn) {
  const Number p = Number::field(curve_);
  const std::size_t size = curve_.field_size();
  const Bytes good = g_.encode();
  const Number x(ByteView(good).subspan(1, size)), y(ByteView(good).last(size));
  const auto with = [&](const Number& a, const Number& b) {
    Bytes out = {4};
    append(out, a.encode(size));
    append(out, b.encode(size));
    return out;
  };
  ASSERT_TRUE(Point::decode(curve_, with(x, y)));
  EXPECT_FALSE(Point::decode(curve_, with(p, y)));
  EXPECT_FALSE(Point::decode(curve_, with(x, p)));
  EXPECT_FALSE(Point::decode(curve_, with(p + Number(1), y)));
  EXPECT_FALSE(Point::decode(curve_, Bytes(curve_.point_size(), 0xff)));
  // The very point, written with x + p where that still fits the field's bytes.
  for (unsigned k = 1; k < 2000; ++k) {
    const Bytes candidate = Point::mul_base(Scalar(curve_, k)).encode();
    if (candidate.size() == 1) continue;
    const Number cx(ByteView(candidate).subspan(1, size)), cy(ByteView(candidate).last(size));
    if (BN_num_bits((cx + p).get()) <= static_cast<int>(8 * size)) {
      EXPECT_FALSE(Point::decode(curve_, with(cx + p, cy)));
    }
    if (!curve_.is_toy() && k > 50) break;
  }
}

TEST_P(PointTest, InfinityDecodesOnTheToyCurveOnly) {
  EXPECT_EQ(infinity_.encode(), Bytes{0});
  const auto p = Point::decode(curve_, Bytes{0});
  EXPECT_EQ(p.has_value(), curve_.is_toy());
  if (p) {
    EXPECT_TRUE(p->is_infinity());
  }
  EXPECT_FALSE(Point::decode(curve_, Bytes{1}));
  EXPECT_FALSE(Point::decode(curve_, Bytes(curve_.point_size(), 0)));
}

TEST_P(PointTest, XModOrderIsTheReducedCoordinate) {
  for (int i = 0; i < 20; ++i) {
    const Point p = random_point();
    const Bytes bytes = p.encode();
    const Number x(ByteView(bytes).subspan(1, curve_.field_size()));
    EXPECT_EQ(Number(p.x_mod_order()), x.mod(Number::order(curve_)));
  }
  EXPECT_DEATH(static_cast<void>(infinity_.x_mod_order()), "");
}

TEST_P(PointTest, CopiesAreIndependent) {
  Point p = g_;
  p += g_;
  EXPECT_EQ(g_, Point::generator(curve_));
  Point q;
  EXPECT_FALSE(q.valid());
  q = p;
  q += g_;
  EXPECT_EQ(p, Point::mul_base(Scalar(curve_, 2)));
  Point empty;
  q = empty;
  EXPECT_FALSE(q.valid());
  Point self = p;
  const Point& alias = self;
  self = alias;
  EXPECT_EQ(self, p);
  self += self;
  EXPECT_EQ(self, Point::mul_base(Scalar(curve_, 4)));
}

TEST(PointDeathTest, MixingCurvesEndsTheProcess) {
  const Point p = Point::generator(Curve::p256()), q = Point::generator(Curve::p384());
  EXPECT_DEATH(static_cast<void>(p + q), "");
  EXPECT_DEATH(static_cast<void>(p == q), "");
  EXPECT_DEATH(static_cast<void>(p.mul(SecretScalar(Curve::p384(), 2))), "");
}

TEST(CurveTest, SizesAndDigests) {
  EXPECT_EQ(Curve::p256().scalar_size(), 32u);
  EXPECT_EQ(Curve::p256().point_size(), 65u);
  EXPECT_EQ(Curve::p256().wide_size(), 48u);
  EXPECT_EQ(Curve::p256().order_bits(), 256u);
  EXPECT_STREQ(Curve::p256().digest_name(), "SHA256");
  EXPECT_EQ(Curve::p384().scalar_size(), 48u);
  EXPECT_EQ(Curve::p384().point_size(), 97u);
  EXPECT_STREQ(Curve::p384().digest_name(), "SHA384");
  EXPECT_EQ(Curve::toy().scalar_size(), 1u);
  EXPECT_EQ(Curve::toy().point_size(), 3u);
}

TEST(CurveTest, ToyIsHiddenUntilAllowed) {
  EXPECT_EQ(Curve::find(CurveId::P256), &Curve::p256());
  EXPECT_EQ(Curve::find("P-384"), &Curve::p384());
  EXPECT_EQ(Curve::find("P-521"), nullptr);
  EXPECT_EQ(Curve::find(static_cast<CurveId>(3)), nullptr);
  EXPECT_EQ(Curve::find(CurveId::Toy), nullptr);
  EXPECT_EQ(Curve::find(Curve::toy().name()), nullptr);
  Curve::allow_toy();
  EXPECT_EQ(Curve::find(CurveId::Toy), &Curve::toy());
}

/// With 241 points everything can be tried: the real code against repeated addition.
class ToyTable : public testing::Test {
 protected:
  static constexpr unsigned kOrder = 241;
  const Curve& toy_ = Curve::toy();
  std::vector<Point> table_;  // table_[i] = i G

  void SetUp() override {
    Point sum(toy_);
    for (unsigned i = 0; i < kOrder; ++i) {
      table_.push_back(sum);
      sum += Point::generator(toy_);
    }
    ASSERT_TRUE(sum.is_infinity());
  }
};

TEST_F(ToyTable, AllPointsOfTheCurveAreMultiplesOfG) {
  std::set<std::string> seen, expected;
  for (unsigned x = 0; x < 256; ++x) {
    for (unsigned y = 0; y < 256; ++y) {
      const Bytes bytes = {4, static_cast<std::uint8_t>(x), static_cast<std::uint8_t>(y)};
      const bool on_curve = x < 251 && y < 251 && (x * x * x + 248 * x + 153) % 251 == y * y % 251;
      const auto p = Point::decode(toy_, bytes);
      ASSERT_EQ(p.has_value(), on_curve) << x << " " << y;
      if (p) seen.insert(to_hex(bytes));
    }
  }
  for (unsigned i = 1; i < kOrder; ++i) expected.insert(to_hex(table_[i].encode()));
  EXPECT_EQ(seen, expected);
}

TEST_F(ToyTable, AdditionOfAllPairs) {
  for (unsigned i = 0; i < kOrder; ++i) {
    EXPECT_EQ(table_[i].negate(), table_[(kOrder - i) % kOrder]);
    for (unsigned j = 0; j < kOrder; ++j) {
      ASSERT_EQ(table_[i] + table_[j], table_[(i + j) % kOrder]) << i << " " << j;
      ASSERT_EQ(table_[i] == table_[j], i == j);
    }
  }
}

TEST_F(ToyTable, AllScalarsTimesAllPoints) {
  for (unsigned k = 0; k < kOrder; ++k) {
    const Scalar scalar(toy_, k);
    const SecretScalar secret(scalar);
    ASSERT_EQ(Point::mul_base(secret), table_[k]);
    ASSERT_EQ(Point::mul_base(scalar), table_[k]);
    for (unsigned i = 0; i < kOrder; ++i) {
      ASSERT_EQ(table_[i].mul(secret), table_[k * i % kOrder]) << k << " " << i;
      ASSERT_EQ(table_[i].mul_var(scalar), table_[k * i % kOrder]) << k << " " << i;
      ASSERT_EQ(mul_add_var(Scalar(toy_, k + i), scalar, table_[i]), table_[(k + i + k * i) % kOrder]);
    }
  }
}

TEST_F(ToyTable, MultiMulOfAllPairsOfPoints) {
  for (unsigned i = 0; i < kOrder; ++i) {
    for (unsigned j = 0; j < kOrder; ++j) {
      const unsigned a = (7 * i + j) % kOrder, b = (i + 5 * j) % kOrder;
      const std::array<Scalar, 2> k = {Scalar(toy_, a), Scalar(toy_, b)};
      const std::array<Point, 2> p = {table_[i], table_[j]};
      ASSERT_EQ(multi_mul_var(k, p), table_[(a * i + b * j) % kOrder]) << i << " " << j;
    }
  }
}

TEST_F(ToyTable, SomePointHasXZeroModOrder) {
  unsigned zeros = 0;
  for (unsigned i = 1; i < kOrder; ++i) zeros += table_[i].x_mod_order().is_zero() ? 1 : 0;
  EXPECT_GE(zeros, 2u);  // the generator has x = 0
}

TEST_F(ToyTable, EncodeAllOfTheWholeGroup) {
  const auto encoded = Point::encode_all(table_);
  for (unsigned i = 0; i < kOrder; ++i) EXPECT_EQ(encoded[i], table_[i].encode());
}

}  // namespace
}  // namespace quorate
