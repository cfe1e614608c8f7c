#pragma once

#include "protocol/tecdsa/presign_messages.h"
#include "protocol/wire/message.h"

namespace quorate::wire {

/// The payload of a PresignStart. The decoder holds the plan against itself (batch, number of set-ups);
/// whether it fits the receiver is check_plan()'s question.
template <>
inline constexpr MessageType kTypeOf<PresignPlan> = MessageType::PresignStart;
Bytes encode(const PresignPlan& plan);
template <>
Result<PresignPlan, WireError> decode<PresignPlan>(ByteView payload);

/// Decoders of the rounds hold every count against its limit only; the round compares it with the plan.
template <>
inline constexpr MessageType kTypeOf<PresignMsg1> = MessageType::PresignRound1;
Bytes encode(const PresignMsg1& message);
template <>
Result<PresignMsg1, WireError> decode<PresignMsg1>(ByteView payload, const Curve& curve);

/// a_tilde is copied as bytes; its scalars are range-checked where they are used (SPEC 4).
template <>
inline constexpr MessageType kTypeOf<PresignMsg2> = MessageType::PresignRound2;
Bytes encode(const PresignMsg2& message);
template <>
Result<PresignMsg2, WireError> decode<PresignMsg2>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<PresignMsg3> = MessageType::PresignRound3;
Bytes encode(const PresignMsg3& message);
template <>
Result<PresignMsg3, WireError> decode<PresignMsg3>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<PresignMsg4> = MessageType::PresignRound4;
Bytes encode(const PresignMsg4& message);
template <>
Result<PresignMsg4, WireError> decode<PresignMsg4>(ByteView payload, const Curve& curve);

/// This member has the whole batch in its pool. No payload.
struct PresignPooled {};
template <>
inline constexpr MessageType kTypeOf<PresignPooled> = MessageType::PresignPooled;
Bytes encode(const PresignPooled& pooled);
template <>
Result<PresignPooled, WireError> decode<PresignPooled>(ByteView payload);

/// Leader to members: these presignatures of the batch will not be used.
struct PresignRetire {
  std::vector<std::uint32_t> indices;  ///< strictly ascending, below ot::kMaxBatch; put in order by encode()
};
template <>
inline constexpr MessageType kTypeOf<PresignRetire> = MessageType::PresignRetire;
Bytes encode(const PresignRetire& retire);
template <>
Result<PresignRetire, WireError> decode<PresignRetire>(ByteView payload);

/// A row as it stands in PresignRound4 and RecordReply.
void put_row(Writer& out, const Row& row);
Row get_row(Reader& in);
/// Least bytes of a row: one entry.
inline constexpr std::size_t kLeastRow = 1 + 32 + 32 + 2 + 32 + sizeof(IdentitySignature);

}  // namespace quorate::wire
