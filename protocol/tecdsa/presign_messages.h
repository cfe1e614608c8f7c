#pragma once

#include "protocol/hash/identity.h"
#include "protocol/mul/rvole.h"
#include "protocol/ot/soft_spoken.h"

namespace quorate {

/// SPEC 5.0: the preimage of a batch's session id, sent by the leader.
struct PresignPlan {
  CurveId curve = CurveId::P256;
  KeyId key;
  EpochId epoch;
  Quorum quorum;
  std::uint32_t batch = 0;                 ///< B, 1..ot::kMaxBatch
  std::uint8_t tree_depth = 0;             ///< must be ot::kTreeDepth
  std::uint64_t batch_number = 0;          ///< grows per (leader, Q, epoch)
  Digest leader_nonce;
  std::vector<SetupId> setups;             ///< of all pairs (i < j) of Q in lexicographic order: both directions of a pair share one id

  [[nodiscard]] SessionId sid() const;
  bool operator==(const PresignPlan&) const = default;
};

struct PresignMsg1 {
  Digest commitment;                       ///< to all R_{i,b}
  ot::ExtensionMessage extension;          ///< sender is Bob
};

struct PresignMsg2 {
  struct Instance {
    Point R, pk;                           ///< R_{i,b}, pk_{i,b}
    mul::RvoleMessage rvole;               ///< sender is Alice with inputs (r, sk)
    Point gamma_u, gamma_v;
    Scalar psi;                            ///< psi_{ij,b}
  };
  Digest echo;                             ///< of all round-1 commitments
  std::array<std::uint8_t, 32> opening{};
  std::vector<Instance> instances;         ///< B
};

struct PresignMsg3 {
  Digest echo;                             ///< of all (R_j, pk_j)
  std::vector<Scalar> u;                   ///< u_{i,b}, B of them
};

/// One member's public part of a batch, signed: transferable evidence (SPEC 5.4).
struct Row {
  PartyId signer = kNobody;
  Digest nonce_digest;                     ///< of all R_b
  Digest u_digest;                         ///< of all u_{j,b}
  std::vector<Digest> records;             ///< per instance: digest of (R_b, K_{i,b}, C_{i,b})
  IdentitySignature signature{};
};

struct PresignMsg4 {
  std::vector<Point> K, C;                 ///< K_{i,b}, C_{i,b}
  Row row;
};

}  // namespace quorate
