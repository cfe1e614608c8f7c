#pragma once

#include "protocol/hash/schnorr.h"
#include "protocol/tecdsa/key_share.h"

namespace quorate {

/// SPEC section 1. Every keygen message carries its sender's identity signature over
/// (ceremony, round, sender, receiver, digest of all other fields); receiver 0 for broadcasts.
/// statement_digest() in keygen_terms.h says exactly what is signed.
struct KeygenMsg1 {
  Digest nonce;
  Digest commitment;
  IdentitySignature signature{};
};
struct KeygenMsg2 {
  Digest echo;                             ///< over all round-1 messages, the own one included
  std::vector<Point> coefficients;         ///< F_0 .. F_{T-1}; from F_1 on in a refresh
  std::array<std::uint8_t, 32> opening{};  ///< rand_i
  std::vector<SchnorrProof> proofs;        ///< one per coefficient
  IdentitySignature signature{};
};
struct KeygenMsg3 {
  Digest echo;  ///< over all round-2 messages
  Bytes share;  ///< d_ij = f_i(j), scalar_size() bytes; secret in transit, wiped with the message
  IdentitySignature signature{};

  ~KeygenMsg3() { ct::wipe(share.data(), share.size()); }
};
struct KeygenMsg4 {
  Point share_point;   ///< X_i
  Point public_key;    ///< X as i computed it
  SchnorrProof proof;  ///< of x_i
  IdentitySignature signature{};
};
struct KeygenMsg5 {
  IdentitySignature confirmation{};  ///< over confirmation_digest()
};

/// The fields of a message but its signature, as they are signed and as evidence keeps them: digests and
/// the opening as they are; lists as a u32 count and their items; points, scalars and the share as a u32
/// length and their encoding. Numbers are big-endian. A point or scalar that belongs to no curve is
/// written with length 0, so that what a cheating sender signed can always be written down.
Bytes encode_body(const KeygenMsg1& message);
Bytes encode_body(const KeygenMsg2& message);
Bytes encode_body(const KeygenMsg3& message);
Bytes encode_body(const KeygenMsg4& message);

/// Reads a body back, with a zero signature. Nothing unless all bytes are used, every point and scalar
/// decodes on this curve (scalars below n), and the lists of round 2 hold exactly `coefficients` items
/// (KeygenTerms::coefficients()): an honest member never signs anything else.
template <class Msg>
std::optional<Msg> decode_body(const Curve& curve, std::size_t coefficients, ByteView body);
template <>
std::optional<KeygenMsg1> decode_body(const Curve& curve, std::size_t coefficients, ByteView body);
template <>
std::optional<KeygenMsg2> decode_body(const Curve& curve, std::size_t coefficients, ByteView body);
template <>
std::optional<KeygenMsg3> decode_body(const Curve& curve, std::size_t coefficients, ByteView body);
template <>
std::optional<KeygenMsg4> decode_body(const Curve& curve, std::size_t coefficients, ByteView body);

}  // namespace quorate
