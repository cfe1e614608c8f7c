#pragma once

#include "protocol/tecdsa/blame.h"
#include "protocol/wire/admin.h"
#include "protocol/wire/codec.h"

namespace quorate::wire {

/// Evidence of SPEC 6.5 as it travels in QuarantineNotice and QuarantineReply and stands in evidence files:
/// complete in itself, with a version of its own. At most kMaxEvidence bytes. Decoding says nothing about its
/// truth: quorate::verify() does. The only bytes that decode to some evidence are its encode_blame().
inline constexpr std::uint8_t kBlameVersion = 1;
Bytes encode_blame(const BlameEvidence& evidence);
Result<BlameEvidence, WireError> decode_blame(ByteView bytes);

}  // namespace quorate::wire
