#include <gtest/gtest.h>

#include "protocol/group/shamir.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

class ShamirTest : public testing::TestWithParam<const Curve*> {
 protected:
  const Curve& curve_ = *GetParam();
  sim::SeededRng rng_{6, curve_.name()};

  Scalar reconstruct(const std::vector<SecretScalar>& shares, const Quorum& quorum) const {
    Scalar sum(curve_);
    for (const PartyId i : quorum) {
      sum = sum + lagrange_at_zero(curve_, quorum, i) * declassify(shares[i - 1u]);
    }
    return sum;
  }
};
INSTANTIATE_TEST_SUITE_P(Curves, ShamirTest, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& test) {
                           return test.param->is_toy() ? std::string("Toy")
                                                       : "P" + std::to_string(test.param->order_bits());
                         });

std::vector<Quorum> subsets(std::size_t n, std::size_t size) {
  std::vector<Quorum> out;
  for (unsigned bits = 0; bits < 1u << n; ++bits) {
    Quorum q;
    for (unsigned i = 0; i < n; ++i) {
      if ((bits >> i & 1) != 0) q.push_back(static_cast<PartyId>(i + 1));
    }
    if (q.size() == size) out.push_back(q);
  }
  return out;
}

TEST_P(ShamirTest, EveryQuorumOfEveryGroupUpToFiveReconstructs) {
  for (std::size_t n = 1; n <= 5; ++n) {
    for (std::size_t t = 1; t <= n; ++t) {
      const Polynomial f = Polynomial::random(curve_, t, rng_);
      ASSERT_EQ(f.size(), t);
      std::vector<SecretScalar> shares;
      for (std::size_t i = 1; i <= n; ++i) shares.push_back(f.evaluate(static_cast<PartyId>(i)));
      const Scalar secret = declassify(f.coefficient(0));
      for (std::size_t size = t; size <= n; ++size) {
        for (const auto& quorum : subsets(n, size)) EXPECT_EQ(reconstruct(shares, quorum), secret);
      }
      // One member short the same sum misses: the leading coefficient is not 0.
      if (t > 1) {
        for (const auto& quorum : subsets(n, t - 1)) EXPECT_NE(reconstruct(shares, quorum), secret);
      }
    }
  }
}

TEST_P(ShamirTest, CommitmentEvaluatesToTheShareTimesG) {
  const Polynomial f = Polynomial::random(curve_, 4, rng_);
  const auto commitment = f.commit();
  ASSERT_EQ(commitment.size(), 4u);
  for (PartyId at = 0; at <= kMaxParties; ++at) {
    EXPECT_EQ(evaluate_commitment(commitment, at), Point::mul_base(f.evaluate(at))) << int{at};
  }
  EXPECT_EQ(evaluate_commitment(commitment, 255), Point::mul_base(f.evaluate(255)));
}

TEST_P(ShamirTest, GivenConstantTermIsKeptAlsoIfItIsZero) {
  const Polynomial zero = Polynomial::with_constant(SecretScalar(curve_), 3, rng_);
  EXPECT_TRUE(declassify(zero.evaluate(0)).is_zero());
  EXPECT_TRUE(zero.commit()[0].is_infinity());
  const Polynomial f = Polynomial::with_constant(SecretScalar(curve_, 77), 3, rng_);
  EXPECT_EQ(declassify(f.evaluate(0)), Scalar(curve_, 77));
}

TEST_P(ShamirTest, NoRandomCoefficientIsZero) {
  for (int i = 0; i < 100; ++i) {
    for (const auto& p : Polynomial::random(curve_, 3, rng_).commit()) ASSERT_FALSE(p.is_infinity());
    if (!curve_.is_toy()) break;
  }
}

TEST_P(ShamirTest, LagrangeCoefficientsOfLargestGroup) {
  Quorum all;
  for (PartyId i = 1; i <= kMaxParties; ++i) all.push_back(i);
  // Interpolating the constant 1 gives 1, interpolating X gives 0.
  Scalar ones(curve_), xs(curve_);
  for (const PartyId i : all) {
    const Scalar lambda = lagrange_at_zero(curve_, all, i);
    ones = ones + lambda;
    xs = xs + lambda * Scalar(curve_, i);
  }
  EXPECT_EQ(ones, Scalar(curve_, 1));
  EXPECT_TRUE(xs.is_zero());
  EXPECT_EQ(lagrange_at_zero(curve_, {9}, 9), Scalar(curve_, 1));
  EXPECT_DEATH(static_cast<void>(lagrange_at_zero(curve_, {1, 2}, 3)), "");
}

}  // namespace
}  // namespace quorate
