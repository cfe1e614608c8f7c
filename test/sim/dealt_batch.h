#pragma once

#include <functional>

#include "protocol/tecdsa/blame.h"
#include "test/sim/dealer.h"

namespace quorate::sim {

/// What presigning would leave, all members' secrets in one place: for tests of what comes after.
struct DealtBatch {
  BatchContext context;
  std::vector<Point> R;                                    ///< [instance]
  std::map<PartyId, std::vector<Scalar>> k, chi;           ///< [instance]
  std::map<PartyId, std::vector<Point>> K, C;
  std::map<PartyId, Row> rows;

  [[nodiscard]] PresignatureId id(std::uint32_t index) const { return {context.sid, index}; }
  [[nodiscard]] PresignatureRecord record(std::uint32_t index) const;
  [[nodiscard]] Digest record_digest(std::uint32_t index) const;
  [[nodiscard]] Scalar r(std::uint32_t index) const { return R[index].x_mod_order(); }
  /// What an honest member answers (SPEC 6.2).
  [[nodiscard]] Scalar partial(PartyId signer, std::uint32_t index, const Scalar& m) const;
  /// Makes and signs the member's row anew, after its K or C were changed.
  void sign_row(PartyId signer, const IdentityKey& key);
};
DealtBatch deal_batch(const DealtGroup& group, const Quorum& quorum, std::uint32_t batch, Rng& rng);
/// The same for a key x, with identity(member) of the quorum's members.
DealtBatch deal_batch(const BatchContext& context, const Scalar& x, std::uint32_t batch,
                      const std::function<const IdentityKey&(PartyId)>& identity, Rng& rng);

/// A signer's repetition of a partial, as it would confirm it (SPEC 6.4).
SignedPartial sign_partial(const BatchContext& batch, PartyId signer, std::uint32_t index, const IdentityKey& key,
                           const Digest& record, std::uint8_t context, MessageDigest algorithm, Bytes content, Scalar s);

/// Makes epoch and confirmations those of a real keygen, which deal_key() leaves out.
void confirm_epoch(DealtGroup& group);
DisputeStatement sign_dispute(const DealtGroup& group, const EpochId& epoch, PartyId signer, PartyId other);
Identities identities_of(const DealtGroup& group);

}  // namespace quorate::sim
