#include "protocol/wire/blame_codec.h"

#include "protocol/wire/admin_codec.h"
#include "protocol/wire/online.h"
#include "protocol/wire/presign_codec.h"

namespace quorate::wire {
namespace {

constexpr std::size_t kSignature = sizeof(IdentitySignature);
constexpr std::size_t kStatement = 4 + kSignature;

enum class Kind : std::uint8_t { BadPartial = 1, ContradictingRows = 2, Disputes = 3 };

void put(Writer& out, const BatchContext& batch) {
  require(batch.curve != nullptr);
  out.enumeration(batch.curve->id()).id(batch.key).id(batch.epoch).id(batch.sid).quorum(batch.quorum);
}

BatchContext get_batch(Reader& in) {
  BatchContext out;
  out.curve = &in.curve("BlameEvidence.curve");
  out.key = in.id<KeyId>("BlameEvidence.key");
  out.epoch = in.id<EpochId>("BlameEvidence.epoch");
  out.sid = in.id<SessionId>("BlameEvidence.sid");
  out.quorum = in.quorum("BlameEvidence.quorum");
  return out;
}

void put(Writer& out, const BadPartialEvidence& e) {
  out.enumeration(Kind::BadPartial);
  put(out, e.batch);
  put_row(out, e.row);
  require(e.index < ot::kMaxBatch);
  out.u16(e.index).point(e.R).point(e.K).point(e.C);
  const auto& partial = e.partial;
  require(partial.context >= 1 && partial.context <= static_cast<std::uint8_t>(Context::OcspResponseData));
  out.id(partial.record).u8(partial.context).enumeration(partial.algorithm);
  out.bytes32(partial.content, kMaxContent).scalar(partial.s).raw(partial.signature);
}

BadPartialEvidence get_bad_partial(Reader& in) {
  BadPartialEvidence out;
  out.batch = get_batch(in);
  out.row = get_row(in);
  out.index = in.u16_in("BadPartial.index", 0, ot::kMaxBatch - 1);
  const Curve& curve = *out.batch.curve;
  out.R = in.point("BadPartial.R", curve);
  out.K = in.point("BadPartial.K", curve);
  out.C = in.point("BadPartial.C", curve);
  auto& partial = out.partial;
  partial.record = in.id<Digest>("BadPartial.record");
  partial.context = static_cast<std::uint8_t>(
      in.enumeration("BadPartial.context", Context::Tls13ServerCertificateVerify, Context::OcspResponseData));
  partial.algorithm = in.enumeration("BadPartial.digest", MessageDigest::Sha256, MessageDigest::Sha512);
  partial.content = in.bytes32("BadPartial.content", kMaxContent);
  partial.s = in.scalar("BadPartial.s", curve);
  partial.signature = in.array<kSignature>("BadPartial.signature");
  return out;
}

void put(Writer& out, const RowContradiction& e) {
  out.enumeration(Kind::ContradictingRows);
  put(out, e.batch);
  put_row(out, e.first);
  put_row(out, e.second);
}

RowContradiction get_contradiction(Reader& in) {
  RowContradiction out;
  out.batch = get_batch(in);
  out.first = get_row(in);
  out.second = get_row(in);
  return out;
}

void put(Writer& out, const DisputesEvidence& e) {
  out.enumeration(Kind::Disputes);
  put_info(out, e.info);
  out.party(e.culprit).count8(e.statements.size(), 1, kMaxParties);
  PartyId last = kNobody;
  for (const auto& statement : e.statements) {
    require(statement.epoch == e.info.epoch && statement.signer > last);
    last = statement.signer;
    out.party(statement.a).party(statement.b).enumeration(statement.fault).party(statement.signer).raw(statement.signature);
  }
}

DisputesEvidence get_disputes(Reader& in) {
  DisputesEvidence out;
  out.info = get_info(in);
  out.culprit = in.party("Disputes.culprit");
  const auto count = in.count8("Disputes.statements", 1, kMaxParties, kStatement);
  out.statements.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    DisputeStatement statement;
    statement.epoch = out.info.epoch;
    statement.a = in.party("Disputes.a");
    statement.b = in.party("Disputes.b");
    statement.fault = in.enumeration("Disputes.fault", Fault::Malformed, Fault::TimedOut);
    statement.signer = in.party("Disputes.signer");
    if (in.ok() && i > 0 && statement.signer <= out.statements.back().signer)
      in.reject("Disputes.signer", Reason::NotAscending);
    statement.signature = in.array<kSignature>("Disputes.signature");
    out.statements.push_back(statement);
  }
  return out;
}

}  // namespace

Bytes encode_blame(const BlameEvidence& evidence) {
  Writer out;
  out.u8(kBlameVersion);
  std::visit([&](const auto& e) { put(out, e); }, evidence);
  auto bytes = std::move(out).take();
  require(bytes.size() <= kMaxEvidence);
  return bytes;
}

Result<BlameEvidence, WireError> decode_blame(ByteView bytes) {
  Reader in(bytes);
  if (bytes.size() > kMaxEvidence) in.reject("BlameEvidence", Reason::TooLong);
  const auto version = in.u8("BlameEvidence.version");
  if (in.ok() && version != kBlameVersion) in.reject("BlameEvidence.version", Reason::WrongVersion);
  const auto kind = in.enumeration("BlameEvidence.kind", Kind::BadPartial, Kind::Disputes);
  if (!in.ok()) return in.finish(BlameEvidence{});
  switch (kind) {
    case Kind::BadPartial: return in.finish(BlameEvidence{get_bad_partial(in)});
    case Kind::ContradictingRows: return in.finish(BlameEvidence{get_contradiction(in)});
    case Kind::Disputes: break;
  }
  return in.finish(BlameEvidence{get_disputes(in)});
}

}  // namespace quorate::wire
