#pragma once

#include "protocol/hash/transcript.h"

namespace quorate {

/// Proof of knowledge of x in X = xG, Fiat-Shamir over label and binding (SPEC 1.2).
/// c = H(label, binding, X, A), A = kG, z = k + c x. Sent as (A, z).
struct SchnorrProof {
  Point commitment;
  Scalar response;
};

SchnorrProof prove_knowledge(Label label, const Binding& binding, const SecretScalar& x, const Point& X, Rng& rng);
/// zG = A + cX
bool verify_knowledge(Label label, const Binding& binding, const Point& X, const SchnorrProof& proof);

}  // namespace quorate
