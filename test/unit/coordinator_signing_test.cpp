// What a coordinator does while nothing is wrong: round trips, quorum choice, leases ahead of need.
#include <gtest/gtest.h>

#include <set>

#include "protocol/tecdsa/message.h"
#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

constexpr Time kOneWay = microseconds(100);
constexpr Time kRoundTrip = 2 * kOneWay;

TEST(CoordinatorSigning, FirstRequestTakesTwoRoundTrips) {
  FakeCluster cluster;
  cluster.start();
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("hello");
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_EQ(outcome.at - begin, 2 * kRoundTrip);
  EXPECT_EQ(outcome.result->attempts, 1u);
  EXPECT_EQ(outcome.result->took, 2 * kRoundTrip);
  EXPECT_EQ(outcome.result->quorum.size(), 2u);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorSigning, LaterRequestsTakeOneRoundTrip) {
  FakeCluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.sign("first").result);
  cluster.run_for(milliseconds(50));
  for (int i = 0; i < 50; ++i) {
    const Time begin = cluster.now();
    const auto outcome = cluster.sign("request " + std::to_string(i));
    ASSERT_TRUE(outcome.result) << outcome.result.error().what();
    EXPECT_EQ(outcome.at - begin, kRoundTrip);
    // T messages, nothing else on the critical path.
    EXPECT_EQ(cluster.count<wire::SignRequest>(begin), 2u);
    cluster.run_for(milliseconds(3));
  }
  EXPECT_EQ(cluster.coordinator().counters().retried, 0u);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorSigning, SignatureIsLowSUnderTheKeyAndNamesItsQuorumAndPresignature) {
  FakeCluster cluster;
  cluster.start();
  for (int i = 0; i < 20; ++i) {
    const std::string text = "content " + std::to_string(i);
    const auto outcome = cluster.sign(text);
    ASSERT_TRUE(outcome.result);
    const auto m = message_scalar(Curve::p256(), MessageDigest::Sha256, as_bytes(text));
    EXPECT_TRUE(verify_ecdsa(cluster.key_info().X, m, {outcome.result->r, outcome.result->s}));
    EXPECT_FALSE(outcome.result->s.is_high());
    bool found = false;
    for (const auto& sent : cluster.sent())
      if (auto* request = std::get_if<wire::SignRequest>(&sent.send.message))
        found = found || (request->presignature == outcome.result->presignature &&
                          request->quorum == outcome.result->quorum && request->deadline_ms > 0 &&
                          request->deadline_ms <= 200);
    EXPECT_TRUE(found);
  }
}

TEST(CoordinatorSigning, WorksOnP384WithItsDigest) {
  FakeCluster cluster({.signers = 5, .threshold = 3, .pool = 8, .curve = &Curve::p384()});
  cluster.start();
  SigningJob job{cluster.key(), wire::Context::Tls13ServerCertificateVerify, wire::DigestAlgorithm::Sha384,
                 {1, 2, 3}, cluster.now() + milliseconds(200)};
  const auto handle = cluster.submit(job);
  cluster.run_for(milliseconds(10));
  const auto* outcome = cluster.outcome(handle);
  ASSERT_NE(outcome, nullptr);
  ASSERT_TRUE(outcome->result);
  EXPECT_EQ(outcome->result->quorum.size(), 3u);
  const auto m = message_scalar(Curve::p384(), MessageDigest::Sha384, Bytes{1, 2, 3});
  EXPECT_TRUE(verify_ecdsa(cluster.key_info().X, m, {outcome->result->r, outcome->result->s}));
}

TEST(CoordinatorSigning, BurstIsServedWithinAFewRoundTrips) {
  FakeCluster cluster({.pool = 256});
  cluster.start();
  const Time begin = cluster.now();
  std::vector<RequestHandle> handles;
  for (int i = 0; i < 200; ++i) handles.push_back(cluster.submit("burst " + std::to_string(i)));
  cluster.run_for(milliseconds(5));
  for (const auto handle : handles) {
    const auto* outcome = cluster.outcome(handle);
    ASSERT_NE(outcome, nullptr);
    ASSERT_TRUE(outcome->result) << outcome->result.error().what();
    EXPECT_LE(outcome->at - begin, 4 * kRoundTrip);
  }
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorSigning, LoadSpreadsOverAllSigners) {
  FakeCluster cluster({.signers = 5, .threshold = 2, .pool = 64});
  cluster.start();
  std::map<PartyId, int> load;
  std::vector<RequestHandle> handles;
  for (int i = 0; i < 400; ++i) {
    handles.push_back(cluster.submit("load " + std::to_string(i)));
    if (i % 5 == 4) cluster.run_for(milliseconds(1));
  }
  cluster.run_for(milliseconds(20));
  for (const auto handle : handles) {
    const auto* outcome = cluster.outcome(handle);
    ASSERT_TRUE(outcome != nullptr && outcome->result);
    for (auto id : outcome->result->quorum) ++load[id];
  }
  EXPECT_EQ(load.size(), 5u);
  for (const auto& [id, n] : load) EXPECT_GT(n, 40) << "signer " << int{id};
}

TEST(CoordinatorSigning, DistantSignerIsLeftAloneWhileOthersSuffice) {
  FakeCluster cluster;
  cluster.start();
  cluster.signer(3).slow = milliseconds(15);
  for (int i = 0; i < 40; ++i) cluster.sign("warm " + std::to_string(i)), cluster.run_for(milliseconds(5));
  cluster.run_for(seconds(2));
  int with_three = 0;
  for (int i = 0; i < 40; ++i) {
    const auto outcome = cluster.sign("cool " + std::to_string(i));
    ASSERT_TRUE(outcome.result);
    with_three += outcome.result->quorum != Quorum{1, 2};
    cluster.run_for(milliseconds(5));
  }
  EXPECT_LE(with_three, 2);
}

TEST(CoordinatorSigning, WarmQuorumsSurviveAnySingleLoss) {
  FakeCluster cluster({.signers = 5, .threshold = 3});
  cluster.start();
  ASSERT_TRUE(cluster.sign("wake up").result);
  cluster.run_for(milliseconds(20));
  for (PartyId lost = 1; lost <= 5; ++lost) {
    cluster.link_down(lost);
    const Time begin = cluster.now();
    const auto outcome = cluster.sign("without " + std::to_string(lost));
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(outcome.at - begin, kRoundTrip) << "without signer " << int{lost};
    cluster.link_up(lost);
    cluster.run_for(milliseconds(1200));
    ASSERT_TRUE(cluster.sign("between").result);
    cluster.run_for(milliseconds(20));
  }
}

TEST(CoordinatorSigning, TwoKeysAreServedIndependently) {
  FakeCluster cluster;
  cluster.start();
  const KeyInfo other{KeyId::from(Bytes(32, 9)).value(), &Curve::p256(),
                      VerificationKey(Point::generator(Curve::p256()))};
  cluster.coordinator().add_key(other);
  EXPECT_NE(cluster.coordinator().readiness(other.id).state, Readiness::State::Ready);
  EXPECT_EQ(cluster.coordinator().readiness(cluster.key()).state, Readiness::State::Ready);
  EXPECT_TRUE(cluster.sign("first key").result);
}

TEST(CoordinatorSigning, CancelledRequestIsNotFinishedAndItsPresignatureStaysSpent) {
  FakeCluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.sign("first").result);
  cluster.run_for(milliseconds(20));
  const auto handle = cluster.submit("aborted by the client");
  cluster.cancel(handle);
  EXPECT_EQ(cluster.coordinator().in_flight(), 0u);
  cluster.run_for(seconds(1));
  EXPECT_EQ(cluster.outcome(handle), nullptr);
  EXPECT_EQ(cluster.coordinator().counters().cancelled, 1u);
  EXPECT_EQ(cluster.coordinator().counters().late, 2u);
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(cluster.sign("after " + std::to_string(i)).result);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorSigning, EveryPresignatureIsSentOnce) {
  FakeCluster cluster;
  cluster.start();
  std::set<PresignatureId> used;
  for (int i = 0; i < 300; ++i) {
    const auto outcome = cluster.sign("same content every time");
    ASSERT_TRUE(outcome.result);
    EXPECT_TRUE(used.insert(outcome.result->presignature).second);
  }
}

TEST(CoordinatorSigning, QuietCoordinatorHasNothingInFlightAndRarelyWakes) {
  FakeCluster cluster;
  cluster.start();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
  cluster.run_for(seconds(20));
  EXPECT_EQ(cluster.coordinator().in_flight(), 0u);
  const Time begin = cluster.now();
  cluster.run_for(seconds(100));
  // Three signers, one status each 800 ms.
  EXPECT_LE(cluster.count<wire::StatusRequest>(begin), 3 * 126u);
  EXPECT_GE(cluster.count<wire::StatusRequest>(begin), 3 * 124u);
  EXPECT_EQ(cluster.count<wire::LeaseRequest>(begin), 0u);
}

TEST(CoordinatorReadiness, IsUnknownThenReadyThenNot) {
  FakeCluster cluster;
  Coordinator& coordinator = cluster.coordinator();
  EXPECT_EQ(coordinator.readiness(cluster.key()).state, Readiness::State::Unknown);
  cluster.link_up(1);
  cluster.run_for(milliseconds(5));
  EXPECT_EQ(coordinator.readiness(cluster.key()).state, Readiness::State::Unknown);
  cluster.start();
  const auto ready = coordinator.readiness(cluster.key());
  EXPECT_EQ(ready.state, Readiness::State::Ready);
  EXPECT_EQ(ready.pool_depth, 3u * 64);
  EXPECT_EQ(ready.signers_up, 3u);
  EXPECT_EQ(ready.threshold, 2u);
  cluster.link_down(2);
  EXPECT_EQ(coordinator.readiness(cluster.key()).state, Readiness::State::Ready);
  cluster.link_down(3);
  const auto not_ready = coordinator.readiness(cluster.key());
  EXPECT_EQ(not_ready.state, Readiness::State::NotReady);
  EXPECT_EQ(not_ready.reason, SignErrorCode::QuorumInsufficient);
  EXPECT_EQ(not_ready.detail, "1 of 2 signers reachable (signer 1 up; signers 2, 3 down)");
  EXPECT_EQ(coordinator.readiness(KeyId{}).reason, SignErrorCode::KeyUnknown);
}

TEST(CoordinatorReadiness, EmptyPoolsAreSeenWithinASecond) {
  FakeCluster cluster({.refill = false});
  cluster.start();
  ASSERT_TRUE(cluster.sign("x").result);
  cluster.empty_pools();
  cluster.run_for(seconds(8));  // leases that were held are gone by then
  const auto readiness = cluster.coordinator().readiness(cluster.key());
  EXPECT_EQ(readiness.state, Readiness::State::NotReady);
  EXPECT_EQ(readiness.reason, SignErrorCode::PrecomputeDepleted);
}

}  // namespace
}  // namespace quorate::coordinator::test
