// What a coordinator does when signers die, freeze or lie.
#include <gtest/gtest.h>

#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

constexpr Time kRoundTrip = microseconds(200);

void warm_up(FakeCluster& cluster) {
  cluster.start();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(cluster.sign("warm up " + std::to_string(i)).result);
    cluster.run_for(milliseconds(10));
  }
}

std::size_t failures(FakeCluster& cluster) { return cluster.coordinator().counters().failed_total(); }

TEST(CoordinatorFailure, SignerKilledInFlightCostsNoRequest) {
  for (PartyId victim = 1; victim <= 3; ++victim) {
    FakeCluster cluster({.pool = 128, .seed = victim});
    warm_up(cluster);
    const Time begin = cluster.now();
    std::vector<RequestHandle> handles;
    for (int i = 0; i < 300; ++i) {
      handles.push_back(cluster.submit("load " + std::to_string(i)));
      cluster.run_for(microseconds(100));
      if (i != 150) continue;
      for (int k = 0; k < 10; ++k) handles.push_back(cluster.submit("in flight " + std::to_string(k)));
      cluster.run_for(microseconds(50));
      cluster.kill(victim);
    }
    cluster.run_for(milliseconds(200));
    for (const auto handle : handles) {
      const auto* outcome = cluster.outcome(handle);
      ASSERT_NE(outcome, nullptr);
      ASSERT_TRUE(outcome->result) << outcome->result.error().what();
    }
    EXPECT_EQ(failures(cluster), 0u);
    EXPECT_GT(cluster.coordinator().counters().retried, 0u);
    EXPECT_LE(cluster.outcome(handles.back())->at - begin, milliseconds(32));
    EXPECT_TRUE(cluster.violations().empty());
  }
}

TEST(CoordinatorFailure, LostLinkIsRetriedAtOnce) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.signer(1).frozen = cluster.signer(2).frozen = cluster.signer(3).frozen = true;
  const auto handle = cluster.submit("in flight");
  Quorum first;
  for (const auto& sent : cluster.sent())
    if (auto* request = std::get_if<wire::SignRequest>(&sent.send.message)) first = request->quorum;
  cluster.run_for(milliseconds(1));
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).frozen = false;
  const Time begin = cluster.now();
  cluster.link_down(first.front());
  cluster.run_for(milliseconds(2));
  const auto* outcome = cluster.outcome(handle);
  ASSERT_NE(outcome, nullptr);
  ASSERT_TRUE(outcome->result);
  EXPECT_EQ(outcome->at - begin, kRoundTrip);
  EXPECT_NE(outcome->result->quorum, first);
  EXPECT_EQ(outcome->result->attempts, 2u);
}

TEST(CoordinatorFailure, FrozenSignerCostsOneTimeOutAndIsThenAvoided) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.signer(2).frozen = true;
  int slow = 0;
  for (int i = 0; i < 100; ++i) {
    const Time begin = cluster.now();
    const auto outcome = cluster.sign("frozen " + std::to_string(i));
    ASSERT_TRUE(outcome.result) << outcome.result.error().what();
    EXPECT_EQ(outcome.result->quorum, (Quorum{1, 3}));
    slow += outcome.at - begin > milliseconds(5);
    EXPECT_LE(outcome.at - begin, milliseconds(26) + kRoundTrip * 2);
    cluster.run_for(milliseconds(3));
  }
  // 25 ms at the first one, and at trials after 50, 100, 200 ms ...
  EXPECT_GE(slow, 1);
  EXPECT_LE(slow, 6);
  cluster.signer(2).frozen = false;
  cluster.run_for(seconds(20));
  int with_two = 0;
  for (int i = 0; i < 50; ++i) {
    const auto outcome = cluster.sign("thawed " + std::to_string(i));
    ASSERT_TRUE(outcome.result);
    with_two += outcome.result->quorum != Quorum{1, 3};
  }
  EXPECT_GT(with_two, 5);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorFailure, FrozenSignerUnderLoadIsTriedByOneRequestAtATime) {
  FakeCluster cluster({.pool = 256});
  warm_up(cluster);
  cluster.signer(1).frozen = true;
  std::vector<std::pair<Time, RequestHandle>> handles;
  for (int i = 0; i < 2000; ++i) {
    handles.emplace_back(cluster.now(), cluster.submit("load " + std::to_string(i)));
    cluster.run_for(microseconds(500));
  }
  cluster.run_for(milliseconds(200));
  int slow = 0;
  for (const auto& [begin, handle] : handles) {
    const auto* outcome = cluster.outcome(handle);
    ASSERT_TRUE(outcome != nullptr && outcome->result);
    slow += outcome->at - begin > milliseconds(10);
  }
  // Those in flight during the first 25 ms, and a handful of trials in a second.
  EXPECT_LE(slow, 60);
}

TEST(CoordinatorFailure, LateAnswerStillCountsWhenNobodyElseCanSign) {
  // 60 ms away, above the first attempt's 25 ms: without the late answer no request could ever succeed.
  FakeCluster cluster({.signers = 2, .threshold = 2, .one_way = milliseconds(30)});
  cluster.start();
  cluster.run_for(milliseconds(500));
  for (int i = 0; i < 10; ++i) {
    const auto outcome = cluster.sign("far " + std::to_string(i));
    ASSERT_TRUE(outcome.result) << outcome.result.error().what();
    cluster.run_for(milliseconds(50));
  }
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorFailure, AttemptTimeOutFollowsMeasuredLatency) {
  FakeCluster cluster({.signers = 3, .threshold = 2, .one_way = milliseconds(10)});
  cluster.start();
  cluster.run_for(milliseconds(500));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(cluster.sign("far " + std::to_string(i)).result);
    cluster.run_for(milliseconds(50));
  }
  EXPECT_EQ(cluster.coordinator().counters().retried, 0u);
  // One round trip is 20 ms now; an attempt waits for 60.
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).slow = milliseconds(25);
  ASSERT_TRUE(cluster.sign("slower").result);
  EXPECT_EQ(cluster.coordinator().counters().retried, 0u);
}

TEST(CoordinatorFailure, RejectsWrongPartialAndSignsWithAnotherQuorum) {
  for (PartyId liar = 1; liar <= 3; ++liar) {
    FakeCluster cluster({.seed = liar});
    warm_up(cluster);
    cluster.signer(liar).spoil = [](wire::SignReply& reply) { reply.s = reply.s + Scalar(Curve::p256(), 1); };
    Quorum honest;
    for (PartyId id = 1; id <= 3; ++id)
      if (id != liar) honest.push_back(id);
    for (int i = 0; i < 60; ++i) {
      const Time begin = cluster.now();
      const auto outcome = cluster.sign("lies " + std::to_string(i));
      ASSERT_TRUE(outcome.result) << outcome.result.error().what();
      EXPECT_EQ(outcome.result->quorum, honest);
      EXPECT_LE(outcome.at - begin, milliseconds(2));
      cluster.run_for(milliseconds(5));
    }
    // Two quorums contain the liar; each is tried once at most before it becomes the last choice.
    EXPECT_GE(cluster.suspicions().size(), 1u);
    EXPECT_LE(cluster.suspicions().size(), 2u);
    for (const auto& suspicion : cluster.suspicions()) {
      EXPECT_EQ(suspicion.failure, AttemptFailure::BadSum);
      EXPECT_EQ(suspicion.replies.size(), 2u);
      EXPECT_FALSE(suspicion.content.empty());
    }
    EXPECT_TRUE(cluster.violations().empty());
  }
}

TEST(CoordinatorFailure, LiarIsLeftOutBeforeEveryQuorumOfItsHasFailed) {
  FakeCluster cluster({.signers = 6, .threshold = 2});
  warm_up(cluster);
  cluster.signer(4).spoil = [](wire::SignReply& reply) { reply.s = reply.s + Scalar(Curve::p256(), 1); };
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
    cluster.run_for(milliseconds(10));
  }
  // Five quorums contain it.
  EXPECT_GE(cluster.suspicions().size(), 1u);
  EXPECT_LE(cluster.suspicions().size(), 2u);
}

TEST(CoordinatorFailure, SuspectQuorumIsUsedAgainWhenThereIsNoOther) {
  FakeCluster cluster;
  warm_up(cluster);
  bool lied = false;
  cluster.signer(1).spoil = [&](wire::SignReply& reply) {
    if (!std::exchange(lied, true)) reply.s = reply.s + Scalar(Curve::p256(), 1);
  };
  for (int i = 0; !lied && i < 20; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
  ASSERT_EQ(cluster.suspicions().size(), 1u);
  const Quorum suspect = cluster.suspicions().front().quorum;
  // Each of its members proves itself in another quorum; together they stay suspect.
  for (auto id : suspect) {
    cluster.link_down(id);
    ASSERT_TRUE(cluster.sign("without " + std::to_string(id)).result);
    cluster.link_up(id);
    cluster.run_for(milliseconds(5));
  }
  for (int i = 0; i < 60; ++i) {
    const auto outcome = cluster.sign("while others can " + std::to_string(i));
    ASSERT_TRUE(outcome.result);
    EXPECT_NE(outcome.result->quorum, suspect);
    cluster.run_for(milliseconds(20));
  }
  for (PartyId id = 1; id <= 3; ++id)
    if (std::find(suspect.begin(), suspect.end(), id) == suspect.end()) cluster.kill(id);
  const auto outcome = cluster.sign("the only one left");
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_EQ(outcome.result->quorum, suspect);
}

TEST(CoordinatorFailure, RejectsSumThatNeverVerifiesWithoutSpendingThePool) {
  FakeCluster cluster({.signers = 2, .threshold = 2});
  warm_up(cluster);
  cluster.signer(2).spoil = [](wire::SignReply& reply) { reply.s = reply.s + reply.s; };
  const auto before = cluster.coordinator().counters().attempts;
  const auto outcome = cluster.sign("hopeless", seconds(5));
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::QuorumInsufficient);
  EXPECT_NE(outcome.result.error().detail.find("the partial signatures of quorum 1,2 do not add up"), std::string::npos)
      << outcome.result.error().detail;
  EXPECT_LE(cluster.coordinator().counters().attempts - before, 8u);
}

TEST(CoordinatorFailure, RejectsRThatMembersDoNotAgreeOn) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.signer(3).spoil = [](wire::SignReply& reply) { reply.r = reply.r + Scalar(Curve::p256(), 1); };
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
  ASSERT_FALSE(cluster.suspicions().empty());
  for (const auto& s : cluster.suspicions()) EXPECT_EQ(s.failure, AttemptFailure::Inconsistent);
}

TEST(CoordinatorFailure, RejectsRecordThatMembersDoNotAgreeOn) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.signer(3).spoil = [](wire::SignReply& reply) { reply.record.bytes[5] ^= 1; };
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
  ASSERT_FALSE(cluster.suspicions().empty());
  for (const auto& s : cluster.suspicions()) EXPECT_EQ(s.failure, AttemptFailure::Inconsistent);
}

TEST(CoordinatorFailure, RejectsReplyForAnotherPresignature) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.signer(2).spoil = [](wire::SignReply& reply) { ++reply.presignature.index; };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(cluster.sign("x" + std::to_string(i)).result.value().quorum, (Quorum{1, 3}));
  ASSERT_FALSE(cluster.suspicions().empty());
  for (const auto& s : cluster.suspicions()) EXPECT_EQ(s.failure, AttemptFailure::BadReply);
}

TEST(CoordinatorFailure, RejectsScalarsOfAnotherCurveOrOfNone) {
  for (int kind = 0; kind < 4; ++kind) {
    FakeCluster cluster;
    warm_up(cluster);
    cluster.signer(2).spoil = [&](wire::SignReply& reply) {
      if (kind == 0) reply.s = Scalar(Curve::p384(), 5);
      if (kind == 1) reply.r = Scalar(Curve::p384(), 5);
      if (kind == 2) reply.s = Scalar();
      if (kind == 3) reply.r = Scalar();
    };
    for (int i = 0; i < 20; ++i) EXPECT_EQ(cluster.sign("x" + std::to_string(i)).result.value().quorum, (Quorum{1, 3}));
    EXPECT_FALSE(cluster.suspicions().empty());
  }
}

TEST(CoordinatorFailure, RejectsZeroSumAndZeroR) {
  FakeCluster cluster({.signers = 2, .threshold = 2});
  warm_up(cluster);
  for (PartyId id = 1; id <= 2; ++id)
    cluster.signer(id).spoil = [](wire::SignReply& reply) { reply.s = Scalar(Curve::p256()); };
  EXPECT_FALSE(cluster.sign("zero s").result);
  for (PartyId id = 1; id <= 2; ++id)
    cluster.signer(id).spoil = [](wire::SignReply& reply) { reply.r = Scalar(Curve::p256()); };
  EXPECT_FALSE(cluster.sign("zero r").result);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorFailure, OneAnswerFromAStrangerOrTwiceChangesNothing) {
  FakeCluster cluster;
  warm_up(cluster);
  const auto handle = cluster.submit("x");
  SessionId sid;
  wire::SignRequest request;
  for (const auto& sent : cluster.sent())
    if (auto* r = std::get_if<wire::SignRequest>(&sent.send.message)) sid = sent.send.request, request = *r;
  PartyId outsider = 1;
  while (std::find(request.quorum.begin(), request.quorum.end(), outsider) != request.quorum.end()) ++outsider;
  Coordinator& coordinator = cluster.coordinator();
  const wire::SignReply junk{request.presignature, Scalar(Curve::p256(), 1), {}, Scalar(Curve::p256(), 1), {}};
  coordinator.on_sign_reply(cluster.now(), outsider, sid, junk);
  coordinator.on_sign_reply(cluster.now(), kNobody, sid, junk);
  coordinator.on_sign_reply(cluster.now(), 200, sid, junk);
  coordinator.on_refusal(cluster.now(), outsider, sid, {SignErrorCode::PolicyDenied, "not my business"});
  EXPECT_EQ(coordinator.counters().malformed, 4u);
  coordinator.on_sign_reply(cluster.now(), outsider, SessionId{}, junk);
  coordinator.on_lease(cluster.now(), outsider, SessionId{}, {});
  coordinator.on_status(cluster.now(), 200, SessionId{}, {});
  coordinator.on_refusal(cluster.now(), outsider, SessionId{}, {});
  EXPECT_EQ(coordinator.counters().late, 4u);
  cluster.network = [](PartyId, bool to_signer) {
    return to_signer ? std::vector<Time>{microseconds(100)} : std::vector<Time>{microseconds(100), microseconds(150)};
  };
  cluster.run_for(milliseconds(2));
  ASSERT_NE(cluster.outcome(handle), nullptr);
  EXPECT_TRUE(cluster.outcome(handle)->result);
}

TEST(CoordinatorRefusal, OneSignerThatDeniesCannotDenyTheSignature) {
  for (PartyId liar = 1; liar <= 3; ++liar) {
    FakeCluster cluster;
    warm_up(cluster);
    cluster.signer(liar).refuse_sign = wire::Refusal{SignErrorCode::PolicyDenied, "no"};
    const auto outcome = cluster.sign("x");
    EXPECT_TRUE(outcome.result) << int(liar);
  }
}

}  // namespace
}  // namespace quorate::coordinator::test
