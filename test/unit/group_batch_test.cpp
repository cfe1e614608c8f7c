// Products of many points by lanes, of both kinds, and one by one, against OpenSSL.
#include "protocol/group/batch.h"

#include <gtest/gtest.h>

#include "protocol/group/coordinates.h"
#include "protocol/group/lane_coordinate.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"
#include "test/unit/lanes_used.h"

namespace quorate {
namespace {

using reference::by_openssl;

class Batch : public testing::TestWithParam<Lanes> {
 protected:
  void SetUp() override {
    if (!can_use(GetParam())) GTEST_SKIP() << "no AVX-512 IFMA";
    lanes_.emplace(GetParam());
  }

 private:
  std::optional<LanesUsed> lanes_;
};
std::string name_of(const testing::TestParamInfo<Lanes>& info) {
  return info.param == Lanes::None ? "OneByOne" : info.param == Lanes::Portable ? "Portable" : "Ifma";
}
INSTANTIATE_TEST_SUITE_P(Lanes, Batch, testing::Values(Lanes::None, Lanes::Portable, Lanes::Ifma), name_of);

std::vector<SecretScalar> secrets(std::span<const Scalar> scalars) {
  std::vector<SecretScalar> out;
  for (const auto& k : scalars) out.emplace_back(k);
  return out;
}

void expect_products(std::span<const Scalar> k, std::span<const Scalar> l, std::span<const Point> p) {
  const auto first = secrets(k), second = secrets(l);
  const auto base = mul_base_each(first), single = mul_each(first, p);
  const auto [left, right] = mul_each(first, second, p);
  ASSERT_TRUE(base.size() == k.size() && single.size() == k.size() && left.size() == k.size() &&
              right.size() == k.size());
  for (std::size_t i = 0; i < k.size(); ++i) {
    const Point expected = by_openssl(k[i], p[i]);
    ASSERT_EQ(base[i], by_openssl(k[i], Point::generator(p[i].curve()))) << i << " " << to_hex(k[i].encode());
    ASSERT_EQ(single[i], expected) << i << " " << to_hex(k[i].encode());
    ASSERT_EQ(left[i], expected) << i << " " << to_hex(k[i].encode());
    ASSERT_EQ(right[i], by_openssl(l[i], p[i])) << i << " " << to_hex(l[i].encode());
  }
}

std::vector<Scalar> random_scalars(const Curve& curve, std::size_t count, sim::SeededRng& rng) {
  std::vector<Scalar> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(Scalar::random(curve, rng));
  return out;
}
std::vector<Point> random_points(const Curve& curve, std::size_t count, sim::SeededRng& rng) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(by_openssl(Scalar::random(curve, rng), Point::generator(curve)));
  return out;
}

void check_every_size(const Curve& curve, std::initializer_list<std::size_t> sizes) {
  sim::SeededRng rng(21, curve.name());
  for (const std::size_t n : sizes)
    expect_products(random_scalars(curve, n, rng), random_scalars(curve, n, rng), random_points(curve, n, rng));
}

TEST_P(Batch, OfEverySizeOnP256) {
  check_every_size(Curve::p256(), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 64, 65, 72, 73});
}
TEST_P(Batch, OfSomeSizesOnP384) { check_every_size(Curve::p384(), {1, 2, 7, 8, 9, 17, 65}); }
TEST_P(Batch, OfToyPointsIsOneByOne) { check_every_size(Curve::toy(), {1, 9}); }

/// Where the running sum could meet a table entry: scalars within a digit or two of 0 and of the order, at the
/// bottom of both halves that a scalar is split into, and at every window of the base table.
std::vector<Scalar> extreme_scalars(const Curve& curve) {
  auto out = reference::edge_scalars(curve);
  const Scalar half = Scalar::from_plain(curve, curve.id() == CurveId::P256 ? Limbs{0, 0, 4} : Limbs{0, 0, 0, 8});
  for (unsigned i = 1; i <= 33; ++i) {
    const Scalar small(curve, i), upper = small * half;
    for (const auto& k : {small, upper, upper + small, upper - small}) {
      out.push_back(k);
      out.push_back(k.negate());
    }
  }
  Scalar power(curve, 1);
  for (std::size_t bit = 0; bit < curve.order_bits(); bit += 5) {
    out.insert(out.end(), {power, power.negate(), power * Scalar(curve, 16), power * Scalar(curve, 17)});
    power = power * Scalar(curve, 32);
  }
  return out;
}

void check_extremes(const Curve& curve, bool thorough) {
  sim::SeededRng rng(22, curve.name());
  auto k = extreme_scalars(curve);
  if (!thorough) k.resize(k.size() / 4);
  const std::vector<Scalar> reversed(k.rbegin(), k.rend());
  expect_products(k, reversed, random_points(curve, k.size(), rng));
}

TEST_P(Batch, ExtremeScalarsOfP256) { check_extremes(Curve::p256(), true); }
TEST_P(Batch, ExtremeScalarsOfP384) { check_extremes(Curve::p384(), GetParam() != Lanes::Portable); }

/// Infinity is written as (0, 0); these are not infinity. b is a square on both curves.
Point with_x_zero(const Curve& curve) {
  const std::string y = curve.id() == CurveId::P256
                            ? "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"
                            : "c306610fb0ae5a159cf45c06069f22a6c5eb3641c602d42dea2c4b4f75550793406d80d2b91ad54f9048bd487af1ade1";
  return Point::decode(curve, *from_hex("04" + std::string(y.size(), '0') + y)).value();
}

TEST_P(Batch, PointsWhoseXIsZero) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    sim::SeededRng rng(25, curve->name());
    const Point zero_x = with_x_zero(*curve);
    const std::vector<Point> points = {zero_x, Point(*curve), zero_x.negate(), random_points(*curve, 1, rng).front(), zero_x};
    expect_products(random_scalars(*curve, 5, rng), random_scalars(*curve, 5, rng), points);
    const auto k = random_scalars(*curve, 5, rng);
    Point expected(*curve);
    for (std::size_t i = 0; i < 5; ++i) expected += by_openssl(k[i], points[i]);
    EXPECT_EQ(multi_mul_var(k, points), expected);
  }
}

void check_special_points(const Curve& curve) {
  sim::SeededRng rng(23, curve.name());
  const Point g = Point::generator(curve), p = random_points(curve, 1, rng).front();
  const Point scaled = p + g;  // Z is not 1
  const std::vector<Point> points = {Point(curve), g, p, p.negate(), scaled, p, Point(curve), g.negate(), p + p,
                                     scaled - scaled};
  expect_products(random_scalars(curve, points.size(), rng), random_scalars(curve, points.size(), rng), points);
  for (const auto& q : {p, Point(curve)}) {
    const std::vector<Point> same(8, q);
    const Scalar k = Scalar::random(curve, rng);
    expect_products(std::vector<Scalar>(8, k), std::vector<Scalar>(8, k.negate()), same);
  }
}

TEST_P(Batch, InfinityAndEqualAndOppositePoints) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384(), &Curve::toy()}) check_special_points(*curve);
}

/// What goes wrong if additions in a sum are not complete: equal and opposite points in one lane.
void check_sums(const Curve& curve) {
  sim::SeededRng rng(24, curve.name());
  const Point p = random_points(curve, 1, rng).front();
  for (const std::size_t n : {1, 3, 4, 8, 24, 130}) {
    for (const std::size_t bits : {1, 4, 5, 64, 128, 129, 250}) {
      std::vector<Scalar> k;
      std::vector<Point> points;
      Point expected(curve);
      for (std::size_t i = 0; i < n; ++i) {
        const auto wide = Scalar::random(curve, rng).encode();
        Limbs limbs{};
        residue::from_big_endian(limbs, ByteView(wide).last((bits + 7) / 8));
        limbs[(bits - 1) / 64] &= ~std::uint64_t{0} >> (63 - (bits - 1) % 64);
        k.push_back(i % 3 == 2 ? k.back() : Scalar::from_plain(curve, limbs));
        points.push_back(i % 5 == 4 ? Point(curve) : i % 2 == 1 ? p : p.negate());
        expected += by_openssl(k.back(), points.back());
      }
      ASSERT_EQ(multi_mul_var(k, points), expected) << n << " " << bits;
    }
  }
}

TEST_P(Batch, SumsOfRelatedPointsOfP256) { check_sums(Curve::p256()); }
TEST_P(Batch, SumsOfRelatedPointsOfP384) { check_sums(Curve::p384()); }

/// Right, and wrong in each term in turn, on both sides of a block of the kernel.
void check_vanishing(const Curve& curve, std::initializer_list<std::size_t> sizes) {
  sim::SeededRng rng(25, curve.name());
  for (const std::size_t n : sizes) {
    std::vector<SecretScalar> k;
    auto p = random_points(curve, n, rng);
    Point sum(curve);
    for (std::size_t i = 0; i < n; ++i) {
      k.push_back(i % 7 == 3 ? SecretScalar(curve) : SecretScalar::random(curve, rng));
      if (i % 5 == 4) p[i] = Point(curve);
      if (i % 11 == 10) p[i] = p[i - 8];
      sum += by_openssl(declassify(k.back()), p[i]);
    }
    const SecretScalar g = SecretScalar::random(curve, rng), one(Scalar(curve, 1));
    const Point q = (sum + Point::mul_base(g)).negate();
    EXPECT_TRUE(vanishes(k, p, g, q)) << n;
    EXPECT_FALSE(vanishes(k, p, g, q + Point::generator(curve))) << n;
    EXPECT_FALSE(vanishes(k, p, g + one, q)) << n;
    for (std::size_t i = 0; i < n; ++i) {
      if (p[i].is_infinity()) continue;
      k[i] = k[i] + one;
      EXPECT_FALSE(vanishes(k, p, g, q)) << n << " " << i;
      k[i] = k[i] - one;
    }
  }
}

TEST_P(Batch, SumsOfP256VanishOnlyIfTheyAreRight) { check_vanishing(Curve::p256(), {4, 8, 9, 17, 129}); }
TEST_P(Batch, SumsOfP384VanishOnlyIfTheyAreRight) { check_vanishing(Curve::p384(), {4, 9, 17}); }

template <std::size_t L>
void expect_constants_of(const Curve& curve) {
  const auto& lanes = curve.field().lanes;
  for (std::size_t i = 0; i < L; ++i) {
    EXPECT_EQ(kLaneConstants<L>.p[i], lanes.n[i]);
    EXPECT_EQ(kLaneConstants<L>.one[i], lanes.r[i]);
    EXPECT_EQ(kLaneConstants<L>.r2[i], lanes.r2[i]);
  }
}

TEST(LaneConstants, AreThoseOfTheCurves) {
  expect_constants_of<5>(Curve::p256());
  expect_constants_of<8>(Curve::p384());
}

TEST(Coordinates, FromCheckedGivesThePointBack) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384(), &Curve::toy()}) {
    sim::SeededRng rng(26, curve->name());
    auto points = random_points(*curve, 3, rng);
    points.push_back(points[0] + points[1]);
    points.emplace_back(*curve);
    const auto coordinates = affine_all(points);
    for (std::size_t i = 0; i < points.size(); ++i) EXPECT_EQ(Point::from_checked(*curve, coordinates[i]), points[i]);
  }
}

/// The bytes of a BIGNUM that are 0 are not stored, however many there are.
TEST(Coordinates, FromCheckedTakesCoordinatesThatBeginWithZeros) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    Point p = Point::generator(*curve);
    for (std::size_t found = 0; found < 3; p += Point::generator(*curve)) {
      const auto bytes = p.encode();
      if (bytes[1] != 0 && bytes[1 + curve->field_size()] != 0) continue;
      const auto q = Point::from_checked(*curve, affine_all({&p, 1}).front());
      EXPECT_EQ(q.encode(), bytes);
      ++found;
    }
  }
}

/// A point off the curve can only come from a fault.
TEST_P(Batch, AFaultyPointEndsTheProcess) {
  if (GetParam() == Lanes::None) GTEST_SKIP() << "OpenSSL has its own checks";
  const Curve& curve = Curve::p256();
  const Point off = Point::from_checked(curve, {Limbs{1}, Limbs{1}});
  const auto k = secrets(std::vector<Scalar>(8, Scalar(curve, 3)));
  EXPECT_DEATH(static_cast<void>(mul_each(k, std::vector<Point>(8, off))), "");
}

TEST_P(Batch, ListsOfDifferentLengthsEndTheProcess) {
  const Curve& curve = Curve::p256();
  const auto eight = secrets(std::vector<Scalar>(8, Scalar(curve, 3))), seven = secrets(std::vector<Scalar>(7, Scalar(curve, 3)));
  const std::vector<Point> points(8, Point::generator(curve));
  EXPECT_DEATH(static_cast<void>(mul_each(seven, points)), "");
  EXPECT_DEATH(static_cast<void>(mul_each(seven, eight, points)), "");
  EXPECT_DEATH(static_cast<void>(mul_each(eight, seven, points)), "");
}

}  // namespace
}  // namespace quorate
