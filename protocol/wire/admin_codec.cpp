#include "protocol/wire/admin_codec.h"

namespace quorate::wire {
namespace {

constexpr std::size_t kSignature = sizeof(IdentitySignature);

/// kind, party, other: those that the kind has no use for are 0.
void put(Writer& out, const Blame& blame) {
  const bool one = blame.kind == Blame::Kind::Party, two = blame.kind == Blame::Kind::Pair;
  require((one || two) ? blame.party >= 1 && blame.party <= kMaxParties : blame.party == kNobody);
  require(two ? blame.other >= 1 && blame.other <= kMaxParties : blame.other == kNobody);
  out.enumeration(blame.kind).u8(blame.party).u8(blame.other);
}

Blame get_blame(Reader& in) {
  Blame out;
  out.kind = in.enumeration("Blame.kind", Blame::Kind::Nobody, Blame::Kind::Quorum);
  const bool one = out.kind == Blame::Kind::Party, two = out.kind == Blame::Kind::Pair;
  out.party = (one || two) ? in.party("Blame.party") : in.u8_in("Blame.party", kNobody, kNobody);
  out.other = two ? in.party("Blame.other") : in.u8_in("Blame.other", kNobody, kNobody);
  return out;
}

}  // namespace

void put_info(Writer& out, const PublicKeyInfo& info) {
  require(info.curve != nullptr && info.threshold >= 2 && info.threshold <= info.members.size());
  require(info.share_points.size() == info.members.size());
  require(info.confirmations.size() == info.members.size());
  out.enumeration(info.curve->id()).name(info.name).id(info.key).id(info.epoch);
  out.id(info.previous).id(info.ceremony).id(info.sid);
  out.u8(info.threshold).count8(info.members.size(), 2, kMaxParties);
  PartyId previous = kNobody;
  for (const auto& member : info.members) {
    const auto share = info.share_points.find(member.id);
    const auto confirmation = info.confirmations.find(member.id);
    require(member.id > previous && share != info.share_points.end());
    require(confirmation != info.confirmations.end());
    previous = member.id;
    out.party(member.id).id(member.identity).point(share->second).raw(confirmation->second);
  }
  out.point(info.X);
}

PublicKeyInfo get_info(Reader& in) {
  PublicKeyInfo out;
  const auto& curve = in.curve("PublicKeyInfo.curve");
  out.curve = &curve;
  out.name = in.name("PublicKeyInfo.name");
  out.key = in.id<KeyId>("PublicKeyInfo.key");
  out.epoch = in.id<EpochId>("PublicKeyInfo.epoch");
  out.previous = in.id<EpochId>("PublicKeyInfo.previous");
  out.ceremony = in.id<CeremonyId>("PublicKeyInfo.ceremony");
  out.sid = in.id<SessionId>("PublicKeyInfo.sid");
  out.threshold = in.u8_in("PublicKeyInfo.threshold", 2, kMaxParties);
  const auto least = 1 + 32 + least_point_size(curve) + kSignature;
  const auto count = in.count8("PublicKeyInfo.members", 2, kMaxParties, least);
  if (in.ok() && out.threshold > count) in.reject("PublicKeyInfo.threshold", Reason::Mismatch);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Member member;
    member.id = in.party("PublicKeyInfo.member");
    if (in.ok() && i > 0 && member.id <= out.members.back().id)
      in.reject("PublicKeyInfo.member", Reason::NotAscending);
    member.identity = in.id<IdentityPublicKey>("PublicKeyInfo.identity");
    out.share_points[member.id] = in.point("PublicKeyInfo.share_point", curve);
    out.confirmations[member.id] = in.array<kSignature>("PublicKeyInfo.confirmation");
    out.members.push_back(member);
  }
  out.X = in.point("PublicKeyInfo.X", curve);
  return out;
}

Bytes encode(const KeygenRequest& request) {
  require(request.threshold >= 2 && request.threshold <= request.members.size());
  Writer out;
  out.id(request.ceremony).enumeration(request.curve).u8(request.threshold).name(request.name);
  return std::move(out.id(request.group).parties(request.members, 2).id(request.previous)).take();
}

template <>
Result<KeygenRequest, WireError> decode<KeygenRequest>(ByteView payload) {
  Reader in(payload);
  KeygenRequest out;
  out.ceremony = in.id<CeremonyId>("KeygenRequest.ceremony");
  out.curve = in.curve("KeygenRequest.curve").id();
  out.threshold = in.u8_in("KeygenRequest.threshold", 2, kMaxParties);
  out.name = in.name("KeygenRequest.name");
  out.group = in.id<Digest>("KeygenRequest.group");
  out.members = in.parties("KeygenRequest.members", 2);
  if (in.ok() && out.threshold > out.members.size()) in.reject("KeygenRequest.threshold", Reason::Mismatch);
  out.previous = in.id<EpochId>("KeygenRequest.previous");
  return in.finish(std::move(out));
}

Bytes encode(const KeygenProgress& progress) {
  return std::move(Writer().u8(progress.round).text(progress.text, kMaxProgress)).take();
}

template <>
Result<KeygenProgress, WireError> decode<KeygenProgress>(ByteView payload) {
  Reader in(payload);
  KeygenProgress out;
  out.round = in.u8("KeygenProgress.round");
  out.text = in.text("KeygenProgress.text", kMaxProgress);
  return in.finish(std::move(out));
}

Bytes encode(const KeygenResult& result) {
  Writer out;
  out.u8(result.ok ? 1 : 0);
  if (result.ok) {
    put_info(out, result.info);
    require(!result.spki.empty());
    out.bytes16(result.spki, kMaxSpki);
  } else {
    out.enumeration(result.fault);
    put(out, result.blame);
    out.text(result.detail, kMaxDetail).bytes32(result.evidence, kMaxEvidence);
  }
  return std::move(out).take();
}

template <>
Result<KeygenResult, WireError> decode<KeygenResult>(ByteView payload) {
  Reader in(payload);
  KeygenResult out;
  out.ok = in.u8_in("KeygenResult.ok", 0, 1) == 1;
  if (in.ok() && out.ok) {
    out.info = get_info(in);
    out.spki = in.bytes16("KeygenResult.spki", kMaxSpki);
    if (in.ok() && out.spki.empty()) in.reject("KeygenResult.spki", Reason::TooShort);
  } else if (in.ok()) {
    out.fault = in.enumeration("KeygenResult.fault", Fault::Malformed, Fault::TimedOut);
    out.blame = get_blame(in);
    out.detail = in.text("KeygenResult.detail", kMaxDetail);
    out.evidence = in.bytes32("KeygenResult.evidence", kMaxEvidence);
  }
  return in.finish(std::move(out));
}

}  // namespace quorate::wire
