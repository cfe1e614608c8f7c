#include "protocol/tecdsa/keygen_messages.h"

namespace quorate {
namespace {

constexpr std::size_t kLength = 4;  ///< bytes of a count or length

class BodyWriter {
 public:
  /// The exact size is reserved, so that no copy of a share is left behind by a growing buffer.
  explicit BodyWriter(std::size_t size) { out_.reserve(size); }
  BodyWriter& raw(ByteView bytes) { return append(out_, bytes), *this; }
  BodyWriter& number(std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out_.push_back(static_cast<std::uint8_t>(value >> shift));
    return *this;
  }
  BodyWriter& field(ByteView bytes) { return number(bytes.size()).raw(bytes); }
  BodyWriter& field(const Point& point) { return field(point.valid() ? point.encode() : Bytes{}); }
  BodyWriter& field(const Scalar& scalar) { return field(scalar.valid() ? scalar.encode() : Bytes{}); }
  BodyWriter& field(const SchnorrProof& proof) { return field(proof.commitment).field(proof.response); }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

/// Reads fail softly: after the first failure every later read fails too, and done() says so.
class BodyReader {
 public:
  BodyReader(const Curve& curve, ByteView rest) : curve_(curve), rest_(rest) {}

  template <class Tag>
  void raw(Id<Tag>& id) {
    raw(id.bytes);
  }
  void raw(std::array<std::uint8_t, 32>& out) {
    const auto bytes = take(out.size());
    if (ok_) std::copy(bytes.begin(), bytes.end(), out.begin());
  }
  std::size_t number() {
    std::size_t value = 0;
    for (auto byte : take(kLength)) value = value << 8 | byte;
    return value;
  }
  ByteView field() { return take(number()); }
  Point point() {
    auto decoded = Point::decode(curve_, field());
    if (!decoded) ok_ = false;
    return ok_ ? std::move(*decoded) : Point();
  }
  Scalar scalar() {
    auto decoded = Scalar::decode(curve_, field());
    if (!decoded) ok_ = false;
    return ok_ ? *decoded : Scalar();
  }
  SchnorrProof proof() {
    auto commitment = point();
    return {std::move(commitment), scalar()};
  }
  void need(bool condition) { ok_ = ok_ && condition; }
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  ByteView take(std::size_t size) {
    if (!ok_ || size > rest_.size()) return ok_ = false, ByteView{};
    const auto bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }
  const Curve& curve_;
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace

Bytes encode_body(const KeygenMsg1& message) {
  return BodyWriter(64).raw(message.nonce.view()).raw(message.commitment.view()).take();
}

Bytes encode_body(const KeygenMsg2& message) {
  BodyWriter out(64);
  out.raw(message.echo.view()).raw(message.opening);
  out.number(message.coefficients.size());
  for (const auto& point : message.coefficients) out.field(point);
  out.number(message.proofs.size());
  for (const auto& proof : message.proofs) out.field(proof);
  return out.take();
}

Bytes encode_body(const KeygenMsg3& message) {
  return BodyWriter(32 + kLength + message.share.size()).raw(message.echo.view()).field(message.share).take();
}

Bytes encode_body(const KeygenMsg4& message) {
  return BodyWriter(512).field(message.share_point).field(message.public_key).field(message.proof).take();
}

template <>
std::optional<KeygenMsg1> decode_body(const Curve& curve, std::size_t, ByteView body) {
  BodyReader in(curve, body);
  KeygenMsg1 message;
  in.raw(message.nonce);
  in.raw(message.commitment);
  if (!in.done()) return std::nullopt;
  return message;
}

template <>
std::optional<KeygenMsg2> decode_body(const Curve& curve, std::size_t coefficients, ByteView body) {
  BodyReader in(curve, body);
  KeygenMsg2 message;
  in.raw(message.echo);
  in.raw(message.opening);
  in.need(in.number() == coefficients);
  for (std::size_t k = 0; in.ok() && k < coefficients; ++k) message.coefficients.push_back(in.point());
  in.need(in.number() == coefficients);
  for (std::size_t k = 0; in.ok() && k < coefficients; ++k) message.proofs.push_back(in.proof());
  if (!in.done()) return std::nullopt;
  return message;
}

template <>
std::optional<KeygenMsg3> decode_body(const Curve& curve, std::size_t, ByteView body) {
  BodyReader in(curve, body);
  KeygenMsg3 message;
  in.raw(message.echo);
  const auto share = in.field();
  in.need(SecretScalar::decode(curve, share).has_value());
  if (!in.done()) return std::nullopt;
  message.share.assign(share.begin(), share.end());
  return message;
}

template <>
std::optional<KeygenMsg4> decode_body(const Curve& curve, std::size_t, ByteView body) {
  BodyReader in(curve, body);
  KeygenMsg4 message;
  message.share_point = in.point();
  message.public_key = in.point();
  message.proof = in.proof();
  if (!in.done()) return std::nullopt;
  return message;
}

}  // namespace quorate
