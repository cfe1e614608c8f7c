#include "protocol/tecdsa/key_share.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "protocol/group/shamir.h"

namespace quorate {
namespace {

constexpr std::uint8_t kSequence = 0x30, kBitString = 0x03;

/// AlgorithmIdentifier { id-ecPublicKey, parameters }, DER.
Bytes algorithm_identifier(const Curve& curve) {
  switch (curve.id()) {
    case CurveId::P256:
      return {kSequence, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
              0x06,      0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    case CurveId::P384:
      return {kSequence, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
              0x02,      0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
    case CurveId::Toy:
      return {kSequence, 0x0b, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x05, 0x00};
  }
  std::abort();
}

/// Tag and length; every length here is below 128, the DER short form.
void append_header(Bytes& out, std::uint8_t tag, std::size_t size) {
  if (size > 127) std::abort();
  out.push_back(tag);
  out.push_back(static_cast<std::uint8_t>(size));
}

/// The part of a key that epoch id and confirmation share: X, all X_j, members, T.
Transcript& add_sharing(Transcript& transcript, const PublicKeyInfo& info) {
  transcript.add(info.X).add_number(info.share_points.size());
  for (const auto& [id, point] : info.share_points) transcript.add_number(id).add(point);
  transcript.add_number(info.members.size());
  for (const auto& member : info.members) transcript.add_number(member.id).add(member.identity);
  return transcript.add_number(info.threshold);
}

}  // namespace

Bytes spki_der(const Point& X) {
  const auto algorithm = algorithm_identifier(X.curve());
  const auto point = X.encode();
  Bytes bits;
  append_header(bits, kBitString, 1 + point.size());
  bits.push_back(0);  // no unused bits
  append(bits, point);
  Bytes out;
  append_header(out, kSequence, algorithm.size() + bits.size());
  append(out, algorithm);
  append(out, bits);
  return out;
}

KeyId key_id_of(const Point& X) {
  const auto der = spki_der(X);
  KeyId id;
  if (EVP_Digest(der.data(), der.size(), id.bytes.data(), nullptr, EVP_sha256(), nullptr) != 1) std::abort();
  return id;
}

EpochId epoch_id_of(const PublicKeyInfo& info) {
  Transcript transcript(Label::EpochId, {.curve = info.curve->id(), .key = key_id_of(info.X)});
  transcript.add(info.ceremony).add(info.previous);
  add_sharing(transcript, info);
  return {std::move(transcript).digest().bytes};
}

Digest confirmation_digest(const PublicKeyInfo& info) {
  auto binding = info.binding();
  binding.sid = info.sid;
  Transcript transcript(Label::KeygenConfirm, binding);
  transcript.add(info.ceremony).add(info.name);
  add_sharing(transcript, info);
  return std::move(transcript).digest();
}

bool confirmations_valid(const PublicKeyInfo& info) {
  if (info.members.empty() || info.confirmations.size() != info.members.size()) return false;
  const auto digest = confirmation_digest(info);
  for (const auto& member : info.members) {
    const auto found = info.confirmations.find(member.id);
    if (found == info.confirmations.end() || !verify_identity(member.identity, digest, found->second))
      return false;
  }
  return true;
}

bool consistent(const PublicKeyInfo& info) {
  const auto count = info.members.size();
  if (!info.curve || info.threshold < 2 || count < info.threshold || count > kMaxParties) return false;
  if (!info.X.valid() || &info.X.curve() != info.curve || info.X.is_infinity()) return false;
  if (info.share_points.size() != count) return false;

  PartyId last = kNobody;
  for (const auto& member : info.members) {
    if (member.id <= last || member.id > kMaxParties) return false;
    last = member.id;
    const auto found = info.share_points.find(member.id);
    if (found == info.share_points.end() || !found->second.valid() || &found->second.curve() != info.curve)
      return false;
  }
  if (info.key != key_id_of(info.X) || info.epoch != epoch_id_of(info)) return false;
  // T points fix the polynomial. Exchanging the last of them for each further member must give the same
  // value at 0, as lambda of the exchanged member is never 0.
  for (auto last_member = info.threshold - 1; last_member < count; ++last_member) {
    Quorum quorum;
    for (std::size_t k = 0; k + 1 < info.threshold; ++k) quorum.push_back(info.members[k].id);
    quorum.push_back(info.members[last_member].id);
    Point sum(*info.curve);
    for (auto id : quorum) sum += info.share_points.at(id).mul_var(lagrange_at_zero(*info.curve, quorum, id));
    if (!(sum == info.X)) return false;
  }
  return true;
}

}  // namespace quorate
