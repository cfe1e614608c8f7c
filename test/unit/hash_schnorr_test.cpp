#include <gtest/gtest.h>

#include "protocol/hash/schnorr.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

class SchnorrTest : public testing::TestWithParam<const Curve*> {
 protected:
  static Binding make_binding(const Curve& curve) {
    Binding b;
    b.curve = curve.id();
    b.key.bytes.fill(1);
    b.epoch.bytes.fill(2);
    b.sid.bytes.fill(3);
    b.from = 1;
    b.to = 2;
    b.instance = 7;
    return b;
  }
  const Curve& curve_ = *GetParam();
  sim::SeededRng rng_{8, curve_.name()};
  const Binding binding_ = make_binding(curve_);
  const SecretScalar x_ = SecretScalar::random_nonzero(curve_, rng_);
  const Point X_ = Point::mul_base(x_);

  SchnorrProof prove() { return prove_knowledge(Label::KeygenProof, binding_, x_, X_, rng_); }
  bool verify(const SchnorrProof& proof) const {
    return verify_knowledge(Label::KeygenProof, binding_, X_, proof);
  }
};
INSTANTIATE_TEST_SUITE_P(Curves, SchnorrTest, testing::Values(&Curve::p256(), &Curve::p384()),
                         [](const auto& test) { return "P" + std::to_string(test.param->order_bits()); });

TEST_P(SchnorrTest, AcceptsAnHonestProofAndDrawsAFreshNonceEachTime) {
  const SchnorrProof a = prove(), b = prove();
  EXPECT_TRUE(verify(a));
  EXPECT_TRUE(verify(b));
  EXPECT_FALSE(a.commitment == b.commitment);
  EXPECT_FALSE(a.response == b.response);
}

TEST_P(SchnorrTest, RejectsAMutatedResponse) {
  for (std::size_t byte = 0; byte < curve_.scalar_size(); ++byte) {
    SchnorrProof proof = prove();
    Bytes encoded = proof.response.encode();
    encoded[byte] ^= 1;
    const auto changed = Scalar::decode(curve_, encoded);
    if (!changed) continue;
    proof.response = *changed;
    EXPECT_FALSE(verify(proof)) << byte;
  }
  SchnorrProof zero = prove();
  zero.response = Scalar(curve_);
  EXPECT_FALSE(verify(zero));
  SchnorrProof negated = prove();
  negated.response = negated.response.negate();
  EXPECT_FALSE(verify(negated));
}

TEST_P(SchnorrTest, RejectsAnotherCommitment) {
  for (const Point& other : {prove().commitment, Point::generator(curve_), Point(curve_), X_}) {
    SchnorrProof proof = prove();
    proof.commitment = other;
    EXPECT_FALSE(verify(proof));
  }
  SchnorrProof proof = prove();
  proof.commitment = proof.commitment.negate();
  EXPECT_FALSE(verify(proof));
  // Shifting both by the same amount does not help, as the challenge covers the commitment.
  proof = prove();
  proof.commitment += Point::generator(curve_);
  proof.response = proof.response + Scalar(curve_, 1);
  EXPECT_FALSE(verify(proof));
}

TEST_P(SchnorrTest, RejectsAnotherStatement) {
  const SchnorrProof proof = prove();
  for (const Point& other : {X_ + X_, X_.negate(), Point::generator(curve_), Point(curve_)}) {
    EXPECT_FALSE(verify_knowledge(Label::KeygenProof, binding_, other, proof));
  }
}

TEST_P(SchnorrTest, RejectsEveryOtherBindingAndLabel) {
  const SchnorrProof proof = prove();
  EXPECT_FALSE(verify_knowledge(Label::KeygenShareProof, binding_, X_, proof));
  std::vector<Binding> others(8, binding_);
  others[0].curve = curve_.id() == CurveId::P256 ? CurveId::P384 : CurveId::P256;
  others[1].key.bytes[31] ^= 1;
  others[2].epoch.bytes[0] ^= 1;
  others[3].sid.bytes[15] ^= 1;
  others[4].from = 3;
  others[5].to = 1;
  others[6].instance = 8;
  others[7] = binding_.towards(2, 1);
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_FALSE(verify_knowledge(Label::KeygenProof, others[i], X_, proof)) << i;
  }
}

TEST_P(SchnorrTest, RejectsAProofWithoutTheWitness) {
  // z and A chosen to fit some challenge: it is not the one that the hash gives.
  const Scalar z = Scalar::random(curve_, rng_), c = Scalar::random(curve_, rng_);
  EXPECT_FALSE(verify({mul_add_var(z, c.negate(), X_), z}));
  EXPECT_FALSE(verify({Point(curve_), Scalar(curve_)}));
  // A proof for another witness.
  const SecretScalar other = x_ + Scalar(curve_, 1);
  EXPECT_FALSE(verify(prove_knowledge(Label::KeygenProof, binding_, other, X_, rng_)));
}

TEST_P(SchnorrTest, RejectsAProofOfAnotherCurveOrAnEmptyOne) {
  const Curve& other = curve_.id() == CurveId::P256 ? Curve::p384() : Curve::p256();
  SchnorrProof proof = prove();
  proof.response = Scalar(other, 1);
  EXPECT_FALSE(verify(proof));
  proof = prove();
  proof.commitment = Point::generator(other);
  EXPECT_FALSE(verify(proof));
  EXPECT_FALSE(verify({}));
}

TEST(SchnorrToy, HonestProofsOfEveryWitnessAreAccepted) {
  const Curve& toy = Curve::toy();
  sim::SeededRng rng(9);
  Binding binding;
  binding.curve = CurveId::Toy;
  for (unsigned i = 0; i < 241; ++i) {
    const SecretScalar x(toy, i);
    const Point X = Point::mul_base(x);
    EXPECT_TRUE(verify_knowledge(Label::KeygenProof, binding, X,
                                 prove_knowledge(Label::KeygenProof, binding, x, X, rng)));
  }
}

}  // namespace
}  // namespace quorate
