#include <algorithm>
#include <array>

#include "protocol/wire/envelope.h"

namespace quorate::wire {
namespace {

struct Entry {
  MessageType type;
  std::string_view name;
};

constexpr std::array kEntries = {
    Entry{MessageType::Hello, "Hello"},
    Entry{MessageType::SetupOpen, "SetupOpen"},
    Entry{MessageType::SetupAnswer, "SetupAnswer"},
    Entry{MessageType::SetupRound2, "SetupRound2"},
    Entry{MessageType::SetupRound3, "SetupRound3"},
    Entry{MessageType::SetupAbort, "SetupAbort"},
    Entry{MessageType::SetupReady, "SetupReady"},
    Entry{MessageType::KeygenRound1, "KeygenRound1"},
    Entry{MessageType::KeygenRound2, "KeygenRound2"},
    Entry{MessageType::KeygenRound3, "KeygenRound3"},
    Entry{MessageType::KeygenRound4, "KeygenRound4"},
    Entry{MessageType::KeygenRound5, "KeygenRound5"},
    Entry{MessageType::KeygenEvidence, "KeygenEvidence"},
    Entry{MessageType::PresignStart, "PresignStart"},
    Entry{MessageType::PresignRound1, "PresignRound1"},
    Entry{MessageType::PresignRound2, "PresignRound2"},
    Entry{MessageType::PresignRound3, "PresignRound3"},
    Entry{MessageType::PresignRound4, "PresignRound4"},
    Entry{MessageType::PresignPooled, "PresignPooled"},
    Entry{MessageType::PresignRetire, "PresignRetire"},
    Entry{MessageType::PresignAbort, "PresignAbort"},
    Entry{MessageType::DisputeNotice, "DisputeNotice"},
    Entry{MessageType::QuarantineNotice, "QuarantineNotice"},
    Entry{MessageType::StatusRequest, "StatusRequest"},
    Entry{MessageType::StatusReply, "StatusReply"},
    Entry{MessageType::LeaseRequest, "LeaseRequest"},
    Entry{MessageType::LeaseReply, "LeaseReply"},
    Entry{MessageType::LeaseReturn, "LeaseReturn"},
    Entry{MessageType::SignRequest, "SignRequest"},
    Entry{MessageType::SignReply, "SignReply"},
    Entry{MessageType::Refusal, "Refusal"},
    Entry{MessageType::RecordRequest, "RecordRequest"},
    Entry{MessageType::RecordReply, "RecordReply"},
    Entry{MessageType::ConfirmRequest, "ConfirmRequest"},
    Entry{MessageType::ConfirmReply, "ConfirmReply"},
    Entry{MessageType::QuarantineRequest, "QuarantineRequest"},
    Entry{MessageType::QuarantineReply, "QuarantineReply"},
    Entry{MessageType::KeygenRequest, "KeygenRequest"},
    Entry{MessageType::KeygenProgress, "KeygenProgress"},
    Entry{MessageType::KeygenResult, "KeygenResult"},
    Entry{MessageType::QuarantineClear, "QuarantineClear"},
    Entry{MessageType::TierSignRequest, "TierSignRequest"},
    Entry{MessageType::TierAssigned, "TierAssigned"},
    Entry{MessageType::TierSignReply, "TierSignReply"},
    Entry{MessageType::ReadinessRequest, "ReadinessRequest"},
    Entry{MessageType::ReadinessReply, "ReadinessReply"},
};

constexpr auto kTypes = [] {
  std::array<MessageType, kEntries.size()> out{};
  for (std::size_t i = 0; i < kEntries.size(); ++i) out[i] = kEntries[i].type;
  return out;
}();
static_assert(std::is_sorted(kTypes.begin(), kTypes.end()));

}  // namespace

std::string_view name(MessageType type) {
  for (const auto& entry : kEntries)
    if (entry.type == type) return entry.name;
  return "?";
}

std::optional<MessageType> message_type_from(std::uint8_t number) {
  const auto type = static_cast<MessageType>(number);
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) return std::nullopt;
  return type;
}

std::span<const MessageType> all_message_types() { return kTypes; }

}  // namespace quorate::wire
