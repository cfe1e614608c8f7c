// What a coordinator does when signers refuse, and what it says when nothing helps.
#include <gtest/gtest.h>

#include "protocol/tecdsa/presign.h"
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

TEST(CoordinatorRefusal, PolicyDeniedByAllEndsTheRequestWithTheReason) {
  FakeCluster cluster;
  warm_up(cluster);
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).refuse_sign = wire::Refusal{SignErrorCode::PolicyDenied, "context ocsp-response-data\nnot allowed"};
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("x");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::PolicyDenied);
  EXPECT_LE(outcome.at - begin, 2 * kRoundTrip);
  EXPECT_NE(outcome.result.error().detail.find("context ocsp-response-data?not allowed"), std::string::npos);
  EXPECT_EQ(cluster.coordinator().counters().failed(SignErrorCode::PolicyDenied), 1u);
}

TEST(CoordinatorRefusal, LeaseDeniedByAllLeadersEndsTheRequestAtOnce) {
  FakeCluster cluster;
  cluster.start();
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).refuse_lease = wire::Refusal{SignErrorCode::PolicyDenied, "this frontend may not use this key"};
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("x");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::PolicyDenied);
  EXPECT_LE(outcome.at - begin, 3 * kRoundTrip);
  EXPECT_NE(outcome.result.error().detail.find("may not use this key"), std::string::npos);
}

TEST(CoordinatorRefusal, OtherReasonsLeadToAnotherQuorum) {
  for (auto code : {SignErrorCode::KeyUnknown, SignErrorCode::EpochMismatch, SignErrorCode::Overloaded,
                    SignErrorCode::SignerQuarantined, SignErrorCode::PresignatureConsumed,
                    SignErrorCode::QuorumInsufficient, SignErrorCode::PrecomputeDepleted,
                    SignErrorCode::DeadlineExceeded}) {
    FakeCluster cluster;
    warm_up(cluster);
    cluster.signer(1).refuse_sign = wire::Refusal{code, "so it is"};
    for (int i = 0; i < 50; ++i) {
      const Time begin = cluster.now();
      const auto outcome = cluster.sign("x" + std::to_string(i));
      ASSERT_TRUE(outcome.result) << name(code) << ": " << outcome.result.error().what();
      EXPECT_EQ(outcome.result->quorum, (Quorum{2, 3}));
      EXPECT_LE(outcome.at - begin, milliseconds(5)) << name(code);
      cluster.run_for(milliseconds(10));
    }
    EXPECT_TRUE(cluster.violations().empty());
    EXPECT_EQ(failures(cluster), 0u);
  }
}

TEST(CoordinatorRefusal, NamesTheRefusalWhenAllSignersPersist) {
  FakeCluster cluster;
  warm_up(cluster);
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).refuse_sign = wire::Refusal{SignErrorCode::Overloaded, ""};
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("x");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::Overloaded);
  EXPECT_LE(outcome.at - begin, milliseconds(200));
  EXPECT_LE(cluster.coordinator().counters().attempts, 5u + 8u);
}

TEST(CoordinatorRefusal, AnOverloadOfAllIsToldAtOnceAndIsOverAfterAMoment) {
  FakeCluster cluster;
  warm_up(cluster);
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).refuse_sign = wire::Refusal{SignErrorCode::Overloaded, "more than your rate"};
  for (int i = 0; i < 20; ++i) {
    const Time begin = cluster.now();
    const auto outcome = cluster.sign("x" + std::to_string(i));
    ASSERT_FALSE(outcome.result);
    EXPECT_EQ(outcome.result.error().code, SignErrorCode::Overloaded) << outcome.result.error().what();
    if (i == 0) {
      EXPECT_NE(outcome.result.error().detail.find("more than your rate"), std::string::npos);
    }
    EXPECT_LE(outcome.at - begin, milliseconds(5)) << "it is not kept until its deadline";
  }
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).refuse_sign.reset();
  cluster.run_for(milliseconds(60));
  EXPECT_TRUE(cluster.sign("again").result);
}

TEST(CoordinatorRefusal, AnOverloadThatLeadersTellSpendsNothingAndIsToldAtOnce) {
  FakeCluster cluster({.pool = 4, .refill = false});
  cluster.start();
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).refuse_lease = wire::Refusal{SignErrorCode::Overloaded, "more than your rate"};
  for (int i = 0; i < 50; ++i) {
    const Time begin = cluster.now();
    const auto outcome = cluster.sign("x" + std::to_string(i));
    ASSERT_FALSE(outcome.result);
    EXPECT_EQ(outcome.result.error().code, SignErrorCode::Overloaded) << outcome.result.error().what();
    EXPECT_LE(outcome.at - begin, milliseconds(5)) << "it is not kept until its deadline";
    cluster.run_for(milliseconds(7));
  }
  EXPECT_EQ(cluster.coordinator().counters().attempts, 0u);
}

/// A member refuses what the leader leases, again and again: its breaker stays closed, as it answers; the quorum is
/// asked less and less.
TEST(CoordinatorRefusal, SpentPresignaturesSpeakAgainstTheirQuorumAndNotAgainstTheSigner) {
  FakeCluster cluster({.pool = 256});
  warm_up(cluster);
  cluster.signer(1).refuse_sign = wire::Refusal{SignErrorCode::PresignatureConsumed, "gone"};
  const auto before = cluster.coordinator().counters().retried;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
    EXPECT_EQ(cluster.coordinator().signer(1).breaker.state(cluster.now()), Breaker::State::Closed) << i;
    cluster.run_for(milliseconds(20));
  }
  EXPECT_LE(cluster.coordinator().counters().retried - before, 40u) << "4 s with pauses of 50, 100, 200 ... ms a quorum";
  cluster.signer(1).refuse_sign.reset();
  cluster.run_for(seconds(11));
  const auto attempts = cluster.coordinator().counters().retried;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("y" + std::to_string(i)).result);
  EXPECT_EQ(cluster.coordinator().counters().retried, attempts);
}

TEST(CoordinatorRefusal, ConflictOfTwoCoordinatorsCostsOneRetry) {
  FakeCluster cluster({.coordinators = 2});
  cluster.start();
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).double_lease = true;
  const auto first = cluster.submit("from the first", milliseconds(200), 0);
  const auto second = cluster.submit("from the second", milliseconds(200), 1);
  cluster.run_for(milliseconds(3));
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).double_lease = false;
  cluster.run_for(milliseconds(50));
  ASSERT_TRUE(cluster.outcome(first, 0) != nullptr && cluster.outcome(second, 1) != nullptr);
  ASSERT_TRUE(cluster.outcome(first, 0)->result) << cluster.outcome(first, 0)->result.error().what();
  ASSERT_TRUE(cluster.outcome(second, 1)->result) << cluster.outcome(second, 1)->result.error().what();
  EXPECT_NE(cluster.outcome(first, 0)->result->presignature, cluster.outcome(second, 1)->result->presignature);
  EXPECT_GT(cluster.coordinator(0).counters().retried + cluster.coordinator(1).counters().retried, 0u);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorRefusal, EpochSwitchIsFollowed) {
  FakeCluster cluster;
  warm_up(cluster);
  const auto next = cluster.rng().make_id<EpochId>();
  for (PartyId id = 1; id <= 3; ++id) cluster.set_epoch(id, next);
  for (const auto& quorum : cluster.quorums()) cluster.deal(quorum, 32);
  const auto outcome = cluster.sign("in the new epoch");
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_LE(outcome.result->took, milliseconds(60));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster.sign("more " + std::to_string(i)).result);
}

TEST(CoordinatorRefusal, SignersThatChangeTheirEpochOneAfterTheOtherAreAskedUntilTheyAgree) {
  FakeCluster::Options options;
  options.signers = options.threshold = 2;
  FakeCluster cluster(options);
  warm_up(cluster);
  const auto next = cluster.rng().make_id<EpochId>();
  cluster.set_epoch(1, next);
  const auto handle = cluster.submit("in between");
  cluster.run_for(milliseconds(100));
  ASSERT_EQ(cluster.outcome(handle), nullptr) << "no quorum yet, and time left";
  cluster.set_epoch(2, next);
  for (const auto& quorum : cluster.quorums()) cluster.deal(quorum, 32);
  cluster.run_for(milliseconds(99));
  ASSERT_NE(cluster.outcome(handle), nullptr);
  EXPECT_TRUE(cluster.outcome(handle)->result) << cluster.outcome(handle)->result.error().what();
}

TEST(CoordinatorRefusal, QuorumsAcrossTwoEpochsAreNotUsed) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.set_epoch(3, cluster.rng().make_id<EpochId>());
  for (int i = 0; i < 30; ++i) {
    const auto outcome = cluster.sign("x" + std::to_string(i));
    ASSERT_TRUE(outcome.result);
    EXPECT_EQ(outcome.result->quorum, (Quorum{1, 2}));
  }
}

TEST(CoordinatorErrors, QuorumInsufficientNamesWhoIsMissing) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.link_down(2);
  cluster.link_down(3);
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("x");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().what(),
            "QuorumInsufficient: 1 of 2 signers reachable (signer 1 up; signers 2, 3 down)");
  EXPECT_EQ(outcome.at - begin, milliseconds(200));
}

TEST(CoordinatorErrors, WaitsWithinTheDeadlineForASignerToComeBack) {
  FakeCluster cluster;
  warm_up(cluster);
  cluster.link_down(2);
  cluster.link_down(3);
  cluster.at(cluster.now() + milliseconds(120), [&] { cluster.link_up(3); });
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("x");
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_EQ(outcome.result->quorum, (Quorum{1, 3}));
  EXPECT_LE(outcome.at - begin, milliseconds(122));
}

TEST(CoordinatorErrors, NothingHeardYet) {
  FakeCluster cluster;
  const auto outcome = cluster.sign("x", milliseconds(30));
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().what(),
            "QuorumInsufficient: 0 signers reachable (signers 1, 2, 3 not connected yet); threshold not learnt yet");
}

TEST(CoordinatorErrors, PrecomputeDepletedNamesThePoolsAndEndsWhenTheyFill) {
  FakeCluster cluster({.refill = false});
  cluster.start();
  cluster.empty_pools();
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("x");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::PrecomputeDepleted);
  for (const char* part : {"1,2 (leader", "1,3 (leader", "2,3 (leader", "target 64"})
    EXPECT_NE(outcome.result.error().detail.find(part), std::string::npos) << outcome.result.error().detail;
  EXPECT_EQ(outcome.at - begin, milliseconds(200));
  // Each leader is asked once per back-off and pool, which also tells it to refill.
  EXPECT_LE(cluster.count<wire::LeaseRequest>(begin), 3u * 5);
  EXPECT_GE(cluster.count<wire::LeaseRequest>(begin), 3u * 3);

  cluster.at(cluster.now() + milliseconds(70), [&] {
    for (const auto& quorum : cluster.quorums()) cluster.deal(quorum, 16);
  });
  const auto second = cluster.sign("y");
  ASSERT_TRUE(second.result) << second.result.error().what();
  EXPECT_LE(second.result->took, milliseconds(121));
}

TEST(CoordinatorErrors, DeadlineExceededSaysHowFarItCame) {
  FakeCluster cluster;
  warm_up(cluster);
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).silent = true;
  const Time begin = cluster.now();
  const auto outcome = cluster.sign("x", milliseconds(60));
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::DeadlineExceeded);
  EXPECT_NE(outcome.result.error().detail.find("no answer from signers"), std::string::npos);
  EXPECT_NE(outcome.result.error().detail.find("in 60 ms"), std::string::npos);
  EXPECT_EQ(outcome.at - begin, milliseconds(60));
}

TEST(CoordinatorErrors, DeadlineHoldsToTheMillisecondWhateverIsWrong) {
  for (int kind = 0; kind < 5; ++kind)
    for (int ms : {1, 7, 24, 25, 26, 50, 51, 99, 200}) {
      FakeCluster cluster({.refill = false, .seed = static_cast<std::uint64_t>(kind * 1000 + ms)});
      cluster.start();
      for (PartyId id = 1; id <= 3; ++id) {
        if (kind == 0) cluster.signer(id).frozen = true;
        if (kind == 1) cluster.signer(id).refuse_sign = wire::Refusal{SignErrorCode::EpochMismatch, ""};
        if (kind == 2) cluster.signer(id).slow = seconds(1);
        if (kind == 3) cluster.link_down(id);
      }
      if (kind == 4) cluster.empty_pools();
      const Time begin = cluster.now();
      const auto outcome = cluster.sign("x", milliseconds(ms));
      ASSERT_FALSE(outcome.result);
      if (kind == 1) {  // may have had its share of attempts before
        EXPECT_LE(outcome.at - begin, milliseconds(ms));
        EXPECT_EQ(outcome.result.error().code, ms < 2 ? outcome.result.error().code : SignErrorCode::EpochMismatch);
      } else {
        EXPECT_EQ(outcome.at - begin, milliseconds(ms)) << "kind " << kind << ": " << outcome.result.error().what();
      }
      EXPECT_TRUE(cluster.violations().empty());
    }
}

TEST(CoordinatorErrors, ReplyAtTheDeadlineComesTooLate) {
  FakeCluster cluster;
  warm_up(cluster);
  const auto outcome = cluster.sign("x", kRoundTrip);
  EXPECT_FALSE(outcome.result);
  cluster.run_for(milliseconds(1));
  EXPECT_GT(cluster.coordinator().counters().late, 0u);
}

TEST(CoordinatorErrors, OverloadedAboveTheLimitOfRequestsInFlight) {
  FakeCluster::Options options;
  options.config.max_in_flight = 10;
  FakeCluster cluster(options);
  cluster.start();
  std::vector<RequestHandle> handles;
  for (int i = 0; i < 12; ++i) handles.push_back(cluster.submit("x" + std::to_string(i)));
  for (int i = 10; i < 12; ++i) {
    const auto* outcome = cluster.outcome(handles[static_cast<std::size_t>(i)]);
    ASSERT_NE(outcome, nullptr);
    EXPECT_EQ(outcome->result.error().what(), "Overloaded: 10 requests are in flight already");
  }
  cluster.run_for(milliseconds(50));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(cluster.outcome(handles[static_cast<std::size_t>(i)])->result);
}

TEST(CoordinatorErrors, RejectsWhatCannotBeSigned) {
  FakeCluster cluster;
  cluster.start();
  const auto code = [&](SigningJob job) {
    const auto handle = cluster.submit(std::move(job));
    const auto* outcome = cluster.outcome(handle);
    return outcome == nullptr || outcome->result ? std::nullopt : std::optional(outcome->result.error().code);
  };
  const SigningJob good{cluster.key(), wire::Context::Tls13ServerCertificateVerify, wire::DigestAlgorithm::Sha256,
                        {1}, cluster.now() + milliseconds(100)};
  auto job = good;
  job.key = {};
  EXPECT_EQ(code(job), SignErrorCode::KeyUnknown);
  job = good;
  job.content.clear();
  EXPECT_EQ(code(job), SignErrorCode::PolicyDenied);
  job = good;
  job.content.assign(65537, 1);
  EXPECT_EQ(code(job), SignErrorCode::PolicyDenied);
  job = good;
  job.digest = wire::DigestAlgorithm{9};
  EXPECT_EQ(code(job), SignErrorCode::PolicyDenied);
  EXPECT_EQ(code(good), std::nullopt);
  // The cluster would call this one late: ask the core itself.
  job = good;
  job.deadline = cluster.now();
  Coordinator& coordinator = cluster.coordinator();
  (void)coordinator.take_actions();
  coordinator.submit(cluster.now(), job);
  const auto actions = coordinator.take_actions();
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<Finish>(actions[0]).outcome.error().code, SignErrorCode::DeadlineExceeded);
}

TEST(CoordinatorErrors, KeyThatNoSignerHolds) {
  FakeCluster cluster;
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).spoil_status = [](wire::StatusReply& reply) { reply.keys.clear(); };
  cluster.start();
  const auto outcome = cluster.sign("x", milliseconds(50));
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, SignErrorCode::KeyUnknown);
  EXPECT_NE(outcome.result.error().detail.find("is held by none of signers 1, 2, 3"), std::string::npos);
}

TEST(CoordinatorErrors, MalformedStatusIsDroppedAsAWhole) {
  const std::vector<std::function<void(wire::KeyStatus&)>> spoilers = {
      [](auto& k) { k.threshold = 1; },
      [](auto& k) { k.threshold = 4; },
      [](auto& k) { k.members = {1, 3, 2}; },
      [](auto& k) { k.members = {1, 2, 2, 3}; },
      [](auto& k) { k.members = {0, 1, 2, 3}; },
      [](auto& k) { k.members = {1, 2, 3, 17}; },
      [](auto& k) { k.members = {2, 3}; },
      [](auto& k) { k.curve = CurveId::P384; },
      [](auto& k) { k.pools.push_back({{1, 2, 3}, 1, 5, 5}); },
      [](auto& k) { k.pools.push_back({{2, 1}, 1, 5, 5}); },
      [](auto& k) { k.pools.push_back({{2, 3}, 1, 5, 5}); },
      [](auto& k) { k.pools.push_back({{1, 4}, 1, 5, 5}); },
      [](auto& k) { k.pools.resize(2000, {{1, 2}, 1, 5, 5}); },
  };
  for (const auto& spoil : spoilers) {
    FakeCluster cluster;
    cluster.signer(1).spoil_status = [&](wire::StatusReply& reply) { spoil(reply.keys[0]); };
    cluster.start();
    EXPECT_GE(cluster.coordinator().counters().malformed, 1u);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(cluster.sign("x" + std::to_string(i)).result.value().quorum, (Quorum{2, 3}));
  }
}

TEST(CoordinatorErrors, FalseClaimToLeadIsIgnored) {
  FakeCluster cluster;
  // Every signer claims every quorum that it belongs to.
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).spoil_status = [&cluster, id](wire::StatusReply& reply) {
      reply.keys[0].pools.clear();
      for (const auto& quorum : cluster.quorums())
        if (std::find(quorum.begin(), quorum.end(), id) != quorum.end())
          reply.keys[0].pools.push_back({quorum, id, 64, 64});
    };
  cluster.start();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
  EXPECT_EQ(cluster.coordinator().counters().retried, 0u);
  for (const auto& sent : cluster.sent())
    if (const auto* request = std::get_if<wire::LeaseRequest>(&sent.send.message)) {
      EXPECT_EQ(sent.send.to, leader_of(cluster.signer(1).epoch, request->quorum));
    }
}

}  // namespace
}  // namespace quorate::coordinator::test
