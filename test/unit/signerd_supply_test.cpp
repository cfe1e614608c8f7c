// What a caller gets when pools are dry, quorums are not active, members hang, or come back (architecture.md,
// "Pools and leases").
#include <cstdio>

#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/wire/online_codec.h"
#include "signerd/online.h"
#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::MessageType;

Bytes content(std::uint8_t last) {
  std::string out(64, ' ');
  out += "TLS 1.3, server CertificateVerify";
  out.push_back(0);
  out.append(32, static_cast<char>(last));
  return Bytes(out.begin(), out.end());
}

/// A cluster with the on-line side of every signer.
class Supply : public testing::Test {
 protected:
  explicit Supply(std::size_t n = 7, std::size_t t = 4, std::uint64_t seed = 1) : world(n, t, {}, seed) {
    for (PartyId id = 1; id <= n; ++id) {
      members.push_back(id);
      auto& signer = world.at(id);
      online.emplace(id, std::make_unique<Online>(id, world.identity(id), Digest{}, signer.keys, policy, audit,
                                                  [] { return std::vector<PartyId>{}; }));
      online.at(id)->on_want = [&signer](ActiveKey& key, const Quorum& quorum, Clock::time_point now) {
        return signer.presigner.want(key, quorum, now);
      };
    }
  }
  ActiveKey& key(PartyId id) { return *world.at(id).keys.by_epoch(world.epoch); }
  /// Quorums that no signer keeps supplied by itself.
  std::vector<Quorum> inactive() {
    std::vector<Quorum> out;
    for (unsigned bits = 1; bits < 1U << members.size(); ++bits) {
      Quorum quorum;
      for (auto id : members)
        if ((bits >> (id - 1) & 1U) != 0) quorum.push_back(id);
      if (quorum.size() == key(1).info().threshold && !key(quorum[0]).is_active(quorum)) out.push_back(std::move(quorum));
    }
    return out;
  }
  wire::Envelope ask(PartyId to, const wire::Envelope& request, Clock::duration waited = {}) {
    return online.at(to)->answer({wire::Role::Frontend, kNobody, "web", "test"}, request, now, waited).value();
  }
  Result<wire::LeaseReply, wire::Refusal> lease(const Quorum& quorum, std::uint16_t count = 1,
                                               std::optional<PartyId> of = {}) {
    const PartyId leader = of.value_or(leader_of(world.epoch, quorum));
    const auto answer =
        ask(leader, {MessageType::LeaseRequest, {}, kNobody, leader,
                     wire::encode(wire::LeaseRequest{world.key(), world.epoch, quorum, count})});
    if (answer.type == MessageType::Refusal) return fail(*wire::decode<wire::Refusal>(answer.payload));
    return *wire::decode<wire::LeaseReply>(answer.payload);
  }
  /// Partials of all members for one presignature make a signature?
  bool signs(const Quorum& quorum, const PresignatureId& id) {
    const Bytes text = content(1);
    const Scalar m = message_scalar(Curve::p256(), MessageDigest::Sha256, text);
    std::vector<Scalar> partials;
    std::optional<Scalar> r;
    for (auto member : quorum) {
      const auto answer = ask(member, {MessageType::SignRequest, {}, kNobody, member,
                                       wire::encode(wire::SignRequest{id, quorum, world.key(), world.epoch,
                                                                      wire::Context::Tls13ServerCertificateVerify,
                                                                      wire::DigestAlgorithm::Sha256, text, 1000, 0, {}})});
      if (answer.type != MessageType::SignReply) return false;
      const auto reply = *wire::decode<wire::SignReply>(answer.payload, Curve::p256());
      partials.push_back(reply.s);
      r = reply.r;
    }
    return combine(VerificationKey(key(1).info().X), m, *r, partials).has_value();
  }
  /// The batches that `by` has begun since `sent` was cleared.
  std::vector<PresignPlan> started(PartyId by, const Quorum& quorum) {
    finish_steps(world.at(by).sessions);
    world.run_io();
    std::map<SessionId, PresignPlan> plans;
    for (const auto& e : world.sent_by(by, MessageType::PresignStart))
      if (auto plan = *wire::decode<PresignPlan>(e.payload); plan.quorum == quorum) plans.emplace(e.sid, std::move(plan));
    std::vector<PresignPlan> out;
    for (auto& [sid, plan] : plans) out.push_back(std::move(plan));
    return out;
  }
  void call_off(PartyId by, const Quorum& quorum) {
    for (const auto& plan : started(by, quorum))
      for (auto id : quorum)
        if (id != by)
          world.at(by).presigner.on_message({MessageType::PresignAbort, plan.sid(), id, by, wire::encode_abort(Fault::TimedOut)}, now);
  }

  World world;
  std::vector<PartyId> members;
  Policy policy{Policy::defaults()};
  Audit audit = *Audit::open(std::nullopt);
  std::map<PartyId, std::unique_ptr<Online>> online;
  Clock::time_point now = Clock::now();
};

TEST_F(Supply, a_quorum_that_survived_is_activated_on_demand_and_signs) {
  // 7 signers, any 4: a covering family that survives the loss of two. Three are lost.
  const Quorum left = inactive().at(0);
  world.up = std::set<PartyId>(left.begin(), left.end());
  world.set_up();
  const PartyId leader = leader_of(world.epoch, left);
  const auto lost = Clock::now();
  auto first = lease(left);
  ASSERT_TRUE(first) << first.error().reason;
  EXPECT_TRUE(first->ids.empty());
  EXPECT_EQ(first->available, 0U);
  const auto plans = started(leader, left);
  ASSERT_EQ(plans.size(), 1U) << "it begins at once";
  EXPECT_EQ(plans[0].batch, 8U) << "a small one first";
  std::optional<PresignatureId> id;
  // The coordinator asks again until it gets something.
  for (int i = 0; i < 1000 && !id; ++i) {
    for (auto member : left) finish_steps(world.at(member).sessions);
    world.run_io();
    if (auto again = lease(left); again && !again->ids.empty()) id = again->ids[0];
  }
  ASSERT_TRUE(id);
  EXPECT_TRUE(signs(left, *id));
  std::printf("first signature of a quorum on demand (4 of 7, one process): %lld ms\n",
              static_cast<long long>(std::chrono::duration_cast<milliseconds>(Clock::now() - lost).count()));
  // Whoever asks for the status sees it among the pools.
  const auto status = ask(leader, {MessageType::StatusRequest, {}, kNobody, leader, wire::encode(wire::StatusRequest{})});
  const auto reply = *wire::decode<wire::StatusReply>(status.payload);
  EXPECT_TRUE(std::any_of(reply.keys[0].pools.begin(), reply.keys[0].pools.end(),
                          [&](const auto& pool) { return pool.quorum == left && pool.available > 0; }));
}

TEST_F(Supply, what_is_no_quorum_or_not_led_here_or_not_linked_is_not_activated) {
  const Quorum left = inactive().at(0);
  const PartyId leader = leader_of(world.epoch, left);
  for (const auto& bad : std::vector<Quorum>{{left[0], left[1]}, {left[0], left[1], left[2], 9}}) {
    auto refused = lease(bad, 1, leader);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, SignErrorCode::PolicyDenied);
  }
  for (auto member : left) {
    if (member == leader) continue;
    auto reply = lease(left, 1, member);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->ids.empty());
    EXPECT_TRUE(key(member).on_demand.all().empty()) << "another one leads it";
  }
  world.up = {leader};
  auto unlinked = lease(left);
  ASSERT_FALSE(unlinked);
  EXPECT_EQ(unlinked.error().code, SignErrorCode::QuorumInsufficient);
  EXPECT_TRUE(key(leader).on_demand.all().empty());
}

TEST_F(Supply, a_blocked_quorum_is_refused_and_says_why) {
  const Quorum quorum = key(1).quorums[0];
  const PartyId leader = leader_of(world.epoch, quorum);
  auto& signer = world.at(leader);
  ASSERT_TRUE(signer.disputes.add_pair(world.epoch, quorum[0], quorum[1], {Fault::OtCheck, Blame::pair(quorum[0], quorum[1]), ""}));
  auto disputed = lease(quorum);
  ASSERT_FALSE(disputed);
  EXPECT_EQ(disputed.error().code, SignErrorCode::PolicyDenied);
  signer.keys.set_quarantined({quorum[0] == leader ? quorum[1] : quorum[0]});
  auto quarantined = lease(quorum);
  ASSERT_FALSE(quarantined);
  EXPECT_EQ(quarantined.error().code, SignErrorCode::SignerQuarantined);
}

TEST_F(Supply, quorums_on_demand_are_bounded_at_the_leader_and_let_go) {
  world.set_up();
  world.passes = [](const auto&) { return false; };
  std::map<PartyId, std::vector<Quorum>> by_leader;
  for (const auto& quorum : inactive()) by_leader[leader_of(world.epoch, quorum)].push_back(quorum);
  const auto& [leader, some] = *by_leader.begin();
  for (const auto& quorum : some) ASSERT_TRUE(lease(quorum)) << to_string(quorum);
  EXPECT_EQ(key(leader).on_demand.all().size(), some.size());
  world.at(leader).presigner.tick(now + OnDemand::kKept);
  EXPECT_EQ(key(leader).on_demand.all().size(), some.size());
  world.at(leader).presigner.tick(now + OnDemand::kKept + seconds(2));
  EXPECT_TRUE(key(leader).on_demand.all().empty());
}

/// Two of three: all quorums are active.
class SmallSupply : public Supply {
 protected:
  SmallSupply() : Supply(3, 2, fitting_seed()) {
    for (auto id : members)
      if (leads(world.epoch, id).size() == 2) leader = id;
    led = leads(world.epoch, leader);
  }
  static std::vector<Quorum> leads(const EpochId& epoch, PartyId id) {
    std::vector<Quorum> out;
    for (const auto& quorum : std::vector<Quorum>{{1, 2}, {1, 3}, {2, 3}})
      if (leader_of(epoch, quorum) == id) out.push_back(quorum);
    return out;
  }
  /// One for which a signer leads two quorums.
  static std::uint64_t fitting_seed() {
    for (std::uint64_t seed = 1;; ++seed) {
      sim::SeededRng rng(seed, "dealt world");
      const auto dealt = sim::deal_key(Curve::p256(), 3, 2, rng);
      for (PartyId id = 1; id <= 3; ++id)
        if (leads(dealt.info().epoch, id).size() == 2) return seed;
    }
  }
  PartyId leader = kNobody;
  std::vector<Quorum> led;
};

TEST_F(SmallSupply, a_dry_pool_is_filled_at_once_when_somebody_asks_even_if_its_last_batch_failed) {
  world.set_up();
  const Quorum quorum = led[0];
  const PartyId other = quorum[0] == leader ? quorum[1] : quorum[0];
  auto& chief = world.at(leader);
  chief.keys.by_epoch(world.epoch)->pools.drop_shared_with(other);
  world.passes = [](const auto&) { return false; };
  world.sent.clear();
  // Batches fail until the back-off is long.
  for (int i = 0; i < 12; ++i) {
    chief.presigner.tick(now + hours(i));
    call_off(leader, quorum);
  }
  world.sent.clear();
  now = Clock::now();
  chief.presigner.tick(now);
  ASSERT_TRUE(started(leader, quorum).empty()) << "it has to wait";
  auto reply = lease(quorum);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->ids.empty());
  EXPECT_EQ(started(leader, quorum).size(), 1U);
  // A caller that goes on asking makes nothing more.
  call_off(leader, quorum);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(lease(quorum));
  EXPECT_EQ(started(leader, quorum).size(), 1U);
}

TEST_F(SmallSupply, leases_of_a_restarted_member_are_revoked_and_the_next_status_says_so) {
  world.set_up();
  for (auto id : members) world.at(id).presigner.tick(Clock::now());
  world.settle();
  const Quorum quorum = led[0];
  const PartyId other = quorum[0] == leader ? quorum[1] : quorum[0];
  const auto held = lease(quorum, 8);
  ASSERT_TRUE(held && !held->ids.empty());
  const auto available = [&] {
    const auto status = ask(leader, {MessageType::StatusRequest, {}, kNobody, leader, wire::encode(wire::StatusRequest{})});
    const auto reply = *wire::decode<wire::StatusReply>(status.payload);
    for (const auto& pool : reply.keys[0].pools)
      if (pool.quorum == quorum) return pool.available;
    return 999U;
  };
  ASSERT_GT(available(), 0U);
  key(leader).pools.drop_shared_with(other);  // Server::peer_up() of a new process
  EXPECT_EQ(available(), 0U);
  EXPECT_FALSE(signs(quorum, held->ids[0]));
  EXPECT_TRUE(lease(quorum, 8)->ids.empty());
}

TEST_F(SmallSupply, every_status_and_lease_names_the_version_of_the_quarantine_list) {
  online.at(leader)->quarantine_version = [] { return std::uint64_t{0x1122334455667788}; };
  EXPECT_EQ(lease(led[0])->quarantine, 0x1122334455667788U);
  const auto status = ask(leader, {MessageType::StatusRequest, {}, kNobody, leader, wire::encode(wire::StatusRequest{})});
  EXPECT_EQ(wire::decode<wire::StatusReply>(status.payload)->quarantine, 0x1122334455667788U);
}

TEST_F(SmallSupply, a_quorum_in_dispute_is_not_shown_to_coordinators) {
  auto& signer = world.at(leader);
  online.at(leader)->why_blocked = [&](const KeyId& id, const Quorum& quorum) { return signer.presigner.why_blocked(id, quorum); };
  const auto shown = [&] {
    const auto status = ask(leader, {MessageType::StatusRequest, {}, kNobody, leader, wire::encode(wire::StatusRequest{})});
    return wire::decode<wire::StatusReply>(status.payload)->keys.at(0).pools.size();
  };
  EXPECT_EQ(shown(), 2U);
  ASSERT_TRUE(signer.disputes.add_pair(world.epoch, led[0][0], led[0][1], {Fault::OtCheck, Blame::pair(1, 2), ""}));
  EXPECT_EQ(shown(), 1U);
}

TEST_F(SmallSupply, a_request_that_waited_longer_than_its_deadline_is_refused_and_spends_nothing) {
  world.set_up();
  for (auto id : members) world.at(id).presigner.tick(Clock::now());
  world.settle();
  const Quorum quorum = led[0];
  const auto id = lease(quorum)->ids.at(0);
  const auto depth = key(leader).pools.depth(quorum);
  const wire::SignRequest request{id, quorum, world.key(), world.epoch, wire::Context::Tls13ServerCertificateVerify,
                                  wire::DigestAlgorithm::Sha256, content(1), 200, 0, {}};
  const wire::Envelope envelope{MessageType::SignRequest, {}, kNobody, leader, wire::encode(request)};
  const auto late = ask(leader, envelope, milliseconds(201));
  ASSERT_EQ(late.type, MessageType::Refusal);
  EXPECT_EQ(wire::decode<wire::Refusal>(late.payload)->code, SignErrorCode::DeadlineExceeded);
  EXPECT_EQ(key(leader).pools.depth(quorum), depth);
  EXPECT_EQ(ask(leader, envelope, milliseconds(200)).type, MessageType::SignReply);
}

TEST_F(SmallSupply, no_partial_with_a_quorum_in_quarantine_not_even_again) {
  world.set_up();
  for (auto id : members) world.at(id).presigner.tick(Clock::now());
  world.settle();
  const Quorum quorum = led[0];
  const auto ids = lease(quorum, 4)->ids;
  ASSERT_GE(ids.size(), 2U);
  ASSERT_TRUE(signs(quorum, ids[0]));
  world.at(leader).keys.set_quarantined({quorum[0] == leader ? quorum[1] : quorum[0]});
  EXPECT_EQ(key(leader).pools.depth(quorum), 0U) << "its pool is gone";
  for (const auto& id : ids) {
    const auto answer = ask(leader, {MessageType::SignRequest, {}, kNobody, leader,
                                     wire::encode(wire::SignRequest{id, quorum, world.key(), world.epoch,
                                                                    wire::Context::Tls13ServerCertificateVerify,
                                                                    wire::DigestAlgorithm::Sha256, content(1), 1000, 0, {}})});
    ASSERT_EQ(answer.type, MessageType::Refusal);
    EXPECT_EQ(wire::decode<wire::Refusal>(answer.payload)->code, SignErrorCode::SignerQuarantined);
  }
}

TEST_F(SmallSupply, after_a_restart_pools_are_filled_shallowest_first_over_all_quorums_and_keys) {
  // A second key, whose pools are as empty.
  sim::SeededRng rng(99);
  auto dealt = sim::deal_key(Curve::p256(), 3, 2, rng);
  const EpochId second = dealt.info().epoch;
  for (auto id : members) {
    auto& share = dealt.shares.at(id);
    for (auto& member : share.info.members) member.identity = world.identity(member.id).public_key();
    world.at(id).keys.add(std::move(share));
  }
  world.set_up();
  std::map<PartyId, std::vector<std::pair<std::uint32_t, std::uint32_t>>> seen;  // this pool, shallowest of the leader's
  const auto limits = key(1).pools.limits();
  world.passes = [&](const wire::Envelope& e) {
    if (e.type != MessageType::PresignStart) return true;
    const auto plan = *wire::decode<PresignPlan>(e.payload);
    auto& keys = world.at(e.from).keys;
    std::uint32_t shallowest = ~0U;
    for (auto& [epoch, active] : keys.all())
      for (const auto& quorum : active->quorums)
        if (leader_of(epoch, quorum) == e.from) shallowest = std::min(shallowest, active->pools.available(quorum));
    seen[e.from].emplace_back(keys.by_epoch(plan.epoch)->pools.available(plan.quorum), shallowest);
    return true;
  };
  for (auto id : members) world.at(id).presigner.tick(Clock::now());
  world.settle();
  std::size_t batches = 0;
  for (const auto& [id, list] : seen) {
    for (const auto& [pool, shallowest] : list) {
      // Two at a time: the shallowest may be under way already. Beyond the minimum only when all have it.
      if (pool >= limits.min) {
        EXPECT_GE(shallowest + 16, limits.min) << "signer " << int(id);
      }
      ++batches;
    }
  }
  EXPECT_GE(batches, 12U);
  for (auto id : members)
    for (auto& [epoch, active] : world.at(id).keys.all())
      for (const auto& quorum : active->quorums) {
        EXPECT_GE(active->pools.depth(quorum), epoch == second ? limits.min : limits.target);
        if (epoch == second) {
          EXPECT_LT(active->pools.depth(quorum), limits.target) << "an idle key keeps its minimum";
        }
      }
}

TEST_F(SmallSupply, a_member_that_hangs_keeps_no_other_pool_empty) {
  world.set_up();
  const PartyId hung = led[0][0] == leader ? led[0][1] : led[0][0];
  world.passes = [&](const wire::Envelope& e) { return e.from != hung && e.to != hung; };
  auto& chief = world.at(leader);
  chief.presigner.tick(Clock::now());
  world.settle();
  EXPECT_GE(key(leader).pools.depth(led[1]), 64U) << "one slot is enough for those that work";
  EXPECT_EQ(started(leader, led[0]).size(), 1U);
}

/// With one slot the batch that hangs holds it.
TEST_F(SmallSupply, a_batch_that_takes_no_step_gives_its_slot_to_a_quorum_without_its_members) {
  world.set_up();
  const PartyId hung = led[0][0] == leader ? led[0][1] : led[0][0];
  world.passes = [&](const wire::Envelope& e) { return e.from != hung && e.to != hung; };
  auto& chief = world.at(leader);
  Presigner single(leader, world.identity(leader), chief.keys, chief.setups, chief.sessions, chief.disputes, chief.log,
                   MeshView{[](const auto&) { return true; }, [](PartyId) { return true; }}, PresignLimits{.parallel = 1});
  key(leader).on_demand = {};
  ASSERT_TRUE(single.want(key(leader), led[0], now));  // the one with the member that hangs comes first
  EXPECT_EQ(chief.sessions.size(), 1U);
  single.tick(now + milliseconds(900));
  EXPECT_EQ(chief.sessions.size(), 1U) << "it may get on";
  world.settle();
  single.tick(Clock::now() + milliseconds(2000));
  EXPECT_EQ(chief.sessions.size(), 2U);
  single.tick(Clock::now() + milliseconds(5000));
  EXPECT_EQ(chief.sessions.size(), 2U) << "none is left that has not begun";
}

}  // namespace
}  // namespace quorate::signerd
