#pragma once

#include "protocol/wire/codec.h"
#include "protocol/wire/envelope.h"

namespace quorate::wire {

/// Every message is a struct T with three things, declared in the *_codec.h of its family:
///   kTypeOf<T>                          its number in the frame
///   Bytes encode(const T&)              its payload; a T beyond the limits in WIRE.md ends the process
///   decode<T>(payload[, curve])         the inverse; the only payload that decodes to t is encode(t)
/// Messages of a run that already has a curve take it as an argument, the others carry its number.

template <class T>
inline constexpr MessageType kTypeOf = MessageType{};

template <class T>
Result<T, WireError> decode(ByteView payload) = delete;

/// A payload of another curve fails in its first scalar or point, or in its length.
template <class T>
Result<T, WireError> decode(ByteView payload, const Curve& curve) = delete;

}  // namespace quorate::wire
