#pragma once

#include "protocol/base/abort.h"
#include "protocol/tecdsa/keygen_terms.h"

namespace quorate {

/// What the rounds of keygen and the verification of evidence judge in the same way: one member's messages,
/// decoded from what it signed, against public values. No secret of the judge goes in; all variable time
/// but check_share. Each returns the fault, or nothing if the message is right.

/// SPEC 1.2: the opening fits the commitment (CommitmentMismatch) and no F_ik is infinity (Infinity).
std::optional<Fault> check_opening(const KeygenTerms& terms, PartyId sender, const KeygenMsg1& committed,
                                   const KeygenMsg2& opened);

/// Label and binding of member i's proof of its k-th coefficient, counted from F_i0 in a refresh, too.
inline constexpr Label kCoefficientProof = Label::KeygenProof;
Binding coefficient_binding(const KeygenTerms& terms, const SessionId& sid, PartyId sender, std::size_t k);
/// SPEC 1.2: all proofs of knowledge hold under sid (BadProof).
std::optional<Fault> check_proofs(const KeygenTerms& terms, const SessionId& sid, PartyId sender,
                                  const KeygenMsg2& opened);

/// SPEC 1.3, 1.6: d G = sum_k receiver^k F_k of the dealer (BadShare). Constant-time in the share.
std::optional<Fault> check_share(const KeygenTerms& terms, const KeygenMsg2& dealer, PartyId receiver,
                                 const SecretScalar& share);

/// SPEC 1.2, 1.4: the key that the openings of all members define, all of it but the confirmations:
/// X = sum F_i0, X_j = sum_k j^k sum_l F_lk, key id and epoch id. In a refresh (SPEC 1.6) these sums, without
/// F_i0, are added to the old X_j, and X stays. Infinity if X, or on a real curve an X_j, is neutral: nobody's
/// fault.
Result<PublicKeyInfo, Fault> derive_key(const KeygenTerms& terms, const SessionId& sid,
                                        const std::map<PartyId, KeygenMsg2>& openings);

/// Label and binding of member i's proof of its share.
inline constexpr Label kShareProof = Label::KeygenShareProof;
Binding share_binding(const PublicKeyInfo& info, PartyId sender);
/// SPEC 1.4: X_i and X are those of info (KeyMismatch), and the proof of x_i holds (BadProof).
std::optional<Fault> check_result(const PublicKeyInfo& info, PartyId sender, const KeygenMsg4& claimed);

}  // namespace quorate
