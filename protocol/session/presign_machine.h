#pragma once

#include <set>
#include <variant>

#include "protocol/session/round_inbox.h"
#include "protocol/tecdsa/presign.h"

namespace quorate::session {

/// One member's run of a presigning batch (SPEC section 5). The leader's start() also sends the plan;
/// members build their machine from it. The leader is done only when every member said that it has
/// pooled the batch; a member is done, and says so, when its own batch is complete.
class PresignMachine final : public Machine {
 public:
  explicit PresignMachine(PresignInputs inputs);

  Step start(Rng& rng) override;
  Step on_message(wire::Envelope envelope, Rng& rng) override;
  [[nodiscard]] const DropCounters& dropped() const override { return inbox_.dropped(); }
  [[nodiscard]] std::vector<PartyId> missing() const override;

  [[nodiscard]] const SessionId& sid() const { return sid_; }
  [[nodiscard]] const PresignPlan& plan() const { return plan_; }
  /// After `done`.
  PresignedBatch take_result() { return std::move(*result_); }

 private:
  Step advance(std::map<PartyId, Bytes> payloads, Rng& rng);
  Step finished(PresignedBatch batch);
  [[nodiscard]] bool leading() const { return leader_ == me_; }
  template <class Msg>
  std::optional<Abort> decode_all(const std::map<PartyId, Bytes>& payloads, Inbox<Msg>& inbox, bool pairwise) const;

  std::optional<PresignInputs> inputs_;  ///< until start()
  PresignPlan plan_;
  SessionId sid_;
  PartyId me_, leader_;
  const Curve& curve_;
  RoundInbox inbox_;
  std::variant<std::monostate, PresignRound1, PresignRound2, PresignRound3, PresignRound4> round_;
  std::set<PartyId> pooled_;             ///< leader: who has the batch
  std::optional<PresignedBatch> result_;
};

}  // namespace quorate::session
