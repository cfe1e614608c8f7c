#pragma once

#include "fuzz/wire_samples.h"

/// Random fields that messages have in common; the messages made of them are in wire_samples_*.cpp.
namespace quorate::wire::sample {

using sim::SeededRng;

template <class T>
T id(SeededRng& rng) {
  return rng.make_id<T>();
}

inline Bytes bytes(SeededRng& rng, std::size_t size) {
  Bytes out(size);
  rng.fill(out);
  return out;
}

inline std::string name(SeededRng& rng) {
  static constexpr std::string_view kAlphabet = "abcXYZ019._-";
  std::string out;
  for (auto size = 1 + rng.below(12); out.size() < size;) out += kAlphabet[rng.below(kAlphabet.size())];
  return out;
}

inline std::string text(SeededRng& rng) {
  std::string out;
  for (auto size = rng.below(40); out.size() < size;) out += static_cast<char>(0x20 + rng.below(0x5f));
  return out;
}

inline Scalar scalar(const Curve& curve, SeededRng& rng) { return Scalar::random(curve, rng); }

inline Point point(const Curve& curve, SeededRng& rng) {
  return Point::mul_base(curve.is_toy() ? Scalar::random(curve, rng) : Scalar::random_nonzero(curve, rng));
}

inline std::vector<Point> points(const Curve& curve, SeededRng& rng, std::size_t count) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(point(curve, rng));
  return out;
}

inline std::vector<std::array<Point, 2>> point_pairs(const Curve& curve, SeededRng& rng) {
  std::vector<std::array<Point, 2>> out;
  for (std::size_t i = 0; i < ot::kLambdaC; ++i) {
    auto first = point(curve, rng);
    auto second = point(curve, rng);
    out.push_back({std::move(first), std::move(second)});
  }
  return out;
}

inline PartyId party(SeededRng& rng) { return static_cast<PartyId>(1 + rng.below(kMaxParties)); }

inline Quorum quorum(SeededRng& rng) {
  Quorum out;
  for (PartyId i = 1; i <= kMaxParties; ++i)
    if (rng.below(4) == 0) out.push_back(i);
  return out.size() < 2 ? Quorum{1, kMaxParties} : out;
}

inline PresignatureId presignature(SeededRng& rng) {
  const auto sid = id<SessionId>(rng);
  return {sid, static_cast<std::uint32_t>(rng.below(ot::kMaxBatch))};
}

inline std::vector<PresignatureId> presignatures(SeededRng& rng) {
  std::vector<PresignatureId> out;
  for (auto count = rng.below(4); out.size() < count;) out.push_back(presignature(rng));
  return out;
}

inline IdentitySignature signature(SeededRng& rng) { return rng.make<IdentitySignature>(); }

inline SchnorrProof proof(const Curve& curve, SeededRng& rng) {
  auto commitment = point(curve, rng);
  return {std::move(commitment), scalar(curve, rng)};
}

inline Row row(SeededRng& rng, PartyId signer, std::size_t batch) {
  Row out;
  out.signer = signer;
  out.nonce_digest = id<Digest>(rng);
  out.u_digest = id<Digest>(rng);
  for (std::size_t i = 0; i < batch; ++i) out.records.push_back(id<Digest>(rng));
  out.signature = signature(rng);
  return out;
}

inline std::uint32_t number(SeededRng& rng) { return static_cast<std::uint32_t>(rng.below(std::uint64_t{1} << 32)); }
inline std::size_t batch(SeededRng& rng) { return 1 + rng.below(3); }
inline Context context(SeededRng& rng) { return static_cast<Context>(1 + rng.below(7)); }
inline DigestAlgorithm digest(SeededRng& rng) { return static_cast<DigestAlgorithm>(1 + rng.below(3)); }

}  // namespace quorate::wire::sample
