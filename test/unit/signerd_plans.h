#pragma once

#include "test/unit/signerd_world.h"

namespace quorate::signerd {

/// A dealt key with all set-ups made; then the links fall silent, and the test speaks as the leader.
class Plans : public testing::Test {
 protected:
  explicit Plans(std::size_t n = 3, std::size_t t = 3, Quorum q = {1, 2, 3}, PoolLimits limits = {})
      : world(n, t, limits), quorum(std::move(q)) {}
  void SetUp() override {
    world.up = std::set<PartyId>(quorum.begin(), quorum.end());
    world.set_up();
    leader = leader_of(world.epoch, quorum);
    victim = quorum[0] == leader ? quorum[1] : quorum[0];
    for (std::size_t i = 0; i < quorum.size(); ++i)
      for (std::size_t j = i + 1; j < quorum.size(); ++j) pairs.emplace_back(quorum[i], quorum[j]);
    ASSERT_EQ(world.plan(quorum, 1).setups.size(), pairs.size());
    world.passes = [](const auto&) { return false; };
    world.sent.clear();
  }
  Signer& member() { return world.at(victim); }

  /// Offers a plan to the member at the time `now`: is it joined? Each plan is answered, one way or the
  /// other.
  bool joins(const PresignPlan& plan) {
    world.sent.clear();
    const auto refused = member().presigner.counters().refused;
    member().receive(world.start(plan, victim), now);
    const bool in = member().sessions.has(plan.sid());
    EXPECT_EQ(member().presigner.counters().refused, refused + (in ? 0 : 1));
    const auto answers = world.sent_by(victim, wire::MessageType::PresignAbort);
    EXPECT_EQ(answers.size(), in ? 0U : 1U);
    if (!answers.empty()) {
      EXPECT_EQ(answers[0].to, leader);
      EXPECT_EQ(*wire::decode_abort(answers[0].payload), Fault::BadParameters);
    }
    return in;
  }
  /// The leader calls a batch off, and time passes until the member is ready for another.
  void call_off(const PresignPlan& plan) {
    member().receive(
        {wire::MessageType::PresignAbort, plan.sid(), leader, victim, wire::encode_abort(Fault::TimedOut)}, now);
    EXPECT_FALSE(member().sessions.has(plan.sid()));
    now += std::chrono::hours(1);
  }
  bool joins_and_ends(const PresignPlan& plan) {
    if (!joins(plan)) return false;
    call_off(plan);
    return true;
  }
  /// Changes the id of one set-up that the member takes part in, or does not.
  PresignPlan with_other_setup(PresignPlan plan, bool own) const {
    for (std::size_t i = 0; i < pairs.size(); ++i)
      if ((pairs[i].first == victim || pairs[i].second == victim) == own) {
        plan.setups[i].bytes[5] ^= 1;
        return plan;
      }
    ADD_FAILURE() << "no such pair";
    return plan;
  }

  World world;
  Quorum quorum;
  PartyId leader = kNobody, victim = kNobody;
  std::vector<std::pair<PartyId, PartyId>> pairs;
  Clock::time_point now = Clock::now();
};

}  // namespace quorate::signerd
