#include "protocol/wire/frame.h"

#include <algorithm>

namespace quorate::wire {
namespace {

/// What the length field counts beside the payload: version, type, sid.
constexpr std::size_t kCounted = kFrameHeader - 4;

}  // namespace

std::array<std::uint8_t, kFrameHeader> encode_frame_header(const FrameHeader& header) {
  require(header.payload_size <= max_payload(header.type));
  auto bytes = std::move(Writer(kFrameHeader)
                             .u32(header.payload_size + kCounted)
                             .u8(kWireVersion)
                             .enumeration(header.type)
                             .id(header.sid))
                   .take();
  std::array<std::uint8_t, kFrameHeader> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Bytes encode_frame(const Envelope& envelope) {
  const auto header = encode_frame_header({envelope.type, envelope.payload.size(), envelope.sid});
  Bytes out(kFrameHeader + envelope.payload.size());
  std::copy(header.begin(), header.end(), out.begin());
  std::copy(envelope.payload.begin(), envelope.payload.end(), out.begin() + kFrameHeader);
  return out;
}

Result<FrameHeader, WireError> parse_frame_header(ByteView header) {
  Reader in(header);
  const std::size_t length = in.u32("frame.length");
  const auto version = in.u8("frame.version");
  if (in.ok() && version != kWireVersion) in.reject("frame.version", Reason::WrongVersion);
  const auto type = message_type_from(in.u8("frame.type"));
  if (in.ok() && !type) in.reject("frame.type", Reason::UnknownType);
  const auto sid = in.id<SessionId>("frame.sid");
  if (!in.ok()) return in.finish(FrameHeader{});
  if (length < kCounted) in.reject("frame.length", Reason::TooShort);
  if (length > kCounted + max_payload(*type)) in.reject("frame.length", Reason::TooLong);
  return in.finish(FrameHeader{*type, in.ok() ? length - kCounted : 0, sid});
}

}  // namespace quorate::wire
