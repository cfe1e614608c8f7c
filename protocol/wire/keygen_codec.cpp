#include "protocol/wire/keygen_codec.h"

namespace quorate::wire {
namespace {

constexpr std::size_t kSignature = sizeof(IdentitySignature);

void put(Writer& out, const SchnorrProof& proof) { out.point(proof.commitment).scalar(proof.response); }

SchnorrProof get_proof(Reader& in, std::string_view field, const Curve& curve) {
  SchnorrProof out;
  out.commitment = in.point(field, curve);
  out.response = in.scalar(field, curve);
  return out;
}

}  // namespace

Bytes encode(const KeygenMsg1& message) {
  return std::move(Writer().id(message.nonce).id(message.commitment).raw(message.signature)).take();
}

template <>
Result<KeygenMsg1, WireError> decode<KeygenMsg1>(ByteView payload, const Curve&) {
  Reader in(payload);
  KeygenMsg1 out;
  out.nonce = in.id<Digest>("KeygenMsg1.nonce");
  out.commitment = in.id<Digest>("KeygenMsg1.commitment");
  out.signature = in.array<kSignature>("KeygenMsg1.signature");
  return in.finish(out);
}

Bytes encode(const KeygenMsg2& message) {
  Writer out;
  out.id(message.echo);
  out.count8(message.coefficients.size(), 1, kMaxParties).points(message.coefficients);
  out.raw(message.opening);
  out.count8(message.proofs.size(), 1, kMaxParties);
  for (const auto& proof : message.proofs) put(out, proof);
  return std::move(out.raw(message.signature)).take();
}

template <>
Result<KeygenMsg2, WireError> decode<KeygenMsg2>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  KeygenMsg2 out;
  out.echo = in.id<Digest>("KeygenMsg2.echo");
  const auto coefficients = in.count8("KeygenMsg2.coefficients", 1, kMaxParties, least_point_size(curve));
  out.coefficients = in.points("KeygenMsg2.coefficients", curve, coefficients);
  out.opening = in.array<32>("KeygenMsg2.opening");
  const auto proofs =
      in.count8("KeygenMsg2.proofs", 1, kMaxParties, least_point_size(curve) + curve.scalar_size());
  out.proofs.reserve(proofs);
  for (std::size_t i = 0; i < proofs && in.ok(); ++i)
    out.proofs.push_back(get_proof(in, "KeygenMsg2.proofs", curve));
  out.signature = in.array<kSignature>("KeygenMsg2.signature");
  return in.finish(std::move(out));
}

Bytes encode(const KeygenMsg3& message) {
  Writer out(sizeof(Digest) + message.share.size() + kSignature);
  return std::move(out.id(message.echo).raw(message.share).raw(message.signature)).take();
}

template <>
Result<KeygenMsg3, WireError> decode<KeygenMsg3>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  KeygenMsg3 out;
  out.echo = in.id<Digest>("KeygenMsg3.echo");
  const auto share = in.raw("KeygenMsg3.share", curve.scalar_size());
  out.share.assign(share.begin(), share.end());
  out.signature = in.array<kSignature>("KeygenMsg3.signature");
  return in.finish(std::move(out));
}

Bytes encode(const KeygenMsg4& message) {
  Writer out;
  out.point(message.share_point).point(message.public_key);
  put(out, message.proof);
  return std::move(out.raw(message.signature)).take();
}

template <>
Result<KeygenMsg4, WireError> decode<KeygenMsg4>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  KeygenMsg4 out;
  out.share_point = in.point("KeygenMsg4.share_point", curve);
  out.public_key = in.point("KeygenMsg4.public_key", curve);
  out.proof = get_proof(in, "KeygenMsg4.proof", curve);
  out.signature = in.array<kSignature>("KeygenMsg4.signature");
  return in.finish(std::move(out));
}

Bytes encode(const KeygenMsg5& message) { return std::move(Writer().raw(message.confirmation)).take(); }

template <>
Result<KeygenMsg5, WireError> decode<KeygenMsg5>(ByteView payload, const Curve&) {
  Reader in(payload);
  KeygenMsg5 out;
  out.confirmation = in.array<kSignature>("KeygenMsg5.confirmation");
  return in.finish(out);
}

}  // namespace quorate::wire
