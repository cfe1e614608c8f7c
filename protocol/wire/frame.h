#pragma once

#include "protocol/wire/codec.h"
#include "protocol/wire/envelope.h"

namespace quorate::wire {

struct FrameHeader {
  MessageType type{};
  std::size_t payload_size = 0;
  SessionId sid;
  bool operator==(const FrameHeader&) const = default;
};

/// Header and payload in one piece. A payload above max_payload() ends the process. Sender and receiver
/// are not sent: the link says who they are.
Bytes encode_frame(const Envelope& envelope);
/// The header alone, for a sender that passes the payload on without copying it.
std::array<std::uint8_t, kFrameHeader> encode_frame_header(const FrameHeader& header);

/// The first kFrameHeader bytes of a frame.
/// fails WrongVersion, UnknownType, TooShort and TooLong (payload above max_payload()), and Truncated or
///       Trailing if not exactly kFrameHeader bytes are given. After any of them the link is closed:
///       where the next frame begins is not known
Result<FrameHeader, WireError> parse_frame_header(ByteView header);

}  // namespace quorate::wire
