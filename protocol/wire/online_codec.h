#pragma once

#include "protocol/wire/message.h"
#include "protocol/wire/online.h"

namespace quorate::wire {

template <>
inline constexpr MessageType kTypeOf<StatusRequest> = MessageType::StatusRequest;
Bytes encode(const StatusRequest& request);
template <>
Result<StatusRequest, WireError> decode<StatusRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<StatusReply> = MessageType::StatusReply;
Bytes encode(const StatusReply& reply);
template <>
Result<StatusReply, WireError> decode<StatusReply>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<LeaseRequest> = MessageType::LeaseRequest;
Bytes encode(const LeaseRequest& request);
template <>
Result<LeaseRequest, WireError> decode<LeaseRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<LeaseReply> = MessageType::LeaseReply;
Bytes encode(const LeaseReply& reply);
template <>
Result<LeaseReply, WireError> decode<LeaseReply>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<LeaseReturn> = MessageType::LeaseReturn;
Bytes encode(const LeaseReturn& returned);
template <>
Result<LeaseReturn, WireError> decode<LeaseReturn>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<SignRequest> = MessageType::SignRequest;
Bytes encode(const SignRequest& request);
template <>
Result<SignRequest, WireError> decode<SignRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<SignReply> = MessageType::SignReply;
Bytes encode(const SignReply& reply);
template <>
Result<SignReply, WireError> decode<SignReply>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<Refusal> = MessageType::Refusal;
/// The reason is cut at kMaxReason and cleaned of what is not printable ASCII.
Bytes encode(const Refusal& refusal);
template <>
Result<Refusal, WireError> decode<Refusal>(ByteView payload);

}  // namespace quorate::wire
