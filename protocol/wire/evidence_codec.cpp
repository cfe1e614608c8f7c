#include "protocol/wire/keygen_codec.h"

namespace quorate::wire {
namespace {

constexpr std::size_t kLeastStatement = 3 + 2 + sizeof(IdentitySignature);

void put(Writer& out, const KeygenStatement& statement) {
  require(statement.round >= 1 && statement.round <= 4);
  out.u8(statement.round).party(statement.sender);
  require(statement.receiver <= kMaxParties);
  out.u8(statement.receiver).bytes16(statement.body, kMaxStatementBody).raw(statement.signature);
}

KeygenStatement get_statement(Reader& in, std::uint8_t last_round) {
  KeygenStatement out;
  out.round = in.u8_in("KeygenStatement.round", 1, last_round);
  out.sender = in.party("KeygenStatement.sender");
  out.receiver = in.u8_in("KeygenStatement.receiver", kNobody, kMaxParties);
  out.body = in.bytes16("KeygenStatement.body", kMaxStatementBody);
  out.signature = in.array<sizeof(IdentitySignature)>("KeygenStatement.signature");
  return out;
}

bool ascending(const KeygenStatement& a, const KeygenStatement& b) {
  return a.round != b.round ? a.round < b.round : a.sender < b.sender;
}

void put(Writer& out, const KeygenTerms& terms) {
  require(terms.curve != nullptr && terms.threshold >= 2 && terms.threshold <= terms.members.size());
  out.enumeration(terms.curve->id()).id(terms.ceremony).u8(terms.threshold).name(terms.name).id(terms.group);
  out.count8(terms.members.size(), 2, kMaxParties);
  for (const auto& member : terms.members) out.party(member.id).id(member.identity);
  out.u8(terms.old ? 1 : 0);
  if (!terms.old) return;
  const auto& old = *terms.old;
  require(old.share_points.size() == terms.members.size());
  out.id(old.id).id(old.previous).id(old.ceremony).point(old.X);
  for (const auto& member : terms.members) out.point(old.share_points.at(member.id));
}

KeygenTerms get_terms(Reader& in) {
  KeygenTerms out;
  out.curve = &in.curve("KeygenTerms.curve");
  out.ceremony = in.id<CeremonyId>("KeygenTerms.ceremony");
  out.threshold = in.u8_in("KeygenTerms.threshold", 2, kMaxParties);
  out.name = in.name("KeygenTerms.name");
  out.group = in.id<Digest>("KeygenTerms.group");
  const auto count = in.count8("KeygenTerms.members", 2, kMaxParties, 1 + 32);
  if (in.ok() && out.threshold > count) in.reject("KeygenTerms.threshold", Reason::Mismatch);
  out.members.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Member member;
    member.id = in.party("KeygenTerms.member");
    if (in.ok() && i > 0 && member.id <= out.members.back().id)
      in.reject("KeygenTerms.member", Reason::NotAscending);
    member.identity = in.id<IdentityPublicKey>("KeygenTerms.identity");
    out.members.push_back(member);
  }
  if (in.u8_in("KeygenTerms.refresh", 0, 1) == 0 || !in.ok()) return out;
  auto& old = out.old.emplace();
  old.id = in.id<EpochId>("OldEpoch.id");
  old.previous = in.id<EpochId>("OldEpoch.previous");
  old.ceremony = in.id<CeremonyId>("OldEpoch.ceremony");
  old.X = in.point("OldEpoch.X", *out.curve);
  for (const auto& member : out.members) old.share_points[member.id] = in.point("OldEpoch.share_point", *out.curve);
  return out;
}

}  // namespace

Bytes encode(const KeygenStatements& statements) {
  const auto& seen = statements.seen;
  Writer out;
  out.count8(seen.size(), 1, 2 * kMaxParties);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    require(i == 0 || ascending(seen[i - 1], seen[i]));
    require(seen[i].round <= 2 && seen[i].receiver == kNobody);
    put(out, seen[i]);
  }
  return std::move(out).take();
}

template <>
Result<KeygenStatements, WireError> decode<KeygenStatements>(ByteView payload) {
  Reader in(payload);
  KeygenStatements out;
  const auto count = in.count8("KeygenStatements.seen", 1, 2 * kMaxParties, kLeastStatement);
  out.seen.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    out.seen.push_back(get_statement(in, 2));
    if (in.ok() && out.seen.back().receiver != kNobody)
      in.reject("KeygenStatement.receiver", Reason::OutOfRange);
    if (in.ok() && i > 0 && !ascending(out.seen[i - 1], out.seen[i]))
      in.reject("KeygenStatements.seen", Reason::NotAscending);
  }
  return in.finish(std::move(out));
}

Bytes encode_evidence(const KeygenEvidence& evidence) {
  Writer out;
  out.u8(kEvidenceVersion);
  put(out, evidence.terms);
  out.enumeration(evidence.fault).party(evidence.culprit);
  out.count8(evidence.statements.size(), 1, kMaxEvidenceStatements);
  for (const auto& statement : evidence.statements) put(out, statement);
  return std::move(out).take();
}

Result<KeygenEvidence, WireError> decode_evidence(ByteView bytes) {
  Reader in(bytes);
  const auto version = in.u8("KeygenEvidence.version");
  if (in.ok() && version != kEvidenceVersion) in.reject("KeygenEvidence.version", Reason::WrongVersion);
  KeygenEvidence out;
  out.terms = get_terms(in);
  out.fault = in.enumeration("KeygenEvidence.fault", Fault::Malformed, Fault::TimedOut);
  out.culprit = in.party("KeygenEvidence.culprit");
  const auto count = in.count8("KeygenEvidence.statements", 1, kMaxEvidenceStatements, kLeastStatement);
  out.statements.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) out.statements.push_back(get_statement(in, 4));
  return in.finish(std::move(out));
}

}  // namespace quorate::wire
