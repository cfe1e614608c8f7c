// Evidence of a failed key generation, or against a signer: whatever an accuser writes is refused or has one
// encoding, and judging it is bounded work without a crash. Members with keys that the fuzzer does not have
// cannot be accused. Then the harness plays all members and signs it, so that the judgement gets to the contents.

#include "protocol/tecdsa/partial.h"
#include "protocol/wire/blame_codec.h"
#include "protocol/wire/keygen_codec.h"

using namespace quorate;

namespace {

const IdentityKey& identity_of(PartyId id) {
  static const auto keys = [] {
    std::vector<IdentityKey> out;
    for (std::uint8_t i = 0; i <= kMaxParties; ++i) {
      std::array<std::uint8_t, 32> seed{};
      seed.fill(i);
      out.push_back(IdentityKey::from_seed(Secret<std::array<std::uint8_t, 32>>(seed)));
    }
    return out;
  }();
  return keys[id];
}

void sign(const BatchContext& batch, Row& row) {
  row.signature = identity_of(row.signer).sign(row_digest(batch.binding(), batch.quorum, row));
}
void sign_all(BadPartialEvidence& e) {
  if (e.index < e.row.records.size())
    e.row.records[e.index] = row_entry(e.batch.binding(), e.row.signer, e.index, e.R.encode(), e.K.encode(), e.C.encode());
  sign(e.batch, e.row);
  auto& p = e.partial;
  const auto digest = signed_partial_digest(e.batch.binding().towards(e.row.signer, kNobody).at(e.index), p.record, p.context,
                                            p.algorithm, p.content, p.s);
  p.signature = identity_of(e.row.signer).sign(digest);
}
void sign_all(RowContradiction& e) {
  sign(e.batch, e.first);
  sign(e.batch, e.second);
}
void sign_all(DisputesEvidence& e) {
  for (auto& member : e.info.members) member.identity = identity_of(member.id).public_key();
  for (auto& statement : e.statements) statement.signature = identity_of(statement.signer).sign(dispute_digest(statement));
  for (auto& [id, confirmation] : e.info.confirmations) confirmation = identity_of(id).sign(confirmation_digest(e.info));
}

void judge_blame(ByteView bytes) {
  auto evidence = wire::decode_blame(bytes);
  if (!evidence) return;
  const auto again = wire::encode_blame(*evidence);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
  Identities pinned;
  for (PartyId id = 1; id <= kMaxParties; ++id) pinned[id] = identity_of(id).public_key();
  if (verify(*evidence, pinned, key_of(*evidence))) std::abort();
  std::visit([](auto& e) { sign_all(e); }, *evidence);
  (void)verify(*evidence, pinned, key_of(*evidence));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Curve::allow_toy();
  const ByteView bytes(data, size);
  judge_blame(bytes);
  const auto evidence = wire::decode_evidence(bytes);
  if (!evidence) return 0;
  const auto again = wire::encode_evidence(*evidence);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
  (void)verify_evidence(*evidence, evidence->terms.members);

  auto known = *evidence;
  auto& members = known.terms.members;
  for (auto& member : members) member.identity = identity_of(member.id).public_key();
  if (verify_evidence(known, members)) std::abort();
  for (auto& statement : known.statements)
    statement.signature = identity_of(statement.sender).sign(statement_digest(known.terms, statement));
  (void)verify_evidence(known, members);

  for (const auto& statement : evidence->statements) {
    const auto coefficients = evidence->terms.coefficients();
    (void)decode_body<KeygenMsg1>(*evidence->terms.curve, coefficients, statement.body);
    (void)decode_body<KeygenMsg2>(*evidence->terms.curve, coefficients, statement.body);
    (void)decode_body<KeygenMsg3>(*evidence->terms.curve, coefficients, statement.body);
    (void)decode_body<KeygenMsg4>(*evidence->terms.curve, coefficients, statement.body);
  }
  return 0;
}
