#include "protocol/hash/schnorr.h"

namespace quorate {
namespace {

Scalar challenge(Label label, const Binding& binding, const Point& X, const Point& commitment) {
  return std::move(Transcript(label, binding).add(X).add(commitment)).scalar(X.curve());
}

}  // namespace

SchnorrProof prove_knowledge(Label label, const Binding& binding, const SecretScalar& x, const Point& X,
                             Rng& rng) {
  const SecretScalar k = SecretScalar::random_nonzero(x.curve(), rng);
  SchnorrProof proof;
  proof.commitment = Point::mul_base(k);
  proof.response = declassify(k + challenge(label, binding, X, proof.commitment) * x);
  return proof;
}

bool verify_knowledge(Label label, const Binding& binding, const Point& X, const SchnorrProof& proof) {
  if (!X.valid() || !proof.commitment.valid() || !proof.response.valid()) return false;
  const Curve& curve = X.curve();
  if (&proof.commitment.curve() != &curve || &proof.response.curve() != &curve) return false;
  const Scalar c = challenge(label, binding, X, proof.commitment);
  return mul_add_var(proof.response, c.negate(), X) == proof.commitment;
}

}  // namespace quorate
