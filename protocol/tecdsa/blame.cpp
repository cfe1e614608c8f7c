#include "protocol/tecdsa/blame.h"

#include <algorithm>

#include "protocol/ot/params.h"
#include "protocol/tecdsa/partial.h"

namespace quorate {
namespace {

std::string who(PartyId id) { return "signer " + std::to_string(id); }

bool same(const Row& a, const Row& b) {
  return a.nonce_digest == b.nonce_digest && a.u_digest == b.u_digest && a.records == b.records;
}

bool signed_by(PartyId signer, const Digest& digest, const IdentitySignature& signature, const Identities& pinned) {
  const auto key = pinned.find(signer);
  return key != pinned.end() && verify_identity(key->second, digest, signature);
}

/// The signer's own row of this run: its signature covers run, quorum and contents.
Result<void, std::string> check_row(const BatchContext& batch, const Row& row, const Identities& pinned) {
  if (!std::binary_search(batch.quorum.begin(), batch.quorum.end(), row.signer))
    return fail(who(row.signer) + " is not in quorum " + to_string(batch.quorum));
  if (!pinned.contains(row.signer)) return fail("no identity key of " + who(row.signer) + " is known here");
  if (row.records.empty() || row.records.size() > ot::kMaxBatch) return fail(std::string("a row has 1 to 256 entries"));
  if (!signed_by(row.signer, row_digest(batch.binding(), batch.quorum, row), row.signature, pinned))
    return fail("the row is not signed by " + who(row.signer));
  return {};
}

/// SPEC 6.5: s_i R = m K_i + r C_i fails for what the culprit signed itself.
Result<PartyId, std::string> judge(const BadPartialEvidence& e, const Identities& pinned) {
  const PartyId signer = e.row.signer;
  if (auto ok = check_row(e.batch, e.row, pinned); !ok) return fail(ok.error());
  if (e.index >= e.row.records.size()) return fail(std::string("the row has no such instance"));
  const Binding batch = e.batch.binding();
  if (row_entry(batch, signer, e.index, e.R.encode(), e.K.encode(), e.C.encode()) != e.row.records[e.index])
    return fail("R, K and C are not those that " + who(signer) + " signed in its row");
  const auto& partial = e.partial;
  const Digest repeated = signed_partial_digest(batch.towards(signer, kNobody).at(e.index), partial.record, partial.context,
                                                partial.algorithm, partial.content, partial.s);
  if (!signed_by(signer, repeated, partial.signature, pinned))
    return fail("the partial signature is not signed by " + who(signer));
  if (e.R.is_infinity()) return fail(std::string("R is neutral"));
  const Scalar m = message_scalar(*e.batch.curve, partial.algorithm, partial.content);
  if (verify_partial(e.R, e.K, e.C, m, e.R.x_mod_order(), partial.s))
    return fail("the partial signature of " + who(signer) + " is right");
  return signer;
}

/// SPEC 6.5: an honest signer signs one row in one run.
Result<PartyId, std::string> judge(const RowContradiction& e, const Identities& pinned) {
  if (e.first.signer != e.second.signer) return fail(std::string("the rows are of two signers"));
  for (const auto* row : {&e.first, &e.second})
    if (auto ok = check_row(e.batch, *row, pinned); !ok) return fail(ok.error());
  if (same(e.first, e.second)) return fail(std::string("both rows say the same"));
  const auto order = [&](const Row& row) { return row_digest(e.batch.binding(), e.batch.quorum, row); };
  if (!(order(e.first) < order(e.second))) return fail(std::string("the rows are not in their order"));
  return e.first.signer;
}

/// SPEC 6.5: T accusers in one epoch, whose T the members confirmed when the key was made.
Result<PartyId, std::string> judge(const DisputesEvidence& e, const Identities& pinned) {
  for (const auto& member : e.info.members) {
    const auto known = pinned.find(member.id);
    if (known == pinned.end() || known->second != member.identity)
      return fail("the epoch's " + who(member.id) + " has another identity key than the one known here");
  }
  if (e.info.member(e.culprit) == nullptr) return fail(who(e.culprit) + " is no member of the epoch");
  if (e.statements.size() < e.info.threshold)
    return fail(std::to_string(e.statements.size()) + " disputes prove nothing, it takes " + std::to_string(e.info.threshold));
  PartyId last = kNobody;
  for (const auto& statement : e.statements) {
    if (statement.signer <= last) return fail(std::string("the accusers are not in ascending order"));
    last = statement.signer;
    const PartyId other = statement.signer == statement.a ? statement.b : statement.a;
    if (statement.epoch != e.info.epoch || other != e.culprit || e.info.member(statement.signer) == nullptr)
      return fail("a dispute of " + who(statement.signer) + " is not about " + who(e.culprit) + " in this epoch");
    if (!dispute_valid(statement, pinned)) return fail("a dispute is not signed by " + who(statement.signer));
  }
  // Last, as it costs the most by far: whoever sends this has accusers behind it.
  if (!consistent(e.info) || !confirmations_valid(e.info))
    return fail(std::string("the epoch is not confirmed by its members"));
  return e.culprit;
}

template <class... F>
struct Match : F... {
  using F::operator()...;
};
template <class... F>
Match(F...) -> Match<F...>;

}  // namespace

std::string_view kind_of(const BlameEvidence& evidence) {
  constexpr std::array<std::string_view, 3> kNames{"bad-partial", "contradicting-rows", "disputes"};
  return kNames.at(evidence.index());
}

PartyId culprit_of(const BlameEvidence& evidence) {
  return std::visit(Match{[](const BadPartialEvidence& e) { return e.row.signer; },
                          [](const RowContradiction& e) { return e.first.signer; },
                          [](const DisputesEvidence& e) { return e.culprit; }},
                    evidence);
}

KeyId key_of(const BlameEvidence& evidence) {
  return std::visit(Match{[](const DisputesEvidence& e) { return e.info.key; }, [](const auto& e) { return e.batch.key; }},
                    evidence);
}

EpochId epoch_of(const BlameEvidence& evidence) {
  return std::visit(
      Match{[](const DisputesEvidence& e) { return e.info.epoch; }, [](const auto& e) { return e.batch.epoch; }}, evidence);
}

Result<PartyId, std::string> verify(const BlameEvidence& evidence, const Identities& pinned, const KeyId& key) {
  if (key_of(evidence) != key) return fail("it is about key " + key_of(evidence).brief() + ", not " + key.brief());
  return std::visit([&](const auto& e) { return judge(e, pinned); }, evidence);
}

Digest dispute_digest(const DisputeStatement& statement) {
  Transcript t(Label::DisputeStatement, Binding{.epoch = statement.epoch, .from = statement.signer});
  t.add_number(statement.a).add_number(statement.b).add_number(static_cast<std::uint64_t>(statement.fault));
  return std::move(t).digest();
}

bool dispute_valid(const DisputeStatement& statement, const Identities& pinned) {
  return statement.a < statement.b && (statement.signer == statement.a || statement.signer == statement.b) &&
         signed_by(statement.signer, dispute_digest(statement), statement.signature, pinned);
}

std::optional<RowContradiction> find_contradiction(const BatchContext& batch, const Row& a, const Row& b,
                                                   const Identities& pinned) {
  if (a.signer != b.signer || same(a, b)) return std::nullopt;
  const auto order = [&](const Row& row) { return row_digest(batch.binding(), batch.quorum, row); };
  RowContradiction out = order(a) < order(b) ? RowContradiction{batch, a, b} : RowContradiction{batch, b, a};
  if (!judge(out, pinned)) return std::nullopt;
  return out;
}

}  // namespace quorate
