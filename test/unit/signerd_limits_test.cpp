// What a member lets a leader have: the size, number and pace of its batches, and the room for what they make
// (SPEC 5.0).
#include "test/unit/signerd_plans.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using wire::MessageType;

/// `count` presignatures that were never made.
PresignedBatch blank(const PresignPlan& plan, std::uint32_t count) {
  PresignedBatch batch;
  batch.record = std::make_shared<const BatchRecord>(plan, plan.sid(), std::vector<Bytes>{},
                                                     std::vector<std::vector<Bytes>>{},
                                                     std::vector<std::vector<Bytes>>{}, std::vector<Row>{});
  for (std::uint32_t i = 0; i < count; ++i) {
    batch.items.emplace_back();
    batch.items.back().index = i;
  }
  return batch;
}

TEST_F(Plans, batches_of_one_leader_at_a_time_are_bounded) {
  std::vector<PresignPlan> running;
  for (std::uint64_t number = 1; number <= 2; ++number) {
    running.push_back(world.plan(quorum, number));
    ASSERT_TRUE(joins(running.back())) << number;
  }
  EXPECT_FALSE(joins(world.plan(quorum, 3)));
  call_off(running[1]);
  EXPECT_TRUE(joins(world.plan(quorum, 3))) << "a refused plan has used up its number";
  // An hour went by: the first takes no step any more, it holds no slot.
  EXPECT_TRUE(joins(world.plan(quorum, 4)));
  EXPECT_FALSE(joins(world.plan(quorum, 5)));
  now += hours(1);
  EXPECT_TRUE(joins(world.plan(quorum, 5)));
  EXPECT_FALSE(joins(world.plan(quorum, 6))) << "of those that hang, too, there is an end";
}

TEST_F(Plans, batches_beyond_the_own_and_the_common_size_are_refused) {
  for (std::uint32_t batch : {kCommonBatch + 1, std::uint32_t{ot::kMaxBatch}}) EXPECT_FALSE(joins(world.plan(quorum, 1, batch)));
  EXPECT_TRUE(joins_and_ends(world.plan(quorum, 1, kCommonBatch)));
  auto with_own = [&](std::uint32_t own) {
    return Presigner(victim, world.identity(victim), member().keys, member().setups, member().sessions,
                     member().disputes, member().log, MeshView{[](const auto&) { return true; }, [](PartyId) { return true; }},
                     PresignLimits{.batch = own});
  };
  auto small = with_own(8), great = with_own(200);
  const auto joined_by = [&](Presigner& presigner, std::uint32_t batch) {
    const auto plan = world.plan(quorum, 50 + batch, batch);
    presigner.on_message(world.start(plan, victim), now);
    const bool in = member().sessions.has(plan.sid());
    member().sessions.abort(plan.sid(), {Fault::TimedOut, Blame::nobody(), ""});
    now += hours(1);
    return in;
  };
  EXPECT_TRUE(joined_by(small, kCommonBatch)) << "a signer with small batches keeps no other from its own";
  EXPECT_FALSE(joined_by(small, kCommonBatch + 1));
  EXPECT_TRUE(joined_by(great, 200));
  EXPECT_FALSE(joined_by(great, 201));
}

TEST_F(Plans, a_leader_of_great_batches_is_content_with_common_ones_where_they_are_refused) {
  auto& chief = world.at(leader);
  std::vector<PresignPlan> plans;
  Presigner great(leader, world.identity(leader), chief.keys, chief.setups, chief.sessions, chief.disputes, chief.log,
                  MeshView{[&](const wire::Envelope& e) {
                             if (e.type == MessageType::PresignStart && e.to == victim)
                               plans.push_back(*wire::decode<PresignPlan>(e.payload));
                             return true;
                           },
                           [](PartyId) { return true; }},
                  PresignLimits{.batch = 200});
  ASSERT_TRUE(chief.keys.by_epoch(world.epoch)->pools.add(blank(world.plan(quorum, 77), 16), now));
  std::vector<std::uint32_t> sizes;
  for (int i = 0; i < 3; ++i) {
    world.sent.clear();
    great.tick(now += hours(1));
    world.settle();
    for (const auto& e : world.sent_by(leader, MessageType::PresignStart))
      if (e.to == victim) plans.push_back(*wire::decode<PresignPlan>(e.payload));
    ASSERT_EQ(plans.size(), static_cast<std::size_t>(i + 1));
    sizes.push_back(plans.back().batch);
    great.on_message({MessageType::PresignAbort, plans.back().sid(), victim, leader,
                      wire::encode_abort(Fault::BadParameters)},
                     now);
  }
  EXPECT_EQ(sizes, (std::vector<std::uint32_t>{200, kCommonBatch, kCommonBatch}));
}

TEST_F(Plans, a_shallow_pool_is_served_with_small_batches_first) {
  auto& chief = world.at(leader);
  std::vector<std::uint32_t> sizes;
  for (std::uint32_t more : {0U, 1U, 14U, 1U}) {  // 0, 1, 15 and 16 presignatures; 16 is the minimum
    if (more > 0) {
      ASSERT_TRUE(chief.keys.by_epoch(world.epoch)->pools.add(blank(world.plan(quorum, 77 + more + sizes.size()), more), now));
    }
    world.sent.clear();
    chief.presigner.tick(now += hours(1));
    world.settle();
    const auto started = world.sent_by(leader, MessageType::PresignStart);
    ASSERT_FALSE(started.empty());
    const auto plan = *wire::decode<PresignPlan>(started.back().payload);
    sizes.push_back(plan.batch);
    for (auto id : quorum)
      if (id != leader)
        chief.presigner.on_message({MessageType::PresignAbort, plan.sid(), id, leader, wire::encode_abort(Fault::TimedOut)}, now);
    world.settle();
  }
  EXPECT_EQ(sizes, (std::vector<std::uint32_t>{8, 16, 16, 64}));
}

class Waste : public Plans {
 protected:
  /// The leader's pool is filled; the last batch is one of 64. Time stands still from before that.
  void SetUp() override {
    Plans::SetUp();
    world.passes = nullptr;
    world.at(leader).presigner.tick(Clock::now());
    world.settle();
    for (const auto& e : world.sent_by(leader, MessageType::PresignStart))
      if (e.to == victim) last = *wire::decode<PresignPlan>(e.payload);
    ASSERT_EQ(last.batch, 64U);
    ASSERT_GE(pools().depth(quorum), 64U);
    world.passes = [](const auto&) { return false; };
  }
  EpochPools& pools() { return member().keys.by_epoch(world.epoch)->pools; }
  void retire(std::uint32_t count) {
    wire::PresignRetire message;
    for (std::uint32_t i = 0; i < count; ++i) message.indices.push_back(i);
    member().receive({MessageType::PresignRetire, last.sid(), leader, victim, wire::encode(message)}, now);
  }
  PresignPlan last;
};

TEST_F(Waste, a_leader_that_retires_what_it_had_made_waits_before_the_next) {
  retire(64);
  EXPECT_FALSE(joins(world.plan(quorum, 1'000)));
  now = Clock::now() + milliseconds(100);
  EXPECT_TRUE(joins(world.plan(quorum, 1'000)));
}

TEST_F(Waste, what_a_leader_makes_beyond_use_is_dropped_and_counts_as_waste) {
  for (std::uint64_t i = 1'000; i < 1'003; ++i)  // as many batches as fit, and one more
    ASSERT_TRUE(pools().add(blank(world.plan(quorum, i), 64), now));
  const auto first = world.plan(quorum, 2'000);
  ASSERT_TRUE(joins(first));
  EXPECT_EQ(pools().depth(quorum), 128U);
  EXPECT_GE(pools().wasted(quorum), 64U);
}

TEST_F(Waste, a_leader_whose_batches_are_used_is_never_held_up) {
  retire(31);  // leases that ran out
  for (std::uint32_t i = 31; i < 64; ++i) ASSERT_TRUE(pools().take({last.sid(), i}, now));
  EXPECT_TRUE(joins(world.plan(quorum, 1'000)));
}

class PlansOfSmallPools : public Plans {
 protected:
  PlansOfSmallPools() : Plans(3, 2, {1, 2}, PoolLimits{.min = 1, .target = 1}) {}
};

/// Somebody asks the leader alone to sign: the leader makes new ones, and the old ones stay with the member.
TEST_F(PlansOfSmallPools, what_nobody_uses_keeps_no_honest_leader_out_and_does_not_pile_up) {
  auto& pools = member().keys.by_epoch(world.epoch)->pools;
  ASSERT_TRUE(pools.add(blank(world.plan(quorum, 77), 1000), now));
  auto foreign = world.start(world.plan(quorum, 1), victim);
  foreign.from = 3;
  member().receive(foreign, now);
  auto bad = world.plan(quorum, 1);
  bad.setups[0].bytes[0] ^= 1;
  EXPECT_FALSE(joins(bad));
  EXPECT_EQ(pools.depth(quorum), 1000U) << "only a plan of the leader that fits drops anything";
  EXPECT_TRUE(joins(world.plan(quorum, 1)));
  EXPECT_EQ(pools.depth(quorum), 2U);
}

}  // namespace
}  // namespace quorate::signerd
