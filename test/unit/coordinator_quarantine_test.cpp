// Signers that the owner says are proven cheats: out of every quorum at once, and back when it says so.
#include <gtest/gtest.h>

#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

bool contains(const Quorum& quorum, PartyId id) { return std::find(quorum.begin(), quorum.end(), id) != quorum.end(); }

std::size_t sent_to_quorums_of(const FakeCluster& cluster, PartyId id, Time since) {
  std::size_t n = 0;
  for (const auto& sent : cluster.sent()) {
    if (sent.at < since) continue;
    if (auto* request = std::get_if<wire::SignRequest>(&sent.send.message)) n += contains(request->quorum, id);
    if (auto* request = std::get_if<wire::LeaseRequest>(&sent.send.message)) n += contains(request->quorum, id);
  }
  return n;
}

void quarantine(FakeCluster& cluster, const std::set<PartyId>& signers) {
  cluster.quarantine(signers);
  cluster.run_for(milliseconds(1));
}

TEST(CoordinatorQuarantine, NoQuorumWithAQuarantinedSignerIsUsedOrLeased) {
  for (PartyId cheat = 1; cheat <= 4; ++cheat) {
    FakeCluster cluster({.signers = 4, .seed = cheat});
    cluster.start();
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("before").result);
    const Time begin = cluster.now();
    quarantine(cluster, {cheat});
    for (int i = 0; i < 50; ++i) {
      const auto outcome = cluster.sign("after");
      ASSERT_TRUE(outcome.result) << outcome.result.error().what();
      EXPECT_FALSE(contains(outcome.result->quorum, cheat));
      cluster.run_for(milliseconds(3));
    }
    EXPECT_EQ(sent_to_quorums_of(cluster, cheat, begin), 0u);
    EXPECT_TRUE(cluster.violations().empty());
  }
}

TEST(CoordinatorQuarantine, LeasesOfItsQuorumsGoBackAtOnce) {
  FakeCluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.sign("first").result);
  cluster.run_for(milliseconds(50));
  ASSERT_GT(cluster.coordinator().leases_held(), 1u);
  const auto returned = cluster.coordinator().counters().leases_returned;
  quarantine(cluster, {1, 2, 3});
  EXPECT_EQ(cluster.coordinator().leases_held(), 0u);
  EXPECT_GT(cluster.coordinator().counters().leases_returned, returned);
}

TEST(CoordinatorQuarantine, LeasesThatArriveLaterGoBackToo) {
  FakeCluster cluster;
  cluster.start();
  const auto handle = cluster.submit("asks for leases");
  quarantine(cluster, {1, 2, 3});
  cluster.run_for(milliseconds(5));
  EXPECT_EQ(cluster.coordinator().leases_held(), 0u);
  cluster.run_for(milliseconds(300));
  ASSERT_NE(cluster.outcome(handle), nullptr);
  ASSERT_FALSE(cluster.outcome(handle)->result);
  EXPECT_EQ(cluster.outcome(handle)->result.error().code, SignErrorCode::SignerQuarantined);
}

TEST(CoordinatorQuarantine, WhatIsUnderWayMayFinish) {
  FakeCluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.sign("first").result);
  cluster.run_for(milliseconds(50));
  const Time begin = cluster.now();
  const auto handle = cluster.submit("in flight");
  quarantine(cluster, {1, 2, 3});
  ASSERT_NE(cluster.outcome(handle), nullptr);
  EXPECT_TRUE(cluster.outcome(handle)->result);
  EXPECT_EQ(cluster.count<wire::SignRequest>(begin), 2u);
}

TEST(CoordinatorQuarantine, TheErrorNamesTheQuarantinedAndTheOthers) {
  FakeCluster cluster;
  cluster.start();
  quarantine(cluster, {2, 3});
  const auto readiness = cluster.coordinator().readiness(cluster.key());
  EXPECT_EQ(readiness.state, Readiness::State::NotReady);
  EXPECT_FALSE(readiness.can_sign);
  EXPECT_EQ(readiness.signers_up, 1u);
  const auto outcome = cluster.sign("no chance", milliseconds(60));
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::SignerQuarantined);
  EXPECT_EQ(outcome.result.error().detail, "1 of 2 signers reachable (signer 1 up; signers 2, 3 quarantined)");
}

TEST(CoordinatorQuarantine, IsReplacedByTheNextSetAndEndsWithTheEmptyOne) {
  FakeCluster cluster;
  cluster.start();
  quarantine(cluster, {1});
  EXPECT_EQ(cluster.sign("without 1").result->quorum, (Quorum{2, 3}));
  quarantine(cluster, {3});
  EXPECT_EQ(cluster.sign("without 3").result->quorum, (Quorum{1, 2}));
  quarantine(cluster, {});
  std::set<Quorum> seen;
  for (int i = 0; i < 60; ++i) {
    seen.insert(cluster.sign("all again").result->quorum);
    cluster.run_for(milliseconds(20));
  }
  EXPECT_GE(seen.size(), 2u);
}

TEST(CoordinatorAssigned, IsToldBeforeEveryFanOut) {
  FakeCluster cluster;
  cluster.start();
  cluster.signer(1).refuse_sign = wire::Refusal{SignErrorCode::Overloaded, "busy"};
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("content").result);
  const auto& assigned = cluster.assigned();
  EXPECT_EQ(assigned.size(), cluster.coordinator().counters().attempts);
  EXPECT_GT(cluster.coordinator().counters().retried, 0u);
  // Every message that names a presignature comes after its assignment.
  EXPECT_EQ(cluster.unassigned(), 0u);
  for (const auto& [c, told] : assigned) EXPECT_EQ(told.assignment.quorum.size(), 2u);
}

}  // namespace
}  // namespace quorate::coordinator::test
