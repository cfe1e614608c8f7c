#include "protocol/wire/online_codec.h"

namespace quorate::wire {
namespace {

constexpr std::size_t kPresignatureId = 32 + 4;
constexpr std::size_t kLeastPool = 1 + 2 + 1 + 4 + 4 + 4;
constexpr std::size_t kLeastKey = 32 + 32 + 1 + 1 + (1 + 2) + 2;

void put_ids(Writer& out, const std::vector<PresignatureId>& ids) {
  out.count16(ids.size(), 0, kMaxLease);
  for (const auto& id : ids) out.presignature(id);
}

std::vector<PresignatureId> get_ids(Reader& in, std::string_view field) {
  std::vector<PresignatureId> out;
  const auto count = in.count16(field, 0, kMaxLease, kPresignatureId);
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(in.presignature(field));
  return out;
}

void put(Writer& out, const LeaseReply& reply) {
  put_ids(out, reply.ids);
  out.u32(reply.lifetime_ms).u32(reply.available).u64(reply.quarantine);
}

LeaseReply get_lease(Reader& in) {
  LeaseReply out;
  out.ids = get_ids(in, "LeaseReply.ids");
  out.lifetime_ms = in.u32("LeaseReply.lifetime_ms");
  out.available = in.u32("LeaseReply.available");
  out.quarantine = in.u64("LeaseReply.quarantine");
  return out;
}

void put(Writer& out, const KeyStatus& status) {
  out.id(status.key).id(status.epoch).enumeration(status.curve).u8(status.threshold);
  out.parties(status.members, 2);
  out.count16(status.pools.size(), 0, kMaxPools);
  for (const auto& pool : status.pools)
    out.quorum(pool.quorum).party(pool.leader).u32(pool.available).u32(pool.target).u32(pool.min);
}

PoolStatus get_pool(Reader& in) {
  PoolStatus out;
  out.quorum = in.quorum("PoolStatus.quorum");
  out.leader = in.party("PoolStatus.leader");
  out.available = in.u32("PoolStatus.available");
  out.target = in.u32("PoolStatus.target");
  out.min = in.u32("PoolStatus.min");
  return out;
}

KeyStatus get_key(Reader& in) {
  KeyStatus out;
  out.key = in.id<KeyId>("KeyStatus.key");
  out.epoch = in.id<EpochId>("KeyStatus.epoch");
  out.curve = in.curve("KeyStatus.curve").id();
  out.threshold = in.u8_in("KeyStatus.threshold", 2, kMaxParties);
  out.members = in.parties("KeyStatus.members", 2);
  const auto count = in.count16("KeyStatus.pools", 0, kMaxPools, kLeastPool);
  out.pools.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) out.pools.push_back(get_pool(in));
  return out;
}

}  // namespace

Bytes encode(const StatusRequest& request) { return std::move(Writer().id(request.key)).take(); }

template <>
Result<StatusRequest, WireError> decode<StatusRequest>(ByteView payload) {
  Reader in(payload);
  const StatusRequest out{in.id<KeyId>("StatusRequest.key")};
  return in.finish(out);
}

Bytes encode(const StatusReply& reply) {
  Writer out;
  out.party(reply.signer).id(reply.instance).count8(reply.keys.size(), 0, kMaxKeys);
  for (const auto& key : reply.keys) {
    require(key.threshold >= 2 && key.threshold <= kMaxParties);
    put(out, key);
  }
  return std::move(out.parties(reply.linked, 0).u64(reply.quarantine)).take();
}

template <>
Result<StatusReply, WireError> decode<StatusReply>(ByteView payload) {
  Reader in(payload);
  StatusReply out;
  out.signer = in.party("StatusReply.signer");
  out.instance = in.id<Digest>("StatusReply.instance");
  const auto count = in.count8("StatusReply.keys", 0, kMaxKeys, kLeastKey);
  out.keys.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) out.keys.push_back(get_key(in));
  out.linked = in.parties("StatusReply.linked", 0);
  out.quarantine = in.u64("StatusReply.quarantine");
  return in.finish(std::move(out));
}

Bytes encode(const LeaseRequest& request) {
  require(request.count >= 1 && request.count <= kMaxLease);
  Writer out;
  out.id(request.key).id(request.epoch).quorum(request.quorum).u16(request.count);
  return std::move(out).take();
}

template <>
Result<LeaseRequest, WireError> decode<LeaseRequest>(ByteView payload) {
  Reader in(payload);
  LeaseRequest out;
  out.key = in.id<KeyId>("LeaseRequest.key");
  out.epoch = in.id<EpochId>("LeaseRequest.epoch");
  out.quorum = in.quorum("LeaseRequest.quorum");
  out.count = in.u16_in("LeaseRequest.count", 1, kMaxLease);
  return in.finish(std::move(out));
}

Bytes encode(const LeaseReply& reply) {
  Writer out;
  put(out, reply);
  return std::move(out).take();
}

template <>
Result<LeaseReply, WireError> decode<LeaseReply>(ByteView payload) {
  Reader in(payload);
  auto out = get_lease(in);
  return in.finish(std::move(out));
}

Bytes encode(const LeaseReturn& returned) {
  Writer out;
  out.id(returned.key).id(returned.epoch);
  put_ids(out, returned.ids);
  return std::move(out).take();
}

template <>
Result<LeaseReturn, WireError> decode<LeaseReturn>(ByteView payload) {
  Reader in(payload);
  LeaseReturn out;
  out.key = in.id<KeyId>("LeaseReturn.key");
  out.epoch = in.id<EpochId>("LeaseReturn.epoch");
  out.ids = get_ids(in, "LeaseReturn.ids");
  return in.finish(std::move(out));
}

Bytes encode(const SignRequest& request) {
  require(request.lease <= kMaxLease);
  Writer out(kPresignatureId + 17 + 64 + 2 + 4 + request.content.size() + 4 + 2 + 2 + request.frontend.size());
  out.presignature(request.presignature).quorum(request.quorum).id(request.key).id(request.epoch);
  out.enumeration(request.context).enumeration(request.digest).bytes32(request.content, kMaxContent);
  out.u32(request.deadline_ms).u16(request.lease);
  return std::move(out.text(request.frontend, kMaxFrontend)).take();
}

template <>
Result<SignRequest, WireError> decode<SignRequest>(ByteView payload) {
  Reader in(payload);
  SignRequest out;
  out.presignature = in.presignature("SignRequest.presignature");
  out.quorum = in.quorum("SignRequest.quorum");
  out.key = in.id<KeyId>("SignRequest.key");
  out.epoch = in.id<EpochId>("SignRequest.epoch");
  out.context =
      in.enumeration("SignRequest.context", Context::Tls13ServerCertificateVerify, Context::OcspResponseData);
  out.digest = in.enumeration("SignRequest.digest", DigestAlgorithm::Sha256, DigestAlgorithm::Sha512);
  out.content = in.bytes32("SignRequest.content", kMaxContent);
  out.deadline_ms = in.u32("SignRequest.deadline_ms");
  out.lease = in.u16_in("SignRequest.lease", 0, kMaxLease);
  out.frontend = in.text("SignRequest.frontend", kMaxFrontend);
  return in.finish(std::move(out));
}

Bytes encode(const SignReply& reply) {
  Writer out;
  out.presignature(reply.presignature).scalar(reply.r).id(reply.record).scalar(reply.s);
  put(out, reply.lease);
  return std::move(out).take();
}

template <>
Result<SignReply, WireError> decode<SignReply>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  SignReply out;
  out.presignature = in.presignature("SignReply.presignature");
  out.r = in.scalar("SignReply.r", curve);
  out.record = in.id<Digest>("SignReply.record");
  out.s = in.scalar("SignReply.s", curve);
  out.lease = get_lease(in);
  return in.finish(std::move(out));
}

Bytes encode(const Refusal& refusal) {
  return std::move(Writer().enumeration(refusal.code).text(refusal.reason, kMaxReason)).take();
}

template <>
Result<Refusal, WireError> decode<Refusal>(ByteView payload) {
  Reader in(payload);
  Refusal out;
  out.code = in.enumeration("Refusal.code", SignErrorCode::QuorumInsufficient, SignErrorCode::Overloaded);
  out.reason = in.text("Refusal.reason", kMaxReason);
  return in.finish(std::move(out));
}

}  // namespace quorate::wire
