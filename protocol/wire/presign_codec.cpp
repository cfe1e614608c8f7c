#include "protocol/wire/presign_codec.h"

#include <algorithm>

namespace quorate::wire {
namespace {

std::size_t a_tilde_size(const Curve& curve) {
  return ot::ots_per_multiplication(curve) * 3 * curve.scalar_size();
}

/// Bytes of an instance whose points are none of them infinity.
std::size_t instance_size(const Curve& curve) {
  return 4 * curve.point_size() + a_tilde_size(curve) + 2 * curve.scalar_size() + sizeof(Digest);
}

std::size_t least_instance_size(const Curve& curve) {
  return instance_size(curve) - 4 * (curve.point_size() - least_point_size(curve));
}

std::size_t pairs_of(const Quorum& quorum) { return quorum.size() * (quorum.size() - 1) / 2; }

PresignMsg2::Instance get_instance(Reader& in, const Curve& curve) {
  PresignMsg2::Instance out;
  out.R = in.point("PresignMsg2.R", curve);
  out.pk = in.point("PresignMsg2.pk", curve);
  const auto a_tilde = in.raw("PresignMsg2.a_tilde", a_tilde_size(curve));
  out.rvole.a_tilde.assign(a_tilde.begin(), a_tilde.end());
  out.rvole.eta = in.scalar("PresignMsg2.eta", curve);
  out.rvole.mu = in.id<Digest>("PresignMsg2.mu");
  out.gamma_u = in.point("PresignMsg2.gamma_u", curve);
  out.gamma_v = in.point("PresignMsg2.gamma_v", curve);
  out.psi = in.scalar("PresignMsg2.psi", curve);
  return out;
}

}  // namespace

Bytes encode(const PresignPlan& plan) {
  require(plan.batch >= 1 && plan.batch <= ot::kMaxBatch);
  Writer out;
  out.enumeration(plan.curve).id(plan.key).id(plan.epoch).quorum(plan.quorum);
  require(plan.setups.size() == pairs_of(plan.quorum));
  out.u32(plan.batch).u8(plan.tree_depth).u64(plan.batch_number).id(plan.leader_nonce);
  for (const auto& setup : plan.setups) out.id(setup);
  return std::move(out).take();
}

template <>
Result<PresignPlan, WireError> decode<PresignPlan>(ByteView payload) {
  Reader in(payload);
  PresignPlan out;
  out.curve = in.curve("PresignPlan.curve").id();
  out.key = in.id<KeyId>("PresignPlan.key");
  out.epoch = in.id<EpochId>("PresignPlan.epoch");
  out.quorum = in.quorum("PresignPlan.quorum");
  out.batch = in.u32_in("PresignPlan.batch", 1, ot::kMaxBatch);
  out.tree_depth = in.u8("PresignPlan.tree_depth");
  out.batch_number = in.u64("PresignPlan.batch_number");
  out.leader_nonce = in.id<Digest>("PresignPlan.leader_nonce");
  for (std::size_t i = 0; i < pairs_of(out.quorum) && in.ok(); ++i)
    out.setups.push_back(in.id<SetupId>("PresignPlan.setups"));
  return in.finish(std::move(out));
}

Bytes encode(const PresignMsg1& message) {
  const auto& extension = message.extension;
  Writer out(32 + 4 + extension.u.size() + (1 + ot::kLambdaC) * sizeof(ot::Block));
  out.id(message.commitment);
  out.bytes32(extension.u, max_payload(MessageType::PresignRound1)).raw(extension.x_tilde);
  for (const auto& block : extension.t_tilde) out.raw(block);
  return std::move(out).take();
}

template <>
Result<PresignMsg1, WireError> decode<PresignMsg1>(ByteView payload, const Curve& curve) {
  const auto greatest =
      ot::kTrees * ot::extension_width(ot::kMaxBatch, ot::ots_per_multiplication(curve)) / 8;
  Reader in(payload);
  PresignMsg1 out;
  out.commitment = in.id<Digest>("PresignMsg1.commitment");
  out.extension.u = in.bytes32("PresignMsg1.u", greatest);
  out.extension.x_tilde = in.array<sizeof(ot::Block)>("PresignMsg1.x_tilde");
  for (auto& block : out.extension.t_tilde) block = in.array<sizeof(ot::Block)>("PresignMsg1.t_tilde");
  return in.finish(std::move(out));
}

Bytes encode(const PresignMsg2& message) {
  require(!message.instances.empty());
  const auto& curve = message.instances.front().psi.curve();
  std::vector<Point> points;
  points.reserve(4 * message.instances.size());
  for (const auto& each : message.instances)
    points.insert(points.end(), {each.R, each.pk, each.gamma_u, each.gamma_v});
  const auto encoded = Point::encode_all(points);

  Writer out(32 + 32 + 2 + message.instances.size() * instance_size(curve));
  out.id(message.echo).raw(message.opening);
  out.count16(message.instances.size(), 1, ot::kMaxBatch);
  auto point = encoded.begin();
  for (const auto& each : message.instances) {
    require(each.rvole.a_tilde.size() == a_tilde_size(curve));
    out.raw(point[0]).raw(point[1]);
    out.raw(each.rvole.a_tilde).scalar(each.rvole.eta).id(each.rvole.mu);
    out.raw(point[2]).raw(point[3]).scalar(each.psi);
    point += 4;
  }
  return std::move(out).take();
}

template <>
Result<PresignMsg2, WireError> decode<PresignMsg2>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  PresignMsg2 out;
  out.echo = in.id<Digest>("PresignMsg2.echo");
  out.opening = in.array<32>("PresignMsg2.opening");
  const auto count = in.count16("PresignMsg2.instances", 1, ot::kMaxBatch, least_instance_size(curve));
  out.instances.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) out.instances.push_back(get_instance(in, curve));
  return in.finish(std::move(out));
}

Bytes encode(const PresignMsg3& message) {
  Writer out;
  out.id(message.echo).count16(message.u.size(), 1, ot::kMaxBatch);
  for (const auto& u : message.u) out.scalar(u);
  return std::move(out).take();
}

template <>
Result<PresignMsg3, WireError> decode<PresignMsg3>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  PresignMsg3 out;
  out.echo = in.id<Digest>("PresignMsg3.echo");
  const auto count = in.count16("PresignMsg3.u", 1, ot::kMaxBatch, curve.scalar_size());
  out.u.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) out.u.push_back(in.scalar("PresignMsg3.u", curve));
  return in.finish(std::move(out));
}

void put_row(Writer& out, const Row& row) {
  out.party(row.signer).id(row.nonce_digest).id(row.u_digest);
  out.count16(row.records.size(), 1, ot::kMaxBatch);
  for (const auto& record : row.records) out.id(record);
  out.raw(row.signature);
}

Row get_row(Reader& in) {
  Row out;
  out.signer = in.party("Row.signer");
  out.nonce_digest = in.id<Digest>("Row.nonce_digest");
  out.u_digest = in.id<Digest>("Row.u_digest");
  const auto count = in.count16("Row.records", 1, ot::kMaxBatch, sizeof(Digest));
  out.records.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.records.push_back(in.id<Digest>("Row.records"));
  out.signature = in.array<sizeof(IdentitySignature)>("Row.signature");
  return out;
}

Bytes encode(const PresignMsg4& message) {
  Writer out;
  out.count16(message.K.size(), 1, ot::kMaxBatch).points(message.K);
  out.count16(message.C.size(), 1, ot::kMaxBatch).points(message.C);
  put_row(out, message.row);
  return std::move(out).take();
}

template <>
Result<PresignMsg4, WireError> decode<PresignMsg4>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  PresignMsg4 out;
  const auto k_count = in.count16("PresignMsg4.K", 1, ot::kMaxBatch, least_point_size(curve));
  out.K = in.points("PresignMsg4.K", curve, k_count);
  const auto c_count = in.count16("PresignMsg4.C", 1, ot::kMaxBatch, least_point_size(curve));
  out.C = in.points("PresignMsg4.C", curve, c_count);
  out.row = get_row(in);
  return in.finish(std::move(out));
}

Bytes encode(const PresignPooled&) { return {}; }

template <>
Result<PresignPooled, WireError> decode<PresignPooled>(ByteView payload) {
  return Reader(payload).finish(PresignPooled{});
}

Bytes encode(const PresignRetire& retire) {
  auto indices = retire.indices;
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  Writer out;
  out.count32(indices.size(), 1, ot::kMaxBatch);
  for (const auto index : indices) {
    require(index < ot::kMaxBatch);
    out.u32(index);
  }
  return std::move(out).take();
}

template <>
Result<PresignRetire, WireError> decode<PresignRetire>(ByteView payload) {
  Reader in(payload);
  PresignRetire out;
  const auto count = in.count32("PresignRetire.indices", 1, ot::kMaxBatch, 4);
  out.indices.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const auto index = in.u32_in("PresignRetire.indices", 0, ot::kMaxBatch - 1);
    if (in.ok() && i > 0 && index <= out.indices.back())
      in.reject("PresignRetire.indices", Reason::NotAscending);
    out.indices.push_back(index);
  }
  return in.finish(std::move(out));
}

}  // namespace quorate::wire
