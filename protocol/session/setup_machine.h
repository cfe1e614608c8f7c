#pragma once

#include <variant>

#include "protocol/session/round_inbox.h"
#include "protocol/tecdsa/pair_setup.h"
#include "protocol/wire/setup_codec.h"

namespace quorate::session {

/// One side of a pair set-up (SPEC section 2). The lower id opens: its start() sends SetupOpen; the
/// higher id is built from that message and answers.
class SetupMachine final : public Machine {
 public:
  /// key, epoch and curve that the set-up is for; sid is chosen by the opener.
  SetupMachine(const Curve& curve, KeyId key, EpochId epoch, SessionId sid, PartyId me, PartyId peer);

  Step start(Rng& rng) override;
  Step on_message(wire::Envelope envelope, Rng& rng) override;
  [[nodiscard]] const DropCounters& dropped() const override { return inbox_.dropped(); }
  [[nodiscard]] std::vector<PartyId> missing() const override { return inbox_.missing(); }

  /// After `done`.
  ot::PairState take_result() { return std::move(*result_); }

 private:
  [[nodiscard]] bool opener() const { return me_ < peer_; }
  Step advance(const Bytes& payload, Rng& rng);
  Step broken(Fault fault, std::string detail);

  const Curve& curve_;
  KeyId key_;
  EpochId epoch_;
  SessionId sid_;
  PartyId me_, peer_;
  RoundInbox inbox_;
  std::variant<std::monostate, SetupRound1, SetupRound2, SetupRound3> round_;
  std::optional<ot::PairState> result_;
};

}  // namespace quorate::session
