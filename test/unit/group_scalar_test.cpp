#include <gtest/gtest.h>

#include <type_traits>

#include "protocol/group/scalar.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"

namespace quorate {
namespace {

using reference::edge_scalars;
using reference::Number;

class ScalarTest : public testing::TestWithParam<const Curve*> {
 protected:
  const Curve& curve_ = *GetParam();
  Number n_ = Number::order(curve_);
  sim::SeededRng rng_{1, curve_.name()};

  std::vector<Scalar> samples(std::size_t random) {
    auto out = edge_scalars(curve_);
    while (random-- > 0) out.push_back(Scalar::random(curve_, rng_));
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Curves, ScalarTest, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& test) {
                           return test.param->is_toy() ? std::string("Toy")
                                                       : "P" + std::to_string(test.param->order_bits());
                         });

TEST_P(ScalarTest, AgreesWithBignumOnAllPairsOfEdgeAndRandomValues) {
  const auto values = samples(40);
  for (const auto& a : values) {
    for (const auto& b : values) {
      const Number na(a), nb(b);
      ASSERT_EQ(Number(a + b), (na + nb).mod(n_));
      ASSERT_EQ(Number(a - b), (na - nb).mod(n_));
      ASSERT_EQ(Number(a * b), (na * nb).mod(n_));
      ASSERT_EQ(a == b, na == nb);
    }
  }
}

TEST_P(ScalarTest, SecretAndMixedOperandsGiveTheSameValues) {
  const auto values = samples(10);
  for (const auto& a : values) {
    for (const auto& b : values) {
      const SecretScalar sa(a), sb(b);
      ASSERT_EQ(declassify(sa + sb), a + b);
      ASSERT_EQ(declassify(sa - b), a - b);
      ASSERT_EQ(declassify(a - sb), a - b);
      ASSERT_EQ(declassify(sa * b), a * b);
      ASSERT_EQ(declassify(a * sb), a * b);
    }
  }
}

TEST_P(ScalarTest, RingLaws) {
  for (int i = 0; i < 100; ++i) {
    const auto a = Scalar::random(curve_, rng_), b = Scalar::random(curve_, rng_),
               c = Scalar::random(curve_, rng_);
    EXPECT_EQ((a + b) + c, a + (b + c));
    EXPECT_EQ((a * b) * c, a * (b * c));
    EXPECT_EQ(a * (b + c), a * b + a * c);
    EXPECT_EQ(a * b, b * a);
    EXPECT_EQ(a - b, a + b.negate());
    EXPECT_TRUE((a + a.negate()).is_zero());
  }
}

TEST_P(ScalarTest, InverseTimesValueIsOneAndZeroStaysZero) {
  const Scalar one(curve_, 1);
  for (const auto& a : samples(50)) {
    if (a.is_zero()) {
      EXPECT_TRUE(a.invert().is_zero());
      continue;
    }
    EXPECT_EQ(a * a.invert(), one);
    EXPECT_EQ(Number(a.invert()), Number(a).inverse(n_));
    EXPECT_EQ(declassify(SecretScalar(a).invert()), a.invert());
  }
}

TEST_P(ScalarTest, BatchInversionAgreesWithSingleInversion) {
  for (const std::size_t count : {0u, 1u, 2u, 17u}) {
    std::vector<Scalar> values, expected;
    for (std::size_t i = 0; i < count; ++i) {
      values.push_back(Scalar::random_nonzero(curve_, rng_));
      expected.push_back(values.back().invert());
    }
    invert_all(values);
    EXPECT_EQ(values, expected);
  }
}

TEST_P(ScalarTest, EncodingRoundTripsAndIsBigEndian) {
  for (const auto& a : samples(50)) {
    const Bytes bytes = a.encode();
    ASSERT_EQ(bytes.size(), curve_.scalar_size());
    EXPECT_EQ(Scalar::decode(curve_, bytes).value(), a);
    EXPECT_EQ(declassify(SecretScalar::decode(curve_, bytes).value()), a);
    EXPECT_EQ(Number(a).encode(curve_.scalar_size()), bytes);
  }
  EXPECT_EQ(Scalar(curve_, 5).encode().back(), 5);
}

TEST_P(ScalarTest, DecodeRejectsTheOrderAndEverythingAbove) {
  const std::size_t size = curve_.scalar_size();
  EXPECT_TRUE(Scalar::decode(curve_, (n_ - Number(1)).encode(size)));
  EXPECT_FALSE(Scalar::decode(curve_, n_.encode(size)));
  EXPECT_FALSE(Scalar::decode(curve_, (n_ + Number(1)).encode(size)));
  EXPECT_FALSE(Scalar::decode(curve_, Bytes(size, 0xff)));
  EXPECT_FALSE(SecretScalar::decode(curve_, n_.encode(size)));
}

TEST_P(ScalarTest, DecodeRejectsEveryOtherLength) {
  for (std::size_t size = 0; size <= 2 * curve_.scalar_size(); ++size) {
    EXPECT_EQ(Scalar::decode(curve_, Bytes(size, 0)).has_value(), size == curve_.scalar_size()) << size;
  }
}

TEST_P(ScalarTest, ReduceAgreesWithBignumForEveryLength) {
  for (std::size_t size = 0; size <= 3 * curve_.wide_size(); ++size) {
    Bytes wide(size);
    rng_.fill(wide);
    EXPECT_EQ(Number(Scalar::reduce(curve_, wide)), Number(ByteView(wide)).mod(n_)) << size;
    std::fill(wide.begin(), wide.end(), std::uint8_t{0xff});
    EXPECT_EQ(Number(Scalar::reduce(curve_, wide)), Number(ByteView(wide)).mod(n_)) << size;
    EXPECT_EQ(Number(SecretScalar::reduce(curve_, wide)), Number(ByteView(wide)).mod(n_)) << size;
  }
}

TEST_P(ScalarTest, RandomTakesWideBytesAndReducesThem) {
  sim::SeededRng same(1, curve_.name());
  Bytes wide(curve_.wide_size());
  same.fill(wide);
  EXPECT_EQ(Number(Scalar::random(curve_, rng_)), Number(ByteView(wide)).mod(n_));
}

TEST_P(ScalarTest, SmallPlainAndMontgomeryFormsAgree) {
  EXPECT_EQ(Number(Scalar(curve_, ~std::uint64_t{0})), Number(~std::uint64_t{0}).mod(n_));
  for (const auto& a : samples(20)) {
    EXPECT_EQ(Scalar::from_plain(curve_, a.plain()), a);
    EXPECT_EQ(Scalar::from_montgomery(curve_, a.montgomery()), a);
    EXPECT_EQ(Number(std::span<const std::uint64_t>(a.plain())), Number(a));
    EXPECT_EQ(SecretScalar(a).clone().plain(), a.plain());
  }
}

TEST_P(ScalarTest, HighMeansAboveHalfTheOrder) {
  for (const auto& a : samples(50)) {
    const Number twice = Number(a) + Number(a);
    EXPECT_EQ(a.is_high(), n_ < twice) << to_hex(a.encode());
    if (!a.is_zero()) {
      EXPECT_NE(a.is_high(), a.negate().is_high());
    }
  }
}

TEST_P(ScalarTest, MovingASecretWipesItsSource) {
  SecretScalar a(Scalar(curve_, 7));
  const SecretScalar b = std::move(a);
  EXPECT_EQ(a.montgomery(), Limbs{});  // NOLINT: the point of the test
  EXPECT_EQ(declassify(b), Scalar(curve_, 7));
  SecretScalar c(curve_);
  c = b.clone();
  c.wipe();
  EXPECT_EQ(c.montgomery(), Limbs{});
}

TEST(ScalarToy, EveryPairOfScalars) {
  const Curve& toy = Curve::toy();
  for (unsigned i = 0; i < 241; ++i) {
    const Scalar a(toy, i);
    EXPECT_EQ(a.encode(), Bytes{static_cast<std::uint8_t>(i)});
    EXPECT_EQ(a.is_high(), i > 120);
    EXPECT_EQ(a.is_zero(), i == 0);
    EXPECT_EQ(a.negate(), Scalar(toy, (241 - i) % 241));
    for (unsigned j = 0; j < 241; ++j) {
      const Scalar b(toy, j);
      ASSERT_EQ((a + b).plain()[0], (i + j) % 241);
      ASSERT_EQ((a - b).plain()[0], (i + 241 - j) % 241);
      ASSERT_EQ((a * b).plain()[0], i * j % 241);
      ASSERT_EQ(a == b, i == j);
    }
  }
}

TEST(ScalarToy, RandomNonzeroMeetsEveryValueButZero) {
  sim::SeededRng rng(3);
  std::array<int, 241> seen{};
  bool zero = false;
  for (int i = 0; i < 8000; ++i) {
    ++seen[Scalar::random_nonzero(Curve::toy(), rng).plain()[0]];
    zero |= Scalar::random(Curve::toy(), rng).is_zero();
  }
  EXPECT_EQ(seen[0], 0);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 0), 1);
  EXPECT_TRUE(zero);
}

TEST(ScalarDeathTest, MixingCurvesEndsTheProcess) {
  const Scalar a(Curve::p256(), 1), b(Curve::p384(), 1);
  EXPECT_DEATH(static_cast<void>(a + b), "");
  EXPECT_DEATH(static_cast<void>(a * Scalar()), "");
}

static_assert(!std::is_copy_constructible_v<SecretScalar> && !std::is_copy_assignable_v<SecretScalar>);
static_assert(std::is_nothrow_move_constructible_v<SecretScalar>);
static_assert(!std::is_convertible_v<SecretScalar, Scalar> && !std::is_constructible_v<Scalar, SecretScalar>);
static_assert(std::is_same_v<decltype(Scalar() + SecretScalar()), SecretScalar>);
static_assert(std::is_same_v<decltype(Scalar() * Scalar()), Scalar>);
template <class T>
concept Comparable = requires(const T& t) {
  t == t;
};
static_assert(Comparable<Scalar> && !Comparable<SecretScalar>);

}  // namespace
}  // namespace quorate
