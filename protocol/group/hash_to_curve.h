#pragma once

#include "protocol/group/point.h"

namespace quorate {

/// RFC 9380 hash_to_curve: P256_XMD:SHA-256_SSWU_RO_ and P384_XMD:SHA-384_SSWU_RO_. Constant-time in
/// the message. On the toy curve: a suite of our own (SPEC 2.4), which may return infinity.
Point hash_to_curve(const Curve& curve, ByteView message, ByteView dst);

/// RFC 9380 section 5.3.1. hash is "SHA256" or "SHA384".
Bytes expand_message_xmd(const char* hash, ByteView message, ByteView dst, std::size_t size);

}  // namespace quorate
