// Who may see and clear the quarantine and when, the alarm when no quorum is left, and what a quarantine ends
// (SPEC 5.6, 6.5).
#include <gmock/gmock.h>

#include "test/unit/signerd_court.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using wire::MessageType;

// ---- callers ------------------------------------------------------------------------------------------

TEST_F(Court, only_an_administrator_with_the_right_clears) {
  nodes[1].accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  end_epoch(nodes[1]);
  const auto denied = [&](const net::PeerIdentity& who) {
    const auto answer = ask(1, wire::QuarantineClear{true, true}, who);
    return answer.type == MessageType::Refusal && wire::decode<wire::Refusal>(answer.payload)->code == SignErrorCode::PolicyDenied;
  };
  EXPECT_TRUE(denied(caller(wire::Role::Frontend)));
  EXPECT_TRUE(denied(caller(wire::Role::Coordinator)));
  EXPECT_TRUE(nodes[1].quarantine->holds(kCheat));
  policy = Policy({{wire::Role::Admin, "reader", {"*"}, {}, false, 0}, {wire::Role::Admin, "*", {"*"}, {}, true, 0}});
  EXPECT_TRUE(denied(caller(wire::Role::Admin, "reader")));
  EXPECT_TRUE(nodes[1].quarantine->holds(kCheat));
  EXPECT_FALSE(denied(caller(wire::Role::Admin, "alice")));
  EXPECT_FALSE(nodes[1].quarantine->holds(kCheat));
}

TEST_F(Court, nothing_is_cleared_while_its_epoch_is_active_and_the_refusal_says_so) {
  auto& node = nodes[1];
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  fall_out(1, 4);
  for (const auto& what : {wire::QuarantineClear{true, true}, wire::QuarantineClear{true, false}, wire::QuarantineClear{false, true}}) {
    const auto answer = ask(1, what);
    ASSERT_EQ(answer.type, MessageType::Refusal);
    EXPECT_THAT(wire::decode<wire::Refusal>(answer.payload)->reason, HasSubstr("quorate refresh"));
  }
  EXPECT_TRUE(node.quarantine->holds(kCheat));
  EXPECT_TRUE(node.disputes->pair_blocked(1, 4));
  EXPECT_EQ(ask(1, wire::QuarantineClear{false, false}).type, MessageType::QuarantineReply) << "asks for nothing";
}

TEST_F(Court, after_a_refresh_what_is_asked_for_is_cleared_for_good_and_does_not_come_back) {
  auto& node = nodes[1];
  const Bytes evidence = wire::encode_blame(bad_partial(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  fall_out(1, 4);
  settle();
  end_epoch(node);
  ASSERT_EQ(list(1).disputes.size(), 1U);
  EXPECT_EQ(list(1).disputes[0].members, (Quorum{1, 4}));
  EXPECT_EQ(list(1).disputes[0].fault, Fault::OtCheck);
  auto left = *wire::decode<wire::QuarantineReply>(ask(1, wire::QuarantineClear{false, true}).payload);
  EXPECT_EQ(left.entries.size(), 1U);
  EXPECT_TRUE(left.disputes.empty());
  left = *wire::decode<wire::QuarantineReply>(ask(1, wire::QuarantineClear{true, false}).payload);
  EXPECT_TRUE(left.entries.empty());
  EXPECT_EQ(left.version, 0U);
  EXPECT_FALSE(node.keys->quarantined(kCheat));
  // The others still hold it, and say so at every link.
  nodes[2].accusations->peer_up(1, now);
  settle();
  node.accusations->on_message(dispute_notice(statement(4, kCheat), 4, 1), now);
  node.accusations->on_message(dispute_notice(statement(5, kCheat), 5, 1), now);
  EXPECT_TRUE(node.quarantine->entries().empty());
  restart(node);
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_EQ(node.disputes->size(), 0U);
}

TEST_F(Court, a_refresh_that_cannot_take_over_for_want_of_a_quorum_lets_the_old_be_cleared) {
  auto& node = nodes[1];
  const Bytes evidence = wire::encode_blame(bad_partial(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  for (PartyId id : {PartyId{2}, PartyId{4}, PartyId{5}}) fall_out(1, id);
  EXPECT_EQ(ask(1, wire::QuarantineClear{true, true}).type, MessageType::Refusal);
  auto fresh = sim::deal_key(Curve::p256(), kN, kT, rng);
  fresh.shares.at(1).info.previous = info.epoch;
  node.keys->add(std::move(fresh.shares.at(1)));
  ASSERT_TRUE(node.keys->by_epoch(info.epoch)) << "the old one still serves";
  const auto left = *wire::decode<wire::QuarantineReply>(ask(1, wire::QuarantineClear{true, true}).payload);
  EXPECT_TRUE(left.entries.empty() && left.disputes.empty());
  EXPECT_FALSE(node.keys->quarantined(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  EXPECT_TRUE(node.quarantine->entries().empty()) << "and does not come back";
}

TEST_F(Court, who_cheats_in_an_epoch_that_still_serves_is_caught_though_its_successor_is_there) {
  auto& node = nodes[1];
  auto fresh = sim::deal_key(Curve::p256(), kN, kT, rng);
  fresh.shares.at(1).info.previous = info.epoch;
  node.keys->add(std::move(fresh.shares.at(1)));
  const Bytes evidence = wire::encode_blame(bad_partial(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  EXPECT_TRUE(node.quarantine->holds(kCheat));
  EXPECT_TRUE(node.keys->quarantined(kCheat));
  ask(1, wire::QuarantineClear{true, true});
  EXPECT_FALSE(node.keys->quarantined(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  node.accusations->on_message(notice(4, 1, wire::encode_blame(contradiction(kCheat))), now);
  EXPECT_TRUE(node.quarantine->entries().empty()) << "what was cleared does not come back";
  node.keys->remove(info.epoch);
  node.accusations->tick(now);
  node.accusations->on_message(notice(4, 1, evidence), now);
  EXPECT_TRUE(node.quarantine->entries().empty());
}

TEST_F(Court, who_cheats_with_two_keys_stays_in_quarantine_when_one_of_them_is_refreshed) {
  auto& node = nodes[1];
  auto other = sim::deal_key(Curve::p256(), kN, kT, rng);
  BatchContext context = batch.context;
  context.key = other.info().key;
  context.epoch = other.info().epoch;
  node.keys->add(std::move(other.shares.at(1)));
  const auto signed_row = [&](std::uint8_t what) {
    Row row = batch.rows.at(kCheat);
    row.u_digest.bytes[0] = what;
    row.signature = group.identities.at(kCheat).sign(row_digest(context.binding(), context.quorum, row));
    return row;
  };
  const Bytes further = wire::encode_blame(*find_contradiction(context, signed_row(1), signed_row(2), sim::identities_of(group)));
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  node.accusations->on_message(notice(4, 1, further), now);
  node.accusations->on_message(notice(5, 1, further), now);
  ASSERT_EQ(node.quarantine->entries().size(), 1U);
  EXPECT_EQ(node.quarantine->entries()[0].epoch, info.epoch);
  const auto handed_on = [&] {
    return std::count_if(sent.begin(), sent.end(), [&](const auto& envelope) {
      return envelope.from == 1 && envelope.payload == notice(1, envelope.to, further).payload;
    });
  };
  settle();
  EXPECT_EQ(handed_on(), static_cast<std::ptrdiff_t>(kN - 1)) << "the others are told of it, once";

  auto fresh = sim::deal_key(Curve::p256(), kN, kT, rng);
  fresh.shares.at(1).info.previous = info.epoch;
  node.keys->add(std::move(fresh.shares.at(1)));
  ask(1, wire::QuarantineClear{true, true});
  ASSERT_EQ(node.quarantine->entries().size(), 1U);
  EXPECT_EQ(node.quarantine->entries()[0].epoch, context.epoch) << "what it did with the other key counts now";
  EXPECT_TRUE(node.keys->quarantined(kCheat));
  EXPECT_TRUE(Quarantine::open(state(1) / "quarantine")->holds(kCheat));
  EXPECT_EQ(ask(1, wire::QuarantineClear{true, true}).type, MessageType::Refusal) << "its epoch is still active";
}

TEST_F(Court, questions_are_bounded_by_caller) {
  const auto who = caller(wire::Role::Frontend, "flood");
  std::size_t overloaded = 0;
  for (int i = 0; i < 100; ++i) {
    const auto answer = nodes[1].accusations->answer(who, {MessageType::QuarantineRequest, {}, kNobody, 1, {}}, now);
    if (answer->type == MessageType::Refusal && wire::decode<wire::Refusal>(answer->payload)->code == SignErrorCode::Overloaded) ++overloaded;
  }
  EXPECT_EQ(overloaded, 92U);
  EXPECT_EQ(list(1).version, 0U) << "another caller gets its answer";
}

// ---- who may still work together ----------------------------------------------------------------------

TEST(RemainingQuorums, are_found_as_by_trying_all) {
  sim::SeededRng rng(9);
  const std::vector<PartyId> members{1, 2, 3, 5, 8, 9};
  for (int round = 0; round < 300; ++round) {
    std::set<std::pair<PartyId, PartyId>> disputed;
    for (auto a : members)
      for (auto b : members)
        if (a < b && rng.make<std::array<std::uint8_t, 1>>()[0] < 40 + round / 2) disputed.insert({a, b});
    const auto compatible = [&](PartyId a, PartyId b) { return !disputed.contains({std::min(a, b), std::max(a, b)}); };
    const PartyId odd = members[rng.make<std::array<std::uint8_t, 1>>()[0] % members.size()];
    const auto allowed = [&](const Quorum& q) { return std::find(q.begin(), q.end(), odd) == q.end(); };
    for (std::size_t t = 2; t <= 4; ++t) {
      bool expected = false;
      for (unsigned bits = 0; bits < 64; ++bits) {
        Quorum quorum;
        for (std::size_t i = 0; i < members.size(); ++i)
          if ((bits >> i & 1U) != 0) quorum.push_back(members[i]);
        if (quorum.size() != t || !allowed(quorum)) continue;
        bool all = true;
        for (auto a : quorum)
          for (auto b : quorum) all = all && (a == b || compatible(a, b));
        expected = expected || all;
      }
      EXPECT_EQ(any_quorum(members, t, compatible, allowed), expected) << round;
    }
  }
  EXPECT_FALSE(any_quorum({1}, 2, [](auto, auto) { return true; }, [](const auto&) { return true; }));
}

TEST_F(Court, when_no_quorum_is_left_an_alarm_says_what_to_do_again_and_again_but_slowly) {
  auto& node = nodes[1];
  const auto alarms = [&](seconds later) {
    testing::internal::CaptureStderr();
    node.accusations->tick(now += later);
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(text.empty() || (text.find("no_quorum_left") != std::string::npos && text.find("quarantine clear") != std::string::npos)) << text;
    return !text.empty();
  };
  auto& key = *node.keys->by_epoch(info.epoch);
  EXPECT_FALSE(alarms(seconds(1)));
  for (PartyId a = 1; a <= kN; ++a)
    for (PartyId b = static_cast<PartyId>(a + 1); b <= kN; ++b)
      if (a != 4 || b != 5) {
        ASSERT_TRUE(node.disputes->add_pair(info.epoch, a, b, {Fault::OtCheck, Blame::pair(a, b), ""}));
      }
  EXPECT_FALSE(node.accusations->without_quorum(key)) << "4 and 5 are left";
  EXPECT_FALSE(alarms(seconds(1)));
  ASSERT_TRUE(node.disputes->add_quorum(info.key, info.epoch, {4, 5}, {Fault::RowSum, Blame::quorum(), ""}));
  EXPECT_TRUE(node.accusations->without_quorum(key));
  EXPECT_TRUE(alarms(seconds(1)));
  EXPECT_FALSE(alarms(seconds(59)));
  EXPECT_TRUE(alarms(seconds(1)));
}

TEST_F(Court, what_others_say_of_their_pairs_counts_for_the_alarm) {
  auto& node = nodes[1];
  auto& key = *node.keys->by_epoch(info.epoch);
  for (PartyId id : {PartyId{2}, PartyId{4}, PartyId{5}})
    ASSERT_TRUE(node.disputes->add_pair(info.epoch, 1, id, {Fault::OtCheck, Blame::pair(1, id), ""}));
  ASSERT_TRUE(node.disputes->add_pair(info.epoch, 1, kCheat, {Fault::OtCheck, Blame::pair(1, kCheat), ""}));
  EXPECT_FALSE(node.accusations->without_quorum(key));
  // Each accuses one, so that nobody has two against it.
  node.accusations->on_message(dispute_notice(statement(2, 4), 2, 1), now);
  EXPECT_FALSE(node.accusations->without_quorum(key)) << "2 and 3, 2 and 5, 4 and 5 are left";
}

// ---- the effects, with everything a signer is made of -------------------------------------------------

TEST(QuarantineEffects, its_batches_and_setups_end_at_once_and_none_begin) {
  World world(3, 2);
  world.set_up();
  for (PartyId id = 1; id <= 3; ++id) world.at(id).presigner.tick(Clock::now());
  world.settle();
  auto& signer = world.at(1);
  auto& key = *signer.keys.by_epoch(world.epoch);
  ASSERT_GT(key.pools.depth({1, 3}), 0U);
  ASSERT_TRUE(signer.setups.state(world.epoch, 3));
  const auto joined = world.plan({1, 3}, 1'000);
  world.passes = [](const auto&) { return false; };
  const bool leads = leader_of(world.epoch, {1, 3}) == 1;
  if (!leads) {
    signer.receive(world.start(joined, 1));
    ASSERT_TRUE(signer.sessions.has(joined.sid()));
  }
  signer.keys.set_quarantined({3});  // as Accusations does
  signer.presigner.leave_out(3);
  signer.setups.leave_out(3);
  EXPECT_FALSE(signer.sessions.has(joined.sid()));
  EXPECT_EQ(key.pools.depth({1, 3}), 0U);
  EXPECT_GT(key.pools.depth({1, 2}), 0U) << "others go on";
  EXPECT_FALSE(signer.setups.state(world.epoch, 3));
  EXPECT_TRUE(signer.setups.state(world.epoch, 2));
  EXPECT_EQ(signer.disputes.size(), 0U) << "nobody is in dispute for that";
  world.passes = nullptr;
  world.later = hours(1);
  signer.setups.peer_up(3, true, world.now());
  world.at(3).setups.peer_up(1, true, world.now());
  world.settle();
  for (PartyId id = 1; id <= 3; ++id) world.at(id).presigner.tick(world.now());
  world.settle();
  EXPECT_FALSE(signer.setups.state(world.epoch, 3));
  EXPECT_EQ(key.pools.depth({1, 3}), 0U);
  if (!leads) {
    signer.receive(world.start(world.plan({1, 3}, 2'000), 1), world.now());
    EXPECT_FALSE(signer.sessions.has(world.plan({1, 3}, 2'000).sid()));
  }
  // Cleared after a refresh: it is met again.
  signer.keys.set_quarantined({});
  world.later = hours(2);
  signer.setups.peer_up(3, false, world.now());
  world.settle();
  EXPECT_TRUE(signer.setups.state(world.epoch, 3));
}

}  // namespace
}  // namespace quorate::signerd
