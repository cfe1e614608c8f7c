#pragma once

#include "protocol/tecdsa/keygen_checks.h"

namespace quorate {

/// Why a member is at fault, in a form that convinces anyone who knows the members' identity keys: messages
/// that the culprit signed, and what others signed as far as it is needed to judge them. No honest member
/// can be framed: every statement that is used against it carries its own signature, and where what others
/// said matters, its own signed echo says that it saw just that.
///
/// | fault              | statements, in this order |
/// |--------------------|---------------------------|
/// | Equivocation       | two of the culprit with one round and receiver and different bodies |
/// | Malformed          | one of the culprit whose body does not decode |
/// | CommitmentMismatch | the culprit's of rounds 1 and 2 |
/// | Infinity           | the same |
/// | BadShare           | the culprit's of round 2, and of round 3 to any receiver: it shows that share |
/// | BadProof           | everybody's of round 1, the culprit's of round 2 |
/// | KeyMismatch,       | everybody's of rounds 1 and 2, the culprit's of rounds 3 (to any receiver) |
/// | BadProof           | and 4 |
///
/// The shares it may show belong to a ceremony that never made a key or an epoch. In a refresh the terms say
/// what the old X_j were: the culprit has signed the id of that epoch, which is a hash over them.
struct KeygenEvidence {
  KeygenTerms terms;
  Fault fault = Fault::Malformed;
  PartyId culprit = kNobody;
  std::vector<KeygenStatement> statements;
};
inline constexpr std::size_t kMaxEvidenceStatements = 2 * kMaxParties + 2;

/// Whether the evidence proves what it says against a member of this group. For hostile input: public data
/// only, bounded work. members are the verifier's own, from the signed group description; terms with other
/// members are refused, and so are those of a refresh whose old epoch does not fit together.
bool verify_evidence(const KeygenEvidence& evidence, const std::vector<Member>& members);

/// SPEC 1.2: after an echo mismatch, what a member signed for my eyes against what it signed for another's.
/// Nothing if no two statements contradict each other; statements with a wrong signature are passed over.
std::optional<KeygenEvidence> find_equivocation(const KeygenTerms& terms,
                                                std::span<const KeygenStatement> mine,
                                                std::span<const KeygenStatement> theirs);

}  // namespace quorate
