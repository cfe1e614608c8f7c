#include "protocol/tecdsa/presignature.h"

namespace quorate {

Binding presign_binding(const PresignPlan& plan, const SessionId& sid) {
  return {.curve = plan.curve, .key = plan.key, .epoch = plan.epoch, .sid = sid};
}

Digest record_digest(const Binding& binding, std::uint32_t index, ByteView R, const std::vector<ByteView>& K,
                     const std::vector<ByteView>& C) {
  Transcript t(Label::PresignRecord, binding.at(index));
  t.add(R).add_number(K.size());
  for (auto point : K) t.add(point);
  for (auto point : C) t.add(point);
  return std::move(t).digest();
}

Digest row_entry(const Binding& binding, PartyId signer, std::uint32_t index, ByteView R, ByteView K, ByteView C) {
  Transcript t(Label::PresignRowEntry, binding.towards(signer, kNobody).at(index));
  t.add(R).add(K).add(C);
  return std::move(t).digest();
}

Digest row_digest(const Binding& binding, const Quorum& quorum, const Row& row) {
  Transcript t(Label::PresignRow, binding.towards(row.signer, kNobody));
  t.add_quorum(quorum).add(row.nonce_digest).add(row.u_digest).add_number(row.records.size());
  for (const auto& entry : row.records) t.add(entry);
  return std::move(t).digest();
}

BatchRecord::BatchRecord(PresignPlan plan, SessionId sid, std::vector<Bytes> R, std::vector<std::vector<Bytes>> K,
                         std::vector<std::vector<Bytes>> C, std::vector<Row> rows)
    : plan_(std::move(plan)), sid_(sid), R_(std::move(R)), K_(std::move(K)), C_(std::move(C)), rows_(std::move(rows)) {}

std::optional<PresignatureRecord> BatchRecord::record(std::uint32_t index) const {
  const Curve* curve = Curve::find(plan_.curve);
  if (curve == nullptr || index >= R_.size()) return std::nullopt;
  // These bytes were encoded from valid points by this process, so decoding cannot fail.
  PresignatureRecord out{{sid_, index}, plan_.key, plan_.epoch, plan_.quorum, *Point::decode(*curve, R_[index]), {}, {}, rows_};
  for (std::size_t j = 0; j < K_.size(); ++j) {
    out.K.push_back(*Point::decode(*curve, K_[j][index]));
    out.C.push_back(*Point::decode(*curve, C_[j][index]));
  }
  return out;
}

bool record_valid(const PublicKeyInfo& info, const PresignatureRecord& record) {
  const std::size_t t = record.quorum.size();
  if (record.key != info.key || record.epoch != info.epoch || t != info.threshold) return false;
  if (record.K.size() != t || record.C.size() != t || record.rows.size() != t) return false;
  const Binding binding{.curve = info.curve->id(), .key = record.key, .epoch = record.epoch, .sid = record.id.sid};
  const Bytes R = record.R.encode();
  Point K_sum(*info.curve), C_sum(*info.curve);
  for (std::size_t j = 0; j < t; ++j) {
    const PartyId id = record.quorum[j];
    const Row& row = record.rows[j];
    const Member* member = info.member(id);
    if (member == nullptr || (j > 0 && record.quorum[j - 1] >= id) || row.signer != id) return false;
    if (row.records.size() <= record.id.index) return false;
    if (row.nonce_digest != record.rows[0].nonce_digest || row.u_digest != record.rows[0].u_digest) return false;
    if (row_entry(binding, id, record.id.index, R, record.K[j].encode(), record.C[j].encode()) !=
        row.records[record.id.index])
      return false;
    if (!verify_identity(member->identity, row_digest(binding, record.quorum, row), row.signature)) return false;
    K_sum += record.K[j];
    C_sum += record.C[j];
  }
  return K_sum == Point::generator(*info.curve) && C_sum == info.X;
}

Digest digest_of(const Curve& curve, const PresignatureRecord& record) {
  const Binding binding{.curve = curve.id(), .key = record.key, .epoch = record.epoch, .sid = record.id.sid};
  const auto K = Point::encode_all(record.K), C = Point::encode_all(record.C);
  return record_digest(binding, record.id.index, record.R.encode(), {K.begin(), K.end()}, {C.begin(), C.end()});
}

}  // namespace quorate
