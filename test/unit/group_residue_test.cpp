#include <gtest/gtest.h>

#include "protocol/group/scalar.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"

namespace quorate {
namespace {

using reference::Number;

/// Both moduli of every curve: orders and field primes go through the same kernels.
struct Case {
  const Curve* curve;
  bool field;
};

class ResidueTest : public testing::TestWithParam<Case> {
 protected:
  const Modulus& m_ = GetParam().field ? GetParam().curve->field() : GetParam().curve->order();
  Number n_ = GetParam().field ? Number::field(*GetParam().curve) : Number::order(*GetParam().curve);
  sim::SeededRng rng_{2};

  Number number(const Limbs& limbs) const { return Number(std::span<const std::uint64_t>(limbs)); }
  Number power_of_two(std::size_t bits) const {
    Number r(1);
    BN_lshift(r.get(), r.get(), static_cast<int>(bits));
    return r;
  }
  Limbs random_below() {
    Bytes wide(64);
    rng_.fill(wide);
    return Number(ByteView(wide)).mod(n_).limbs();
  }
  std::vector<Limbs> samples() {
    std::vector<Limbs> out = {Limbs{}, Limbs{1}, (n_ - Number(1)).limbs(), (n_ - Number(2)).limbs(),
                              m_.r,    m_.r2};
    for (int i = 0; i < 20; ++i) out.push_back(random_below());
    return out;
  }
  void pack(std::vector<std::uint64_t>& out, const Limbs& limbs) const {
    out.insert(out.end(), limbs.begin(), limbs.begin() + static_cast<std::ptrdiff_t>(m_.limbs));
  }
  Limbs to_montgomery(const Limbs& plain) const {
    Limbs r;
    residue::mont_mul(m_, r, plain, m_.r2);
    return r;
  }
};
INSTANTIATE_TEST_SUITE_P(Moduli, ResidueTest,
                         testing::Values(Case{&Curve::p256(), false}, Case{&Curve::p384(), false},
                                         Case{&Curve::toy(), false}, Case{&Curve::p256(), true},
                                         Case{&Curve::p384(), true}, Case{&Curve::toy(), true}),
                         [](const auto& test) {
                           return (test.param.curve->is_toy()
                                       ? std::string("Toy")
                                       : "P" + std::to_string(test.param.curve->order_bits())) +
                                  (test.param.field ? "Field" : "Order");
                         });

TEST_P(ResidueTest, ConstantsAreWhatTheyClaim) {
  EXPECT_EQ(number(m_.n), n_);
  EXPECT_EQ(number(m_.r), power_of_two(64 * m_.limbs).mod(n_));
  EXPECT_EQ(number(m_.r2), power_of_two(128 * m_.limbs).mod(n_));
  EXPECT_EQ(m_.n0 * m_.n[0] + 1, 0u);
  EXPECT_EQ(BN_check_prime(n_.get(), nullptr, nullptr), 1);
}

TEST_P(ResidueTest, AddSubAndMontgomeryProductAgreeWithBignum) {
  const Number r_inverse = power_of_two(64 * m_.limbs).mod(n_).inverse(n_);
  for (const auto& a : samples()) {
    for (const auto& b : samples()) {
      Limbs r;
      residue::add(m_, r, a, b);
      ASSERT_EQ(number(r), (number(a) + number(b)).mod(n_));
      residue::sub(m_, r, a, b);
      ASSERT_EQ(number(r), (number(a) - number(b)).mod(n_));
      residue::mont_mul(m_, r, a, b);
      ASSERT_EQ(number(r), (number(a) * number(b) * r_inverse).mod(n_));
      r = a;
      residue::mont_mul(m_, r, r, r);  // in place
      ASSERT_EQ(number(r), (number(a) * number(a) * r_inverse).mod(n_));
    }
  }
}

TEST_P(ResidueTest, MontgomeryProductTakesOneOperandAboveTheModulus) {
  Limbs all{}, r;
  for (std::size_t i = 0; i < m_.limbs; ++i) all[i] = ~std::uint64_t{0};
  for (const auto& b : samples()) {
    residue::mont_mul(m_, r, all, to_montgomery(b));
    EXPECT_EQ(number(r), (number(all) * number(b)).mod(n_));
  }
}

TEST_P(ResidueTest, ReduceWideAgreesWithBignumForEveryNumberOfWords) {
  for (std::size_t words = 0; words <= 20; ++words) {
    for (const bool ones : {false, true}) {
      std::vector<std::uint64_t> wide(words, ~std::uint64_t{0});
      if (!ones) {
        for (auto& w : wide) w = rng_.below(~std::uint64_t{0});
      }
      Limbs r;
      residue::reduce_wide(m_, r, wide);
      EXPECT_EQ(number(r), Number(std::span<const std::uint64_t>(wide)).mod(n_)) << words;
    }
  }
}

TEST_P(ResidueTest, InnerProductAgreesWithBignumForEveryStrideAndCount) {
  for (const std::size_t count : {0u, 1u, 2u, 3u, 5u, 416u, 544u}) {
    for (const std::size_t stride : {1u, 3u}) {
      std::vector<std::uint64_t> mont, plain;
      Number expected(0);
      for (std::size_t j = 0; j < count; ++j) {
        const Limbs a = random_below();
        pack(mont, to_montgomery(a));
        for (std::size_t s = 0; s < stride; ++s) {
          const Limbs b = random_below();
          pack(plain, b);
          if (s == 0) expected = expected + number(a) * number(b);
        }
      }
      // The last element may be the end of the array.
      if (count > 0) plain.resize(((count - 1) * stride + 1) * m_.limbs);
      Limbs r;
      residue::inner_product(m_, r, mont, plain, stride);
      EXPECT_EQ(number(r), expected.mod(n_)) << count << " " << stride;
    }
  }
}

TEST_P(ResidueTest, InnerProductOfLargestValuesDoesNotOverflow) {
  const Limbs top = (n_ - Number(1)).limbs();
  for (const std::size_t count : {1u, 2u, 1000u, 20000u}) {
    std::vector<std::uint64_t> mont, plain;
    for (std::size_t j = 0; j < count; ++j) {
      pack(mont, top);
      pack(plain, top);
    }
    Limbs r;
    residue::inner_product(m_, r, mont, plain);
    const Number r_inverse = power_of_two(64 * m_.limbs).mod(n_).inverse(n_);
    EXPECT_EQ(number(r), (Number(count) * r_inverse).mod(n_)) << count;  // (-1)(-1) = 1
  }
}

TEST_P(ResidueTest, InnerProductRefusesTooShortAnOperand) {
  const std::vector<std::uint64_t> four(4 * m_.limbs), three(3 * m_.limbs);
  Limbs r;
  EXPECT_DEATH(residue::inner_product(m_, r, four, three), "");
  EXPECT_DEATH(residue::inner_product(m_, r, three, four, 2), "");
}

TEST_P(ResidueTest, BelowIsExactAtTheBorder) {
  EXPECT_EQ(residue::below(m_, Limbs{}), 1u);
  EXPECT_EQ(residue::below(m_, (n_ - Number(1)).limbs()), 1u);
  EXPECT_EQ(residue::below(m_, n_.limbs()), 0u);
  EXPECT_EQ(residue::below(m_, (n_ + Number(1)).limbs()), 0u);
  Limbs all;
  all.fill(~std::uint64_t{0});
  EXPECT_EQ(residue::below(m_, all), 0u);
}

TEST(Residue, BigEndianBytesRoundTripAtEverySize) {
  sim::SeededRng rng(5);
  for (std::size_t size = 0; size <= 8 * kMaxLimbs; ++size) {
    Bytes bytes(size), back(size);
    rng.fill(bytes);
    Limbs limbs;
    residue::from_big_endian(limbs, bytes);
    EXPECT_EQ(Number(std::span<const std::uint64_t>(limbs)), Number(ByteView(bytes)));
    residue::to_big_endian(back, limbs);
    EXPECT_EQ(back, bytes);
  }
}

}  // namespace
}  // namespace quorate
