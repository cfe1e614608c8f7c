// Between a prepared share and an active key: what a member that keeps its confirmation, a message that is lost,
// or a name that is taken must not lead to (SPEC 1.5).
#include <fstream>

#include "protocol/base/bytes.h"
#include "protocol/net/strict_json.h"
#include "protocol/tecdsa/keygen_evidence.h"
#include "test/unit/signerd_keygen.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::MessageType;

class Confirmations : public Keygen {
 protected:
  /// Signer 3 keeps its confirmation from `from`, now and later; whatever else is dropped is `more`'s doing.
  void withhold(std::set<PartyId> from, std::function<bool(const wire::Envelope&)> more = nullptr) {
    world.passes = [from = std::move(from), more = std::move(more)](const wire::Envelope& e) {
      if (e.type == MessageType::KeygenRound5 && e.from == 3 && from.contains(e.to)) return false;
      return !more || more(e);
    };
  }
  void time_out(std::initializer_list<PartyId> ids) {
    for (PartyId id : ids) world.at(id).sessions.tick(Clock::now() + hours(1));
  }
  /// A ceremony that ends at all three with a prepared share: nobody hears of signer 3, and it of nobody.
  CeremonyId prepare_everywhere(const std::string& name, std::vector<wire::Envelope>& kept_back) {
    world.passes = [&kept_back](const wire::Envelope& e) {
      if (e.type != MessageType::KeygenRound5) return true;
      if (e.from == 3) kept_back.push_back(e);
      return e.from != 3 && e.to != 3;
    };
    const auto ceremony = begin(name);
    world.settle();
    time_out({1, 2, 3});
    world.settle();
    for (PartyId id : Quorum{1, 2, 3}) EXPECT_EQ(world.at(id).ceremonies.prepared(), 1U);
    world.passes = nullptr;
    answers.clear();
    return ceremony;
  }
  wire::Envelope confirmation_of(PartyId from, PartyId to, const PublicKeyInfo& info) {
    return {MessageType::KeygenRound5, SessionId{info.ceremony.bytes}, from, to,
            wire::encode(KeygenMsg5{info.confirmations.at(from)})};
  }
  const PublicKeyInfo& only_key(PartyId id) { return world.at(id).keys.all().begin()->second->info(); }
};

TEST_F(Confirmations, that_one_member_keeps_from_another_come_from_those_who_have_them) {
  withhold({kVictim});
  begin();
  world.settle();
  EXPECT_TRUE(active(2));
  ASSERT_FALSE(active(kVictim));
  time_out({kVictim});
  world.settle();
  ASSERT_TRUE(active(kVictim)) << "shut out of the key by one member";
  EXPECT_EQ(victim().ceremonies.prepared(), 0U);
  EXPECT_EQ(only_key(kVictim).key, only_key(2).key);
}

TEST_F(Confirmations, that_were_shown_in_vain_are_shown_again_until_somebody_answers) {
  withhold({kVictim}, [](const wire::Envelope& e) {
    return e.type != MessageType::KeygenRound5 || e.from != kVictim;
  });
  begin();
  world.settle();
  time_out({1, 2});
  world.settle();
  ASSERT_EQ(victim().ceremonies.prepared(), 1U);
  withhold({kVictim});
  auto now = Clock::now();
  victim().ceremonies.tick(now);
  world.sent.clear();
  victim().ceremonies.tick(now + milliseconds(4999));
  EXPECT_TRUE(world.sent.empty()) << "not at every tick";
  victim().ceremonies.tick(now + seconds(5));
  EXPECT_FALSE(world.sent_by(kVictim, MessageType::KeygenRound5).empty());
  world.settle();
  EXPECT_TRUE(active(kVictim));
  world.sent.clear();
  victim().ceremonies.tick(now + seconds(30));
  EXPECT_TRUE(world.sent_by(kVictim, MessageType::KeygenRound5).empty()) << "nothing is missing any more";
}

TEST_F(Confirmations, of_an_active_key_are_shown_to_one_that_asks_at_most_once_a_second) {
  begin();
  world.settle();
  const auto now = Clock::now() + hours(1);
  const auto asked_by = [&](PartyId from, Clock::time_point when) {
    world.sent.clear();
    world.at(2).receive(confirmation_of(from, 2, only_key(2)), when);
    const auto shown = world.sent_by(2, MessageType::KeygenRound5);
    for (const auto& e : shown) EXPECT_EQ(e.to, from);
    return shown.size();
  };
  world.passes = [](const auto&) { return false; };
  EXPECT_EQ(asked_by(1, now), 3U) << "all that there are";
  for (int i = 1; i < 1000; i += 111) EXPECT_EQ(asked_by(1, now + milliseconds(i)), 0U);
  EXPECT_EQ(asked_by(3, now + milliseconds(1)), 3U) << "each member for itself";
  EXPECT_EQ(asked_by(1, now + seconds(1)), 3U);
  auto stranger = confirmation_of(1, 2, only_key(2));
  stranger.from = 9;
  world.sent.clear();
  world.at(2).receive(stranger, now + hours(1));
  EXPECT_TRUE(world.sent.empty());
}

TEST_F(Confirmations, of_two_active_members_do_not_go_to_and_fro) {
  begin();
  world.settle();
  const auto info = only_key(2);
  world.later = hours(1);
  world.sent.clear();
  for (int i = 0; i < 10; ++i) {
    world.at(2).receive(confirmation_of(1, 2, info), world.now());
    world.run_io();
    world.run_io();
  }
  EXPECT_LE(world.sent.size(), 6U);
}

TEST_F(Confirmations, reach_a_share_whose_ceremony_id_is_some_other_sessions_too) {
  withhold({kVictim}, [](const wire::Envelope& e) {
    return e.type != MessageType::KeygenRound5 || e.to != kVictim;
  });
  const auto ceremony = begin();
  world.settle();
  time_out({kVictim});
  ASSERT_EQ(victim().ceremonies.prepared(), 1U);
  // Whoever opens a set-up chooses its session id.
  SessionHost::Session session;
  session.peers = {3};
  session.on_end = [](const SessionHost::Ending&) {};
  ASSERT_TRUE(victim().sessions.open(SessionId{ceremony.bytes}, std::make_shared<ScriptedMachine>(),
                                     std::move(session)));
  withhold({kVictim});
  victim().ceremonies.tick(Clock::now());
  world.settle();
  EXPECT_TRUE(active(kVictim));
}

TEST_F(Confirmations, that_were_all_there_when_a_message_could_not_be_sent_make_the_key_active_at_once) {
  run_without_fourth();
  world.up = {1, 2};  // the link to 3 is gone, so the last step of the ceremony ends it
  victim().receive(*fourth);
  world.settle();
  EXPECT_TRUE(active(kVictim));
  EXPECT_EQ(victim().ceremonies.prepared(), 0U);
  ASSERT_TRUE(result(kVictim));
  EXPECT_TRUE(result(kVictim)->ok) << "the administrator is told what is so: " << result(kVictim)->detail;
}

TEST_F(Confirmations, that_come_after_a_second_try_has_taken_the_name_make_no_second_key_of_it) {
  std::vector<wire::Envelope> kept_back;
  const auto first = prepare_everywhere("web", kept_back);
  const auto second = begin("web");
  world.settle();
  for (PartyId id : Quorum{1, 2, 3}) ASSERT_EQ(active_as(world.at(id), "web"), std::vector{second});
  for (const auto& confirmation : kept_back) world.at(confirmation.to).receive(confirmation);
  for (PartyId id : Quorum{1, 2, 3}) world.at(id).ceremonies.tick(Clock::now() + hours(1));
  world.settle();
  for (PartyId id : Quorum{1, 2, 3}) {
    EXPECT_EQ(active_as(world.at(id), "web"), std::vector{second}) << int(id);
    EXPECT_EQ(world.at(id).ceremonies.prepared(), 1U);
  }
  EXPECT_TRUE(victim().share_on_disk(first)) << "an operator may still decide otherwise";
  EXPECT_EQ(active_as(restart(), "web"), std::vector{second});
}

TEST_F(Confirmations, on_disk_for_two_keys_of_one_name_activate_one_of_them) {
  std::vector<wire::Envelope> kept_back;
  prepare_everywhere("web", kept_back);
  begin("web");
  world.settle();
  auto shares = victim().store.load();
  ASSERT_TRUE(shares);
  ASSERT_EQ(shares->size(), 2U);
  for (auto& share : *shares) {
    for (PartyId id : Quorum{1, 2, 3})
      share.info.confirmations[id] = world.identity(id).sign(confirmation_digest(share.info));
    ASSERT_TRUE(confirmations_valid(share.info));
    ASSERT_TRUE(victim().store.save(share));
  }
  const auto once = active_as(restart(), "web");
  EXPECT_EQ(once.size(), 1U);
  EXPECT_EQ(restarted->ceremonies.prepared(), 1U);
  EXPECT_EQ(active_as(restart(), "web"), once) << "and the same one each time";
}

TEST_F(Confirmations, of_two_ceremonies_at_once_under_one_name_make_one_key_also_after_a_restart) {
  begin("web");
  begin("web");
  world.settle();
  for (PartyId id : Quorum{1, 2, 3}) {
    ASSERT_EQ(active_as(world.at(id), "web").size(), 1U) << int(id);
    EXPECT_EQ(world.at(id).ceremonies.prepared(), 1U);
    int good = 0, bad = 0;
    for (const auto& answer : answers[id])
      if (answer.type == MessageType::KeygenResult)
        wire::decode<wire::KeygenResult>(answer.payload)->ok ? ++good : ++bad;
    EXPECT_EQ(good, 1) << int(id);
    EXPECT_EQ(bad, 1) << int(id);
  }
  EXPECT_EQ(active_as(restart(), "web"), active_as(victim(), "web"));
}

class Evidence : public Keygen {
 protected:
  /// The share that signer 3 deals to the victim does not fit; its signature does.
  void run_with_bad_share() {
    std::optional<wire::Envelope> third;
    world.passes = [&third](const wire::Envelope& e) {
      if (e.type != MessageType::KeygenRound3 || e.from != 3 || e.to != kVictim) return true;
      third = e;
      return false;
    };
    KeygenTerms terms;
    terms.ceremony = begin();
    terms.curve = &Curve::p256();
    terms.threshold = 2;
    terms.name = "web";
    terms.group = world.group.digest();
    for (PartyId id : Quorum{1, 2, 3}) terms.members.push_back({id, world.identity(id).public_key()});
    world.settle();
    ASSERT_TRUE(third);
    auto message = *wire::decode<KeygenMsg3>(third->payload, *terms.curve);
    message.share.back() ^= 1;
    const KeygenStatement statement{3, 3, kVictim, encode_body(message), {}};
    message.signature = world.identity(3).sign(statement_digest(terms, statement));
    third->payload = wire::encode(message);
    ceremony = terms.ceremony;
    members = terms.members;
    victim().receive(*third);
    finish_steps(victim().sessions);
  }
  void expect_evidence_on_disk() {
    const auto file = world.directory.path() / std::to_string(kVictim) / "state" / "evidence" /
                      (ceremony.hex() + ".json");
    auto json = net::StrictJson::load(file);
    ASSERT_TRUE(json) << json.error();
    EXPECT_EQ(json->root().text("kind"), "keygen");
    EXPECT_EQ(json->root().integer("culprit", 1, 16), 3);
    EXPECT_EQ(json->root().text("fault"), "BadShare");
    const auto raw = from_base64(json->root().text("evidence", 1, std::size_t{1} << 20));
    ASSERT_TRUE(raw);
    const auto evidence = wire::decode_evidence(*raw);
    ASSERT_TRUE(evidence);
    EXPECT_EQ(evidence->terms.ceremony, ceremony);
    EXPECT_TRUE(verify_evidence(*evidence, members));
  }
  CeremonyId ceremony;
  std::vector<Member> members;
};

TEST_F(Evidence, of_a_fault_is_kept_at_the_signer_as_well) {
  run_with_bad_share();
  world.run_io();
  ASSERT_TRUE(result(kVictim));
  EXPECT_EQ(result(kVictim)->blame, Blame::on(3));
  EXPECT_FALSE(result(kVictim)->evidence.empty());
  expect_evidence_on_disk();
}

TEST_F(Evidence, of_a_fault_that_is_found_after_the_ceremony_timed_out_is_not_lost) {
  run_with_bad_share();
  victim().sessions.tick(Clock::now() + hours(1));
  ASSERT_TRUE(result(kVictim));
  EXPECT_TRUE(result(kVictim)->evidence.empty());
  world.run_io();
  expect_evidence_on_disk();
}

}  // namespace
}  // namespace quorate::signerd
