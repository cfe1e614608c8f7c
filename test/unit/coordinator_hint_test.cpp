// A coordinator that died in mid-round: another one finishes what it began, and a made-up hint does no harm.
#include <gtest/gtest.h>

#include "protocol/tecdsa/presign.h"
#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

SigningJob job(const FakeCluster& cluster, const std::string& content, std::optional<Assignment> hint = {}) {
  SigningJob out{.key = cluster.key(), .context = wire::Context::Tls13ServerCertificateVerify,
                 .digest = wire::DigestAlgorithm::Sha256, .content = {}, .deadline = cluster.now() + milliseconds(200),
                 .hint = std::move(hint)};
  append(out.content, as_bytes(content));
  return out;
}

struct Cluster : FakeCluster {
  explicit Cluster(Options options = {}) : FakeCluster([&] {
    options.coordinators = 2;
    return options;
  }()) {
    start();
    for (std::size_t c = 0; c < 2; ++c)
      for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(sign("warm up", milliseconds(200), c).result);
        run_for(milliseconds(5));
      }
  }
  Assignment last() const { return assigned().back().second.assignment; }
  FakeCluster::Outcome finish(RequestHandle handle, std::size_t c) {
    run_for(milliseconds(200));
    EXPECT_NE(outcome(handle, c), nullptr);
    return *outcome(handle, c);
  }
  std::size_t partials(const PresignatureId& id) {
    std::size_t n = 0;
    for (PartyId s = 1; s <= 3; ++s) n += signer(s).answered.contains(id);
    return n;
  }
};

TEST(CoordinatorHint, TheSecondCoordinatorFinishesWithTheSamePresignature) {
  Cluster cluster;
  // One of the two signers has answered when the first coordinator is lost.
  cluster.submit(job(cluster, "mid-round"), 0);
  const Assignment assigned = cluster.last();
  cluster.signer(assigned.quorum.back()).silent = true;
  cluster.run_for(milliseconds(1));
  ASSERT_EQ(cluster.partials(assigned.presignature), 1u);
  cluster.signer(assigned.quorum.back()).silent = false;
  const Time begin = cluster.now();
  const auto outcome = cluster.finish(cluster.submit(job(cluster, "mid-round", assigned), 1), 1);
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_EQ(outcome.result->presignature, assigned.presignature);
  EXPECT_EQ(outcome.result->quorum, assigned.quorum);
  EXPECT_EQ(outcome.result->attempts, 1u);
  EXPECT_EQ(outcome.at - begin, microseconds(200)) << "one round trip: no lease is needed";
  EXPECT_EQ(cluster.coordinator(1).counters().hinted, 1u);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorHint, IsAssignedAgainToTheFrontEndOfTheSecond) {
  Cluster cluster;
  cluster.submit(job(cluster, "mid-round"), 0);
  const Assignment assigned = cluster.last();
  cluster.submit(job(cluster, "mid-round", assigned), 1);
  EXPECT_EQ(cluster.assigned().back().first, 1u);
  EXPECT_EQ(cluster.last().presignature, assigned.presignature);
}

TEST(CoordinatorHint, UsedForAnotherContentItIsDiscardedAndAFreshOneFollows) {
  Cluster cluster;
  ASSERT_TRUE(cluster.finish(cluster.submit(job(cluster, "the first"), 0), 0).result);
  const Assignment used = cluster.last();
  const auto outcome = cluster.finish(cluster.submit(job(cluster, "another", used), 1), 1);
  ASSERT_TRUE(outcome.result) << outcome.result.error().what();
  EXPECT_NE(outcome.result->presignature, used.presignature);
  EXPECT_EQ(outcome.result->attempts, 2u);
  EXPECT_LE(outcome.result->took, milliseconds(1));
  EXPECT_EQ(cluster.coordinator(1).counters().suspicions, 0u);
  for (PartyId id = 1; id <= 3; ++id)
    EXPECT_EQ(cluster.coordinator(1).signer(id).breaker.state(cluster.now()), Breaker::State::Closed);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorHint, OwnIdsAreRepeatedForTheSameContentOnly) {
  Cluster cluster;
  ASSERT_TRUE(cluster.finish(cluster.submit(job(cluster, "content"), 0), 0).result);
  const Assignment used = cluster.last();
  const auto same = cluster.finish(cluster.submit(job(cluster, "content", used), 0), 0);
  ASSERT_TRUE(same.result);
  EXPECT_EQ(same.result->presignature, used.presignature);
  // Never sent for another content, not even to be refused.
  const auto other = cluster.finish(cluster.submit(job(cluster, "other", used), 0), 0);
  ASSERT_TRUE(other.result);
  EXPECT_EQ(other.result->attempts, 1u);
  EXPECT_NE(other.result->presignature, used.presignature);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorHint, AnIdThatIsLeasedHereIsLeftToItsLease) {
  IdLedger ledger;
  const PresignatureId id{SessionId{}, 7};
  ASSERT_TRUE(ledger.hold(id));
  EXPECT_FALSE(ledger.claim(id, Digest{}));
  ledger.spend(id, Digest{});
  EXPECT_TRUE(ledger.claim(id, Digest{}));
  Digest other{};
  other.bytes[0] = 1;
  EXPECT_FALSE(ledger.claim(id, other));
}

TEST(CoordinatorHint, ImplausibleOnesAreIgnoredAndCostNothing) {
  Cluster cluster;
  ASSERT_TRUE(cluster.finish(cluster.submit(job(cluster, "content"), 0), 0).result);
  const Assignment good = cluster.last();
  const auto with = [&](auto change) {
    Assignment hint = good;
    change(hint);
    return hint;
  };
  const std::vector<Assignment> bad = {
      with([](Assignment& a) { a.quorum = {}; }),
      with([](Assignment& a) { a.quorum = {1}; }),
      with([](Assignment& a) { a.quorum = {1, 2, 3}; }),
      with([](Assignment& a) { a.quorum = {1, 1}; }),
      with([](Assignment& a) { a.quorum = {2, 1}; }),
      with([](Assignment& a) { a.quorum = {0, 1}; }),
      with([](Assignment& a) { a.quorum = {1, 200}; }),
      with([](Assignment& a) { a.quorum = {1, 4}; }),
      with([](Assignment& a) { a.epoch.bytes[5] ^= 1; }),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    const auto outcome = cluster.finish(cluster.submit(job(cluster, "content", bad[i]), 1), 1);
    ASSERT_TRUE(outcome.result) << i;
    EXPECT_EQ(outcome.result->attempts, 1u) << i;
    cluster.run_for(milliseconds(5));
  }
  EXPECT_EQ(cluster.coordinator(1).counters().hinted, 0u);
}

TEST(CoordinatorHint, WithAMemberThatIsGoneOrInQuarantineItIsIgnored) {
  for (bool gone : {true, false}) {
    Cluster cluster;
    cluster.submit(job(cluster, "mid-round"), 0);
    const Assignment assigned = cluster.last();
    if (gone) {
      cluster.kill(assigned.quorum.front());
    } else {
      cluster.quarantine({assigned.quorum.front()});
    }
    const auto outcome = cluster.finish(cluster.submit(job(cluster, "mid-round", assigned), 1), 1);
    ASSERT_TRUE(outcome.result);
    EXPECT_NE(outcome.result->quorum, assigned.quorum);
    EXPECT_EQ(cluster.coordinator(1).counters().hinted, 0u);
  }
}

TEST(CoordinatorHint, AForgedOneBurnsOneIdAndTheVictimTakesAnother) {
  Cluster cluster;
  ASSERT_TRUE(cluster.finish(cluster.submit(job(cluster, "mine"), 0), 0).result);
  Assignment neighbour = cluster.last();
  // Ids of a batch are numbered: it names one that it was never assigned.
  const auto& pool = cluster.signer(leader_of(neighbour.epoch, neighbour.quorum)).pools.at(neighbour.quorum).ready;
  ASSERT_FALSE(pool.empty());
  neighbour.presignature = pool.front();
  ASSERT_TRUE(cluster.finish(cluster.submit(job(cluster, "theft", neighbour), 1), 1).result);
  for (int i = 0; i < 200; ++i) {
    const auto outcome = cluster.sign("victim " + std::to_string(i), milliseconds(200), 0);
    ASSERT_TRUE(outcome.result);
    EXPECT_LE(outcome.result->attempts, 2u);
  }
  EXPECT_LE(cluster.coordinator(0).counters().retried, 1u);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorFrontend, TravelsToTheSignersCleanAndShort) {
  FakeCluster cluster;
  cluster.start();
  SigningJob one = job(cluster, "content");
  one.frontend = "quorate:c/frontend/web\n" + std::string(400, 'x');
  cluster.submit(one);
  cluster.run_for(milliseconds(10));
  std::size_t seen = 0;
  for (const auto& sent : cluster.sent())
    if (const auto* request = std::get_if<wire::SignRequest>(&sent.send.message)) {
      ++seen;
      EXPECT_EQ(request->frontend.size(), 255u);
      EXPECT_TRUE(request->frontend.starts_with("quorate:c/frontend/web?x"));
    }
  EXPECT_EQ(seen, 2u);
}

}  // namespace
}  // namespace quorate::coordinator::test
