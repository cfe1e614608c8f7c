// The coordinator's verification against OpenSSL's, on signatures that are good, spoilt and made to hit the
// edges.
#include "protocol/tecdsa/partial.h"

#include <gtest/gtest.h>

#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"
#include "test/unit/lanes_used.h"
#include "test/unit/openssl_verification.h"

namespace quorate {
namespace {

using reference::Number;
using reference::OpensslKey;

struct Case {
  const Curve* curve;
  Lanes lanes;
};

class Verify : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!can_use(GetParam().lanes)) GTEST_SKIP() << "no AVX-512 IFMA";
    lanes_.emplace(GetParam().lanes);
  }
  Bytes digest() {
    Bytes out(curve_.scalar_size());
    rng_.fill(out);
    return out;
  }
  EcdsaSignature sign(const Scalar& x, const Scalar& m) {
    const Scalar k = Scalar::random_nonzero(curve_, rng_), r = Point::mul_base(k).x_mod_order();
    return {r, k.invert() * (m + r * x)};
  }
  /// Both say the same; returns it.
  static bool agreed(const OpensslKey& theirs, const VerificationKey& ours, ByteView digest,
                     const EcdsaSignature& sig) {
    const bool expected = theirs.verifies(digest, sig.r, sig.s);
    EXPECT_EQ(verify_ecdsa(ours, scalar_from_digest(ours.point().curve(), digest), sig), expected);
    return expected;
  }

  const Curve& curve_ = *GetParam().curve;
  sim::SeededRng rng_{31, curve_.name()};
  const Scalar one_{curve_, 1}, zero_{curve_};

 private:
  std::optional<LanesUsed> lanes_;
};
std::string name_of(const testing::TestParamInfo<Case>& info) {
  return "P" + std::to_string(info.param.curve->order_bits()) +
         (info.param.lanes == Lanes::None       ? "Words"
          : info.param.lanes == Lanes::Portable ? "Portable"
                                                : "Ifma");
}
INSTANTIATE_TEST_SUITE_P(Curves, Verify,
                         testing::Values(Case{&Curve::p256(), Lanes::None},
                                         Case{&Curve::p256(), Lanes::Portable},
                                         Case{&Curve::p256(), Lanes::Ifma}, Case{&Curve::p384(), Lanes::None},
                                         Case{&Curve::p384(), Lanes::Portable},
                                         Case{&Curve::p384(), Lanes::Ifma}),
                         name_of);

TEST_P(Verify, agrees_with_openssl_on_good_and_spoilt_signatures) {
  const bool p256 = &curve_ == &Curve::p256();
  const int keys = p256 ? 10 : 2, each = GetParam().lanes == Lanes::Portable ? 10 : p256 ? 100 : 25;
  for (int i = 0; i < keys; ++i) {
    const Scalar x = Scalar::random_nonzero(curve_, rng_);
    const VerificationKey ours(Point::mul_base(x));
    const OpensslKey theirs(ours.point());
    for (int j = 0; j < each; ++j) {
      const Bytes text = digest();
      const Scalar m = scalar_from_digest(curve_, text);
      const EcdsaSignature good = sign(x, m);
      ASSERT_TRUE(agreed(theirs, ours, text, good));
      ASSERT_TRUE(agreed(theirs, ours, text, {good.r, good.s.negate()}));
      ASSERT_FALSE(agreed(theirs, ours, text, {good.r, good.s + one_}));
      ASSERT_FALSE(agreed(theirs, ours, text, {good.r + one_, good.s}));
      ASSERT_FALSE(agreed(theirs, ours, text, {good.r.negate(), good.s}));
      ASSERT_FALSE(agreed(theirs, ours, text, {good.s, good.r}));
      ASSERT_FALSE(agreed(theirs, ours, digest(), good));
      ASSERT_FALSE(agreed(theirs, ours, text, sign(x + one_, m)));
    }
  }
}

TEST_P(Verify, scalars_that_are_zero_are_refused) {
  const Scalar x = Scalar::random_nonzero(curve_, rng_);
  const VerificationKey ours(Point::mul_base(x));
  const OpensslKey theirs(ours.point());
  const Bytes text = digest();
  const EcdsaSignature good = sign(x, scalar_from_digest(curve_, text));
  EXPECT_FALSE(agreed(theirs, ours, text, {zero_, good.s}));
  EXPECT_FALSE(agreed(theirs, ours, text, {good.r, zero_}));
  EXPECT_FALSE(agreed(theirs, ours, text, {zero_, zero_}));
  // A scalar of n or more is none: nothing that comes off the wire becomes one.
  EXPECT_FALSE(Scalar::decode(curve_, Number::order(curve_).encode(curve_.scalar_size())));
}

/// m = 0 leaves out G; r = m and X = G or X = -G make equal or opposite products.
TEST_P(Verify, degenerate_messages_and_keys) {
  const Bytes none(curve_.scalar_size());
  for (const std::uint64_t small : {1, 2, 3, 255, 256}) {
    for (const bool negative : {false, true}) {
      const Scalar x = negative ? Scalar(curve_, small).negate() : Scalar(curve_, small);
      const VerificationKey ours(Point::mul_base(x));
      const OpensslKey theirs(ours.point());
      EXPECT_TRUE(agreed(theirs, ours, none, sign(x, zero_)));
      EXPECT_FALSE(agreed(theirs, ours, none, sign(x, one_)));
      for (const std::uint64_t nonce : {1, 2, 3, 127, 128, 129}) {
        const Scalar k(curve_, nonce), r = Point::mul_base(k).x_mod_order();
        // m = r, and m = -r x, where V would be infinity but for what s is.
        for (const Scalar& m : {r, r.negate(), (r * x).negate(), r * x}) {
          const Bytes text = m.encode();
          const Scalar s = k.invert() * (m + r * x);
          if (!s.is_zero()) {
            EXPECT_TRUE(agreed(theirs, ours, text, {r, s}));
          }
          EXPECT_FALSE(agreed(theirs, ours, text, {r, s + one_}));
          EXPECT_EQ(agreed(theirs, ours, text, {r, one_}), s == one_ || s == one_.negate());
        }
      }
    }
  }
}

TEST_P(Verify, combine_hands_out_only_what_verifies) {
  const Scalar x = Scalar::random_nonzero(curve_, rng_);
  const VerificationKey ours(Point::mul_base(x));
  int turned = 0;
  for (int i = 0; i < 20; ++i) {
    const Bytes text = digest();
    const Scalar m = scalar_from_digest(curve_, text);
    const auto [r, s] = sign(x, m);
    const Scalar part = Scalar::random(curve_, rng_);
    const auto sum = combine(ours, m, r, std::vector{part, s - part});
    ASSERT_TRUE(sum);
    EXPECT_EQ(sum->s, s.is_high() ? s.negate() : s);
    turned += s.is_high();
    EXPECT_FALSE(combine(ours, m, r, std::vector{part, s - part + one_}));
    EXPECT_FALSE(combine(ours, m, r, std::vector{part, part.negate()}));
    EXPECT_FALSE(combine(ours, m, r, std::vector{part}));
    EXPECT_FALSE(combine(ours, m + one_, r, std::vector{part, s - part}));
  }
  EXPECT_TRUE(turned > 0 && turned < 20);
}

}  // namespace
}  // namespace quorate
