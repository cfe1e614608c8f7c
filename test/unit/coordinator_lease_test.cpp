// Presignatures held ahead of need: how many, how long, and where they go when they are not used.
#include <gtest/gtest.h>

#include "protocol/coordinator/choice.h"
#include "protocol/coordinator/lease_book.h"
#include "protocol/tecdsa/presign.h"
#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

std::size_t total_in_pools(FakeCluster& cluster) {
  std::size_t n = 0;
  for (PartyId id = 1; id <= 3; ++id)
    for (const auto& [quorum, pool] : cluster.signer(id).pools) n += pool.ready.size();
  return n;
}

TEST(CoordinatorLease, NothingIsHeldBeforeTheFirstRequest) {
  FakeCluster cluster;
  cluster.start();
  cluster.run_for(seconds(30));
  EXPECT_EQ(cluster.count<wire::LeaseRequest>(), 0u);
  EXPECT_EQ(cluster.coordinator().leases_held(), 0u);
}

/// A request that came before the links: nothing can be told yet of which quorums are worth keeping warm.
TEST(CoordinatorLease, AProcessThatHasJustStartedHoldsSomeToo) {
  FakeCluster cluster;
  cluster.submit("before anything is known");
  cluster.start();
  ASSERT_EQ(cluster.coordinator().counters().signatures, 1u);
  const Time since = cluster.now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
  // One or two for each quorum; all others ride on sign replies.
  EXPECT_LE(cluster.count<wire::LeaseRequest>(since), 10u);
}

/// A signer that could not tell its status at first, and one that has to tell it anew.
TEST(CoordinatorLease, SomeAreHeldAsSoonAsTheKeyIsKnown) {
  FakeCluster cluster;
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).refuse_status = wire::Refusal{SignErrorCode::Overloaded, "busy"};
  cluster.submit("before anything is known", seconds(2));
  cluster.start();
  for (PartyId id = 1; id <= 3; ++id) cluster.signer(id).refuse_status.reset();
  cluster.run_for(milliseconds(990));
  ASSERT_EQ(cluster.coordinator().counters().signatures, 1u);
  const Time since = cluster.now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
  EXPECT_LE(cluster.count<wire::LeaseRequest>(since), 10u);
}

/// The pause began while somebody waited; whoever comes when it is over, or nearly, does not wait for a status.
TEST(CoordinatorLease, AnEmptyPoolIsAskedAgainWhenItsPauseIsOver) {
  FakeCluster cluster({.pool = 8, .refill = false});
  cluster.start();
  while (cluster.sign("drain", milliseconds(3)).result) {
  }
  cluster.run_for(milliseconds(7));
  for (const auto& quorum : cluster.quorums()) cluster.deal(quorum, 8);
  const auto outcome = cluster.sign("after", milliseconds(200));
  ASSERT_TRUE(outcome.result);
  EXPECT_LE(outcome.result->took, milliseconds(60));
}

TEST(CoordinatorLease, IdleCoordinatorGivesEverythingBackAfterFiveSeconds) {
  FakeCluster cluster;
  cluster.start();
  for (int i = 0; i < 100; ++i) cluster.sign("x" + std::to_string(i)), cluster.run_for(milliseconds(2));
  cluster.run_for(milliseconds(10));
  EXPECT_GT(cluster.coordinator().leases_held(), 0u);
  cluster.run_for(milliseconds(4900));
  EXPECT_GT(cluster.coordinator().leases_held(), 0u);
  cluster.run_for(milliseconds(200));
  EXPECT_EQ(cluster.coordinator().leases_held(), 0u);
  for (PartyId id = 1; id <= 3; ++id)
    for (const auto& [quorum, pool] : cluster.signer(id).pools) EXPECT_TRUE(pool.leased.empty());
  const auto& counters = cluster.coordinator().counters();
  EXPECT_EQ(counters.leases_granted, counters.attempts + counters.leases_returned);
  EXPECT_EQ(counters.leases_discarded, 0u);
}

TEST(CoordinatorLease, SizeFollowsTheOwnRate) {
  FakeCluster cluster({.pool = 400});
  cluster.start();
  for (int i = 0; i < 3000; ++i) cluster.submit("x" + std::to_string(i)), cluster.run_for(milliseconds(1));
  // 1000 a second for 100 ms: about 100 in all, never many more.
  EXPECT_GE(cluster.coordinator().leases_held(), 50u);
  EXPECT_LE(cluster.coordinator().leases_held(), 115u);
  // Renewal rides on the sign replies: hardly any message of its own is needed.
  EXPECT_LE(cluster.count<wire::LeaseRequest>(cluster.now() - seconds(1)), 20u);
  for (int i = 0; i < 20; ++i) cluster.sign("slow " + std::to_string(i)), cluster.run_for(milliseconds(500));
  EXPECT_LE(cluster.coordinator().leases_held(), 6u);
  EXPECT_GE(cluster.coordinator().leases_held(), 1u);
}

TEST(CoordinatorLease, AtMostAQuarterOfAPoolIsHeld) {
  FakeCluster cluster({.pool = 40, .refill = false});
  cluster.start();
  for (int i = 0; i < 60; ++i) cluster.submit("x" + std::to_string(i));
  std::map<PresignatureId, int> unused;
  const auto check = [&] {
    for (PartyId id = 1; id <= 3; ++id)
      for (const auto& [quorum, pool] : cluster.signer(id).pools)
        EXPECT_LE(pool.leased.size(), std::max<std::size_t>(1, (pool.leased.size() + pool.ready.size()) / 4 + 1));
  };
  for (int i = 0; i < 40; ++i) cluster.run_for(microseconds(100)), check();
  cluster.run_for(milliseconds(100));
  EXPECT_EQ(cluster.coordinator().counters().signatures, 60u);
}

TEST(CoordinatorLease, SixtyIdleCoordinatorsDoNotStarveTheOthers) {
  FakeCluster cluster({.coordinators = 64, .pool = 64, .refill = false});
  cluster.start();
  for (std::size_t c = 4; c < 64; ++c) {
    const auto outcome = cluster.sign("once " + std::to_string(c), milliseconds(200), c);
    ASSERT_TRUE(outcome.result) << c << ": " << outcome.result.error().what();
    cluster.run_for(milliseconds(200));
  }
  cluster.run_for(seconds(6));
  EXPECT_EQ(total_in_pools(cluster), 3u * 64 - 60);
  for (int i = 0; i < 25; ++i)
    for (std::size_t c = 0; c < 4; ++c)
      ASSERT_TRUE(cluster.sign("busy " + std::to_string(i), milliseconds(200), c).result);
}

TEST(CoordinatorLease, NoneAreHoardedWhileAPoolIsLow) {
  FakeCluster cluster({.coordinators = 2, .pool = 64, .refill = false});
  cluster.start();
  for (int i = 0; i < 160; ++i) ASSERT_TRUE(cluster.sign("drain " + std::to_string(i)).result) << i;
  cluster.run_for(seconds(6));  // all unused leases are back: 32 are left in all
  ASSERT_EQ(total_in_pools(cluster), 32u);
  // The first one is active and holds nothing; so the other one gets every single presignature.
  ASSERT_TRUE(cluster.sign("active").result);
  cluster.run_for(milliseconds(20));
  EXPECT_LE(cluster.coordinator(0).leases_held(), 1u);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i), milliseconds(200), 1).result) << i;
}

TEST(CoordinatorLease, IsLetGoAFifthBeforeItEndsAndGoesBackToThePool) {
  FakeCluster cluster({.lease_ms = 1000});
  cluster.start();
  ASSERT_TRUE(cluster.sign("x").result);
  cluster.run_for(milliseconds(5));
  const auto held = cluster.coordinator().leases_held();
  ASSERT_GT(held, 0u);
  cluster.run_for(milliseconds(785));
  EXPECT_EQ(cluster.count<wire::LeaseReturn>(), 0u);
  cluster.run_for(milliseconds(20));
  EXPECT_GT(cluster.count<wire::LeaseReturn>(), 0u);
  EXPECT_GE(cluster.coordinator().counters().leases_returned, held - 1);
  // Still active: fresh ones have been fetched in their place.
  EXPECT_GE(cluster.coordinator().leases_held(), 1u);
}

TEST(CoordinatorLease, ExpiredOneIsNeverUsed) {
  FakeCluster cluster({.lease_ms = 50});
  cluster.start();
  for (int i = 0; i < 200; ++i) {
    const auto outcome = cluster.sign("x" + std::to_string(i));
    ASSERT_TRUE(outcome.result);
    cluster.run_for(milliseconds(i % 90));
  }
  EXPECT_EQ(cluster.coordinator().counters().retried, 0u);
  EXPECT_TRUE(cluster.violations().empty());
}

TEST(CoordinatorLease, LifetimeCountsFromTheRequest) {
  // The reply takes longer than the lease lives.
  FakeCluster cluster({.lease_ms = 10, .one_way = milliseconds(6)});
  cluster.start();
  cluster.run_for(milliseconds(200));
  EXPECT_FALSE(cluster.sign("x").result);
  EXPECT_EQ(cluster.count<wire::SignRequest>(), 0u);
  EXPECT_GT(cluster.coordinator().counters().leases_returned, 0u);
}

TEST(CoordinatorLease, LostSignersLeasesGoBackToLeadersThatAreUp) {
  FakeCluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.sign("x").result);
  cluster.run_for(milliseconds(10));
  const auto& counters = cluster.coordinator().counters();
  const auto held = cluster.coordinator().leases_held();
  cluster.link_down(2);
  EXPECT_LT(cluster.coordinator().leases_held(), held);
  EXPECT_EQ(counters.leases_returned + counters.leases_discarded, held - cluster.coordinator().leases_held());
  for (const auto& sent : cluster.sent())
    EXPECT_FALSE(std::holds_alternative<wire::LeaseReturn>(sent.send.message) && sent.send.to == 2);
  cluster.link_up(2);
  cluster.run_for(milliseconds(10));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(cluster.sign("y" + std::to_string(i)).result);
  EXPECT_EQ(counters.retried, 0u);
}

TEST(CoordinatorLease, RestartedSignersPresignaturesAreDroppedNotUsed) {
  for (PartyId id = 1; id <= 3; ++id) {
    FakeCluster cluster({.seed = id});
    cluster.start();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result), cluster.run_for(milliseconds(9));
    cluster.restart(id);
    cluster.run_for(milliseconds(10));
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(cluster.sign("y" + std::to_string(i)).result);
    EXPECT_EQ(cluster.coordinator().counters().retried, 0u) << "signer " << int{id};
  }
}

TEST(CoordinatorLease, RestartedSignerCountsForNothingUntilItHasToldItsStatus) {
  FakeCluster cluster;
  cluster.start();
  EXPECT_EQ(cluster.coordinator().readiness(cluster.key()).pool_depth, 3u * 64);
  cluster.link_down(1);
  cluster.link_up(1);  // the same process: all as before
  EXPECT_EQ(cluster.coordinator().readiness(cluster.key()).pool_depth, 3u * 64);
  cluster.restart(1);
  EXPECT_EQ(cluster.coordinator().readiness(cluster.key()).pool_depth, 64u);
  cluster.run_for(milliseconds(1));
  EXPECT_GE(cluster.coordinator().readiness(cluster.key()).pool_depth, 2u * 64);
}

TEST(CoordinatorLease, RestartSeenOnlyInTheStatusIsNoticedToo) {
  FakeCluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.sign("x").result);
  cluster.run_for(milliseconds(10));
  cluster.signer(2).instance = cluster.rng().make_id<Digest>();
  cluster.run_for(milliseconds(1100));
  EXPECT_GT(cluster.coordinator().counters().leases_discarded, 0u);
  EXPECT_TRUE(cluster.sign("y").result);
}

TEST(CoordinatorLease, RejectsIdsThatAreHeldOrSpentAlready) {
  FakeCluster cluster;
  std::vector<PresignatureId> seen;
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).spoil_lease = [&](wire::LeaseReply& reply) {
      // Everything that was ever given out is offered again, first of all.
      auto ids = seen;
      ids.insert(ids.end(), reply.ids.begin(), reply.ids.end());
      seen.insert(seen.end(), reply.ids.begin(), reply.ids.end());
      reply.ids = ids;
    };
  cluster.start();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(cluster.sign("x" + std::to_string(i)).result);
    cluster.run_for(milliseconds(1));
  }
  EXPECT_TRUE(cluster.violations().empty());
  EXPECT_GT(cluster.coordinator().counters().leases_refused, 0u);
}

TEST(CoordinatorLease, RejectsMoreIdsThanWereAskedFor) {
  FakeCluster cluster;
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).spoil_lease = [&](wire::LeaseReply& reply) {
      for (std::uint32_t i = 0; i < 1000; ++i) reply.ids.push_back({cluster.rng().make_id<SessionId>(), i});
    };
  cluster.start();
  ASSERT_TRUE(cluster.sign("x").result);
  cluster.run_for(milliseconds(10));
  EXPECT_LE(cluster.coordinator().leases_held(), 4u);
}

TEST(CoordinatorLease, InventedIdsCostRetriesNotRequests) {
  FakeCluster cluster;
  cluster.start();
  cluster.signer(2).spoil_lease = [&](wire::LeaseReply& reply) {
    for (auto& id : reply.ids) id.sid = cluster.rng().make_id<SessionId>();
  };
  for (int i = 0; i < 100; ++i) {
    const auto outcome = cluster.sign("x" + std::to_string(i));
    ASSERT_TRUE(outcome.result) << outcome.result.error().what();
    cluster.run_for(milliseconds(5));
  }
}

TEST(CoordinatorLease, WhatALeaderLeasesWhenItGoesOnAfterAStopIsGivenBack) {
  FakeCluster cluster;
  cluster.start();
  // Answers are held back for five seconds, as those of a process that was stopped; leases live for two.
  cluster.network = [&](PartyId, bool there) { return std::vector<Time>{there ? Time(0) : Time(milliseconds(5000))}; };
  const Time begin = cluster.now();
  EXPECT_FALSE(cluster.sign("x").result);
  cluster.run_for(milliseconds(4500));
  EXPECT_EQ(cluster.count<wire::LeaseReturn>(begin), 0u);
  const auto& counters = cluster.coordinator().counters();
  const auto granted = counters.leases_granted, returned = counters.leases_returned;
  cluster.run_for(milliseconds(1500));
  EXPECT_GT(cluster.count<wire::LeaseReturn>(begin), 0u);
  EXPECT_GT(counters.leases_granted, granted);
  EXPECT_EQ(counters.leases_granted - granted, counters.leases_returned - returned);
}

TEST(CoordinatorLease, LeasesThatAreOverWhenTheyComeAreNotAskedForAgainAtOnce) {
  FakeCluster cluster;
  cluster.start();
  for (PartyId id = 1; id <= 3; ++id)
    cluster.signer(id).spoil_lease = [](wire::LeaseReply& reply) { reply.lifetime_ms = 0; };
  const Time begin = cluster.now();
  EXPECT_FALSE(cluster.sign("x").result);
  // Once per back-off of 50 ms and quorum, of which there are three.
  EXPECT_LE(cluster.count<wire::LeaseRequest>(begin), 15u);
}

TEST(CoordinatorLease, LeaderThatDoesNotAnswerIsPassedOver) {
  FakeCluster cluster;
  cluster.start();
  const PartyId leader = leader_of(cluster.signer(1).epoch, {1, 2});
  cluster.signer(leader).silent = true;
  const auto outcome = cluster.sign("x");
  if (outcome.result) {
    EXPECT_LE(outcome.result->took, milliseconds(60));
    EXPECT_EQ(std::count(outcome.result->quorum.begin(), outcome.result->quorum.end(), leader), 0);
  } else {
    ADD_FAILURE() << outcome.result.error().what();
  }
}

TEST(LeaseBook, HandsOutWhatEndsFirstAndNothingThatHasEnded) {
  LeaseBook book;
  const auto lease = [](std::uint32_t index, int ms) {
    return Lease{{SessionId{}, index}, milliseconds(ms), milliseconds(ms + ms / 4)};
  };
  book.add(lease(1, 30));
  book.add(lease(2, 10));
  book.add(lease(3, 20));
  EXPECT_EQ(book.next_let_go(), milliseconds(10));
  EXPECT_EQ(book.usable(milliseconds(9)), 3u);
  EXPECT_EQ(book.usable(milliseconds(10)), 2u);
  EXPECT_EQ(book.take(milliseconds(10))->id.index, 3u);
  EXPECT_EQ(book.take_stale(milliseconds(10)).size(), 1u);
  EXPECT_FALSE(book.take(milliseconds(30)).has_value());
  EXPECT_EQ(book.size(), 1u);
  EXPECT_EQ(book.take_all().size(), 1u);
  EXPECT_EQ(book.next_let_go(), kNever);
}

TEST(IdLedger, SpentIdsStaySpentAndMemoryStaysBounded) {
  IdLedger ledger;
  const auto id = [](std::uint32_t n) { return PresignatureId{SessionId{}, n}; };
  EXPECT_TRUE(ledger.hold(id(1)));
  EXPECT_FALSE(ledger.hold(id(1)));
  ledger.release(id(1));
  EXPECT_TRUE(ledger.hold(id(1)));
  ledger.spend(id(1), Digest{});
  EXPECT_EQ(ledger.held(), 0u);
  EXPECT_FALSE(ledger.hold(id(1)));
  for (std::uint32_t n = 2; n < 8000; ++n) ledger.spend(id(n), Digest{});
  EXPECT_FALSE(ledger.hold(id(1)));
  for (std::uint32_t n = 8000; n < 40000; ++n) ledger.spend(id(n), Digest{});
  EXPECT_FALSE(ledger.spent(id(1)));
  EXPECT_TRUE(ledger.spent(id(39999 - 8000)));
}

TEST(Estimates, MeanAndPercentile) {
  Latency latency;
  EXPECT_FALSE(latency.known());
  EXPECT_EQ(latency.p99(), Time{0});
  for (int i = 0; i < 128; ++i) latency.add(milliseconds(1));
  EXPECT_EQ(latency.p99(), milliseconds(1));
  EXPECT_EQ(latency.mean(), milliseconds(1));
  latency.add(milliseconds(100));
  for (int i = 0; i < 8; ++i) latency.add(milliseconds(1));
  // One outlier in 128 is not the 99th percentile, two are.
  EXPECT_EQ(latency.p99(), milliseconds(1));
  latency.add(milliseconds(90));
  for (int i = 0; i < 8; ++i) latency.add(milliseconds(1));
  EXPECT_EQ(latency.p99(), milliseconds(90));
  for (int i = 0; i < 256; ++i) latency.add(milliseconds(2));
  EXPECT_EQ(latency.p99(), milliseconds(2));
  latency.add(Time{-5});
  latency.add(Time::max() / 16);
  Latency few;
  few.add(milliseconds(3));
  few.add(milliseconds(7));
  few.add(milliseconds(5));
  EXPECT_EQ(few.p99(), milliseconds(7));
}

TEST(Estimates, RateSettlesAndFades) {
  Rate rate;
  Time now = seconds(5);
  EXPECT_EQ(rate.per_second(now), 0.0);
  for (int i = 0; i < 5000; ++i) rate.count(now += milliseconds(2));
  EXPECT_NEAR(rate.per_second(now), 500, 10);
  EXPECT_LT(rate.per_second(now + seconds(5)), 5);
  rate.count(now - seconds(1));  // time that stands still or goes back does no harm
  EXPECT_LT(rate.per_second(now), 600);
}

TEST(WarmSet, CoversEveryLossAndEverySigner) {
  for (std::size_t n = 2; n <= 7; ++n)
    for (std::size_t t = 2; t <= n; ++t) {
      FakeCluster cluster({.signers = n, .threshold = t, .pool = 0, .seed = n * 16 + t});
      KeyState key;
      key.info = cluster.key_info();
      Signers signers;
      std::uint64_t stamp = 1;
      for (std::size_t i = 1; i <= n; ++i) {
        const auto id = static_cast<PartyId>(i);
        signers[id].link = SignerState::Link::Up;
        wire::KeyStatus status{key.info.id, cluster.signer(id).epoch, CurveId::P256, static_cast<std::uint8_t>(t), {}, {}};
        for (std::size_t j = 1; j <= n; ++j) status.members.push_back(static_cast<PartyId>(j));
        for (const auto& [quorum, pool] : cluster.signer(id).pools) status.pools.push_back({quorum, id, 10, 10});
        ASSERT_TRUE(learn(key, id, status, stamp).has_value());
      }
      ASSERT_EQ(key.quorums.size(), cluster.quorums().size());
      const auto warm = warm_set(key, signers, seconds(1));
      std::set<PartyId> loaded;
      for (const auto& quorum : warm) loaded.insert(quorum.begin(), quorum.end());
      EXPECT_EQ(loaded.size(), n);
      for (PartyId lost = 1; n > t && lost <= n; ++lost)
        EXPECT_TRUE(std::any_of(warm.begin(), warm.end(), [&](const Quorum& quorum) {
          return !std::binary_search(quorum.begin(), quorum.end(), lost);
        })) << t << " of " << n << " without " << int{lost};
      EXPECT_LE(warm.size(), t + n);
    }
}

}  // namespace
}  // namespace quorate::coordinator::test
