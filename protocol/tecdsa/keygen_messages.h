#pragma once

#include "protocol/hash/schnorr.h"
#include "protocol/tecdsa/key_share.h"

namespace quorate {

/// SPEC section 1. Every keygen message carries its sender's identity signature over
/// (ceremony, round, sender, receiver, digest of all other fields); receiver 0 for broadcasts.
struct KeygenMsg1 {
  Digest nonce;
  Digest commitment;
  IdentitySignature signature{};
};
struct KeygenMsg2 {
  Digest echo;                            ///< over all round-1 messages, the own one included
  std::vector<Point> coefficients;        ///< F_0 .. F_{T-1}
  std::array<std::uint8_t, 32> opening{}; ///< rand_i
  std::vector<SchnorrProof> proofs;       ///< one per coefficient
  IdentitySignature signature{};
};
struct KeygenMsg3 {
  Digest echo;                            ///< over all round-2 messages
  Bytes share;                            ///< d_ij = f_i(j), scalar_size() bytes; secret in transit
  IdentitySignature signature{};
};
struct KeygenMsg4 {
  Point share_point;                      ///< X_i
  Point public_key;                       ///< X as i computed it
  SchnorrProof proof;                     ///< of x_i
  IdentitySignature signature{};
};
struct KeygenMsg5 {
  IdentitySignature confirmation{};       ///< over confirmation_digest()
};

}  // namespace quorate
