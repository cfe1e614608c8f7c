#pragma once

#include <optional>

#include "protocol/wire/admin.h"
#include "protocol/wire/online.h"

/// Between a front end and a coordinator in a process of its own. One request, one signature; what is
/// refused is answered by a Refusal. A front end believes a coordinator nothing but availability: the
/// signature is verified where it arrives.
namespace quorate::wire {

/// Which presignature a request is going to be signed with. Sent before the signers hear of it, so that
/// another coordinator can finish what this one began: signers that have answered answer the same again.
struct TierAssigned {
  PresignatureId presignature;
  Quorum quorum;
  EpochId epoch;
};

enum class NoncePolicy : std::uint8_t { Fresh = 1 };  ///< every signature takes a new presignature

struct TierSignRequest {
  KeyId key;
  Context context{};
  DigestAlgorithm digest{};
  NoncePolicy nonce_policy = NoncePolicy::Fresh;
  std::uint32_t deadline_ms = 0;         ///< remaining
  Bytes content;                         ///< whole, never a digest; kMaxContent at most
  std::optional<TierAssigned> hint;      ///< what another coordinator said of the same request; untrusted
};

struct TierSignReply {
  Scalar r, s;                           ///< low-s
  Quorum quorum;
  PresignatureId presignature;
  std::uint64_t timestamp = 0;           ///< the coordinator's wall clock, ms since 1970; for logs
  std::uint16_t attempts = 1;            ///< presignatures spent on it
};

struct ReadinessRequest {
  KeyId key;
};

enum class ReadinessState : std::uint8_t { Unknown = 0, Ready = 1, NotReady = 2 };

struct ReadinessReply {
  ReadinessState state = ReadinessState::Unknown;
  SignErrorCode reason = SignErrorCode::QuorumInsufficient;  ///< NotReady: what a request would end with
  bool can_sign = false;                 ///< a request has a chance now, ready or not
  std::uint8_t signers_up = 0;           ///< 0..16
  std::uint8_t threshold = 0;            ///< 0 until learnt, 2..16
  std::uint32_t pool_depth = 0;
  std::string detail;                    ///< one line; cut at kMaxDetail and cleaned when encoded
};

}  // namespace quorate::wire
