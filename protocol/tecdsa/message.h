#pragma once

#include <cstdint>
#include <optional>

#include "protocol/group/scalar.h"

namespace quorate {

/// Digests that a signature may use; the numbers are the wire's.
enum class MessageDigest : std::uint8_t { Sha256 = 1, Sha384 = 2, Sha512 = 3 };
/// Nothing for a number that names no digest.
std::optional<MessageDigest> message_digest_from(std::uint8_t number);

/// The digest of the content: 32, 48 or 64 bytes. Ends the process if libcrypto cannot hash.
Bytes digest_content(MessageDigest algorithm, ByteView content);

/// ECDSA's m: the leftmost order_bits() bits of the digest as a big-endian integer, mod n (SPEC 0.2; a
/// shorter digest is taken whole). The only hash output that is reduced without extra bits.
/// digest: at most 64 bytes. Public data; variable time.
Scalar scalar_from_digest(const Curve& curve, ByteView digest);

/// m of the content itself: what signers and coordinators both compute, each for itself (SPEC 6.1).
Scalar message_scalar(const Curve& curve, MessageDigest algorithm, ByteView content);

}  // namespace quorate
