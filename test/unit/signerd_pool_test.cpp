#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "protocol/tecdsa/presign.h"
#include "signerd/active_quorums.h"
#include "signerd/policy.h"
#include "signerd/recent_partials.h"
#include "test/unit/presign_fixture.h"

namespace quorate::signerd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Pools : public testing::Test {
 protected:
  Pools() : lockstep(Curve::p256(), 3, {1, 2}, 12), leader(leader_of(lockstep.plan().epoch, quorum)) {
    auto ended = lockstep.run();
    batch = std::move(ended.at(leader)).value();
    sid = batch.record->sid();
  }
  EpochPools filled(PartyId me, PoolLimits limits = {}) {
    EpochPools pools(me, lockstep.plan().epoch, limits);
    EXPECT_TRUE(pools.add(std::move(batch), now));
    return pools;
  }
  PresignLockstep lockstep;
  Quorum quorum{1, 2};
  PartyId leader;
  PresignedBatch batch;
  SessionId sid;
  Clock::time_point now = Clock::now();
};

TEST_F(Pools, take_gives_a_presignature_once_and_never_again) {
  auto pools = filled(leader);
  for (std::uint32_t i = 0; i < 12; ++i) {
    EXPECT_TRUE(pools.take({sid, i}, now));
    EXPECT_FALSE(pools.take({sid, i}, now));
  }
  EXPECT_FALSE(pools.take({sid, 12}, now));
  EXPECT_FALSE(pools.take({SessionId{}, 0}, now));
  EXPECT_EQ(pools.depth(quorum), 0U);
}

TEST_F(Pools, leases_are_disjoint_and_of_a_shallow_pool_at_most_half_each) {
  auto pools = filled(leader);
  std::set<PresignatureId> seen;
  for (const auto& id : pools.lease("a", quorum, 100, now)) EXPECT_TRUE(seen.insert(id).second);
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_TRUE(pools.lease("a", quorum, 1, now).empty());
  for (const auto& id : pools.lease("b", quorum, 4, now)) EXPECT_TRUE(seen.insert(id).second);
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(pools.available(quorum), 2U);
  EXPECT_EQ(pools.depth(quorum), 12U);
}

TEST_F(Pools, only_the_leader_leases) {
  auto pools = filled(leader == 1 ? 2 : 1);
  EXPECT_TRUE(pools.lease("a", quorum, 1, now).empty());
}

TEST_F(Pools, ids_given_back_are_leased_again_but_not_foreign_or_taken_ones) {
  auto pools = filled(leader);
  const auto mine = pools.lease("a", quorum, 3, now);
  ASSERT_EQ(mine.size(), 3U);
  pools.give_back("b", mine, now);
  EXPECT_EQ(pools.available(quorum), 9U);
  ASSERT_TRUE(pools.take(mine[0], now));
  pools.give_back("a", mine, now);
  EXPECT_EQ(pools.available(quorum), 11U);
  std::set<PresignatureId> again;
  for (int i = 0; i < 20; ++i)
    for (const auto& id : pools.lease(std::to_string(i), quorum, 3, now)) EXPECT_TRUE(again.insert(id).second);
  EXPECT_FALSE(again.contains(mine[0]));
  EXPECT_EQ(again.size(), 11U);
}

/// A server that is killed and started again must not be kept from signing by what it held, and others must not get
/// what it may have begun with.
TEST_F(Pools, what_a_lost_link_held_is_leased_again_to_the_same_holder_alone) {
  auto pools = filled(leader);
  const auto mine = pools.lease("a", quorum, 100, now, 1);
  ASSERT_EQ(mine.size(), 6U);
  EXPECT_TRUE(pools.lease("a", quorum, 1, now, 2).empty()) << "its share is used up";
  const auto others = pools.lease("b", quorum, 2, now, 3);
  ASSERT_EQ(others.size(), 2U);
  ASSERT_TRUE(pools.take(mine[0], now));
  pools.end_lease_of("a", mine[1], now);  // shown to other members

  pools.link_lost(1);
  const auto theirs = pools.lease("c", quorum, 100, now, 4);
  EXPECT_EQ(theirs.size(), 4U) << "what is free, and nothing of a";
  const auto again = pools.lease("a", quorum, 100, now + milliseconds(1000), 2);
  EXPECT_EQ(again.size(), 4U) << "six, of which one is spent and one ended";
  for (const auto& id : again) EXPECT_EQ(std::ranges::count(mine, id), 1);
  EXPECT_EQ(std::ranges::count(again, mine[0]) + std::ranges::count(again, mine[1]), 0);
  EXPECT_TRUE(pools.lease("a", quorum, 1, now + milliseconds(1000), 2).empty());

  pools.link_lost(1);
  EXPECT_EQ(pools.expire(now + milliseconds(1999)).size(), 1U) << "the one that had ended; nothing is lost twice";
  EXPECT_EQ(pools.expire(now + milliseconds(2000)).size(), 6U) << "of b and c; those of a have begun anew";
  EXPECT_EQ(pools.expire(now + milliseconds(3000)).size(), 4U);
}

TEST_F(Pools, leases_of_a_lost_link_expire_as_they_would_have) {
  auto pools = filled(leader);
  const auto mine = pools.lease("a", quorum, 3, now, 1);
  pools.link_lost(1);
  pools.give_back("a", mine, now);
  EXPECT_EQ(pools.available(quorum), 9U) << "not given back by somebody who has them no more";
  EXPECT_EQ(pools.expire(now + milliseconds(2000)).size(), 3U);
  EXPECT_EQ(pools.lease("a", quorum, 100, now + milliseconds(2000), 2).size(), 5U);
}

TEST_F(Pools, what_has_ended_is_not_given_back) {
  auto pools = filled(leader);
  const auto mine = pools.lease("a", quorum, 2, now, 1);
  pools.end_lease_of("a", mine[0], now);
  pools.give_back("a", mine, now);
  EXPECT_EQ(pools.available(quorum), 11U);
  EXPECT_EQ(pools.expire(now).size(), 1U);
}

TEST_F(Pools, expired_leases_are_discarded_for_good) {
  auto pools = filled(leader);
  const auto mine = pools.lease("a", quorum, 3, now);
  EXPECT_TRUE(pools.expire(now + milliseconds(1999)).empty());
  const auto retired = pools.expire(now + milliseconds(2000));
  EXPECT_EQ(retired.size(), 3U);
  for (const auto& id : mine) EXPECT_FALSE(pools.take(id, now));
  EXPECT_EQ(pools.depth(quorum), 9U);
}

TEST_F(Pools, old_presignatures_are_neither_taken_nor_kept) {
  auto pools = filled(leader, PoolLimits{.max_age = seconds(60)});
  EXPECT_FALSE(pools.take({sid, 0}, now + seconds(61)));
  EXPECT_FALSE(pools.take({sid, 0}, now));
  EXPECT_EQ(pools.expire(now + seconds(61)).size(), 11U);
  EXPECT_EQ(pools.depth(quorum), 0U);
}

TEST_F(Pools, a_restarted_peer_loses_what_was_shared_with_it) {
  auto pools = filled(leader);
  EXPECT_EQ(pools.drop_shared_with(3), 0U);
  EXPECT_EQ(pools.drop_shared_with(2), 12U);
  EXPECT_FALSE(pools.take({sid, 0}, now));
}

TEST_F(Pools, only_the_leader_retires) {
  auto pools = filled(leader == 1 ? 2 : 1);
  pools.retire(3, sid, {0, 1});
  EXPECT_EQ(pools.depth(quorum), 12U);
  pools.retire(leader, sid, {0, 1, 99});
  EXPECT_EQ(pools.depth(quorum), 10U);
  pools.retire_batch(leader, sid);
  EXPECT_EQ(pools.depth(quorum), 0U);
}

TEST_F(Pools, a_batch_is_added_once) {
  auto pools = filled(leader);
  auto again = lockstep.run();
  EXPECT_FALSE(pools.add(std::move(again.at(leader)).value(), now));
}

TEST_F(Pools, the_oldest_are_dropped_first_and_only_as_many_as_must) {
  auto pools = filled(leader);
  PresignedBatch newer;
  newer.record = std::make_shared<const BatchRecord>(lockstep.plan(), SessionId{}, std::vector<Bytes>{},
                                                     std::vector<std::vector<Bytes>>{},
                                                     std::vector<std::vector<Bytes>>{}, std::vector<Row>{});
  newer.items.resize(2);
  newer.items[1].index = 1;
  ASSERT_TRUE(pools.add(std::move(newer), now + seconds(1)));
  pools.drop_oldest(quorum, 14);
  EXPECT_EQ(pools.depth(quorum), 14U);
  EXPECT_EQ(pools.wasted(quorum), 0U);
  const auto leased = pools.lease("a", quorum, 1, now);
  ASSERT_EQ(leased, (std::vector<PresignatureId>{{sid, 0}}));
  pools.drop_oldest(quorum, 3);
  EXPECT_EQ(pools.depth(quorum), 3U);
  EXPECT_EQ(pools.available(quorum), 3U) << "the lease of what is dropped ends with it";
  EXPECT_EQ(pools.wasted(quorum), 11U);
  EXPECT_FALSE(pools.take({sid, 10}, now));
  EXPECT_TRUE(pools.take({sid, 11}, now));
  pools.drop_oldest({1, 3}, 0);
  EXPECT_EQ(pools.depth(quorum), 2U) << "another quorum's pool is left alone";
  pools.drop_oldest(quorum, 0);
  EXPECT_FALSE(pools.take({SessionId{}, 0}, now));
  pools.forget_wasted(quorum);
  EXPECT_EQ(pools.wasted(quorum), 0U);
}

TEST(RecentPartials, repeats_the_same_request_and_refuses_any_other) {
  const Curve& curve = Curve::p256();
  RecentPartials recent(2);
  const auto now = Clock::now();
  wire::SignRequest request;
  request.content = {1, 2, 3};
  request.context = wire::Context::Tls13ServerCertificateVerify;
  request.digest = wire::DigestAlgorithm::Sha256;
  const auto fingerprint = RecentPartials::fingerprint(curve.id(), request);
  recent.remember(request.presignature, fingerprint, {Scalar(curve, 5), Scalar(curve, 6), {}}, now, seconds(1));
  ASSERT_TRUE(recent.find(request.presignature, fingerprint, now));
  EXPECT_EQ(recent.find(request.presignature, fingerprint, now)->s, Scalar(curve, 6));
  EXPECT_FALSE(recent.find(request.presignature, fingerprint, now + seconds(1)));
  const auto differs = [&](const std::function<void(wire::SignRequest&)>& change) {
    auto other = request;
    change(other);
    return !recent.find(request.presignature, RecentPartials::fingerprint(curve.id(), other), now);
  };
  EXPECT_TRUE(differs([](auto& r) { r.content.push_back(4); }));
  EXPECT_TRUE(differs([](auto& r) { r.context = wire::Context::Tls12ServerKeyExchange; }));
  EXPECT_TRUE(differs([](auto& r) { r.digest = wire::DigestAlgorithm::Sha384; }));
  EXPECT_TRUE(differs([](auto& r) { r.key.bytes[0] = 1; }));
  EXPECT_TRUE(differs([](auto& r) { r.epoch.bytes[0] = 1; }));
  EXPECT_TRUE(differs([](auto& r) { r.presignature.index = 1; }));
  for (std::uint32_t i = 1; i < 100; ++i)
    recent.remember({{}, i}, fingerprint, {Scalar(curve, 1), Scalar(curve, 1), {}}, now, seconds(1));
  EXPECT_LE(recent.size(), 2U);
}

TEST(PolicyRules, the_first_rule_counts_and_strangers_have_none) {
  Policy policy({{wire::Role::Frontend, "web", {"site"}, {wire::Context::Tls13ServerCertificateVerify}, false, 0},
                 {wire::Role::Frontend, "*", {"other"}, {}, false, 0}});
  const net::PeerIdentity web{wire::Role::Frontend, kNobody, "web", "c"}, admin{wire::Role::Admin, kNobody, "web", "c"};
  const auto now = Clock::now();
  EXPECT_FALSE(policy.refuse_signature(web, "site", wire::Context::Tls13ServerCertificateVerify, now));
  EXPECT_EQ(policy.refuse_signature(web, "other", wire::Context::Tls13ServerCertificateVerify, now)->code, SignErrorCode::PolicyDenied);
  EXPECT_EQ(policy.refuse_signature(web, "site", wire::Context::Pkcs10CertificationRequest, now)->code, SignErrorCode::PolicyDenied);
  EXPECT_EQ(policy.refuse_signature(admin, "site", wire::Context::Tls13ServerCertificateVerify, now)->code, SignErrorCode::PolicyDenied);
  EXPECT_FALSE(policy.may_keygen(web));
}

TEST(PolicyRules, a_rate_is_held_and_comes_back_with_time) {
  Policy policy({{wire::Role::Frontend, "*", {"*"}, {wire::Context::Tls13ServerCertificateVerify}, false, 10}});
  const net::PeerIdentity web{wire::Role::Frontend, kNobody, "web", "c"};
  auto now = Clock::now();
  const auto ask = [&] { return policy.refuse_signature(web, "k", wire::Context::Tls13ServerCertificateVerify, now); };
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(ask());
  EXPECT_EQ(ask()->code, SignErrorCode::Overloaded);
  now += milliseconds(250);
  EXPECT_FALSE(ask());
  EXPECT_FALSE(ask());
  EXPECT_TRUE(ask());
}

TEST(ActiveQuorums, all_if_there_are_few) {
  EXPECT_EQ(active_quorums({1, 2, 3}, 2, 1), (std::vector<Quorum>{{1, 2}, {1, 3}, {2, 3}}));
  EXPECT_EQ(active_quorums({1, 2}, 2, 0), (std::vector<Quorum>{{1, 2}}));
  EXPECT_EQ(active_quorums({1, 2, 3, 4, 5, 6}, 3, 2).size(), 20U);
}

TEST(ActiveQuorums, more_losses_need_more_quorums_and_a_status_reply_has_room_for_them) {
  std::vector<PartyId> members;
  for (PartyId id = 1; id <= 16; ++id) members.push_back(id);
  std::size_t before = 0;
  for (std::size_t survive : {0, 1, 2, 3}) {
    const auto family = active_quorums(members, 8, survive);
    EXPECT_GT(family.size(), before) << survive;
    EXPECT_LE(family.size(), kMaxActiveQuorums);
    before = family.size();
  }
  const auto most = active_quorums(members, 8, 8);
  EXPECT_GE(most.size(), before);
  EXPECT_LE(most.size(), kMaxActiveQuorums);
}

TEST(ActiveQuorums, a_family_survives_every_loss_it_must) {
  for (auto [n, t] : {std::pair<std::size_t, std::size_t>{7, 4}, {10, 5}, {16, 11}, {16, 2}, {16, 14}, {12, 11}}) {
    std::vector<PartyId> members;
    for (std::size_t id = 1; id <= n; ++id) members.push_back(static_cast<PartyId>(id));
    const auto family = active_quorums(members, t, std::min<std::size_t>(2, n - t));
    EXPECT_LE(family.size(), 120U);
    for (PartyId a : members) {
      for (PartyId b : members) {
        if (n - t < 2 && a != b) continue;
        const bool lives = std::any_of(family.begin(), family.end(), [&](const Quorum& q) {
          return q.size() == t && !std::binary_search(q.begin(), q.end(), a) && !std::binary_search(q.begin(), q.end(), b);
        });
        EXPECT_TRUE(lives) << n << "," << t << " without " << int(a) << "," << int(b);
      }
    }
  }
}

}  // namespace
}  // namespace quorate::signerd
