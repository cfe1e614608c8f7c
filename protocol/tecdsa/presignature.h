#pragma once

#include <memory>

#include "protocol/tecdsa/key_share.h"
#include "protocol/tecdsa/presign_messages.h"

namespace quorate {

/// The public part of one presignature as anybody can check it: SPEC 5.5.
struct PresignatureRecord {
  PresignatureId id;
  KeyId key;
  EpochId epoch;
  Quorum quorum;
  Point R;
  std::vector<Point> K, C;     ///< one per member of the quorum, in its order
  std::vector<Row> rows;       ///< one per member, in its order
};

/// The public part of a whole batch, kept encoded: it is read only when a partial is disputed.
class BatchRecord {
 public:
  BatchRecord(PresignPlan plan, SessionId sid, std::vector<Bytes> R, std::vector<std::vector<Bytes>> K,
              std::vector<std::vector<Bytes>> C, std::vector<Row> rows);

  [[nodiscard]] const PresignPlan& plan() const { return plan_; }
  [[nodiscard]] const SessionId& sid() const { return sid_; }
  /// Nothing if index is out of range.
  [[nodiscard]] std::optional<PresignatureRecord> record(std::uint32_t index) const;

 private:
  PresignPlan plan_;
  SessionId sid_;
  std::vector<Bytes> R_;                 ///< [instance]
  std::vector<std::vector<Bytes>> K_, C_;  ///< [member][instance]
  std::vector<Row> rows_;                ///< [member]
};

/// One member's secret part of one presignature. It signs once: partial_sign() consumes it.
struct Presignature {
  std::uint32_t index = 0;
  Scalar r;                    ///< x(R) mod n
  Digest record;               ///< record_digest() of its public part
  SecretScalar k;              ///< k_i, share of the inverse nonce
  SecretScalar chi;            ///< chi_i, share of inverse nonce times key
};

/// What a member has after a presigning run: to be pooled as a whole.
struct PresignedBatch {
  std::shared_ptr<const BatchRecord> record;
  std::vector<Presignature> items;
};

/// Binding of everything hashed in a batch: curve, key, epoch, sid.
Binding presign_binding(const PresignPlan& plan, const SessionId& sid);

/// Digest of (R, all K_j, all C_j) of one instance; signers return it with a partial (SPEC 5.5).
Digest record_digest(const Binding& binding, std::uint32_t index, ByteView R, const std::vector<ByteView>& K,
                     const std::vector<ByteView>& C);

/// Digest of (R_b, K_i,b, C_i,b): one entry of a row (SPEC 5.4).
Digest row_entry(const Binding& binding, PartyId signer, std::uint32_t index, ByteView R, ByteView K, ByteView C);

/// What a row's signature covers: {sid, Q, epoch, i, nonce digest, u digest, entries} (SPEC 5.4).
Digest row_digest(const Binding& binding, const Quorum& quorum, const Row& row);

/// Checks a record against the key it claims: every row signature, entries, agreement of the rows,
/// sum K = G, sum C = X. True means: whoever fails its partial's equation under this record is at fault.
bool record_valid(const PublicKeyInfo& info, const PresignatureRecord& record);

/// record_digest() of a decoded record.
Digest digest_of(const Curve& curve, const PresignatureRecord& record);

}  // namespace quorate
