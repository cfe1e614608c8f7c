#pragma once

#include <map>

#include "protocol/session/machine.h"

namespace quorate::session {

/// Collects one payload per peer for each round of a session, also for rounds that have not begun here.
/// Whatever does not belong is dropped and counted, never blamed on anyone (SPEC 0.5).
class RoundInbox {
 public:
  /// rounds: the message types in their order.
  RoundInbox(SessionId sid, PartyId me, std::vector<PartyId> others, std::vector<wire::MessageType> rounds);

  /// True if the payload was kept.
  bool store(wire::Envelope envelope);
  /// All payloads of the current round are here.
  [[nodiscard]] bool complete() const;
  /// Takes them and moves on to the next round.
  std::map<PartyId, Bytes> take();
  /// Who has not sent the current round's message.
  [[nodiscard]] std::vector<PartyId> missing() const;
  [[nodiscard]] std::size_t round() const { return current_; }
  [[nodiscard]] const DropCounters& dropped() const { return dropped_; }

 private:
  SessionId sid_;
  PartyId me_;
  std::vector<PartyId> others_;
  std::vector<wire::MessageType> types_;
  std::size_t current_ = 0;
  std::vector<std::map<PartyId, Bytes>> payloads_;
  DropCounters dropped_;
};

/// One envelope per entry of an outbox.
template <class Outbox, class Encode>
void post(std::vector<wire::Envelope>& out, wire::MessageType type, const SessionId& sid, PartyId me,
          const Outbox& messages, Encode&& encode) {
  for (const auto& [to, message] : messages) out.push_back({type, sid, me, to, encode(message)});
}

}  // namespace quorate::session
