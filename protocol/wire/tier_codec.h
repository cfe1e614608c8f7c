#pragma once

#include "protocol/wire/message.h"
#include "protocol/wire/tier.h"

namespace quorate::wire {

template <>
inline constexpr MessageType kTypeOf<TierSignRequest> = MessageType::TierSignRequest;
Bytes encode(const TierSignRequest& request);
template <>
Result<TierSignRequest, WireError> decode<TierSignRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<TierAssigned> = MessageType::TierAssigned;
Bytes encode(const TierAssigned& assigned);
template <>
Result<TierAssigned, WireError> decode<TierAssigned>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<TierSignReply> = MessageType::TierSignReply;
Bytes encode(const TierSignReply& reply);
template <>
Result<TierSignReply, WireError> decode<TierSignReply>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<ReadinessRequest> = MessageType::ReadinessRequest;
Bytes encode(const ReadinessRequest& request);
template <>
Result<ReadinessRequest, WireError> decode<ReadinessRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<ReadinessReply> = MessageType::ReadinessReply;
Bytes encode(const ReadinessReply& reply);
template <>
Result<ReadinessReply, WireError> decode<ReadinessReply>(ByteView payload);

}  // namespace quorate::wire
