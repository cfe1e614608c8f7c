#pragma once

#include "protocol/wire/admin.h"
#include "protocol/wire/message.h"

namespace quorate::wire {

template <>
inline constexpr MessageType kTypeOf<KeygenRequest> = MessageType::KeygenRequest;
Bytes encode(const KeygenRequest& request);
template <>
Result<KeygenRequest, WireError> decode<KeygenRequest>(ByteView payload);

template <>
inline constexpr MessageType kTypeOf<KeygenProgress> = MessageType::KeygenProgress;
Bytes encode(const KeygenProgress& progress);
template <>
Result<KeygenProgress, WireError> decode<KeygenProgress>(ByteView payload);

/// A good result has one share point and one confirmation for every member.
template <>
inline constexpr MessageType kTypeOf<KeygenResult> = MessageType::KeygenResult;
Bytes encode(const KeygenResult& result);
template <>
Result<KeygenResult, WireError> decode<KeygenResult>(ByteView payload);

/// The public part of an epoch as it stands in KeygenResult and in evidence. One share point and one
/// confirmation for every member.
void put_info(Writer& out, const PublicKeyInfo& info);
PublicKeyInfo get_info(Reader& in);

}  // namespace quorate::wire
