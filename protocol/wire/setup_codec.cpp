#include "protocol/wire/setup_codec.h"

namespace quorate::wire {
namespace {

using PointPairs = std::vector<std::array<Point, 2>>;

void put(Writer& out, const ot::SetupMsg1& message) { out.id(message.nonce).point(message.dh); }

ot::SetupMsg1 get_message1(Reader& in, const Curve& curve) {
  ot::SetupMsg1 out;
  out.nonce = in.id<Digest>("SetupMsg1.nonce");
  out.dh = in.point("SetupMsg1.dh", curve);
  return out;
}

/// Pairs of points one after another; their number is known to both sides.
void put(Writer& out, const PointPairs& pairs) {
  std::vector<Point> flat;
  flat.reserve(2 * pairs.size());
  for (const auto& pair : pairs) flat.insert(flat.end(), pair.begin(), pair.end());
  out.points(flat);
}

PointPairs get_pairs(Reader& in, std::string_view field, const Curve& curve, std::size_t count) {
  auto flat = in.points(field, curve, 2 * count);
  PointPairs out;
  if (!in.ok()) return out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back({std::move(flat[2 * i]), std::move(flat[2 * i + 1])});
  return out;
}

template <std::size_t N>
std::vector<std::array<std::uint8_t, N>> get_arrays(Reader& in, std::string_view field, std::size_t count) {
  std::vector<std::array<std::uint8_t, N>> out;
  if (in.remaining() / N < count) in.reject(field, Reason::Truncated);
  if (!in.ok()) return out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(in.array<N>(field));
  return out;
}

constexpr std::size_t kCorrections = ot::kTrees * (ot::kTreeDepth - 1);

}  // namespace

Bytes encode(const SetupOpen& open) {
  Writer out;
  out.enumeration(open.curve).id(open.key).id(open.epoch);
  put(out, open.message);
  return std::move(out).take();
}

template <>
Result<SetupOpen, WireError> decode<SetupOpen>(ByteView payload) {
  Reader in(payload);
  const auto& curve = in.curve("SetupOpen.curve");
  SetupOpen out;
  out.curve = curve.id();
  out.key = in.id<KeyId>("SetupOpen.key");
  out.epoch = in.id<EpochId>("SetupOpen.epoch");
  out.message = get_message1(in, curve);
  return in.finish(std::move(out));
}

Bytes encode(const ot::SetupMsg1& message) {
  Writer out;
  put(out, message);
  return std::move(out).take();
}

template <>
Result<ot::SetupMsg1, WireError> decode<ot::SetupMsg1>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  auto out = get_message1(in, curve);
  return in.finish(std::move(out));
}

Bytes encode(const ot::SetupMsg2& message) {
  require(message.r.size() == ot::kLambdaC);
  Writer out;
  put(out, message.r);
  return std::move(out).take();
}

template <>
Result<ot::SetupMsg2, WireError> decode<ot::SetupMsg2>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  ot::SetupMsg2 out{get_pairs(in, "SetupMsg2.r", curve, ot::kLambdaC)};
  return in.finish(std::move(out));
}

Bytes encode(const ot::SetupMsg3& message) {
  require(message.b.size() == ot::kLambdaC && message.t.size() == kCorrections);
  require(message.check_sum.size() == ot::kTrees && message.check_root.size() == ot::kTrees);
  Writer out;
  put(out, message.b);
  for (const auto& pair : message.t) out.raw(pair[0]).raw(pair[1]);
  for (const auto& sum : message.check_sum) out.raw(sum);
  for (const auto& root : message.check_root) out.raw(root);
  return std::move(out).take();
}

template <>
Result<ot::SetupMsg3, WireError> decode<ot::SetupMsg3>(ByteView payload, const Curve& curve) {
  Reader in(payload);
  ot::SetupMsg3 out;
  out.b = get_pairs(in, "SetupMsg3.b", curve, ot::kLambdaC);
  const auto t = get_arrays<sizeof(ot::Block)>(in, "SetupMsg3.t", 2 * kCorrections);
  out.t.reserve(t.size() / 2);
  for (std::size_t i = 0; i + 1 < t.size(); i += 2) out.t.push_back({t[i], t[i + 1]});
  out.check_sum = get_arrays<32>(in, "SetupMsg3.check_sum", ot::kTrees);
  out.check_root = get_arrays<32>(in, "SetupMsg3.check_root", ot::kTrees);
  return in.finish(std::move(out));
}

Bytes encode(const SetupReady& ready) {
  return std::move(Writer().id(ready.epoch).party(ready.peer).id(ready.setup)).take();
}

template <>
Result<SetupReady, WireError> decode<SetupReady>(ByteView payload) {
  Reader in(payload);
  SetupReady out;
  out.epoch = in.id<EpochId>("SetupReady.epoch");
  out.peer = in.party("SetupReady.peer");
  out.setup = in.id<SetupId>("SetupReady.setup");
  return in.finish(out);
}

Bytes encode_abort(Fault fault) { return std::move(Writer().enumeration(fault)).take(); }

Result<Fault, WireError> decode_abort(ByteView payload) {
  Reader in(payload);
  const auto fault = in.enumeration("Abort.fault", Fault::Malformed, Fault::TimedOut);
  return in.finish(fault);
}

}  // namespace quorate::wire
