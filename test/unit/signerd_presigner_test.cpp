// A member of a quorum against a leader that cheats about plans (SPEC 5.0).
#include "test/unit/signerd_plans.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using wire::MessageType;

TEST_F(Plans, a_plan_is_joined_once) {
  const auto plan = world.plan(quorum, 1);
  EXPECT_TRUE(joins_and_ends(plan));
  EXPECT_FALSE(joins(plan));
}

TEST_F(Plans, an_old_plan_stays_refused_after_one_with_another_foreign_setup) {
  const auto first = world.plan(quorum, 1);
  ASSERT_TRUE(joins_and_ends(first));
  // The member cannot know what the set-up of two others is called: the id is the leader's to choose.
  const auto same_number = with_other_setup(first, false);
  ASSERT_NE(same_number.sid(), first.sid());
  EXPECT_FALSE(joins(same_number)) << "foreign set-ups are no reason to begin the numbers anew";
  EXPECT_FALSE(joins(first));
  EXPECT_TRUE(joins_and_ends(with_other_setup(world.plan(quorum, 2), false)));
  EXPECT_FALSE(joins(first)) << "an accepted sid came back";
  EXPECT_FALSE(joins(same_number));
}

TEST_F(Plans, an_old_plan_stays_refused_after_one_that_does_not_fit) {
  const auto first = world.plan(quorum, 1);
  ASSERT_TRUE(joins_and_ends(first));
  EXPECT_FALSE(joins(with_other_setup(world.plan(quorum, 1), true)));
  EXPECT_FALSE(joins(with_other_setup(world.plan(quorum, 2), true)));
  EXPECT_FALSE(joins(first));
}

TEST_F(Plans, a_plan_that_does_not_fit_moves_no_number) {
  ASSERT_TRUE(joins_and_ends(world.plan(quorum, 1)));
  const auto high = world.plan(quorum, 1'000'000);
  auto other_key = high, other_curve = high, depth = high;
  other_key.key.bytes[0] ^= 1;
  other_curve.curve = CurveId::P384;
  depth.tree_depth = ot::kTreeDepth + 1;
  for (const auto& bad : {with_other_setup(high, true), other_key, other_curve, depth})
    EXPECT_FALSE(joins(bad));
  EXPECT_TRUE(joins_and_ends(world.plan(quorum, 2))) << "a plan that was refused has used up numbers";
}

TEST_F(Plans, numbers_grow_strictly) {
  const std::uint64_t top = ~std::uint64_t{0};
  EXPECT_TRUE(joins_and_ends(world.plan(quorum, 5)));
  for (std::uint64_t number : {5, 4, 1, 0}) EXPECT_FALSE(joins(world.plan(quorum, number))) << number;
  EXPECT_TRUE(joins_and_ends(world.plan(quorum, 6)));
  EXPECT_TRUE(joins_and_ends(world.plan(quorum, top)));
  for (std::uint64_t number : {std::uint64_t{0}, std::uint64_t{7}, top})
    EXPECT_FALSE(joins(world.plan(quorum, number)));
}

TEST_F(Plans, new_own_setups_begin_the_numbers_anew_and_bury_the_old_plans) {
  const auto old = world.plan(quorum, 9);
  ASSERT_TRUE(joins_and_ends(old));
  world.passes = nullptr;
  world.later = hours(2);
  for (auto id : quorum) {
    if (id == leader) continue;
    world.at(id).setups.peer_up(leader, true, world.now());
    world.at(leader).setups.peer_up(id, true, world.now());
  }
  for (auto id : quorum)  // as a link that comes up again has it: who is not the leader tells the others
    for (auto peer : quorum)
      if (id != leader && peer != id) world.at(id).setups.peer_up(peer, false, world.now());
  world.settle();
  world.passes = [](const auto&) { return false; };
  const auto fresh = world.plan(quorum, 1);
  ASSERT_NE(fresh.setups, old.setups);
  EXPECT_TRUE(joins_and_ends(fresh));
  EXPECT_FALSE(joins(old)) << "its set-up is gone";
  EXPECT_FALSE(joins(fresh));
}

TEST_F(Plans, only_the_leader_is_followed_and_only_under_the_plans_own_sid) {
  const auto plan = world.plan(quorum, 1);
  auto not_leader = world.start(plan, victim);
  for (auto id : quorum)
    if (id != leader && id != victim) not_leader.from = id;
  auto other_sid = world.start(plan, victim);
  other_sid.sid.bytes[0] ^= 1;
  for (const auto& bad : {not_leader, other_sid}) {
    member().receive(bad, now);
    EXPECT_FALSE(member().sessions.has(plan.sid()));
    EXPECT_FALSE(member().sessions.has(bad.sid));
  }
  EXPECT_EQ(member().presigner.counters().refused, 2U);
  EXPECT_TRUE(joins(plan)) << "the refused ones have used up the number";
}

TEST_F(Plans, a_finished_batch_is_not_made_again) {
  world.passes = nullptr;
  world.at(leader).presigner.tick(Clock::now());
  world.settle();
  const auto started = world.sent_by(leader, MessageType::PresignStart);
  ASSERT_FALSE(started.empty());
  const auto depth = member().keys.by_epoch(world.epoch)->pools.depth(quorum);
  ASSERT_GT(depth, 0U);
  world.passes = [](const auto&) { return false; };
  for (const auto& start : started)
    if (start.to == victim) {
      member().receive(start, now + hours(1));
      EXPECT_FALSE(member().sessions.has(start.sid));
    }
  EXPECT_EQ(member().keys.by_epoch(world.epoch)->pools.depth(quorum), depth);
}

TEST_F(Plans, after_a_failure_the_next_waits) {
  const auto first = world.plan(quorum, 1);
  ASSERT_TRUE(joins(first));
  member().receive(
      {MessageType::PresignAbort, first.sid(), leader, victim, wire::encode_abort(Fault::TimedOut)}, now);
  EXPECT_FALSE(joins(world.plan(quorum, 2)));
  now += hours(1);
  EXPECT_TRUE(joins(world.plan(quorum, 2))) << "one that came too early has used up its number";
}

TEST_F(Plans, a_quorum_in_dispute_or_with_a_pair_in_dispute_is_refused) {
  ASSERT_TRUE(member().disputes.add_quorum(world.key(), world.epoch, {1, 2}, {Fault::RowSum, Blame::quorum(), ""}));
  EXPECT_TRUE(joins_and_ends(world.plan(quorum, 1))) << "another quorum's dispute";
  const PartyId other = static_cast<PartyId>(6 - leader - victim);
  ASSERT_TRUE(member().disputes.add_pair(world.epoch, leader, other,
                                         {Fault::OtCheck, Blame::pair(leader, other), ""}));
  EXPECT_FALSE(joins(world.plan(quorum, 2)));
}

TEST_F(Plans, a_session_id_that_is_taken_is_refused_and_moves_no_number) {
  const auto plan = world.plan(quorum, 1);
  // Whoever opens a set-up chooses its session id; it may be that of a batch to come.
  SessionHost::Session session;
  bool ended = false;
  session.peers = {leader};
  session.on_end = [&](const SessionHost::Ending&) { ended = true; };
  ASSERT_TRUE(member().sessions.open(plan.sid(), std::make_shared<ScriptedMachine>(), std::move(session)));
  world.sent.clear();
  member().receive(world.start(plan, victim), now);
  EXPECT_EQ(member().presigner.counters().refused, 1U);
  EXPECT_EQ(world.sent_by(victim, MessageType::PresignAbort).size(), 1U);
  EXPECT_TRUE(member().sessions.has(plan.sid()));
  EXPECT_FALSE(ended);
  // A notice about the batch that was refused must not reach whoever holds the id.
  member().receive(
      {MessageType::PresignAbort, plan.sid(), leader, victim, wire::encode_abort(Fault::OtCheck)}, now);
  EXPECT_FALSE(ended);
  EXPECT_EQ(member().disputes.size(), 0U);
  EXPECT_TRUE(joins(world.plan(quorum, 1)));
}

TEST(PlansOfTwoQuorums, each_quorum_has_numbers_of_its_own) {
  // Quorums of the member with a leader other than itself; it needs two.
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    World other(3, 2, PoolLimits{}, seed);
    for (PartyId me : Quorum{1, 2, 3}) {
      std::vector<Quorum> led;
      for (const auto& q : other.at(me).keys.by_epoch(other.epoch)->quorums)
        if (leader_of(other.epoch, q) != me) led.push_back(q);
      if (led.size() < 2) continue;
      other.set_up();
      other.passes = [](const auto&) { return false; };
      const auto high = other.plan(led[0], 50), low = other.plan(led[1], 1);
      other.at(me).receive(other.start(high, me));
      other.at(me).receive(other.start(low, me));
      EXPECT_TRUE(other.at(me).sessions.has(high.sid()));
      EXPECT_TRUE(other.at(me).sessions.has(low.sid()));
      return;
    }
  }
  FAIL() << "no epoch with such quorums";
}

}  // namespace
}  // namespace quorate::signerd
