#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "protocol/tecdsa/partial.h"
#include "protocol/tecdsa/presign.h"
#include "test/sim/dealer.h"
#include "test/sim/seeded_rng.h"

namespace quorate {

/// Runs one batch over all rounds in lockstep, with a tap on every message.
class PresignLockstep {
 public:
  PresignLockstep(const Curve& curve, std::size_t n, Quorum quorum, std::uint32_t batch, std::uint64_t seed = 1)
      : rng_(seed), group_(sim::deal_key(curve, n, quorum.size(), rng_)) {
    plan_.curve = curve.id();
    plan_.key = group_.info().key;
    plan_.epoch = group_.info().epoch;
    plan_.quorum = quorum;
    plan_.batch = batch;
    plan_.tree_depth = ot::kTreeDepth;
    plan_.batch_number = 1;
    plan_.leader_nonce = rng_.make_id<Digest>();
    for (std::size_t i = 0; i < quorum.size(); ++i) {
      for (std::size_t j = i + 1; j < quorum.size(); ++j) {
        auto [a, b] = sim::deal_pair(quorum[i], quorum[j], rng_);
        plan_.setups.push_back(a.id);
        pairs_[quorum[i]].emplace(quorum[j], std::move(a));
        pairs_[quorum[j]].emplace(quorum[i], std::move(b));
      }
    }
  }

  /// What a tap may change: one message of `from` to `to`.
  template <class Msg>
  using Tap = std::function<void(PartyId from, PartyId to, Msg&)>;
  Tap<PresignMsg1> tap1;
  Tap<PresignMsg2> tap2;
  Tap<PresignMsg3> tap3;
  Tap<PresignMsg4> tap4;

  /// Runs until the end or until no member is left; what each member ended with.
  std::map<PartyId, Result<PresignedBatch, Abort>> run() {
    std::map<PartyId, Result<PresignedBatch, Abort>> ended;
    std::map<PartyId, PresignRound1> r1;
    std::map<PartyId, PresignRound2> r2;
    std::map<PartyId, PresignRound3> r3;
    std::map<PartyId, PresignRound4> r4;
    std::map<PartyId, Inbox<PresignMsg1>> in1;
    std::map<PartyId, Inbox<PresignMsg2>> in2;
    std::map<PartyId, Inbox<PresignMsg3>> in3;
    std::map<PartyId, Inbox<PresignMsg4>> in4;
    for (auto id : plan_.quorum) collect(id, PresignRound1::start(inputs(id), rng_), r1, in1, tap1, ended);
    for (auto& [id, round] : r1)
      if (ready(in1[id])) collect(id, std::move(round).next(in1[id], rng_), r2, in2, tap2, ended);
    for (auto& [id, round] : r2)
      if (ready(in2[id])) collect(id, std::move(round).next(in2[id]), r3, in3, tap3, ended);
    for (auto& [id, round] : r3)
      if (ready(in3[id])) collect(id, std::move(round).next(in3[id]), r4, in4, tap4, ended);
    for (auto& [id, round] : r4)
      if (ready(in4[id])) ended.emplace(id, std::move(round).finish(in4[id]));
    return ended;
  }

  PresignInputs inputs(PartyId id) {
    PresignInputs in{&group_.shares.at(id), &group_.identities.at(id), {}, plan_};
    for (const auto& [peer, pair] : pairs_[id]) in.pairs[peer] = &pair;
    return in;
  }
  PresignPlan& plan() { return plan_; }
  const sim::DealtGroup& group() const { return group_; }
  sim::SeededRng& rng() { return rng_; }

 private:
  template <class Msg>
  bool ready(const Inbox<Msg>& inbox) const {
    return inbox.size() + 1 == plan_.quorum.size();
  }
  template <class Round, class Next, class Msg>
  void collect(PartyId id, Result<Sent<Next, Msg>, Abort> step, std::map<PartyId, Round>& rounds,
               std::map<PartyId, Inbox<Msg>>& inboxes, const Tap<Msg>& tap,
               std::map<PartyId, Result<PresignedBatch, Abort>>& ended) {
    if (!step) {
      ended.emplace(id, fail(step.error()));
      return;
    }
    for (auto& [to, message] : step->messages) {
      if (tap) tap(id, to, message);
      inboxes[to].emplace(id, std::move(message));
    }
    rounds.emplace(id, std::move(step->next));
  }

  sim::SeededRng rng_;
  sim::DealtGroup group_;
  PresignPlan plan_;
  std::map<PartyId, std::map<PartyId, ot::PairState>> pairs_;
};

}  // namespace quorate
