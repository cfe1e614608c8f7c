#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "protocol/base/ids.h"

namespace quorate::wire {

/// WIRE.md lists every type with its payload; test/unit/wire_registry_test.cpp holds the two together.
enum class MessageType : std::uint8_t {
  Hello = 1,
  // Pair set-up, signer to signer
  SetupOpen = 10,      ///< starts a set-up: key, epoch, SetupMsg1; from the lower id
  SetupAnswer = 11,    ///< SetupMsg1 of the higher id
  SetupRound2 = 12,
  SetupRound3 = 13,
  SetupAbort = 14,     ///< coarse reason only
  SetupReady = 15,     ///< to all: this signer has a usable set-up with a peer
  // Keygen, signer to signer; sid is the ceremony id
  KeygenRound1 = 21,
  KeygenRound2 = 22,
  KeygenRound3 = 23,
  KeygenRound4 = 24,
  KeygenRound5 = 25,
  KeygenEvidence = 26, ///< after an echo mismatch: the signed messages this member saw
  // Presigning, signer to signer; sid is PresignPlan::sid()
  PresignStart = 30,
  PresignRound1 = 31,
  PresignRound2 = 32,
  PresignRound3 = 33,
  PresignRound4 = 34,
  PresignPooled = 35,  ///< this member has the whole batch in its pool
  PresignRetire = 36,  ///< leader to members: ids that will not be used
  PresignAbort = 37,   ///< coarse reason only
  // Disputes and quarantines, signer to signer; the sid is zero
  DisputeNotice = 40,    ///< signed: these two cannot work together any more
  QuarantineNotice = 41, ///< evidence against a signer
  // On line, coordinator to signer and back; sid is a request id
  StatusRequest = 50,
  StatusReply = 51,
  LeaseRequest = 52,
  LeaseReply = 53,
  LeaseReturn = 54,
  SignRequest = 55,
  SignReply = 56,
  Refusal = 57,        ///< answers any request that cannot be served
  RecordRequest = 58,  ///< rows and points of one presignature
  RecordReply = 59,
  ConfirmRequest = 60, ///< repeat a partial under the identity signature
  ConfirmReply = 61,
  QuarantineRequest = 62,
  QuarantineReply = 63,
  // Administration; sid is the ceremony id or a request id
  KeygenRequest = 70,
  KeygenProgress = 71,
  KeygenResult = 72,
  QuarantineClear = 73,
  // Front end to coordinatord and back; sid is a request id
  TierSignRequest = 80,
  TierAssigned = 81,   ///< before the fan-out: what the request is going to be signed with
  TierSignReply = 82,
  ReadinessRequest = 83,
  ReadinessReply = 84,
};

/// "SignRequest"; "?" for a number that is no type.
std::string_view name(MessageType type);
/// Nothing for a number that is no type.
std::optional<MessageType> message_type_from(std::uint8_t number);
/// Every type, ascending by number.
std::span<const MessageType> all_message_types();

/// One message as it stands between net and the machines. `from` comes from the authenticated link.
struct Envelope {
  MessageType type{};
  SessionId sid;
  PartyId from = kNobody;
  PartyId to = kNobody;
  Bytes payload;
};

/// Frame on the TLS stream: u32 length of what follows (big-endian), u8 wire version, u8 type,
/// 32 bytes sid, payload.
inline constexpr std::uint8_t kWireVersion = 1;
inline constexpr std::size_t kFrameHeader = 4 + 1 + 1 + 32;
/// Greatest payload of a type; a longer frame closes the link before it is read.
std::size_t max_payload(MessageType type);

}  // namespace quorate::wire
