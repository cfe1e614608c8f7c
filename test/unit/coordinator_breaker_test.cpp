// The circuit breaker by itself, and quorum choice that spreads load and follows latency.
#include <gtest/gtest.h>

#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

const CoordinatorConfig kConfig{};
using State = Breaker::State;

TEST(Breaker, OpensWithAFailureAndTakesOneTrialAfterThePause) {
  Breaker breaker;
  const Time begin = seconds(5);
  EXPECT_EQ(breaker.state(begin), State::Closed);
  EXPECT_FALSE(breaker.begin(begin));
  breaker.failed(begin, kConfig);
  EXPECT_EQ(breaker.state(begin), State::Open);
  EXPECT_FALSE(breaker.admits(begin));
  EXPECT_EQ(breaker.retry_at(), begin + kConfig.back_off);
  EXPECT_FALSE(breaker.begin(begin + kConfig.back_off - microseconds(1)));

  const Time later = breaker.retry_at();
  EXPECT_EQ(breaker.state(later), State::HalfOpen);
  EXPECT_TRUE(breaker.admits(later));
  EXPECT_TRUE(breaker.begin(later));
  EXPECT_FALSE(breaker.admits(later)) << "the trial is on";
  EXPECT_FALSE(breaker.begin(later)) << "one is enough";
  breaker.succeeded();
  EXPECT_EQ(breaker.state(later), State::Closed);
}

TEST(Breaker, AFailedTrialDoublesThePauseUpToItsLimit) {
  Breaker breaker;
  Time now = seconds(5);
  breaker.failed(now, kConfig);
  Time pause = kConfig.back_off;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(breaker.retry_at() - now, std::min(pause, kConfig.slow_limit));
    now = breaker.retry_at();
    ASSERT_TRUE(breaker.begin(now));
    breaker.failed(now, kConfig);
    EXPECT_EQ(breaker.state(now), State::Open);
    pause *= 2;
  }
}

TEST(Breaker, AFailureLongAfterTheLastOneIsAFirstOne) {
  Breaker breaker;
  Time now = seconds(5);
  for (int i = 0; i < 6; ++i) {
    breaker.failed(now, kConfig);
    now = breaker.retry_at();
  }
  now += kConfig.slow_limit;
  breaker.failed(now, kConfig);
  EXPECT_EQ(breaker.retry_at(), now + kConfig.back_off);
}

TEST(Breaker, ManyFailuresWhileItIsOpenAreOne) {
  Breaker breaker;
  const Time now = seconds(5);
  for (int i = 0; i < 100; ++i) breaker.failed(now + microseconds(i), kConfig);
  EXPECT_EQ(breaker.retry_at(), now + kConfig.back_off);
}

TEST(Breaker, ATrialWithoutVerdictIsRepeated) {
  Breaker breaker;
  breaker.failed(seconds(5), kConfig);
  ASSERT_TRUE(breaker.begin(seconds(6)));
  breaker.undecided();
  EXPECT_TRUE(breaker.admits(seconds(6)));
  EXPECT_TRUE(breaker.begin(seconds(6)));
}

TEST(Breaker, AStoppedSignerIsTriedWithOneRequestAtATimeAndTakenBack) {
  FakeCluster cluster({.config = {.hedge_percent = 0}});
  cluster.start();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("warm").result);
  cluster.signer(1).silent = true;
  // Until the breaker opens.
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("until it opens").result);
  EXPECT_NE(cluster.coordinator().signer(1).breaker.state(cluster.now()), State::Closed);
  const Time begin = cluster.now();
  for (int i = 0; i < 1000; ++i) {
    cluster.submit("load", milliseconds(200));
    cluster.run_for(milliseconds(1));
  }
  std::size_t trials = 0;
  for (const auto& sent : cluster.sent())
    trials += sent.at >= begin && sent.send.to == 1 && std::holds_alternative<wire::SignRequest>(sent.send.message);
  EXPECT_GE(trials, 1u);
  EXPECT_LE(trials, 8u);
  EXPECT_EQ(cluster.coordinator().counters().failed_total(), 0u);
  cluster.signer(1).silent = false;
  cluster.run_for(seconds(11));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("back again").result);
  EXPECT_EQ(cluster.coordinator().signer(1).breaker.state(cluster.now()), State::Closed);
}

std::map<PartyId, int> load_by_signer(FakeCluster& cluster, int requests, Time gap) {
  std::map<PartyId, int> load;
  cluster.run_for(milliseconds(10));
  for (int i = 0; i < requests; ++i) {
    cluster.submit("load " + std::to_string(i));
    cluster.run_for(gap);
  }
  cluster.run_for(milliseconds(100));
  for (const auto& sent : cluster.sent())
    if (std::holds_alternative<wire::SignRequest>(sent.send.message)) ++load[sent.send.to];
  return load;
}

TEST(QuorumChoice, SpreadsLoadUnderEqualLatency) {
  for (const Time gap : {Time(milliseconds(2)), Time(microseconds(20))}) {
    FakeCluster cluster({.signers = 5, .threshold = 3, .pool = 256});
    cluster.start();
    const auto load = load_by_signer(cluster, 1000, gap);
    for (PartyId id = 1; id <= 5; ++id) {
      const double share = load.contains(id) ? load.at(id) / 3000.0 : 0;
      EXPECT_GT(share, 0.1) << "signer " << id << ", a request every " << gap.count() << " ns";
      EXPECT_LT(share, 0.34) << "signer " << id << ", a request every " << gap.count() << " ns";
    }
  }
}

TEST(QuorumChoice, LeavesTheSlowSignerOutWhereOthersWillDo) {
  FakeCluster cluster({.pool = 256});
  cluster.start();
  cluster.signer(2).slow = milliseconds(3);
  const auto load = load_by_signer(cluster, 1000, milliseconds(1));
  EXPECT_LT(load.contains(2) ? load.at(2) : 0, 100);
}

}  // namespace
}  // namespace quorate::coordinator::test
