// A second quorum beside a slow one: it saves the request, it is paid for, and the slow one is found out.
#include <gtest/gtest.h>

#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

void warm_up(FakeCluster& cluster, int requests = 30) {
  cluster.start();
  for (int i = 0; i < requests; ++i) {
    ASSERT_TRUE(cluster.sign("warm up").result);
    cluster.run_for(milliseconds(5));
  }
}

const Counters& counters(FakeCluster& cluster) { return cluster.coordinator().counters(); }

TEST(Hedging, ASilentSignerCostsMillisecondsInsteadOfATimeOut) {
  FakeCluster cluster({.pool = 256});
  warm_up(cluster);
  cluster.signer(1).silent = true;
  for (int i = 0; i < 8; ++i) {
    const auto outcome = cluster.sign("content");
    ASSERT_TRUE(outcome.result) << outcome.result.error().what();
    // The floor of the delay and one round trip; never the 25 ms of an attempt.
    EXPECT_LE(outcome.result->took, milliseconds(6));
  }
  EXPECT_GT(counters(cluster).hedged, 0u);
  EXPECT_EQ(counters(cluster).hedges_won, counters(cluster).hedged);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(Hedging, TheSignerThatIsOvertakenIsFoundOutAllTheSame) {
  FakeCluster cluster({.pool = 256});
  warm_up(cluster);
  cluster.signer(1).silent = true;
  while (counters(cluster).hedges_won == 0) ASSERT_TRUE(cluster.sign("content").result);
  EXPECT_EQ(cluster.coordinator().signer(1).breaker.state(cluster.now()), Breaker::State::Closed);
  cluster.run_for(milliseconds(30));
  EXPECT_EQ(cluster.coordinator().signer(1).breaker.state(cluster.now()), Breaker::State::Open);
  cluster.run_for(seconds(2));
  EXPECT_EQ(cluster.coordinator().signer(1).in_flight, 0u);
}

TEST(Hedging, TheFirstFullSetWinsAndTheOtherPresignatureStaysSpent) {
  FakeCluster cluster({.pool = 256});
  warm_up(cluster);
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).slow = milliseconds(8);
  const auto handle = cluster.submit("slow");
  const Assignment first = cluster.assigned().back().second.assignment;
  cluster.run_for(milliseconds(50));
  ASSERT_NE(cluster.outcome(handle), nullptr);
  ASSERT_TRUE(cluster.outcome(handle)->result);
  // All are slow: the first was on its way already, and makes it.
  EXPECT_EQ(cluster.outcome(handle)->result->presignature, first.presignature);
  EXPECT_EQ(counters(cluster).hedges_won, 0u);
  EXPECT_TRUE(cluster.violations().empty());
  for (PartyId id = 1; id <= 3; ++id) EXPECT_EQ(cluster.coordinator().signer(id).in_flight, 0u);
}

TEST(Hedging, TheDelayFollowsTheMeasuredLatency) {
  FakeCluster cluster({.pool = 256, .one_way = milliseconds(20)});
  cluster.start();
  cluster.run_for(seconds(1));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(cluster.sign("content", seconds(1)).result);
    cluster.run_for(milliseconds(100));
  }
  EXPECT_EQ(counters(cluster).hedged, 0u) << "40 ms are normal there";
}

TEST(Hedging, ExtraLoadStaysWithinItsBudget) {
  for (unsigned percent : {0u, 5u, 10u}) {
    CoordinatorConfig config;
    config.hedge_percent = percent;
    FakeCluster cluster({.signers = 5, .threshold = 2, .pool = 512, .config = config});
    warm_up(cluster);
    // Many answers are late, and ever later than what was measured before: there is always something to hedge.
    Time late = milliseconds(6);
    cluster.network = [&](PartyId, bool to_signer) {
      return std::vector<Time>{!to_signer && cluster.rng().below(4) == 0 ? late : Time(microseconds(100))};
    };
    const auto before = counters(cluster).submitted;
    for (int i = 0; i < 1000; ++i) {
      cluster.submit("content " + std::to_string(i), milliseconds(500));
      cluster.run_for(milliseconds(2));
      late += microseconds(50);
    }
    cluster.run_for(seconds(1));
    const auto n = counters(cluster).submitted - before;
    EXPECT_LE(counters(cluster).hedged, percent == 0 ? 0 : CoordinatorConfig{}.hedge_burst + n * percent / 100);
    EXPECT_GE(counters(cluster).hedged, n * percent / 100 / 2);
    EXPECT_EQ(counters(cluster).failed_total(), 0u);
    EXPECT_TRUE(cluster.violations().empty());
  }
}

TEST(Hedging, ARefusalOfTheHedgeDoesNotEndTheRequest) {
  FakeCluster cluster({.pool = 256});
  warm_up(cluster);
  const auto handle = cluster.submit("content");
  const Assignment first = cluster.assigned().back().second.assignment;
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).slow = milliseconds(10);
  cluster.run_for(milliseconds(4));
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).refuse_sign = wire::Refusal{SignErrorCode::PresignatureConsumed, "gone"};
  cluster.run_for(milliseconds(100));
  ASSERT_NE(cluster.outcome(handle), nullptr);
  ASSERT_TRUE(cluster.outcome(handle)->result);
  EXPECT_EQ(cluster.outcome(handle)->result->presignature, first.presignature);
}

TEST(Hedging, BudgetIsSavedUpToTheBurstAndNoFurther) {
  Budget budget(2);
  EXPECT_TRUE(budget.spend());
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
  for (int i = 0; i < 19; ++i) budget.earn(5);
  EXPECT_FALSE(budget.enough());
  for (int i = 0; i < 2; ++i) budget.earn(5);
  EXPECT_TRUE(budget.enough());
  for (int i = 0; i < 1000; ++i) budget.earn(5);
  EXPECT_TRUE(budget.spend());
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

}  // namespace
}  // namespace quorate::coordinator::test
