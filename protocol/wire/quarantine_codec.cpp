#include "protocol/wire/quarantine_codec.h"

namespace quorate::wire {
namespace {

constexpr std::size_t kLeastEntry = 1 + 2 + 4 + 1;
constexpr std::size_t kLeastDispute = 32 + (1 + 2) + 1 + 1 + 2 + 2;

QuarantineReply::Entry get_entry(Reader& in) {
  QuarantineReply::Entry out;
  out.signer = in.party("Entry.signer");
  out.reason = in.text("Entry.reason", kMaxReason);
  out.evidence = in.bytes32("Entry.evidence", kMaxEvidence);
  if (in.ok() && out.evidence.empty()) in.reject("Entry.evidence", Reason::TooShort);
  return out;
}

void put(Writer& out, const QuarantineReply::Dispute& dispute) {
  require(dispute.whole || dispute.members.size() == 2);
  out.id(dispute.epoch).quorum(dispute.members).u8(dispute.whole ? 1 : 0).enumeration(dispute.fault);
  out.text(dispute.detail, kMaxReason).text(dispute.time, kMaxTime);
}

QuarantineReply::Dispute get_dispute(Reader& in) {
  QuarantineReply::Dispute out;
  out.epoch = in.id<EpochId>("Dispute.epoch");
  out.members = in.quorum("Dispute.members");
  out.whole = in.u8_in("Dispute.whole", 0, 1) == 1;
  if (in.ok() && !out.whole && out.members.size() != 2) in.reject("Dispute.members", Reason::Mismatch);
  out.fault = in.enumeration("Dispute.fault", Fault::Malformed, Fault::TimedOut);
  out.detail = in.text("Dispute.detail", kMaxReason);
  out.time = in.text("Dispute.time", kMaxTime);
  return out;
}

}  // namespace

Bytes encode(const DisputeNotice& notice) {
  require(notice.a < notice.b && (notice.signer == notice.a || notice.signer == notice.b));
  Writer out;
  out.id(notice.epoch).party(notice.a).party(notice.b).enumeration(notice.fault).party(notice.signer);
  return std::move(out.raw(notice.signature)).take();
}

template <>
Result<DisputeNotice, WireError> decode<DisputeNotice>(ByteView payload) {
  Reader in(payload);
  DisputeNotice out;
  out.epoch = in.id<EpochId>("DisputeNotice.epoch");
  out.a = in.party("DisputeNotice.a");
  out.b = in.party("DisputeNotice.b");
  if (in.ok() && out.a >= out.b) in.reject("DisputeNotice.b", Reason::NotAscending);
  out.fault = in.enumeration("DisputeNotice.fault", Fault::Malformed, Fault::TimedOut);
  out.signer = in.party("DisputeNotice.signer");
  if (in.ok() && out.signer != out.a && out.signer != out.b) in.reject("DisputeNotice.signer", Reason::Mismatch);
  out.signature = in.array<sizeof(IdentitySignature)>("DisputeNotice.signature");
  return in.finish(std::move(out));
}

Bytes encode(const QuarantineNotice& notice) {
  require(!notice.evidence.empty());
  return std::move(Writer(4 + notice.evidence.size()).bytes32(notice.evidence, kMaxEvidence)).take();
}

template <>
Result<QuarantineNotice, WireError> decode<QuarantineNotice>(ByteView payload) {
  Reader in(payload);
  QuarantineNotice out{in.bytes32("QuarantineNotice.evidence", kMaxEvidence)};
  if (in.ok() && out.evidence.empty()) in.reject("QuarantineNotice.evidence", Reason::TooShort);
  return in.finish(std::move(out));
}

Bytes encode(const QuarantineRequest&) { return {}; }

template <>
Result<QuarantineRequest, WireError> decode<QuarantineRequest>(ByteView payload) {
  return Reader(payload).finish(QuarantineRequest{});
}

Bytes encode(const QuarantineReply& reply) {
  Writer out;
  out.u64(reply.version).count8(reply.entries.size(), 0, kMaxParties);
  PartyId previous = kNobody;
  for (const auto& entry : reply.entries) {
    require(entry.signer > previous && !entry.evidence.empty());
    previous = entry.signer;
    out.party(entry.signer).text(entry.reason, kMaxReason).bytes32(entry.evidence, kMaxEvidence);
  }
  out.count16(reply.disputes.size(), 0, kMaxDisputes);
  for (const auto& dispute : reply.disputes) put(out, dispute);
  return std::move(out).take();
}

template <>
Result<QuarantineReply, WireError> decode<QuarantineReply>(ByteView payload) {
  Reader in(payload);
  QuarantineReply out;
  out.version = in.u64("QuarantineReply.version");
  const auto entries = in.count8("QuarantineReply.entries", 0, kMaxParties, kLeastEntry);
  out.entries.reserve(entries);
  for (std::size_t i = 0; i < entries && in.ok(); ++i) {
    auto entry = get_entry(in);
    if (in.ok() && i > 0 && entry.signer <= out.entries.back().signer)
      in.reject("Entry.signer", Reason::NotAscending);
    out.entries.push_back(std::move(entry));
  }
  const auto disputes = in.count16("QuarantineReply.disputes", 0, kMaxDisputes, kLeastDispute);
  out.disputes.reserve(disputes);
  for (std::size_t i = 0; i < disputes && in.ok(); ++i) out.disputes.push_back(get_dispute(in));
  return in.finish(std::move(out));
}

Bytes encode(const QuarantineClear& clear) {
  return std::move(Writer().u8(clear.quarantine ? 1 : 0).u8(clear.disputes ? 1 : 0)).take();
}

template <>
Result<QuarantineClear, WireError> decode<QuarantineClear>(ByteView payload) {
  Reader in(payload);
  QuarantineClear out;
  out.quarantine = in.u8_in("QuarantineClear.quarantine", 0, 1) == 1;
  out.disputes = in.u8_in("QuarantineClear.disputes", 0, 1) == 1;
  return in.finish(out);
}

}  // namespace quorate::wire
