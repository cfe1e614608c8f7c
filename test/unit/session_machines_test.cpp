// The machines as the daemon runs them: whole protocols over bytes, with a hostile network in between.
#include <gtest/gtest.h>

#include <set>

#include "protocol/session/keygen_machine.h"
#include "protocol/session/presign_machine.h"
#include "protocol/session/setup_machine.h"
#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/wire/presign_codec.h"
#include "test/sim/dealer.h"
#include "test/sim/network.h"

namespace quorate {
namespace {

using session::KeygenMachine;
using session::PresignMachine;
using session::SetupMachine;
using sim::Network;
using wire::MessageType;

/// A group that does everything itself: keygen, set-ups, presigning, signing.
struct Cluster {
  Cluster(const Curve& c, std::size_t n, std::size_t t, std::uint64_t s) : curve(c), seed(s), rng(s, "cluster") {
    terms.ceremony = rng.make_id<CeremonyId>();
    terms.curve = &curve;
    terms.threshold = t;
    terms.name = "key";
    for (PartyId id = 1; id <= n; ++id) {
      identities.emplace(id, IdentityKey::generate(rng));
      terms.members.push_back({id, identities.at(id).public_key()});
    }
  }

  void add_keygen(Network& network) {
    for (const auto& [id, identity] : identities)
      network.add(id, std::make_shared<KeygenMachine>(terms, id, identity));
  }
  void keygen() {
    Network network(seed);
    network.reorder = true;
    add_keygen(network);
    network.run();
    for (const auto& [id, identity] : identities) {
      ASSERT_FALSE(network.outcome(id).abort) << network.outcome(id).abort->what();
      ASSERT_TRUE(network.outcome(id).done);
      shares.emplace(id, static_cast<KeygenMachine&>(network.machine(id)).take_result());
    }
  }
  void setup(PartyId a, PartyId b) {
    Network network(seed + a * 100U + b);
    const auto& info = shares.at(a).info;
    const SessionId sid = rng.make_id<SessionId>();
    network.add(a, std::make_shared<SetupMachine>(curve, info.key, info.epoch, sid, a, b));
    network.add(b, std::make_shared<SetupMachine>(curve, info.key, info.epoch, sid, b, a));
    network.run();
    ASSERT_TRUE(network.outcome(a).done && network.outcome(b).done);
    pairs[a].emplace(b, static_cast<SetupMachine&>(network.machine(a)).take_result());
    pairs[b].emplace(a, static_cast<SetupMachine&>(network.machine(b)).take_result());
    ASSERT_EQ(pairs[a].at(b).id, pairs[b].at(a).id);
  }
  PresignPlan plan(const Quorum& quorum, std::uint32_t batch, std::uint64_t number = 1) {
    const auto& info = shares.begin()->second.info;
    PresignPlan plan{curve.id(), info.key, info.epoch, quorum, batch, ot::kTreeDepth, number, rng.make_id<Digest>(), {}};
    for (std::size_t i = 0; i < quorum.size(); ++i)
      for (std::size_t j = i + 1; j < quorum.size(); ++j) plan.setups.push_back(pairs[quorum[i]].at(quorum[j]).id);
    return plan;
  }
  void add_presign(Network& network, const PresignPlan& plan) {
    for (auto id : plan.quorum) {
      PresignInputs inputs{&shares.at(id), &identities.at(id), {}, plan};
      for (auto peer : plan.quorum)
        if (peer != id) inputs.pairs[peer] = &pairs[id].at(peer);
      network.add(id, std::make_shared<PresignMachine>(std::move(inputs)));
    }
  }
  void expect_signature(Network& network, const Quorum& quorum) {
    const Scalar m = message_scalar(curve, MessageDigest::Sha256, Bytes{1, 2, 3});
    std::vector<Scalar> partials;
    Scalar r;
    for (auto id : quorum) {
      ASSERT_TRUE(network.outcome(id).done) << int(id);
      auto batch = static_cast<PresignMachine&>(network.machine(id)).take_result();
      r = batch.items[0].r;
      partials.push_back(partial_sign(std::move(batch.items[0]), m));
    }
    EXPECT_TRUE(combine(VerificationKey(shares.begin()->second.info.X), m, r, partials));
  }

  const Curve& curve;
  std::uint64_t seed;
  sim::SeededRng rng;
  KeygenTerms terms;
  std::map<PartyId, IdentityKey> identities;
  std::map<PartyId, KeyShare> shares;
  std::map<PartyId, std::map<PartyId, ot::PairState>> pairs;
};

void whole_run(const Curve& curve, std::size_t n, std::size_t t, const Quorum& quorum) {
  Cluster cluster(curve, n, t, n * 10 + t);
  cluster.keygen();
  ASSERT_EQ(cluster.shares.size(), n);
  for (std::size_t i = 0; i < quorum.size(); ++i)
    for (std::size_t j = i + 1; j < quorum.size(); ++j) cluster.setup(quorum[i], quorum[j]);
  Network network(7);
  network.reorder = true;
  cluster.add_presign(network, cluster.plan(quorum, 1));
  network.run();
  cluster.expect_signature(network, quorum);
}

TEST(Machines, keygen_setup_presign_sign_2_of_3) { whole_run(Curve::p256(), 3, 2, {1, 3}); }
TEST(Machines, keygen_setup_presign_sign_3_of_3) { whole_run(Curve::p256(), 3, 3, {1, 2, 3}); }
TEST(Machines, keygen_setup_presign_sign_3_of_5) { whole_run(Curve::p256(), 5, 3, {2, 3, 5}); }
TEST(Machines, keygen_setup_presign_sign_2_of_2_on_p384) { whole_run(Curve::p384(), 2, 2, {1, 2}); }

class MachinesUnderAttack : public testing::Test {
 protected:
  void SetUp() override {
    cluster.keygen();
    for (auto [a, b] : {std::pair<PartyId, PartyId>{1, 2}, {1, 3}, {2, 3}}) cluster.setup(a, b);
  }
  Cluster cluster{Curve::p256(), 3, 3, 99};
  Quorum all{1, 2, 3};
};

TEST_F(MachinesUnderAttack, the_same_seed_sends_the_same_bytes) {
  const auto plan = cluster.plan(all, 1);
  auto bytes_of = [&](std::uint64_t seed) {
    Network network(seed);
    network.reorder = true;
    cluster.add_presign(network, plan);
    network.run();
    Bytes bytes;
    for (const auto& envelope : network.sent()) append(bytes, envelope.payload);
    return bytes;
  };
  EXPECT_EQ(bytes_of(5), bytes_of(5));
  EXPECT_NE(bytes_of(5), bytes_of(6));
}

TEST_F(MachinesUnderAttack, duplicates_are_dropped_and_change_nothing) {
  Network network(1);
  network.reorder = true;
  network.tap = [](wire::Envelope e) { return std::vector{e, e, e}; };
  cluster.add_presign(network, cluster.plan(all, 1));
  network.run();
  cluster.expect_signature(network, all);
  EXPECT_GT(network.machine(1).dropped().duplicate + network.machine(1).dropped().late, 0U);
}

TEST_F(MachinesUnderAttack, a_dropped_message_leads_nowhere_and_blames_nobody) {
  for (auto type : {MessageType::PresignRound1, MessageType::PresignRound2, MessageType::PresignRound3,
                    MessageType::PresignRound4}) {
    Network network(2);
    network.tap = [&](wire::Envelope e) {
      return e.type == type && e.from == 1 && e.to == 2 ? std::vector<wire::Envelope>{} : std::vector{std::move(e)};
    };
    cluster.add_presign(network, cluster.plan(all, 1));
    network.run();
    EXPECT_FALSE(network.outcome(2).done);
    EXPECT_FALSE(network.outcome(2).abort);
    EXPECT_EQ(network.machine(2).missing(), std::vector<PartyId>{1});
  }
}

TEST_F(MachinesUnderAttack, messages_of_another_session_and_of_strangers_are_dropped) {
  Network network(3);
  network.tap = [](wire::Envelope e) {
    auto crossed = e, stranger = e, foreign_type = e;
    crossed.sid.bytes[0] ^= 1;
    stranger.from = 9;
    foreign_type.type = MessageType::KeygenRound3;
    return std::vector{crossed, stranger, foreign_type, e};
  };
  cluster.add_presign(network, cluster.plan(all, 1));
  network.run();
  cluster.expect_signature(network, all);
  EXPECT_GT(network.machine(1).dropped().wrong_session, 0U);
  EXPECT_GT(network.machine(1).dropped().unexpected, 0U);
}

/// Every byte position would take hours: one flipped bit at 40 places of every message of every type.
TEST_F(MachinesUnderAttack, no_flipped_bit_ends_in_a_wrong_signature_or_in_blame_of_the_honest) {
  std::set<MessageType> types{MessageType::PresignRound1, MessageType::PresignRound2, MessageType::PresignRound3,
                              MessageType::PresignRound4};
  sim::SeededRng where(17);
  for (auto type : types) {
    for (int i = 0; i < 40; ++i) {
      Network network(100 + static_cast<std::uint64_t>(i));
      network.tap = [&](wire::Envelope e) {
        if (e.type == type && e.from == 1 && e.to == 2)
          e.payload[where.below(e.payload.size())] ^= static_cast<std::uint8_t>(1U << where.below(8));
        return std::vector{std::move(e)};
      };
      cluster.add_presign(network, cluster.plan(all, 1));
      network.run();
      for (auto id : all) {
        const auto& abort = network.outcome(id).abort;
        if (!abort) continue;
        if (abort->blame.kind == Blame::Kind::Pair) {
          EXPECT_TRUE(abort->blame.party == 1 || abort->blame.other == 1) << abort->what();
        } else {
          EXPECT_NE(abort->blame.kind, Blame::Kind::Party) << abort->what();
        }
      }
      if (network.outcome(1).done && network.outcome(2).done && network.outcome(3).done)
        cluster.expect_signature(network, all);
    }
  }
}

TEST_F(MachinesUnderAttack, truncated_payloads_are_malformed_and_never_crash) {
  for (auto type : {MessageType::PresignRound1, MessageType::PresignRound2, MessageType::PresignRound3,
                    MessageType::PresignRound4}) {
    Network network(4);
    network.tap = [&](wire::Envelope e) {
      if (e.type == type && e.from == 1 && e.to == 2) e.payload.resize(e.payload.size() / 2);
      return std::vector{std::move(e)};
    };
    cluster.add_presign(network, cluster.plan(all, 1));
    network.run();
    ASSERT_TRUE(network.outcome(2).abort);
    EXPECT_EQ(network.outcome(2).abort->fault, Fault::Malformed);
  }
}

TEST_F(MachinesUnderAttack, the_leader_is_done_only_when_all_have_pooled) {
  const auto plan = cluster.plan(all, 1);
  const PartyId leader = leader_of(plan.epoch, all);
  Network network(5);
  network.tap = [&](wire::Envelope e) {
    return e.type == MessageType::PresignPooled && e.from != leader ? std::vector<wire::Envelope>{} : std::vector{std::move(e)};
  };
  cluster.add_presign(network, plan);
  network.run();
  for (auto id : all) EXPECT_EQ(network.outcome(id).done, id != leader);
  EXPECT_EQ(network.machine(leader).missing().size(), 2U);
}

TEST(KeygenMachines, an_equivocating_member_is_named_by_all_others) {
  Cluster cluster(Curve::p256(), 4, 2, 55);
  // Signer 1 runs twice with other randomness; 2 gets the messages of one run, 3 and 4 of the other.
  Network network(55);
  cluster.add_keygen(network);
  auto twin = std::make_shared<KeygenMachine>(cluster.terms, 1, cluster.identities.at(1));
  sim::SeededRng twin_rng(56, "twin");
  const auto twin_step = twin->start(twin_rng);
  network.tap = [&](wire::Envelope e) {
    if (e.from == 1 && e.to == 2 && e.type == MessageType::KeygenRound1)
      for (const auto& other : twin_step.out)
        if (other.to == 2) e.payload = other.payload;
    return std::vector{std::move(e)};
  };
  network.run();
  for (PartyId id : Quorum{2, 3, 4}) {
    ASSERT_TRUE(network.outcome(id).abort) << int(id);
    EXPECT_EQ(network.outcome(id).abort->fault, Fault::Equivocation) << network.outcome(id).abort->what();
    EXPECT_EQ(network.outcome(id).abort->blame, Blame::on(1));
    const auto& evidence = static_cast<KeygenMachine&>(network.machine(id)).evidence();
    ASSERT_TRUE(evidence);
    EXPECT_TRUE(verify_evidence(*evidence, cluster.terms.members));
  }
}

TEST(SetupMachines, a_flipped_bit_is_a_dispute_of_the_pair_if_anybody_notices) {
  Cluster cluster(Curve::p256(), 2, 2, 66);
  cluster.keygen();
  sim::SeededRng where(67);
  for (int i = 0; i < 12; ++i) {
    const auto& info = cluster.shares.at(1).info;
    const SessionId sid = cluster.rng.make_id<SessionId>();
    Network network(200 + static_cast<std::uint64_t>(i));
    network.add(1, std::make_shared<SetupMachine>(Curve::p256(), info.key, info.epoch, sid, 1, 2));
    network.add(2, std::make_shared<SetupMachine>(Curve::p256(), info.key, info.epoch, sid, 2, 1));
    const auto type = i % 2 == 0 ? MessageType::SetupRound2 : MessageType::SetupRound3;
    network.tap = [&](wire::Envelope e) {
      if (e.type == type && e.from == 1) e.payload[where.below(e.payload.size())] ^= 1;
      return std::vector{std::move(e)};
    };
    network.run();
    const bool noticed = network.outcome(1).abort || network.outcome(2).abort;
    if (!noticed) continue;  // a correction that this receiver's choice does not use
    for (PartyId id : Quorum{1, 2})
      if (network.outcome(id).abort) {
        EXPECT_EQ(network.outcome(id).abort->blame.kind, Blame::Kind::Pair);
      }
  }
}

}  // namespace
}  // namespace quorate
