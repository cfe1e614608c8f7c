#pragma once

#include "protocol/base/abort.h"
#include "protocol/ot/setup_messages.h"
#include "protocol/wire/message.h"

namespace quorate::wire {

/// Starts a pair set-up (SPEC 2.0): what it is for, and the opener's first message.
struct SetupOpen {
  CurveId curve = CurveId::P256;
  KeyId key;
  EpochId epoch;
  ot::SetupMsg1 message;
};

template <>
inline constexpr MessageType kTypeOf<SetupOpen> = MessageType::SetupOpen;
Bytes encode(const SetupOpen& open);
template <>
Result<SetupOpen, WireError> decode<SetupOpen>(ByteView payload);

/// The payload of a SetupAnswer.
template <>
inline constexpr MessageType kTypeOf<ot::SetupMsg1> = MessageType::SetupAnswer;
Bytes encode(const ot::SetupMsg1& message);
template <>
Result<ot::SetupMsg1, WireError> decode<ot::SetupMsg1>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<ot::SetupMsg2> = MessageType::SetupRound2;
Bytes encode(const ot::SetupMsg2& message);
template <>
Result<ot::SetupMsg2, WireError> decode<ot::SetupMsg2>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<ot::SetupMsg3> = MessageType::SetupRound3;
Bytes encode(const ot::SetupMsg3& message);
template <>
Result<ot::SetupMsg3, WireError> decode<ot::SetupMsg3>(ByteView payload, const Curve& curve);

/// The sender holds a set-up with `peer` for this epoch: a leader plans a batch only over set-ups that
/// both ends announced. A zero id takes an announcement back.
struct SetupReady {
  EpochId epoch;
  PartyId peer = kNobody;
  SetupId setup;
};
template <>
inline constexpr MessageType kTypeOf<SetupReady> = MessageType::SetupReady;
Bytes encode(const SetupReady& ready);
template <>
Result<SetupReady, WireError> decode<SetupReady>(ByteView payload);

/// SetupAbort and PresignAbort: the fault's number and nothing else, so that a peer learns no detail.
Bytes encode_abort(Fault fault);
Result<Fault, WireError> decode_abort(ByteView payload);

}  // namespace quorate::wire
