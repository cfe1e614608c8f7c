#pragma once

#include <span>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/group/point.h"

namespace quorate {

/// RFC 9380 hash_to_curve: P256_XMD:SHA-256_SSWU_RO_ and P384_XMD:SHA-384_SSWU_RO_. Constant-time in
/// the message. On the toy curve: a suite of our own (SPEC 2.4), which may return infinity.
Point hash_to_curve(const Curve& curve, ByteView message, ByteView dst);

/// P_i + H_i and P_i - H_i for the hashes H_i of the messages: eight at a time where the processor can
/// (lanes.h), else one by one, with the same results. As many messages as points, all of one curve, infinity
/// allowed. Constant-time in the messages and, on real curves, in the coordinates of points that are not
/// infinity; the results are public.
std::vector<Point> add_hashes(std::span<const Point> p, std::span<const Digest> messages, ByteView dst);
std::vector<Point> subtract_hashes(std::span<const Point> p, std::span<const Digest> messages, ByteView dst);

/// RFC 9380 section 5.3.1. hash is "SHA256" or "SHA384".
Bytes expand_message_xmd(const char* hash, ByteView message, ByteView dst, std::size_t size);

}  // namespace quorate
