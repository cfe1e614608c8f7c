#include "protocol/wire/record_codec.h"

#include "protocol/wire/presign_codec.h"

namespace quorate::wire {

Bytes encode(const RecordRequest& request) {
  return std::move(Writer().presignature(request.presignature)).take();
}

template <>
Result<RecordRequest, WireError> decode<RecordRequest>(ByteView payload) {
  Reader in(payload);
  const RecordRequest out{in.presignature("RecordRequest.presignature")};
  return in.finish(out);
}

Bytes encode(const RecordReply& reply) {
  const auto members = reply.quorum.size();
  require(reply.K.size() == members && reply.C.size() == members && reply.rows.size() == members);
  Writer out;
  out.quorum(reply.quorum).id(reply.epoch).id(reply.key);
  out.point(reply.R).points(reply.K).points(reply.C);
  for (std::size_t i = 0; i < members; ++i) {
    require(reply.rows[i].signer == reply.quorum[i]);
    put_row(out, reply.rows[i]);
  }
  return std::move(out).take();
}

template <>
Result<RecordReply, WireError> decode<RecordReply>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  RecordReply out;
  out.quorum = in.quorum("RecordReply.quorum");
  out.epoch = in.id<EpochId>("RecordReply.epoch");
  out.key = in.id<KeyId>("RecordReply.key");
  out.R = in.point("RecordReply.R", curve);
  out.K = in.points("RecordReply.K", curve, out.quorum.size());
  out.C = in.points("RecordReply.C", curve, out.quorum.size());
  if (in.remaining() / kLeastRow < out.quorum.size()) in.reject("RecordReply.rows", Reason::Truncated);
  if (in.ok()) out.rows.reserve(out.quorum.size());
  for (std::size_t i = 0; i < out.quorum.size() && in.ok(); ++i) {
    auto row = get_row(in);
    if (in.ok() && row.signer != out.quorum[i]) in.reject("RecordReply.rows", Reason::Mismatch);
    out.rows.push_back(std::move(row));
  }
  return in.finish(std::move(out));
}

Bytes encode(const ConfirmRequest& request) {
  Writer out;
  out.presignature(request.presignature).quorum(request.quorum).id(request.key).id(request.epoch);
  out.enumeration(request.context).enumeration(request.digest).bytes32(request.content, kMaxContent);
  return std::move(out).take();
}

template <>
Result<ConfirmRequest, WireError> decode<ConfirmRequest>(ByteView payload) {
  Reader in(payload);
  ConfirmRequest out;
  out.presignature = in.presignature("ConfirmRequest.presignature");
  out.quorum = in.quorum("ConfirmRequest.quorum");
  out.key = in.id<KeyId>("ConfirmRequest.key");
  out.epoch = in.id<EpochId>("ConfirmRequest.epoch");
  out.context = in.enumeration("ConfirmRequest.context", Context::Tls13ServerCertificateVerify,
                               Context::OcspResponseData);
  out.digest = in.enumeration("ConfirmRequest.digest", DigestAlgorithm::Sha256, DigestAlgorithm::Sha512);
  out.content = in.bytes32("ConfirmRequest.content", kMaxContent);
  return in.finish(std::move(out));
}

Bytes encode(const ConfirmReply& reply) {
  return std::move(Writer().scalar(reply.s).id(reply.record).raw(reply.signature)).take();
}

template <>
Result<ConfirmReply, WireError> decode<ConfirmReply>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  ConfirmReply out;
  out.s = in.scalar("ConfirmReply.s", curve);
  out.record = in.id<Digest>("ConfirmReply.record");
  out.signature = in.array<sizeof(IdentitySignature)>("ConfirmReply.signature");
  return in.finish(std::move(out));
}

}  // namespace quorate::wire
