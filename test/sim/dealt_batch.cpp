#include "test/sim/dealt_batch.h"

#include "protocol/group/shamir.h"
#include "protocol/tecdsa/partial.h"

namespace quorate::sim {

PresignatureRecord DealtBatch::record(std::uint32_t index) const {
  PresignatureRecord out{id(index), context.key, context.epoch, context.quorum, R[index], {}, {}, {}};
  for (auto member : context.quorum) {
    out.K.push_back(K.at(member)[index]);
    out.C.push_back(C.at(member)[index]);
    out.rows.push_back(rows.at(member));
  }
  return out;
}

Digest DealtBatch::record_digest(std::uint32_t index) const { return digest_of(*context.curve, record(index)); }

Scalar DealtBatch::partial(PartyId signer, std::uint32_t index, const Scalar& m) const {
  return m * k.at(signer)[index] + r(index) * chi.at(signer)[index];
}

void DealtBatch::sign_row(PartyId signer, const IdentityKey& key) {
  Row& row = rows[signer];
  row.signer = signer;
  row.records.clear();
  for (std::uint32_t b = 0; b < R.size(); ++b)
    row.records.push_back(row_entry(context.binding(), signer, b, R[b].encode(), K[signer][b].encode(), C[signer][b].encode()));
  row.signature = key.sign(row_digest(context.binding(), context.quorum, row));
}

DealtBatch deal_batch(const DealtGroup& group, const Quorum& quorum, std::uint32_t batch, Rng& rng) {
  const PublicKeyInfo& info = group.info();
  const Curve& curve = *info.curve;
  Scalar x(curve);
  for (auto id : quorum) x = x + lagrange_at_zero(curve, quorum, id) * declassify(group.shares.at(id).x_i);
  return deal_batch({&curve, info.key, info.epoch, rng.make_id<SessionId>(), quorum}, x, batch,
                    [&](PartyId id) -> const IdentityKey& { return group.identities.at(id); }, rng);
}

DealtBatch deal_batch(const BatchContext& context, const Scalar& x, std::uint32_t batch,
                      const std::function<const IdentityKey&(PartyId)>& identity, Rng& rng) {
  const Curve& curve = *context.curve;
  const Quorum& quorum = context.quorum;
  DealtBatch out;
  out.context = context;
  for (std::uint32_t b = 0; b < batch; ++b) {
    const Scalar nonce = Scalar::random_nonzero(curve, rng);
    out.R.push_back(Point::mul_base(nonce));
    Scalar k_left = nonce.invert(), chi_left = k_left * x;
    for (auto id : quorum) {
      const bool last = id == quorum.back();
      const Scalar k = last ? k_left : Scalar::random_nonzero(curve, rng);
      const Scalar chi = last ? chi_left : Scalar::random_nonzero(curve, rng);
      k_left = k_left - k;
      chi_left = chi_left - chi;
      out.k[id].push_back(k);
      out.chi[id].push_back(chi);
      out.K[id].push_back(out.R[b].mul_var(k));
      out.C[id].push_back(out.R[b].mul_var(chi));
    }
  }
  const Digest nonces = rng.make_id<Digest>(), u = rng.make_id<Digest>();
  for (auto id : quorum) {
    out.rows[id].nonce_digest = nonces;
    out.rows[id].u_digest = u;
    out.sign_row(id, identity(id));
  }
  return out;
}

SignedPartial sign_partial(const BatchContext& batch, PartyId signer, std::uint32_t index, const IdentityKey& key,
                           const Digest& record, std::uint8_t context, MessageDigest algorithm, Bytes content, Scalar s) {
  SignedPartial out{record, context, algorithm, std::move(content), s, {}};
  out.signature = key.sign(signed_partial_digest(batch.binding().towards(signer, kNobody).at(index), record, context, algorithm,
                                                 out.content, s));
  return out;
}

void confirm_epoch(DealtGroup& group) {
  PublicKeyInfo info = group.info();
  info.epoch = epoch_id_of(info);
  for (const auto& [id, key] : group.identities) info.confirmations[id] = key.sign(confirmation_digest(info));
  for (auto& [id, share] : group.shares) share.info = info;
}

DisputeStatement sign_dispute(const DealtGroup& group, const EpochId& epoch, PartyId signer, PartyId other) {
  DisputeStatement out{epoch, std::min(signer, other), std::max(signer, other), Fault::RvoleCheck, signer, {}};
  out.signature = group.identities.at(signer).sign(dispute_digest(out));
  return out;
}

Identities identities_of(const DealtGroup& group) {
  Identities out;
  for (const auto& [id, key] : group.identities) out[id] = key.public_key();
  return out;
}

}  // namespace quorate::sim
