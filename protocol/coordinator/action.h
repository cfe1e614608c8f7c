#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/sign_error.h"
#include "protocol/coordinator/monotonic.h"
#include "protocol/group/verification_key.h"
#include "protocol/wire/online.h"

namespace quorate::coordinator {

/// A key that this coordinator obtains signatures for.
struct KeyInfo {
  KeyId id;
  const Curve* curve = nullptr;
  VerificationKey X;  ///< every signature is verified under it before it leaves
};

using RequestHandle = std::uint64_t;

/// Which presignature of which quorum a request was given.
struct Assignment {
  PresignatureId presignature;
  Quorum quorum;
  EpochId epoch;
};

struct SigningJob {
  KeyId key;
  wire::Context context{};
  wire::DigestAlgorithm digest{};
  Bytes content;             ///< whole, never a digest
  Time deadline{};           ///< absolute; the request is finished by then, one way or the other
  /// What another coordinator said it had assigned to this very request before it was lost. Untrusted: it
  /// decides nothing but which presignature is tried first.
  std::optional<Assignment> hint{};
  std::string frontend{};    ///< whom this is done for, into the signers' audit; empty: for the caller itself
};

/// A signature that verifies under the key.
struct SignResult {
  Scalar r, s;               ///< low-s
  Quorum quorum;
  PresignatureId presignature;
  unsigned attempts = 1;     ///< presignatures spent on it
  Time took{};
};

/// Why one fan-out came to nothing.
enum class AttemptFailure : std::uint8_t {
  BadSum,        ///< all partials are there and their sum does not verify: somebody's is wrong
  Inconsistent,  ///< members disagree on r or on the public record
  BadReply,      ///< a reply for another presignature, or of another curve
  Refused,       ///< a member will not sign
  LinkLost,      ///< a member went away before it had answered
};
std::string_view name(AttemptFailure failure);

/// One member's part of an attempt.
struct PartialReply {
  PartyId signer = kNobody;
  Scalar r;
  Digest record;
  Scalar s;
};

/// One message to one signer. Replies come back with the same request id.
struct Send {
  PartyId to = kNobody;
  SessionId request;
  std::variant<wire::StatusRequest, wire::LeaseRequest, wire::LeaseReturn, wire::SignRequest> message;
};

/// The end of a request; exactly one per submit(), unless it was cancelled.
struct Finish {
  RequestHandle request = 0;
  Result<SignResult, SignError> outcome;
};

/// BadSum, Inconsistent or BadReply: what is needed to find out who it was (SPEC 6.4). The request itself
/// goes on with another quorum; nobody is accused by this alone.
struct Suspicion {
  AttemptFailure failure{};
  KeyId key;
  EpochId epoch;
  Quorum quorum;
  PresignatureId presignature;
  wire::Context context{};
  wire::DigestAlgorithm digest{};
  Bytes content;
  std::vector<PartialReply> replies;
};

/// Comes before the messages of every fan-out. Whoever speaks for a front end passes it on, so that another
/// coordinator can finish what this one began.
struct Assigned {
  RequestHandle request = 0;
  Assignment assignment;
};

using Action = std::variant<Send, Finish, Suspicion, Assigned>;

/// Can a key be signed with right now?
struct Readiness {
  enum class State : std::uint8_t {
    Unknown,   ///< too little was heard yet; treat as ready
    Ready,     ///< T signers are healthy, and their pool is not below its minimum, leased ones not counted
    NotReady,  ///< can_sign says whether a request is worth a try all the same
  };
  State state = State::Unknown;
  bool can_sign = true;          ///< a request made now has a chance, be it that nothing is known yet
  SignErrorCode reason = SignErrorCode::QuorumInsufficient;  ///< NotReady: what a request would end with, or what is wrong
  std::string detail;            ///< one line: who is missing, how deep the pools are
  std::size_t signers_up = 0;
  std::size_t threshold = 0;     ///< 0 until learnt
  std::uint64_t pool_depth = 0;  ///< presignatures of all reachable quorums, own leases included
};

}  // namespace quorate::coordinator
