// Quorums on demand, and what readiness says of a key.
#include <gtest/gtest.h>

#include "protocol/coordinator/on_demand.h"
#include "protocol/tecdsa/presign.h"
#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

using State = Readiness::State;

Readiness readiness(FakeCluster& cluster, std::size_t c = 0) {
  return cluster.coordinator(c).readiness(cluster.key());
}

/// Seven signers of which any three sign, and three active quorums that all need one of 1, 2 and 3.
FakeCluster::Options sparse() {
  return {.signers = 7, .threshold = 3, .coordinators = 2, .active = {{1, 2, 4}, {1, 3, 5}, {2, 3, 6}}};
}

TEST(OnDemand, ASurvivingQuorumIsActivatedAndTheRequestGoesOn) {
  FakeCluster cluster(sparse());
  cluster.start();
  ASSERT_TRUE(cluster.sign("before").result);
  EXPECT_TRUE(cluster.activated().empty());
  for (PartyId id : Quorum{1, 2, 3}) cluster.kill(id);
  const auto outcome = cluster.sign("after");
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_EQ(outcome.result->quorum, (Quorum{4, 5, 6}));
  EXPECT_LE(outcome.result->took, milliseconds(120)) << "activation, and the pauses of asking again";
  EXPECT_EQ(cluster.coordinator().counters().demanded, 1u);
  // From then on it is a quorum like any other.
  cluster.run_for(seconds(20));
  const auto later = cluster.sign("later");
  ASSERT_TRUE(later.result);
  EXPECT_EQ(cluster.activated().size(), 1u);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(OnDemand, AllCoordinatorsChooseTheSame) {
  FakeCluster cluster(sparse());
  cluster.start();
  for (PartyId id : Quorum{1, 2, 3}) cluster.kill(id);
  const auto one = cluster.submit("one", milliseconds(200), 0), two = cluster.submit("two", milliseconds(200), 1);
  cluster.run_for(milliseconds(200));
  ASSERT_TRUE(cluster.outcome(one, 0)->result);
  ASSERT_TRUE(cluster.outcome(two, 1)->result);
  EXPECT_EQ(cluster.activated().size(), 1u);
}

TEST(OnDemand, NeverWithAQuarantinedSigner) {
  FakeCluster cluster(sparse());
  cluster.start();
  cluster.quarantine({4});
  for (PartyId id : Quorum{1, 2, 3}) cluster.kill(id);
  const auto outcome = cluster.sign("after");
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_EQ(outcome.result->quorum, (Quorum{5, 6, 7}));
  EXPECT_EQ(cluster.activated().size(), 1u);
}

TEST(OnDemand, SignersThatAreStoppedButConnectedAreLeftOutToo) {
  FakeCluster cluster(sparse());
  cluster.start();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(cluster.sign("before").result);
  for (PartyId id : Quorum{1, 2, 3}) cluster.signer(id).frozen = true;
  int good = 0;
  for (int i = 0; i < 20; ++i) {
    good += static_cast<bool>(cluster.sign("after", milliseconds(300)).result);
    cluster.run_for(milliseconds(10));
  }
  EXPECT_GE(good, 18);
  EXPECT_TRUE(cluster.activated().contains({4, 5, 6}));
}

TEST(OnDemand, ALeaderThatWillNotLeadItIsPassedOver) {
  for (const auto code : {SignErrorCode::SignerQuarantined, SignErrorCode::PolicyDenied, SignErrorCode::QuorumInsufficient}) {
    FakeCluster cluster(sparse());
    cluster.start();
    for (PartyId id : Quorum{1, 2, 3}) cluster.kill(id);
    const PartyId leader = leader_of(cluster.signer(4).epoch, {4, 5, 6});
    cluster.signer(leader).refuse_lease = wire::Refusal{code, "signers 4 and 5 are in dispute"};
    const auto outcome = cluster.sign("after");
    ASSERT_TRUE(outcome.result) << outcome.result.error().what();
    EXPECT_NE(outcome.result->quorum, (Quorum{4, 5, 6}));
    EXPECT_GE(cluster.coordinator().counters().demanded, 2u);
  }
}

TEST(OnDemand, WhenAllRefuseItIsTriedABoundedNumberOfTimesAndSaidWhy) {
  FakeCluster cluster(sparse());
  cluster.start();
  for (PartyId id : Quorum{1, 2, 3}) cluster.kill(id);
  for (PartyId id : Quorum{4, 5, 6, 7})
    cluster.signer(id).refuse_lease = wire::Refusal{SignErrorCode::SignerQuarantined, "signer 5 is in quarantine"};
  const auto outcome = cluster.sign("no chance", milliseconds(900));
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::SignerQuarantined);
  EXPECT_NE(outcome.result.error().detail.find("signer 5 is in quarantine"), std::string::npos);
  EXPECT_LE(cluster.coordinator().counters().demanded, kMostDemanded);
}

TEST(OnDemand, IsNotUsedForPoolsThatAreMerelyEmptyOrSignersThatAreBusy) {
  FakeCluster cluster({.signers = 7, .threshold = 3, .active = {{1, 2, 4}, {1, 3, 5}, {2, 3, 6}}, .refill = false});
  cluster.start();
  cluster.empty_pools();
  const auto outcome = cluster.sign("dry");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::PrecomputeDepleted);
  EXPECT_TRUE(cluster.activated().empty());
  for (PartyId id = 1; id <= 7; ++id)
    cluster.signer(id).refuse_lease = wire::Refusal{SignErrorCode::Overloaded, "later"};
  EXPECT_FALSE(cluster.sign("busy").result);
  EXPECT_TRUE(cluster.activated().empty());
}

TEST(OnDemand, ReadinessSaysThatARequestHasAChance) {
  FakeCluster cluster(sparse());
  cluster.start();
  EXPECT_EQ(readiness(cluster).state, State::Ready);
  for (PartyId id : Quorum{1, 2, 3}) cluster.kill(id);
  auto now = readiness(cluster);
  EXPECT_EQ(now.state, State::NotReady);
  EXPECT_TRUE(now.can_sign) << now.detail;
  EXPECT_NE(now.detail.find("4,5,6"), std::string::npos) << now.detail;
  ASSERT_TRUE(cluster.sign("wakes it").result);
  cluster.run_for(seconds(1));
  now = readiness(cluster);
  EXPECT_EQ(now.state, State::Ready) << now.detail;
  cluster.kill(4);
  cluster.kill(5);
  now = readiness(cluster);
  EXPECT_EQ(now.state, State::NotReady);
  EXPECT_FALSE(now.can_sign);
  EXPECT_EQ(now.reason, SignErrorCode::QuorumInsufficient);
}

TEST(Readiness, IsReadyOnlyWithAPoolThatIsNotBelowItsMinimum) {
  FakeCluster cluster({.pool = 20, .min = 8, .refill = false});
  cluster.start();
  EXPECT_EQ(readiness(cluster).state, State::Ready);
  for (int i = 0; i < 3 * 14; ++i) ASSERT_TRUE(cluster.sign("content").result);
  cluster.run_for(seconds(1));
  const auto low = readiness(cluster);
  EXPECT_EQ(low.state, State::NotReady);
  EXPECT_TRUE(low.can_sign);
  EXPECT_EQ(low.reason, SignErrorCode::PrecomputeDepleted);
  EXPECT_NE(low.detail.find("below their minimum"), std::string::npos);
  for (const auto& quorum : cluster.quorums()) cluster.deal(quorum, 20);
  cluster.run_for(seconds(1));
  EXPECT_EQ(readiness(cluster).state, State::Ready);
}

TEST(Readiness, IsFreshWithinASecondWhetherAnybodySignsOrNot) {
  FakeCluster cluster({.min = 8, .refill = false});
  cluster.start();
  cluster.run_for(seconds(100));
  cluster.empty_pools();
  cluster.run_for(seconds(1));
  EXPECT_FALSE(readiness(cluster).can_sign);
  for (const auto& quorum : cluster.quorums()) cluster.deal(quorum, 20);
  cluster.run_for(milliseconds(300));
  EXPECT_EQ(readiness(cluster).state, State::Ready) << "while nothing can be signed it is asked more often";
}

TEST(Readiness, ASignerThatInventsMembersAndAThresholdDoesNotDecide) {
  FakeCluster cluster;
  cluster.signer(3).spoil_status = [](wire::StatusReply& reply) {
    auto& key = reply.keys.at(0);
    key.pools.clear();
    key.members.clear();
    for (PartyId id = 1; id <= kMaxParties; ++id) key.members.push_back(id);
    key.threshold = 3;
  };
  cluster.start();
  EXPECT_EQ(cluster.coordinator().readiness(cluster.key()).threshold, 2u);
  cluster.kill(1);
  cluster.kill(2);
  cluster.run_for(seconds(2));
  // Those that it speaks of are not waited for.
  EXPECT_EQ(cluster.coordinator().readiness(cluster.key()).state, coordinator::Readiness::State::NotReady);
}

TEST(Readiness, ComesBackWithTheLinks) {
  FakeCluster cluster;
  cluster.start();
  for (PartyId id : Quorum{1, 2, 3}) cluster.kill(id);
  EXPECT_FALSE(readiness(cluster).can_sign);
  cluster.run_for(seconds(100));
  EXPECT_FALSE(readiness(cluster).can_sign);
  for (PartyId id : Quorum{1, 2, 3}) cluster.restart(id);
  cluster.run_for(milliseconds(250));
  EXPECT_EQ(readiness(cluster).state, State::Ready) << readiness(cluster).detail;
}

TEST(Readiness, AStoppedSignerDoesNotCountAsHealthy) {
  FakeCluster cluster({.signers = 2, .threshold = 2});
  cluster.start();
  EXPECT_EQ(readiness(cluster).state, State::Ready);
  cluster.signer(2).frozen = true;
  cluster.run_for(seconds(2));
  EXPECT_EQ(readiness(cluster).state, State::NotReady);
  EXPECT_EQ(readiness(cluster).reason, SignErrorCode::QuorumInsufficient);
}

}  // namespace
}  // namespace quorate::coordinator::test
