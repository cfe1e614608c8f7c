#pragma once

#include "protocol/hash/transcript.h"

namespace quorate {

/// Proof of knowledge of x in X = xG, Fiat-Shamir over label and binding (SPEC 1.2).
/// c = H(label, binding, X, A), A = kG, z = k + c x. Sent as (A, z).
struct SchnorrProof {
  Point commitment;
  Scalar response;
};

/// X must be xG. Constant-time in x and in the nonce.
SchnorrProof prove_knowledge(Label label, const Binding& binding, const SecretScalar& x, const Point& X,
                             Rng& rng);
/// zG = A + cX. Public, variable time. Whether X may be infinity is the caller's question: an X at
/// infinity has the witness 0 and can be proven like any other.
bool verify_knowledge(Label label, const Binding& binding, const Point& X, const SchnorrProof& proof);

}  // namespace quorate
