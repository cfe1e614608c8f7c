#include "protocol/ot/base_ot.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include "protocol/base/ct.h"
#include "protocol/group/batch.h"
#include "protocol/group/hash_to_curve.h"

namespace quorate::ot {
namespace {

std::uint64_t bit_of(const Secret<Block>& bits, std::size_t j) {
  return (bits.reveal()[j / 8] >> (j % 8)) & 1;
}

/// point_size() bytes a point, so that any two can be selected from: a toy curve's infinity, one byte
/// on the wire, is padded with zeros.
SecretBytes encode_padded(const Curve& curve, std::span<const Point> points) {
  const std::size_t size = curve.point_size();
  SecretBytes out(points.size() * size);
  auto encoded = Point::encode_all(points);
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    std::copy(encoded[i].begin(), encoded[i].end(),
              out.reveal().begin() + static_cast<std::ptrdiff_t>(i * size));
    ct::wipe(encoded[i].data(), encoded[i].size());
  }
  return out;
}

ByteView slot(const Curve& curve, ByteView all, std::size_t index) {
  return all.subspan(index * curve.point_size(), curve.point_size());
}

/// The points here were computed by ourselves: one that does not decode is a bug. (On a real curve a
/// candidate is infinity, which has no encoding, with probability 1/n.)
Point decode_padded(const Curve& curve, ByteView bytes) {
  auto point = Point::decode(curve, bytes[0] == 0 ? bytes.first(1) : bytes);
  if (!point) std::abort();
  return *std::move(point);
}

std::vector<Point> flatten(const PointPairs& pairs) {
  std::vector<Point> out;
  out.reserve(2 * pairs.size());
  for (const auto& pair : pairs) out.insert(out.end(), pair.begin(), pair.end());
  return out;
}

/// Counts and points of a peer's message; everything looked at is public.
std::optional<Abort> misformed(const Curve& curve, const PointPairs& pairs, Blame blame, const char* what) {
  if (pairs.size() != kLambdaC) return Abort{Fault::Malformed, blame, std::string(what) + ": wrong count"};
  for (const auto& pair : pairs)
    for (const auto& point : pair) {
      if (!point.valid() || &point.curve() != &curve)
        return Abort{Fault::Malformed, blame, std::string(what) + ": point of another curve"};
      if (!curve.is_toy() && point.is_infinity())
        return Abort{Fault::Infinity, blame, std::string(what) + ": point at infinity"};
    }
  return std::nullopt;
}

/// rho_c = H(sid, roles, idx, c, r_0, r_1, B_0, B_1, t_c A_c). c is hashed as data: the receiver's is secret.
void derive_key(const Binding& binding, std::uint64_t c, ByteView r_pair, ByteView b_pair, ByteView shared,
                Block& key) {
  Transcript transcript(Label::BaseOtKey, binding);
  transcript.add_number(c).add(r_pair).add(b_pair).add(shared);
  const auto wide = std::move(transcript).expand_secret(sizeof(Block));
  std::copy(wide.reveal().begin(), wide.reveal().end(), key.begin());
}

constexpr Label kPointLabel = Label::BaseOtPoint;
/// The label's text serves as the domain separation tag as well.
ByteView point_tag() { return as_bytes(label_text(kPointLabel)); }

/// The message of RFC 9380 for a slot: the transcript encodes binding, c and point unambiguously.
Digest point_message(const Binding& binding, std::uint64_t c, ByteView other) {
  Transcript transcript(kPointLabel, binding);
  transcript.add_number(c).add(other);
  return std::move(transcript).digest();
}

Binding instance(const Binding& binding, std::size_t i) { return binding.at(static_cast<std::uint32_t>(i)); }

}  // namespace

Point base_ot_point(const Curve& curve, const Binding& binding, std::uint64_t c, ByteView other) {
  return hash_to_curve(curve, point_message(binding, c, other).view(), point_tag());
}

Result<BaseOtSent, Abort> base_ot_send(const Curve& curve, const Binding& binding, const PointPairs& r,
                                       Rng& rng) {
  const auto blame = Blame::pair(binding.from, binding.to);
  if (auto abort = misformed(curve, r, blame, "base OT r")) return fail(std::move(*abort));

  const auto r_points = flatten(r);
  const auto r_bytes = encode_padded(curve, r_points);
  std::vector<Digest> messages;
  messages.reserve(2 * kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i)
    for (std::size_t c = 0; c < 2; ++c)
      messages.push_back(
          point_message(instance(binding, i), c, slot(curve, r_bytes.reveal(), 2 * i + 1 - c)));
  const auto a = add_hashes(r_points, messages, point_tag());
  if (!curve.is_toy() && std::any_of(a.begin(), a.end(), [](const Point& p) { return p.is_infinity(); }))
    return fail(Abort{Fault::Infinity, blame, "base OT A at infinity"});

  std::vector<SecretScalar> t;
  t.reserve(2 * kLambdaC);
  for (std::size_t i = 0; i < 2 * kLambdaC; ++i) t.push_back(SecretScalar::random_nonzero(curve, rng));
  const auto b = mul_base_each(t);
  const auto b_bytes = encode_padded(curve, b);
  const auto shared_bytes = encode_padded(curve, mul_each(t, a));
  ct::poison(shared_bytes.reveal().data(), shared_bytes.size());

  BaseOtSent out;
  out.b.resize(kLambdaC);
  out.keys = SecretVector<std::array<Block, 2>>(kLambdaC);
  const std::size_t pair = 2 * curve.point_size();
  for (std::size_t i = 0; i < kLambdaC; ++i)
    for (std::size_t c = 0; c < 2; ++c) {
      out.b[i][c] = b[2 * i + c];
      derive_key(instance(binding, i), c, r_bytes.reveal().subspan(i * pair, pair),
                 b_bytes.reveal().subspan(i * pair, pair), slot(curve, shared_bytes.reveal(), 2 * i + c),
                 out.keys.reveal()[i][c]);
    }
  return out;
}

std::pair<PointPairs, BaseOtReceiver> BaseOtReceiver::choose(const Curve& curve, const Binding& binding,
                                                             Secret<Block> choices, Rng& rng) {
  BaseOtReceiver self;
  self.curve_ = &curve;
  self.binding_ = binding;
  self.choices_ = std::move(choices);
  self.t_.reserve(kLambdaC);

  // r_{1-b} is k G for a k that dies here. What must never happen is drawing *bytes* and sending what
  // does not decode, which tells the slots apart; k G is a uniform point by construction, and made in
  // the same way as t_a G. That the receiver could have kept k gives it nothing: the slot's key hangs
  // on A_{1-b} = k G + Hpt(..), and nobody knows the logarithm of the second term. Hashing random bytes
  // to the curve would give the same distribution (up to that hash's bias) for a multiple of the time.
  std::vector<SecretScalar> k;
  k.reserve(kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i) {
    k.push_back(SecretScalar::random_nonzero(curve, rng));
    self.t_.push_back(SecretScalar::random_nonzero(curve, rng));
  }
  self.mask_ = SecretScalar::random(curve, rng);
  self.mask_step_ = SecretScalar::random(curve, rng);
  const auto uniform_bytes = encode_padded(curve, mul_base_each(k));
  ct::poison(uniform_bytes.reveal().data(), uniform_bytes.size());

  // r_b for b = 0 and for b = 1, whatever b is. The sender will know t_a G and both hashed points but for the
  // question which slot is which, and could tell from a trace of an addition that branches on coordinates, as
  // the library's does. subtract_hashes() adds in our own arithmetic, which does not.
  const auto own = mul_base_each(self.t_);
  std::vector<Point> minuends;
  std::vector<Digest> messages;
  minuends.reserve(2 * kLambdaC);
  messages.reserve(2 * kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i)
    for (std::size_t b = 0; b < 2; ++b) {
      minuends.push_back(own[i]);
      messages.push_back(point_message(instance(binding, i), b, slot(curve, uniform_bytes.reveal(), i)));
    }
  const auto candidate_bytes = encode_padded(curve, subtract_hashes(minuends, messages, point_tag()));
  ct::poison(candidate_bytes.reveal().data(), candidate_bytes.size());

  const std::size_t size = curve.point_size();
  self.r_.resize(2 * kLambdaC * size);
  for (std::size_t i = 0; i < kLambdaC; ++i)
    for (std::size_t c = 0; c < 2; ++c) {
      const auto is_real = 1 ^ c ^ bit_of(self.choices_, i);
      ct::select_bytes(MutableByteView(self.r_).subspan((2 * i + c) * size, size), is_real,
                       slot(curve, uniform_bytes.reveal(), i),
                       slot(curve, candidate_bytes.reveal(), 2 * i + c));
    }
  ct::unpoison(self.r_.data(), self.r_.size());  // sent: says nothing of the choices, both slots are uniform

  PointPairs message(kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i)
    for (std::size_t c = 0; c < 2; ++c) message[i][c] = decode_padded(curve, slot(curve, self.r_, 2 * i + c));
  return {std::move(message), std::move(self)};
}

Result<SecretVector<Block>, Abort> BaseOtReceiver::keys(const PointPairs& b) && {
  const BaseOtReceiver self = std::move(*this);
  const auto& curve = *self.curve_;
  if (auto abort = misformed(curve, b, Blame::pair(self.binding_.to, self.binding_.from), "base OT B"))
    return fail(std::move(*abort));

  // A corrupt sender chooses both points, and the library's time may depend on a point's coordinates. So
  // what is chosen, as bytes, is B_b + M_i with M_i = (m + i d) G: uniform whichever b is, and any two
  // instances' are independent. Then t_a B_b = t_a (B_b + M_i) - t_a (m + i d) G.
  const std::size_t size = curve.point_size();
  auto m = self.mask_.clone();
  auto mask = Point::mul_base(m);
  const auto step = Point::mul_base(self.mask_step_);
  std::vector<Point> masked;
  masked.reserve(2 * kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i) {
    for (const auto& point : b[i]) masked.push_back(point + mask);
    mask += step;
  }
  const auto masked_bytes = encode_padded(curve, masked);
  SecretBytes bytes(size);
  std::vector<Point> chosen;
  std::vector<SecretScalar> unmasking;
  chosen.reserve(kLambdaC);
  unmasking.reserve(kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i) {
    ct::select_bytes(bytes.reveal(), bit_of(self.choices_, i), slot(curve, masked_bytes.reveal(), 2 * i),
                     slot(curve, masked_bytes.reveal(), 2 * i + 1));
    ct::unpoison(bytes.reveal().data(), size);  // masked
    chosen.push_back(decode_padded(curve, bytes.reveal()));
    unmasking.push_back(self.t_[i] * m);
    m = m + self.mask_step_;
  }
  auto shared = mul_each(self.t_, chosen);
  const auto masks = mul_base_each(unmasking);
  for (std::size_t i = 0; i < kLambdaC; ++i) shared[i] += masks[i].negate();
  const auto b_bytes = encode_padded(curve, flatten(b));
  const auto shared_bytes = encode_padded(curve, shared);
  ct::poison(shared_bytes.reveal().data(), shared_bytes.size());

  SecretVector<Block> keys(kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i)
    derive_key(instance(self.binding_, i), bit_of(self.choices_, i),
               ByteView(self.r_).subspan(2 * i * size, 2 * size),
               b_bytes.reveal().subspan(2 * i * size, 2 * size), slot(curve, shared_bytes.reveal(), i),
               keys.reveal()[i]);
  return keys;
}

}  // namespace quorate::ot
