#include "protocol/wire/tier_codec.h"

namespace quorate::wire {
namespace {

void put(Writer& out, const TierAssigned& assigned) {
  out.presignature(assigned.presignature).quorum(assigned.quorum).id(assigned.epoch);
}

TierAssigned get_assigned(Reader& in) {
  TierAssigned out;
  out.presignature = in.presignature("TierAssigned.presignature");
  out.quorum = in.quorum("TierAssigned.quorum");
  out.epoch = in.id<EpochId>("TierAssigned.epoch");
  return out;
}

}  // namespace

Bytes encode(const TierSignRequest& request) {
  Writer out(32 + 3 + 4 + 4 + request.content.size() + 1 + 36 + 1 + kMaxParties + 32);
  out.id(request.key).enumeration(request.context).enumeration(request.digest).enumeration(request.nonce_policy);
  out.u32(request.deadline_ms).bytes32(request.content, kMaxContent).u8(request.hint ? 1 : 0);
  if (request.hint) put(out, *request.hint);
  return std::move(out).take();
}

template <>
Result<TierSignRequest, WireError> decode<TierSignRequest>(ByteView payload) {
  Reader in(payload);
  TierSignRequest out;
  out.key = in.id<KeyId>("TierSignRequest.key");
  out.context = in.enumeration("TierSignRequest.context", Context::Tls13ServerCertificateVerify,
                               Context::OcspResponseData);
  out.digest = in.enumeration("TierSignRequest.digest", DigestAlgorithm::Sha256, DigestAlgorithm::Sha512);
  out.nonce_policy = in.enumeration("TierSignRequest.nonce_policy", NoncePolicy::Fresh, NoncePolicy::Fresh);
  out.deadline_ms = in.u32("TierSignRequest.deadline_ms");
  out.content = in.bytes32("TierSignRequest.content", kMaxContent);
  if (in.u8_in("TierSignRequest.hint", 0, 1) == 1) out.hint = get_assigned(in);
  return in.finish(std::move(out));
}

Bytes encode(const TierAssigned& assigned) {
  Writer out;
  put(out, assigned);
  return std::move(out).take();
}

template <>
Result<TierAssigned, WireError> decode<TierAssigned>(ByteView payload) {
  Reader in(payload);
  auto out = get_assigned(in);
  return in.finish(std::move(out));
}

Bytes encode(const TierSignReply& reply) {
  Writer out;
  out.scalar(reply.r).scalar(reply.s).quorum(reply.quorum).presignature(reply.presignature);
  return std::move(out.u64(reply.timestamp).u16(reply.attempts)).take();
}

template <>
Result<TierSignReply, WireError> decode<TierSignReply>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  TierSignReply out;
  out.r = in.scalar("TierSignReply.r", curve);
  out.s = in.scalar("TierSignReply.s", curve);
  out.quorum = in.quorum("TierSignReply.quorum");
  out.presignature = in.presignature("TierSignReply.presignature");
  out.timestamp = in.u64("TierSignReply.timestamp");
  out.attempts = in.u16("TierSignReply.attempts");
  return in.finish(std::move(out));
}

Bytes encode(const ReadinessRequest& request) { return std::move(Writer().id(request.key)).take(); }

template <>
Result<ReadinessRequest, WireError> decode<ReadinessRequest>(ByteView payload) {
  Reader in(payload);
  const ReadinessRequest out{in.id<KeyId>("ReadinessRequest.key")};
  return in.finish(out);
}

Bytes encode(const ReadinessReply& reply) {
  require(reply.signers_up <= kMaxParties && reply.threshold != 1 && reply.threshold <= kMaxParties);
  Writer out;
  out.enumeration(reply.state).enumeration(reply.reason).u8(reply.can_sign ? 1 : 0);
  out.u8(reply.signers_up).u8(reply.threshold).u32(reply.pool_depth);
  return std::move(out.text(reply.detail, kMaxDetail)).take();
}

template <>
Result<ReadinessReply, WireError> decode<ReadinessReply>(ByteView payload) {
  Reader in(payload);
  ReadinessReply out;
  out.state = in.enumeration("ReadinessReply.state", ReadinessState::Unknown, ReadinessState::NotReady);
  out.reason =
      in.enumeration("ReadinessReply.reason", SignErrorCode::QuorumInsufficient, SignErrorCode::Overloaded);
  out.can_sign = in.u8_in("ReadinessReply.can_sign", 0, 1) == 1;
  out.signers_up = in.u8_in("ReadinessReply.signers_up", 0, kMaxParties);
  out.threshold = in.u8_in("ReadinessReply.threshold", 0, kMaxParties);
  if (in.ok() && out.threshold == 1) in.reject("ReadinessReply.threshold", Reason::OutOfRange);
  out.pool_depth = in.u32("ReadinessReply.pool_depth");
  out.detail = in.text("ReadinessReply.detail", kMaxDetail);
  return in.finish(std::move(out));
}

}  // namespace quorate::wire
