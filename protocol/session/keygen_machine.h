#pragma once

#include <memory>
#include <set>
#include <variant>

#include "protocol/session/round_inbox.h"
#include "protocol/tecdsa/keygen.h"

namespace quorate::session {

/// One member's run of a key generation or of a refresh (SPEC section 1). The sid of its messages is the ceremony id.
/// When a step says `persist`, prepared() must be on disk before the step's messages are sent: no crash
/// of one machine may lose a key that others hold to be active.
class KeygenMachine final : public Machine {
 public:
  /// identity outlives the machine. old: this member's share of the epoch that the terms refresh, if they do.
  KeygenMachine(KeygenTerms terms, PartyId me, const IdentityKey& identity,
                std::shared_ptr<const KeyShare> old = nullptr);

  Step start(Rng& rng) override;
  Step on_message(wire::Envelope envelope, Rng& rng) override;
  [[nodiscard]] const DropCounters& dropped() const override { return inbox_.dropped(); }
  [[nodiscard]] std::vector<PartyId> missing() const override { return inbox_.missing(); }

  /// 1 to 5: the round whose messages it waits for.
  [[nodiscard]] std::size_t round() const { return inbox_.round() + 1; }
  [[nodiscard]] const KeyShare* prepared() const;
  /// After `done`.
  KeyShare take_result() { return std::move(*result_); }
  /// After an abort that names somebody.
  [[nodiscard]] const std::optional<KeygenEvidence>& evidence() const { return evidence_; }

 private:
  Step advance(std::map<PartyId, Bytes> payloads, Rng& rng);
  Step failed(KeygenAbort abort);
  Step compare(const wire::Envelope& envelope);

  KeygenTerms terms_;
  PartyId me_;
  const IdentityKey& identity_;
  std::shared_ptr<const KeyShare> old_;       ///< until round 3, when it has gone into the new share
  RoundInbox inbox_;
  std::variant<std::monostate, KeygenRound1, KeygenRound2, KeygenRound3, KeygenRound4, KeygenRound5> round_;
  /// After an echo mismatch: what I saw, and who has shown me theirs.
  std::vector<KeygenStatement> seen_;
  std::set<PartyId> compared_;
  std::map<PartyId, wire::Envelope> early_;   ///< shown to me before I saw a mismatch myself
  std::optional<KeygenEvidence> evidence_;
  std::optional<KeyShare> result_;
};

}  // namespace quorate::session
