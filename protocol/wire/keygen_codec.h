#pragma once

#include "protocol/tecdsa/keygen_evidence.h"
#include "protocol/wire/message.h"

namespace quorate::wire {

template <>
inline constexpr MessageType kTypeOf<KeygenMsg1> = MessageType::KeygenRound1;
Bytes encode(const KeygenMsg1& message);
/// The curve is not looked at: every round's message is decoded in the same way.
template <>
Result<KeygenMsg1, WireError> decode<KeygenMsg1>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<KeygenMsg2> = MessageType::KeygenRound2;
Bytes encode(const KeygenMsg2& message);
template <>
Result<KeygenMsg2, WireError> decode<KeygenMsg2>(ByteView payload, const Curve& curve);

/// The payload holds a secret share: whoever holds it wipes it.
template <>
inline constexpr MessageType kTypeOf<KeygenMsg3> = MessageType::KeygenRound3;
Bytes encode(const KeygenMsg3& message);
/// The share is not compared with the group order here: the round does that without showing it.
template <>
Result<KeygenMsg3, WireError> decode<KeygenMsg3>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<KeygenMsg4> = MessageType::KeygenRound4;
Bytes encode(const KeygenMsg4& message);
template <>
Result<KeygenMsg4, WireError> decode<KeygenMsg4>(ByteView payload, const Curve& curve);

template <>
inline constexpr MessageType kTypeOf<KeygenMsg5> = MessageType::KeygenRound5;
Bytes encode(const KeygenMsg5& message);
/// The curve is not looked at.
template <>
Result<KeygenMsg5, WireError> decode<KeygenMsg5>(ByteView payload, const Curve& curve);

/// SPEC 1.2: after an echo mismatch, the broadcasts of rounds 1 and 2 that this member has, its own
/// included, for the others to compare. Round 3 is not among them: its bodies are secret.
struct KeygenStatements {
  std::vector<KeygenStatement> seen;  ///< strictly ascending by (round, sender); receiver kNobody
};
template <>
inline constexpr MessageType kTypeOf<KeygenStatements> = MessageType::KeygenEvidence;
Bytes encode(const KeygenStatements& statements);
template <>
Result<KeygenStatements, WireError> decode<KeygenStatements>(ByteView payload);

/// Evidence against a member of a ceremony as it stands in KeygenResult and in evidence files: complete
/// in itself, with a version of its own. Decoding says nothing about its truth: verify_evidence() does.
inline constexpr std::uint8_t kEvidenceVersion = 2;
Bytes encode_evidence(const KeygenEvidence& evidence);
Result<KeygenEvidence, WireError> decode_evidence(ByteView bytes);

/// Greatest encode_body(): that of a round-2 message with 16 coefficients on P-384.
inline constexpr std::size_t kMaxStatementBody = 32 + (4 + kMaxParties * (4 + 97)) + 32 +
                                                 (4 + kMaxParties * (4 + 97 + 4 + 48));
/// Greatest statement: round, sender, receiver, body, signature.
inline constexpr std::size_t kMaxStatement = 3 + 2 + kMaxStatementBody + sizeof(IdentitySignature);

}  // namespace quorate::wire
