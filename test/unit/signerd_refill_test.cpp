// Which pool is filled next, how fast, and for how long (architecture.md, "Pools and leases").
#include "signerd/refill_order.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "signerd/key_ring.h"
#include "signerd/pacing.h"
#include "test/sim/dealer.h"
#include "test/sim/seeded_rng.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class Order : public testing::Test {
 protected:
  Task task(PartyId other) const { return {EpochId{}, {1, other}}; }
  RefillOrder order;
  Clock::time_point now = Clock::now();
};

TEST_F(Order, below_the_minimum_before_beyond_it_then_the_shallowest_then_keys_in_use) {
  const auto rank = [&](std::uint32_t available, bool idle) { return order.rank(task(2), {available, 16, idle, false}); };
  EXPECT_LT(rank(15, true), rank(16, false));
  EXPECT_LT(rank(3, true), rank(4, false));
  EXPECT_LT(rank(17, true), rank(18, false));
  EXPECT_LT(rank(3, false), rank(3, true)) << "a key in use first";
}

TEST_F(Order, what_failed_or_may_fail_comes_after_the_rest) {
  const RefillOrder::Pool dry{0, 16, false, false}, filled{40, 16, false, false}, beside{0, 16, false, true};
  EXPECT_LT(order.rank(task(2), filled), order.rank(task(3), beside));
  order.failed(task(2), now, seconds(30));
  EXPECT_LT(order.rank(task(3), filled), order.rank(task(2), dry));
  order.succeeded(task(2));
  EXPECT_GT(order.rank(task(3), filled), order.rank(task(2), dry));
}

TEST_F(Order, failures_wait_twice_as_long_each_time_up_to_a_limit) {
  for (int ms : {50, 100, 200, 400, 800, 1000, 1000}) {
    order.failed(task(2), now, milliseconds(1000));
    EXPECT_TRUE(order.waits(task(2), now + milliseconds(ms - 1))) << ms;
    EXPECT_FALSE(order.waits(task(2), now + milliseconds(ms))) << ms;
  }
  EXPECT_FALSE(order.waits(task(3), now));
}

TEST_F(Order, a_pool_that_somebody_found_dry_is_next_until_a_batch_came) {
  const RefillOrder::Pool dry{0, 16, true, false};
  order.failed(task(2), now, seconds(30));
  EXPECT_TRUE(order.wanted(task(2), now));
  EXPECT_LT(order.rank(task(2), dry), order.rank(task(3), dry));
  order.succeeded(task(2));
  EXPECT_EQ(order.rank(task(2), dry), order.rank(task(3), dry));
}

TEST_F(Order, a_wait_is_cut_short_once_a_second_whoever_asks_and_how_often) {
  for (int i = 0; i < 12; ++i) order.failed(task(2), now, seconds(30));
  EXPECT_TRUE(order.wanted(task(2), now));
  EXPECT_FALSE(order.waits(task(2), now));
  order.failed(task(2), now, seconds(30));
  for (int ms = 0; ms < 1000; ms += 10) {
    EXPECT_FALSE(order.wanted(task(2), now + milliseconds(ms))) << ms;
    EXPECT_TRUE(order.waits(task(2), now + milliseconds(ms))) << ms;
  }
  EXPECT_TRUE(order.wanted(task(2), now + seconds(1)));
  EXPECT_FALSE(order.waits(task(2), now + seconds(1)));
}

TEST_F(Order, asking_again_and_again_is_no_news) {
  EXPECT_TRUE(order.wanted(task(2), now));
  for (int i = 1; i < 100; ++i) EXPECT_FALSE(order.wanted(task(2), now + seconds(i)));
  order.succeeded(task(2));
  EXPECT_TRUE(order.wanted(task(2), now + seconds(100))) << "dry again";
}

TEST_F(Order, forgets_what_it_is_told_to) {
  order.failed(task(2), now, seconds(30));
  order.wanted(task(3), now);
  order.forget_if([&](const Task& t) { return t == task(2) || t == task(3); });
  EXPECT_FALSE(order.waits(task(2), now));
  const RefillOrder::Pool dry{0, 16, true, false};
  EXPECT_EQ(order.rank(task(3), dry), order.rank(task(4), dry));
}

constexpr PartyId kMe = 1, kPeer = 2, kOther = 3;

TEST(Pacing, sends_no_more_than_its_rate_over_time) {
  for (std::size_t batch : {10'000U, 500'000U, 3'000'000U}) {
    SendBudget budget(8, 3);  // a million bytes a second
    auto now = Clock::now();
    std::size_t sent = 0;
    for (int ms = 0; ms < 20'000; ++ms) {
      now += milliseconds(1);
      if (!budget.ready(kMe, now)) continue;
      budget.spend(kMe, batch, now);
      sent += batch;
    }
    EXPECT_LE(sent, 21'000'000U + batch) << "20 s and the first second's worth";
    EXPECT_GE(sent, 19'000'000U);
  }
}

TEST(Pacing, without_a_limit_everything_goes) {
  SendBudget budget(0, 3);
  const auto now = Clock::now();
  for (int i = 0; i < 100; ++i) {
    budget.spend(kMe, std::size_t{1} << 40, now);
    EXPECT_TRUE(budget.ready(kMe, now));
    EXPECT_FALSE(budget.overdrawn(kMe, now));
  }
}

TEST(Pacing, others_batches_are_joined_until_two_seconds_are_overdrawn) {
  SendBudget budget(8, 2);
  const auto now = Clock::now();
  budget.spend(kPeer, 2'900'000, now);
  EXPECT_FALSE(budget.overdrawn(kPeer, now));
  budget.spend(kPeer, 200'000, now);
  EXPECT_TRUE(budget.overdrawn(kPeer, now));
  EXPECT_FALSE(budget.overdrawn(kPeer, now + milliseconds(200)));
}

TEST(Pacing, no_peer_uses_up_the_share_of_another) {
  SendBudget budget(8, 4);
  auto now = Clock::now();
  std::map<PartyId, std::size_t> sent;
  for (int ms = 0; ms < 60'000; ++ms) {
    now += milliseconds(1);
    while (!budget.overdrawn(kPeer, now)) {  // it asks for whatever it gets
      budget.spend(kPeer, 200'000, now);
      sent[kPeer] += 200'000;
    }
    for (auto each : {kMe, kOther}) {
      if (each == kMe ? !budget.ready(kMe, now) : budget.overdrawn(each, now)) continue;
      budget.spend(each, 200'000, now);
      sent[each] += 200'000;
    }
  }
  EXPECT_GE(sent[kMe], 14'500'000U) << "a quarter of what may be sent";
  EXPECT_GE(sent[kOther], 14'500'000U);
  EXPECT_LE(sent[kMe] + sent[kPeer] + sent[kOther], 64'000'000U) << "and together no more than the rate and what may be overdrawn";
}

TEST(Pacing, a_clock_that_goes_back_fills_nothing) {
  SendBudget budget(8, 1);
  const auto now = Clock::now();
  budget.spend(kMe, 2'000'000, now);
  EXPECT_FALSE(budget.ready(kMe, now - hours(1)));
  EXPECT_FALSE(budget.ready(kMe, now + milliseconds(999)));
  EXPECT_TRUE(budget.ready(kMe, now + milliseconds(1001)));
}

TEST(Pacing, a_worker_rests_in_proportion_to_what_it_used) {
  EXPECT_EQ(CpuShare(1).rest_after(seconds(1)), nanoseconds::zero());
  EXPECT_FALSE(CpuShare(1).limited());
  EXPECT_EQ(CpuShare(0.5).rest_after(milliseconds(30)), milliseconds(30));
  EXPECT_EQ(CpuShare(0.25).rest_after(milliseconds(30)), milliseconds(90));
  EXPECT_EQ(CpuShare(0.01).rest_after(seconds(1)), seconds(2)) << "no longer than that";
  EXPECT_EQ(CpuShare(0.5).rest_after(-seconds(1)), nanoseconds::zero());
}

TEST(QuorumsOnDemand, are_bounded_in_number_and_let_go_when_nobody_asks) {
  OnDemand on_demand;
  auto now = Clock::now();
  for (PartyId i = 0; i < OnDemand::kMax; ++i) {
    EXPECT_TRUE(on_demand.ask({1, static_cast<PartyId>(i + 2)}, now));
    EXPECT_TRUE(on_demand.ask({1, static_cast<PartyId>(i + 2)}, now)) << "it is there";
  }
  EXPECT_FALSE(on_demand.ask({2, 3}, now));
  EXPECT_FALSE(on_demand.contains({2, 3}));
  now += OnDemand::kKept;
  EXPECT_TRUE(on_demand.ask({1, 2}, now));
  EXPECT_TRUE(on_demand.expire(now).empty());
  EXPECT_EQ(on_demand.expire(now + milliseconds(1)).size(), OnDemand::kMax - 1);
  EXPECT_TRUE(on_demand.contains({1, 2}));
  EXPECT_TRUE(on_demand.ask({2, 3}, now));
}

class Targets : public testing::Test {
 protected:
  ActiveKey& add(KeyRing& ring, std::size_t n, std::size_t t, PartyId me = 1) {
    auto dealt = sim::deal_key(Curve::p256(), n, t, rng);
    return ring.add(std::move(dealt.shares.at(me)));
  }
  sim::SeededRng rng{3};
  KeyRing ring{PoolLimits{.min = 5, .target = 50}};
  Clock::time_point now = Clock::now();
};

TEST_F(Targets, a_key_without_signatures_for_a_minute_keeps_its_minimum) {
  auto& key = add(ring, 3, 2);
  EXPECT_EQ(key.target(now), 5U);
  key.used_at = now;
  EXPECT_EQ(key.target(now + seconds(60)), 50U);
  EXPECT_EQ(key.target(now + seconds(61)), 5U);
}

TEST_F(Targets, a_quorum_is_T_different_members_in_order_with_this_signer) {
  auto& key = add(ring, 4, 3, 2);
  EXPECT_TRUE(key.may_form({1, 2, 3}));
  EXPECT_TRUE(key.may_form({2, 3, 4}));
  for (const auto& bad : std::vector<Quorum>{{}, {2}, {1, 2}, {1, 3, 4}, {1, 2, 5}, {2, 1, 3}, {1, 2, 2}, {2, 2, 2}, {1, 2, 3, 4}, {0, 1, 2}})
    EXPECT_FALSE(key.may_form(bad)) << to_string(bad);
}

TEST_F(Targets, who_is_in_quarantine_is_left_out_of_the_active_quorums_of_every_key) {
  auto& small = add(ring, 4, 2);
  auto& large = add(ring, 9, 4);
  const auto with = [](const ActiveKey& key, PartyId id) {
    return std::count_if(key.quorums.begin(), key.quorums.end(),
                         [&](const auto& q) { return std::binary_search(q.begin(), q.end(), id); });
  };
  ASSERT_GT(with(small, 3), 0);
  ASSERT_GT(with(large, 3), 0);
  ring.set_quarantined({3});
  EXPECT_TRUE(ring.quarantined(3));
  EXPECT_TRUE(ring.quarantined(Quorum{1, 3}));
  EXPECT_FALSE(ring.quarantined(Quorum{1, 2}));
  EXPECT_EQ(with(small, 3), 0);
  EXPECT_EQ(with(large, 3), 0);
  EXPECT_EQ(small.quorums, (std::vector<Quorum>{{1, 2}, {1, 4}}));
  auto& later = add(ring, 4, 2);
  EXPECT_EQ(with(later, 3), 0) << "a key that comes later";
  ring.set_quarantined({});
  EXPECT_EQ(small.quorums.size(), 3U);
  EXPECT_GT(with(large, 3), 0);
}

TEST_F(Targets, the_members_that_are_left_cover_the_same_losses) {
  std::map<PartyId, std::unique_ptr<KeyRing>> rings;
  auto dealt = sim::deal_key(Curve::p256(), 9, 4, rng);
  for (PartyId id = 1; id <= 9; ++id) {
    rings[id] = std::make_unique<KeyRing>(PoolLimits{});
    rings[id]->add(std::move(dealt.shares.at(id)));
    rings[id]->set_quarantined({2, 5});
  }
  const auto epoch = dealt.info().epoch;
  for (PartyId a = 1; a <= 9; ++a) {
    for (PartyId b = 1; b < a; ++b) {
      bool covered = false;
      for (PartyId id = 1; id <= 9; ++id)
        for (const auto& q : rings[id]->by_epoch(epoch)->quorums)
          covered = covered || std::none_of(q.begin(), q.end(), [&](auto m) { return m == a || m == b || m == 2 || m == 5; });
      EXPECT_TRUE(covered) << int(a) << "," << int(b);
    }
  }
}

TEST_F(Targets, fewer_than_T_are_no_quorum) {
  auto& key = add(ring, 3, 2);
  ring.set_quarantined({2, 3});
  EXPECT_TRUE(key.quorums.empty());
}

}  // namespace
}  // namespace quorate::signerd
