#pragma once

#include "protocol/wire/message.h"
#include "protocol/wire/online.h"

namespace quorate::wire {

/// The layout of Hello and its frame version never change: it is how versions are agreed upon.
template <>
inline constexpr MessageType kTypeOf<Hello> = MessageType::Hello;
Bytes encode(const Hello& hello);
template <>
Result<Hello, WireError> decode<Hello>(ByteView payload);

/// The greatest wire version that both sides speak; nothing if there is none.
std::optional<std::uint8_t> common_version(const Hello& mine, const Hello& theirs);

}  // namespace quorate::wire
