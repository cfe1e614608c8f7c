#include "protocol/tecdsa/partial.h"

namespace quorate {

Scalar partial_sign(Presignature&& presignature, const Scalar& m) {
  const Presignature taken = std::move(presignature);
  return declassify(m * taken.k + taken.r * taken.chi);
}

bool verify_partial(const Point& R, const Point& K, const Point& C, const Scalar& m, const Scalar& r, const Scalar& s) {
  const std::array<Scalar, 3> scalars{s, m.negate(), r.negate()};
  const std::array<Point, 3> points{R, K, C};
  return multi_mul_var(scalars, points).is_infinity();
}

Digest signed_partial_digest(const Binding& binding, const Digest& record, std::uint8_t context,
                             MessageDigest algorithm, ByteView content, const Scalar& s) {
  Transcript t(Label::SignedPartial, binding);
  t.add(record).add_number(context).add_number(static_cast<std::uint64_t>(algorithm)).add(content).add(s);
  return std::move(t).digest();
}

bool verify_ecdsa(const VerificationKey& X, const Scalar& m, const EcdsaSignature& signature) {
  if (signature.r.is_zero() || signature.s.is_zero()) return false;
  const Scalar w = signature.s.invert_var();
  return X.reaches_var(m * w, signature.r * w, signature.r);
}

Result<EcdsaSignature, Abort> combine(const VerificationKey& X, const Scalar& m, const Scalar& r, std::span<const Scalar> partials) {
  Scalar s(X.point().curve());
  for (const auto& partial : partials) s = s + partial;
  EcdsaSignature signature{r, s.is_high() ? s.negate() : s};
  if (!verify_ecdsa(X, m, signature))
    return fail(Abort{Fault::BadPartial, Blame::nobody(), "the sum of the partial signatures does not verify"});
  return signature;
}

}  // namespace quorate
