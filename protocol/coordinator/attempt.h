#pragma once

#include <optional>
#include <set>
#include <vector>

#include "protocol/coordinator/choice.h"
#include "protocol/tecdsa/partial.h"

namespace quorate::coordinator {

/// One signature wanted.
struct Request {
  RequestHandle handle = 0;
  SigningJob job;
  Scalar m;                          ///< message_scalar() of the content, computed here as at every signer
  Time submitted{};
  Digest subject;                    ///< of everything that a repetition must have in common
  unsigned attempts = 0;
  bool hedged = false;               ///< or not worth it: not again
  std::vector<SessionId> live;       ///< attempts that may still succeed
  Avoid avoid;
  std::set<PartyId> denied;          ///< signers whose policy says no
  std::string last_failure;          ///< of the latest failed attempt, for texts
  std::optional<SignErrorCode> last_refusal;  ///< if it was one
  Time wake = kNever;                ///< entry in the timers; owned by the coordinator
};

/// One fan-out of one request to one quorum, with one presignature.
struct Attempt {
  RequestHandle request = 0;         ///< 0: that has ended; the answers are for the accounts only
  KeyId key;
  const Curve* curve = nullptr;
  Quorum quorum;
  EpochId epoch;
  PartyId leader = kNobody;
  std::uint64_t quorum_stamp = 0;
  PresignatureId presignature;
  Time started{};
  Time overdue_at{};
  Time hedge_at = kNever;
  bool hedge = false, hinted = false;
  std::vector<PartyId> trials;       ///< members whose breaker is half-open, and this is the trial
  bool overdue = false;              ///< others are being tried, but it still counts if it completes
  std::size_t lease_asked = 0;       ///< ids wanted with the leader's reply; 0 once that is here
  std::vector<PartialReply> replies; ///< in order of arrival, one per member

  [[nodiscard]] bool member(PartyId id) const;
  [[nodiscard]] bool answered(PartyId id) const;
  [[nodiscard]] std::vector<PartyId> missing() const;
};

/// Adds a member's reply; it must be a member that has not answered yet.
/// fails BadReply: another presignature, or scalars of another curve; Inconsistent: r or the record
///       differ from what another member said
std::optional<AttemptFailure> collect(Attempt& attempt, PartyId from, const wire::SignReply& reply);

/// SPEC 6.3, once all T members have answered: sum, low-s, verification under X.
/// fails BadSum
Result<EcdsaSignature, AttemptFailure> conclude(const Attempt& attempt, const VerificationKey& X, const Scalar& m);

/// What a signer wrote, for our texts: 256 bytes at most, no control characters.
std::string one_line(std::string_view foreign);
/// "2", "1, 3"
std::string list_of(const std::vector<PartyId>& ids);
/// "signer 2", "signers 1, 3"
std::string signers_text(const std::vector<PartyId>& ids);

}  // namespace quorate::coordinator
