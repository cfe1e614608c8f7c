// The table behind verification, in words and in lanes of both kinds, against OpenSSL and exhaustively on the
// toy curve.
#include "protocol/group/verification_key.h"

#include <gtest/gtest.h>

#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"
#include "test/unit/lanes_used.h"

namespace quorate {
namespace {

using reference::by_openssl;

/// One of the two points with that x-coordinate, if there is one.
std::optional<Point> lifted(const Curve& curve, const reference::Number& x) {
  Point out(curve);
  if (EC_POINT_set_compressed_coordinates(curve.group(), const_cast<EC_POINT*>(out.get()), x.get(), 0,
                                          nullptr) != 1)
    return std::nullopt;
  return out;
}

class Verification : public testing::TestWithParam<Lanes> {
 protected:
  void SetUp() override {
    if (!can_use(GetParam())) GTEST_SKIP() << "no AVX-512 IFMA";
    lanes_.emplace(GetParam());
  }
  static void expect_sum(const VerificationKey& key, const Scalar& a, const Scalar& b) {
    const Curve& curve = a.curve();
    const Point sum = by_openssl(a, Point::generator(curve)) + by_openssl(b, key.point());
    const Scalar one(curve, 1);
    if (sum.is_infinity()) {
      ASSERT_FALSE(key.reaches_var(a, b, Scalar(curve)));
      ASSERT_FALSE(key.reaches_var(a, b, one));
      return;
    }
    const Scalar r = sum.x_mod_order();
    ASSERT_TRUE(key.reaches_var(a, b, r)) << to_hex(a.encode()) << " " << to_hex(b.encode());
    ASSERT_FALSE(key.reaches_var(a, b, r + one)) << to_hex(a.encode()) << " " << to_hex(b.encode());
    ASSERT_FALSE(key.reaches_var(a, b, r.negate())) << to_hex(a.encode()) << " " << to_hex(b.encode());
  }

 private:
  std::optional<LanesUsed> lanes_;
};
std::string name_of(const testing::TestParamInfo<Lanes>& info) {
  return info.param == Lanes::None ? "Words" : info.param == Lanes::Portable ? "Portable" : "Ifma";
}
INSTANTIATE_TEST_SUITE_P(Lanes, Verification, testing::Values(Lanes::None, Lanes::Portable, Lanes::Ifma),
                         name_of);

TEST_P(Verification, random_and_edge_scalars_agree_with_openssl) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    sim::SeededRng rng(21, curve->name());
    const VerificationKey key(by_openssl(Scalar::random(*curve, rng), Point::generator(*curve)));
    const int rounds = curve == &Curve::p256() ? 400 : 60;
    for (int i = 0; i < rounds; ++i)
      expect_sum(key, Scalar::random(*curve, rng), Scalar::random(*curve, rng));
    const Scalar other = Scalar::random(*curve, rng), none(*curve);
    for (const auto& edge : reference::edge_scalars(*curve)) {
      expect_sum(key, edge, other);
      expect_sum(key, other, edge);
      expect_sum(key, edge, edge);
      expect_sum(key, edge, none);
      expect_sum(key, none, edge);
    }
  }
}

/// Every digit in every window: one, all of one window's magnitude, and those that carry into the next.
TEST_P(Verification, every_window_takes_every_digit) {
  const Curve& curve = Curve::p256();
  const Point two = by_openssl(Scalar(curve, 2), Point::generator(curve));
  const VerificationKey key(two);
  const Scalar base(curve, 256);
  for (std::uint64_t digit = 1; digit < 256; digit += GetParam() == Lanes::None ? 1 : 9) {
    Scalar k(curve, digit);
    for (int window = 0; window < 32; ++window, k = k * base) {
      // k (G - X / 2) is infinity, and one G more is G.
      const Scalar half = (k * Scalar(curve, 2).invert()).negate();
      ASSERT_FALSE(key.reaches_var(k, half, Scalar(curve)));
      ASSERT_TRUE(key.reaches_var(k + Scalar(curve, 1), half, Point::generator(curve).x_mod_order()))
          << digit << " " << window;
    }
  }
}

/// X = +-G and small multiples make the same point, or its negative, come up twice among what is added.
TEST_P(Verification, equal_and_opposite_points_meet) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    sim::SeededRng rng(22, curve->name());
    const Point g = Point::generator(*curve);
    std::vector<Scalar> scalars{Scalar(*curve), Scalar(*curve, 1), Scalar(*curve, 2), Scalar(*curve, 65)};
    // Eight windows of digits that are not 0: then all eight lanes meet at once.
    scalars.emplace_back(*curve, curve == &Curve::p256() ? 0x0102030405060708 : 0x041041041041);
    scalars.emplace_back(*curve, curve == &Curve::p256() ? 0x0102030405060709 : 0x041041041042);
    scalars.push_back(Scalar::random(*curve, rng));
    for (std::size_t i = scalars.size(); i-- > 1;) scalars.push_back(scalars[i].negate());
    for (const std::uint64_t multiple : {1, 2, 256})
      for (const bool negative : {false, true}) {
        const Point X = by_openssl(Scalar(*curve, multiple), g);
        const VerificationKey key(negative ? X.negate() : X);
        for (const auto& a : scalars)
          for (const auto& b : scalars) expect_sum(key, a, b);
      }
  }
}

/// x = r + n is below p, which happens once in 2^128 (P-256) and 2^194 (P-384).
TEST_P(Verification, an_x_that_was_reduced_is_recognised) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    sim::SeededRng rng(23, curve->name());
    int above = 0, below = 0;
    for (std::uint64_t small = 1; small < 40; ++small)
      for (const bool reduced : {false, true}) {
        const reference::Number x =
            reduced ? reference::Number::order(*curve) + reference::Number(small) : reference::Number(small);
        const auto R = lifted(*curve, x);
        if (!R) continue;
        ++(reduced ? above : below);
        // a G + b X = R by the choice of X.
        const Scalar a = Scalar::random(*curve, rng), b = Scalar::random_nonzero(*curve, rng);
        const VerificationKey key(by_openssl(b.invert(), *R - by_openssl(a, Point::generator(*curve))));
        EXPECT_TRUE(key.reaches_var(a, b, Scalar(*curve, small))) << reduced << " " << small;
        EXPECT_FALSE(key.reaches_var(a, b, Scalar(*curve, small + 1))) << reduced << " " << small;
        if (above > 2 && below > 2) break;
      }
    EXPECT_TRUE(above > 2 && below > 2);
  }
}

TEST_P(Verification, copies_share_and_a_key_at_infinity_reaches_nothing) {
  const Curve& curve = Curve::p256();
  const VerificationKey none{Point(curve)};
  const Scalar one(curve, 1);
  EXPECT_FALSE(none.reaches_var(one, one, Point::generator(curve).x_mod_order()));
  VerificationKey copy;
  {
    const VerificationKey key(Point::generator(curve));
    copy = key;
  }
  EXPECT_TRUE(copy.reaches_var(Scalar(curve), one, Point::generator(curve).x_mod_order()));
  EXPECT_TRUE(copy.point() == Point::generator(curve));
  EXPECT_DEATH(static_cast<void>(copy.reaches_var(Scalar(Curve::p384(), 1), one, one)), "");
}

TEST(VerificationToy, every_sum_of_some_keys) {
  constexpr unsigned kOrder = 241;
  const Curve& toy = Curve::toy();
  std::vector<Scalar> scalars;
  std::vector<Point> table{Point(toy)};
  for (unsigned i = 0; i < kOrder; ++i) scalars.emplace_back(toy, i);
  for (unsigned i = 1; i < kOrder; ++i) table.push_back(table.back() + Point::generator(toy));
  std::vector<std::optional<Scalar>> x(kOrder);
  for (unsigned i = 1; i < kOrder; ++i) x[i] = table[i].x_mod_order();
  for (const unsigned secret : {1U, 2U, 8U, 120U, 121U, 233U, 239U, 240U}) {
    const VerificationKey key(table[secret]);
    for (unsigned a = 0; a < kOrder; ++a)
      for (unsigned b = 0; b < kOrder; ++b) {
        const auto& r = x[(a + b * secret) % kOrder];
        if (r) {
          ASSERT_TRUE(key.reaches_var(scalars[a], scalars[b], *r)) << secret << " " << a << " " << b;
        }
        ASSERT_FALSE(key.reaches_var(scalars[a], scalars[b], (r ? *r : scalars[a]) + scalars[1]))
            << secret << " " << a << " " << b;
      }
  }
}

TEST(InverseVar, agrees_with_fermat) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384(), &Curve::toy()}) {
    sim::SeededRng rng(24, curve->name());
    std::vector<Scalar> scalars = reference::edge_scalars(*curve);
    for (std::uint64_t i = 0; i < 241; ++i) scalars.emplace_back(*curve, i);
    for (int i = 0; i < 3000; ++i) scalars.push_back(Scalar::random(*curve, rng));
    Scalar power(*curve, 1);
    for (std::size_t i = 0; i < curve->order_bits(); ++i, power = power + power) {
      scalars.push_back(power);
      scalars.push_back(power.negate());
      scalars.push_back(power - Scalar(*curve, 1));
    }
    for (const auto& k : scalars) ASSERT_EQ(k.invert_var(), k.invert()) << to_hex(k.encode());
  }
}

}  // namespace
}  // namespace quorate
