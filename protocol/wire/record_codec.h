#pragma once

#include "protocol/wire/message.h"
#include "protocol/wire/record.h"

namespace quorate::wire {

template <>
inline constexpr MessageType kTypeOf<RecordRequest> = MessageType::RecordRequest;
Bytes encode(const RecordRequest& request);
template <>
Result<RecordRequest, WireError> decode<RecordRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<RecordReply> = MessageType::RecordReply;
Bytes encode(const RecordReply& reply);
/// K, C and rows are as many as the quorum has members; rows stand in its order.
template <>
Result<RecordReply, WireError> decode<RecordReply>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<ConfirmRequest> = MessageType::ConfirmRequest;
Bytes encode(const ConfirmRequest& request);
template <>
Result<ConfirmRequest, WireError> decode<ConfirmRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<ConfirmReply> = MessageType::ConfirmReply;
Bytes encode(const ConfirmReply& reply);
template <>
Result<ConfirmReply, WireError> decode<ConfirmReply>(ByteView payload, const Curve& curve);

}  // namespace quorate::wire
