// Which coordinator a front end asks, and when it asks another: failure D of workflow.md without a network.
#include <gmock/gmock.h>

#include <random>

#include "test/unit/coordinator_tier_fixture.h"

namespace quorate::coordinator::test {
namespace {

using testing::HasSubstr;

TEST_F(TierTest, OneCoordinatorIsAskedAndItsSignatureEndsTheRequest) {
  all_up();
  const auto handle = submit();
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_FALSE(sends[0].hint);
  EXPECT_LT(sends[0].deadline, now + milliseconds(200));
  EXPECT_GE(sends[0].deadline, now + milliseconds(190));
  pass(milliseconds(1));
  EXPECT_TRUE(tier.on_signature(now, last_to(), handle));
  EXPECT_FALSE(tier.on_signature(now, last_to(), handle));
  collect();
  pass(seconds(1));
  EXPECT_EQ(sends.size(), 1u);
  EXPECT_TRUE(fails.empty());
  EXPECT_TRUE(withdrawn.empty());
  EXPECT_EQ(tier.in_flight(), 0u);
}

TEST_F(TierTest, RequestsAreSpreadOverTheCoordinators) {
  all_up();
  std::array<int, 3> count{};
  for (int i = 0; i < 30; ++i) {
    const auto handle = submit();
    ++count[last_to()];
    tier.on_signature(now, last_to(), handle);
  }
  for (int n : count) EXPECT_EQ(n, 10);
}

TEST_F(TierTest, AnAttemptThatTakesTooLongGoesToAnotherCoordinatorWithWhatWasAssigned) {
  all_up();
  const auto handle = submit();
  const auto first = last_to();
  tier.on_assigned(now, first, handle, assignment(7));
  pass(milliseconds(24));
  EXPECT_EQ(sends.size(), 1u);
  pass(milliseconds(1));
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_NE(last_to(), first);
  EXPECT_EQ(sends[1].request, handle);
  ASSERT_TRUE(sends[1].hint);
  EXPECT_EQ(sends[1].hint->presignature.index, 7u);
  EXPECT_EQ(sends[1].hint->quorum, (Quorum{1, 2}));
  // The first good reply wins, whoever it comes from; nobody waits for the other one.
  EXPECT_TRUE(tier.on_signature(now, first, handle));
  collect();
  ASSERT_EQ(withdrawn.size(), 1u);
  EXPECT_EQ(withdrawn[0].to, sends[1].to);
  EXPECT_FALSE(tier.on_signature(now, sends[1].to, handle));
}

TEST_F(TierTest, WhatALateCoordinatorAssignsIsNoHintForOthers) {
  all_up();
  const auto handle = submit();
  const auto first = last_to();
  pass(milliseconds(25));
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_FALSE(sends[1].hint);
  tier.on_assigned(now, first, handle, assignment(1));
  tier.on_assigned(now, sends[1].to, handle, assignment(2));
  pass(milliseconds(25));
  ASSERT_EQ(sends.size(), 3u);
  ASSERT_TRUE(sends[2].hint);
  EXPECT_EQ(sends[2].hint->presignature.index, 2u);
}

TEST_F(TierTest, TheTimeOutFollowsThreeTimesTheMeasuredP99) {
  all_up();
  for (int i = 0; i < 300; ++i) {
    const auto handle = submit();
    now += milliseconds(20);
    ASSERT_TRUE(tier.on_signature(now, last_to(), handle));
  }
  sends.clear();
  submit();
  pass(milliseconds(59));
  EXPECT_EQ(sends.size(), 1u);
  pass(milliseconds(2));
  EXPECT_EQ(sends.size(), 2u);
}

TEST_F(TierTest, ACoordinatorThatMadeItselfSlowLeavesTheOthersHalfOfTheTime) {
  all_up();
  for (int i = 0; i < 300; ++i) {
    const auto handle = submit();
    now += milliseconds(90);
    ASSERT_TRUE(tier.on_signature(now, last_to(), handle));
  }
  sends.clear();
  const auto handle = submit();
  pass(milliseconds(99));
  EXPECT_EQ(sends.size(), 1u);
  pass(milliseconds(2));
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_TRUE(tier.on_signature(now, last_to(), handle));
}

TEST_F(TierTest, ALostLinkIsATimeOutAtOnce) {
  all_up();
  const auto handle = submit();
  const auto first = last_to();
  tier.on_assigned(now, first, handle, assignment(3));
  tier.link_down(now, first, "reset");
  collect();
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_NE(last_to(), first);
  EXPECT_TRUE(sends[1].hint);
  tier.link_down(now, last_to(), "reset");
  collect();
  ASSERT_EQ(sends.size(), 3u);
  tier.link_down(now, last_to(), "reset");
  collect();
  EXPECT_EQ(sends.size(), 3u);
  EXPECT_TRUE(fails.empty());
  // It waits for whoever comes back, be it the first.
  pass(milliseconds(30));
  tier.link_up(now, first);
  collect();
  ASSERT_EQ(sends.size(), 4u);
  EXPECT_EQ(last_to(), first);
  EXPECT_EQ(sends[3].request, handle);
  EXPECT_TRUE(tier.on_signature(now, first, handle));
}

TEST_F(TierTest, ARequestBeforeAnyLinkIsUpWaitsForOne) {
  const auto handle = submit();
  EXPECT_TRUE(sends.empty());
  pass(milliseconds(40));
  tier.link_up(now, 1);
  collect();
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_EQ(last_to(), 1u);
  EXPECT_TRUE(tier.on_signature(now, 1, handle));
}

TEST_F(TierTest, WithoutAnyCoordinatorItEndsAtTheDeadlineAndNamesThem) {
  tier.link_down(now, 0, "connection refused");
  tier.link_down(now, 1, "no route");
  submit();
  pass(milliseconds(199));
  EXPECT_TRUE(fails.empty());
  pass(milliseconds(1));
  ASSERT_EQ(fails.size(), 1u);
  EXPECT_EQ(fails[0].error.code, SignErrorCode::QuorumInsufficient);
  EXPECT_THAT(fails[0].error.detail, HasSubstr("c0 is down (connection refused)"));
  EXPECT_THAT(fails[0].error.detail, HasSubstr("c2 is not connected yet"));
  EXPECT_EQ(tier.in_flight(), 0u);
  EXPECT_EQ(tier.next_wakeup(), kNever);
}

TEST_F(TierTest, SilentCoordinatorsAreNamedWhenTheDeadlineIsOver) {
  all_up();
  submit();
  pass(milliseconds(200));
  EXPECT_EQ(sends.size(), 3u);
  ASSERT_EQ(fails.size(), 1u);
  EXPECT_EQ(fails[0].error.code, SignErrorCode::DeadlineExceeded);
  for (const auto* name : {"c0", "c1", "c2"}) EXPECT_THAT(fails[0].error.detail, HasSubstr(name));
  EXPECT_EQ(withdrawn.size(), 3u);
}

TEST_F(TierTest, TooManyRequestsAreRefusedAtOnce) {
  Tier small(TierConfig{.max_in_flight = 2}, names(2), 0);
  small.link_up(now, 0);
  small.submit(now, now + milliseconds(200));
  small.submit(now, now + milliseconds(200));
  (void)small.take_actions();
  const auto third = small.submit(now, now + milliseconds(200));
  const auto actions = small.take_actions();
  ASSERT_EQ(actions.size(), 1u);
  const auto& failed = std::get<TierFail>(actions[0]);
  EXPECT_EQ(failed.request, third);
  EXPECT_EQ(failed.error.code, SignErrorCode::Overloaded);
}

TEST_F(TierTest, AnswersOfStrangersToARequestChangeNothing) {
  all_up();
  const auto handle = submit();
  const auto other = (last_to() + 1) % 3;
  EXPECT_FALSE(tier.on_signature(now, other, handle));
  tier.on_refusal(now, other, handle, error(SignErrorCode::PolicyDenied));
  tier.on_lie(now, other, handle);
  tier.on_assigned(now, other, handle, assignment(1));
  tier.on_signature(now, other, handle + 77);
  collect();
  EXPECT_EQ(sends.size(), 1u);
  EXPECT_TRUE(fails.empty());
  pass(milliseconds(25));
  EXPECT_FALSE(sends[1].hint);
}

TEST_F(TierTest, WithoutTimeNoCoordinatorIsAskedAndNoneIsSaidToBeAway) {
  all_up();
  submit(milliseconds(0));
  pass(milliseconds(1));
  EXPECT_TRUE(sends.empty());
  ASSERT_EQ(fails.size(), 1u);
  EXPECT_EQ(fails[0].error.code, SignErrorCode::DeadlineExceeded);
  EXPECT_EQ(fails[0].error.detail, "no time was left to ask a coordinator");
}

TEST(TierProperty, EveryRequestEndsOnceWhateverHappens) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return random() % n; };
    const std::size_t count = 1 + below(4);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back("c" + std::to_string(i));
    Tier tier(TierConfig{.max_in_flight = 20}, names, below(7));
    Time now = seconds(1);
    std::map<RequestHandle, int> ended;
    std::map<RequestHandle, Time> deadline;
    std::set<std::pair<RequestHandle, std::size_t>> open;
    std::map<std::size_t, bool> up;
    const auto collect = [&] {
      for (auto& action : tier.take_actions()) {
        if (auto* send = std::get_if<TierSend>(&action)) {
          EXPECT_TRUE(up[send->to]);
          EXPECT_TRUE(open.insert({send->request, send->to}).second) << "asked twice at once";
          EXPECT_GT(send->deadline, now);
          EXPECT_LE(send->deadline, deadline[send->request]);
        } else if (auto* withdraw = std::get_if<TierWithdraw>(&action)) {
          EXPECT_EQ(open.erase({withdraw->request, withdraw->to}), 1u);
        } else {
          ++ended[std::get<TierFail>(action).request];
        }
      }
    };
    for (int step = 0; step < 400; ++step) {
      now += milliseconds(below(12));
      if (tier.next_wakeup() <= now) tier.on_timer(now);
      collect();
      const std::size_t who = below(static_cast<unsigned>(count));
      switch (below(8)) {
        case 0: {
          const Time until = now + milliseconds(below(120));
          const auto handle = tier.submit(now, until);
          deadline[handle] = until;
          ended[handle] += 0;
          break;
        }
        case 1:
          up[who] = true;
          tier.link_up(now, who);
          break;
        case 2:
          up[who] = false;
          std::erase_if(open, [&](const auto& each) { return each.second == who; });
          tier.link_down(now, who, "gone");
          break;
        default: {
          if (open.empty()) break;
          const auto [handle, at] = *std::next(open.begin(), below(static_cast<unsigned>(open.size())));
          const auto what = below(4);
          if (what == 3) {
            tier.on_assigned(now, at, handle, {});
            break;
          }
          open.erase({handle, at});
          if (what == 0) {
            EXPECT_TRUE(tier.on_signature(now, at, handle));
            ++ended[handle];
          }
          if (what == 1) tier.on_refusal(now, at, handle, {SignErrorCode::Overloaded, "x"});
          if (what == 2) tier.on_lie(now, at, handle);
        }
      }
      collect();
    }
    now += seconds(1);
    tier.on_timer(now);
    collect();
    EXPECT_EQ(tier.in_flight(), 0u);
    EXPECT_TRUE(open.empty());
    for (const auto& [handle, times] : ended) EXPECT_EQ(times, 1) << seed << " request " << handle;
    EXPECT_EQ(tier.counters().submitted, ended.size());
    EXPECT_EQ(tier.counters().signatures + tier.counters().failed, ended.size());
  }
}

}  // namespace
}  // namespace quorate::coordinator::test
