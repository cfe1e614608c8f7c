#pragma once

#include <string>
#include <variant>

#include "protocol/base/abort.h"
#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/presignature.h"

namespace quorate {

/// Identity keys of a group's signers as the verifier holds them, from its own configuration.
using Identities = std::map<PartyId, IdentityPublicKey>;

/// The run of presigning that a row speaks of: everything its signature covers beside the row itself.
struct BatchContext {
  const Curve* curve = nullptr;
  KeyId key;
  EpochId epoch;
  SessionId sid;
  Quorum quorum;

  [[nodiscard]] Binding binding() const { return {.curve = curve->id(), .key = key, .epoch = epoch, .sid = sid}; }
};

/// A partial signature repeated under the signer's identity key: SPEC 6.4.
struct SignedPartial {
  Digest record;               ///< of the public record as the signer claims it; no part of the proof
  std::uint8_t context = 0;    ///< the wire's number of what the content is; 1..7
  MessageDigest algorithm = MessageDigest::Sha256;
  Bytes content;               ///< whole
  Scalar s;
  IdentitySignature signature{};
};

/// The culprit's own row, its points of one instance, and a partial that does not fit them.
///
/// The rows of others are not needed, and are not asked for: whoever computes K_i = k_i R, C_i = chi_i R and
/// s_i = m k_i + r chi_i from one pair (k_i, chi_i) satisfies s_i R = m K_i + r C_i, whatever R is and whatever
/// others sent; row and repetition are signed by the culprit alone. Nor has the repeated record digest to be
/// that of any record: it depends on what the other members showed, and a signer that is caught must not
/// get away by writing another one.
struct BadPartialEvidence {
  BatchContext batch;
  Row row;
  std::uint32_t index = 0;     ///< of the instance in the batch
  Point R, K, C;               ///< R_b and the culprit's K_b, C_b
  SignedPartial partial;
};

/// Two rows of one signer for one run that say different things. In the order of their row_digest(), so that
/// there is one way to write it.
struct RowContradiction {
  BatchContext batch;
  Row first, second;
};

/// One side of a pair dispute, signed (SPEC 5.6): `signer` says that it will not presign with the other of
/// a and b in this epoch.
struct DisputeStatement {
  EpochId epoch;
  PartyId a = kNobody, b = kNobody;  ///< a < b
  Fault fault = Fault::Malformed;
  PartyId signer = kNobody;          ///< a or b
  IdentitySignature signature{};
};

/// T signers or more in dispute with one. At most T-1 are corrupt, so one of them is honest, and an honest
/// signer is in dispute with corrupt ones only. All statements are of one epoch: T is that of this epoch, and
/// the bound on the corrupt holds in an epoch, not over several. What T is, the members themselves have
/// signed when the key was made.
struct DisputesEvidence {
  PublicKeyInfo info;                        ///< of the epoch, with the confirmations of all members
  PartyId culprit = kNobody;
  std::vector<DisputeStatement> statements;  ///< strictly ascending by signer; T .. N-1
};

/// Why a signer is at fault, in a form that convinces anyone who knows the identity keys of its group.
/// No honest signer can be framed, by whatever coalition of coordinators and T-1 signers: what is held
/// against it is signed with its identity key and contradicts itself, or T signers speak against it.
using BlameEvidence = std::variant<BadPartialEvidence, RowContradiction, DisputesEvidence>;

/// "bad-partial", "contradicting-rows", "disputes"
std::string_view kind_of(const BlameEvidence& evidence);
/// What it claims to be about; believed only once verify() has succeeded.
PartyId culprit_of(const BlameEvidence& evidence);
KeyId key_of(const BlameEvidence& evidence);
EpochId epoch_of(const BlameEvidence& evidence);

/// SPEC 6.5: the culprit, if the evidence proves its fault. For hostile input: public data only, bounded
/// work, variable time. Points and scalars are of the evidence's own curve (the decoder sees to that).
/// pinned  the verifier's own, from the group description; never taken from the evidence
/// key     the verifier's own key; evidence about another one is refused. Who acts on the verdict acts on it
///         in that epoch only.
/// fails with what is missing, for people
Result<PartyId, std::string> verify(const BlameEvidence& evidence, const Identities& pinned, const KeyId& key);

/// SPEC 5.6: what the signature of a DisputeStatement covers: epoch, a, b, fault, signer.
Digest dispute_digest(const DisputeStatement& statement);
/// a < b, signer one of them, and its signature verifies under its pinned key.
bool dispute_valid(const DisputeStatement& statement, const Identities& pinned);

/// SPEC 5.5: evidence out of two rows, whatever their order; nothing if they do not prove anything.
std::optional<RowContradiction> find_contradiction(const BatchContext& batch, const Row& a, const Row& b,
                                                   const Identities& pinned);

}  // namespace quorate
