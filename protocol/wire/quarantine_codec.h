#pragma once

#include "protocol/wire/message.h"
#include "protocol/wire/quarantine.h"

namespace quorate::wire {

template <>
inline constexpr MessageType kTypeOf<DisputeNotice> = MessageType::DisputeNotice;
Bytes encode(const DisputeNotice& notice);
/// The signature is not looked at.
template <>
Result<DisputeNotice, WireError> decode<DisputeNotice>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<QuarantineNotice> = MessageType::QuarantineNotice;
Bytes encode(const QuarantineNotice& notice);
/// The evidence is not looked into, but it is there.
template <>
Result<QuarantineNotice, WireError> decode<QuarantineNotice>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<QuarantineRequest> = MessageType::QuarantineRequest;
Bytes encode(const QuarantineRequest& request);
template <>
Result<QuarantineRequest, WireError> decode<QuarantineRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<QuarantineReply> = MessageType::QuarantineReply;
Bytes encode(const QuarantineReply& reply);
template <>
Result<QuarantineReply, WireError> decode<QuarantineReply>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<QuarantineClear> = MessageType::QuarantineClear;
Bytes encode(const QuarantineClear& clear);
template <>
Result<QuarantineClear, WireError> decode<QuarantineClear>(ByteView payload);

}  // namespace quorate::wire
