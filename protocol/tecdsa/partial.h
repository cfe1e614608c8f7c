#pragma once

#include "protocol/group/verification_key.h"
#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/presignature.h"

namespace quorate {

/// An ordinary ECDSA signature, both scalars in 1..n-1.
struct EcdsaSignature {
  Scalar r, s;
};

/// SPEC 6.2: s_i = m k_i + r chi_i mod n. Consumes the presignature; k_i and chi_i are wiped.
/// m: message_scalar() of the content. time: constant in k_i, chi_i.
Scalar partial_sign(Presignature&& presignature, const Scalar& m);

/// SPEC 6.4: s_i R = m K_i + r C_i, public data only, variable time.
bool verify_partial(const Point& R, const Point& K, const Point& C, const Scalar& m, const Scalar& r, const Scalar& s);

/// SPEC 6.3: s = sum s_i, low-s, verified under X before it is returned.
/// fails BadPartial, nobody: somebody's partial is wrong; the records tell whose
Result<EcdsaSignature, Abort> combine(const VerificationKey& X, const Scalar& m, const Scalar& r, std::span<const Scalar> partials);

/// SPEC 6.4: what a signer's identity key signs when it confirms a partial: binding (key, epoch, sid, signer,
/// index), record digest, context number, digest algorithm, whole content, s_i.
Digest signed_partial_digest(const Binding& binding, const Digest& record, std::uint8_t context,
                             MessageDigest algorithm, ByteView content, const Scalar& s);

/// Plain ECDSA verification of (r, s) for the message scalar m under X. Variable time.
bool verify_ecdsa(const VerificationKey& X, const Scalar& m, const EcdsaSignature& signature);

}  // namespace quorate
