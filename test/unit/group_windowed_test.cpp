// Our own group law and multiplication against OpenSSL's, and exhaustively on the toy curve.
#include <gtest/gtest.h>

#include "protocol/group/windowed.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"

namespace quorate {
namespace {

using reference::by_openssl;

template <std::size_t N>
Projective<N> scaled(const GroupLaw<N>& law, const Point& p, std::uint64_t factor) {
  const auto& f = law.field();
  const auto q = law.from_point(p);
  const auto s = f.small(factor);
  return {f.mul(q.x, s), f.mul(q.y, s), f.mul(q.z, s)};
}

template <std::size_t N>
void check_group_law(const Curve& curve) {
  const GroupLaw<N> law(curve);
  sim::SeededRng rng(9, curve.name());
  const Point p = by_openssl(Scalar::random(curve, rng), Point::generator(curve));
  const Point q = by_openssl(Scalar::random(curve, rng), Point::generator(curve));
  const std::vector<Point> points = {p, q, p.negate(), p + p, Point(curve), Point::generator(curve), p + q};
  for (const auto& a : points) {
    for (const auto& b : points) {
      EXPECT_EQ(law.to_point(law.add(law.from_point(a), law.from_point(b))), a + b);
      EXPECT_EQ(law.to_point(law.add(scaled(law, a, 7), scaled(law, b, 1234567))), a + b);
    }
    Point doubled = a;
    for (int times = 0; times < 7; ++times) {
      EXPECT_EQ(law.to_point(law.double_repeatedly(scaled(law, a, 99), times)), doubled) << times;
      doubled += Point(doubled);
    }
  }
}

TEST(GroupLaw, AgreesWithOpenSslOnDistinctEqualOppositeAndNeutralPoints) {
  check_group_law<4>(Curve::p256());
  check_group_law<6>(Curve::p384());
}

template <std::size_t N>
void check_multiplication(const Curve& curve) {
  const Windowed<N> windowed(curve);
  sim::SeededRng rng(10, curve.name());
  const Point g = Point::generator(curve);
  const Point p = by_openssl(Scalar::random(curve, rng), g) + g;
  auto scalars = reference::edge_scalars(curve);
  for (unsigned i = 0; i < 40; ++i) scalars.emplace_back(curve, i);
  for (unsigned i = 0; i < 40; ++i) scalars.push_back(Scalar::random(curve, rng));
  for (const auto& k : scalars) {
    ASSERT_EQ(windowed.multiply_base(k.plain()), by_openssl(k, g)) << to_hex(k.encode());
    ASSERT_EQ(windowed.multiply(k.plain(), p), by_openssl(k, p)) << to_hex(k.encode());
  }
  EXPECT_TRUE(windowed.multiply(scalars.back().plain(), Point(curve)).is_infinity());
}

TEST(Windowed, AgreesWithOpenSslOnEdgeAndRandomScalarsOfP256) { check_multiplication<4>(Curve::p256()); }
TEST(Windowed, AgreesWithOpenSslOnEdgeAndRandomScalarsOfP384) { check_multiplication<6>(Curve::p384()); }

/// Single bits and runs of ones at every place: each digit of the recoding takes all its values.
TEST(Windowed, EveryBitPositionOfP384) {
  const Curve& curve = Curve::p384();
  const Windowed<6>& windowed = p384_multiplication();
  Point power = Point::generator(curve);
  for (std::size_t bit = 0; bit + 1 < curve.order_bits(); ++bit) {
    Limbs k{};
    k[bit / 64] = std::uint64_t{1} << (bit % 64);
    ASSERT_EQ(windowed.multiply_base(k), power) << bit;
    Limbs below = k;  // k - 1: all ones below
    for (auto& word : below) {
      if (word-- != 0) break;
    }
    ASSERT_EQ(windowed.multiply_base(below), power - Point::generator(curve)) << bit;
    power += Point(power);
  }
}

TEST(Windowed, EveryScalarTimesEveryPointOfTheToyCurve) {
  const Curve& toy = Curve::toy();
  const Windowed<1> windowed(toy);
  std::vector<Point> table;
  Point sum(toy);
  for (unsigned i = 0; i < 241; ++i) {
    table.push_back(sum);
    sum += Point::generator(toy);
  }
  for (unsigned k = 0; k < 241; ++k) {
    ASSERT_EQ(windowed.multiply_base(Limbs{k}), table[k]) << k;
    for (unsigned i = 0; i < 241; ++i) ASSERT_EQ(windowed.multiply(Limbs{k}, table[i]), table[k * i % 241]);
  }
}

/// Sums on both sides of a block of points: right, and wrong in one place.
void check_vanishing(const Curve& curve) {
  sim::SeededRng rng(11, curve.name());
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{31}, std::size_t{32}, std::size_t{33}, std::size_t{70}}) {
    std::vector<SecretScalar> k;
    std::vector<Point> p;
    Point sum(curve);
    for (std::size_t i = 0; i < n; ++i) {
      k.push_back(i % 7 == 3 ? SecretScalar(curve) : SecretScalar::random(curve, rng));
      p.push_back(i % 5 == 4 ? Point(curve) : Point::mul_base(SecretScalar::random(curve, rng)));
      sum += p.back().mul(k.back());
    }
    const SecretScalar g = SecretScalar::random(curve, rng);
    const Point q = (sum + Point::mul_base(g)).negate();
    EXPECT_TRUE(vanishes(k, p, g, q)) << n;
    EXPECT_FALSE(vanishes(k, p, g, q + Point::generator(curve))) << n;
    EXPECT_FALSE(vanishes(k, p, g + SecretScalar(Scalar(curve, 1)), q)) << n;
    for (std::size_t i = 0; i < n; ++i) {
      if (p[i].is_infinity()) continue;
      k[i] = k[i] + SecretScalar(Scalar(curve, 1));
      EXPECT_FALSE(vanishes(k, p, g, q)) << n << " " << i;
      k[i] = k[i] - SecretScalar(Scalar(curve, 1));
    }
  }
  EXPECT_TRUE(vanishes({}, {}, SecretScalar(curve), Point(curve)));
}

TEST(Windowed, SumsOfP256VanishOnlyIfTheyAreRight) { check_vanishing(Curve::p256()); }
TEST(Windowed, SumsOfP384VanishOnlyIfTheyAreRight) { check_vanishing(Curve::p384()); }

TEST(Windowed, SumsOfTheToyCurveVanishExactlyWhenTheyShould) {
  const Curve& toy = Curve::toy();
  const Point generator = Point::generator(toy);
  for (unsigned k = 0; k < 241; k += 3)
    for (unsigned p = 0; p < 241; p += 7)
      for (unsigned g = 0; g < 241; g += 11) {
        const SecretScalar factors[] = {SecretScalar(Scalar(toy, k)), SecretScalar(Scalar(toy, 240))};
        const Point points[] = {generator.mul_var(Scalar(toy, p)), generator};
        const Point q = generator.mul_var(Scalar(toy, 5));
        ASSERT_EQ(vanishes(factors, points, SecretScalar(Scalar(toy, g)), q), (k * p + 240 + g + 5) % 241 == 0);
      }
}

TEST(GroupLaw, APointOffTheCurveEndsTheProcess) {
  const GroupLaw<6> law(Curve::p384());
  const auto one = law.field().one();
  EXPECT_DEATH(static_cast<void>(law.to_point({one, one, one})), "");
  EXPECT_TRUE(law.to_point({one, one, {}}).is_infinity());
}

}  // namespace
}  // namespace quorate
