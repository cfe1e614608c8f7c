// Key generation at the signers: no confirmation without a share on disk, no share that is forgotten
// (SPEC 1.5).
#include "test/unit/signerd_keygen.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using wire::MessageType;

TEST_F(Keygen, everybody_confirms_what_is_on_disk_and_has_the_key) {
  watch_confirmations();
  const auto ceremony = begin();
  world.settle();
  for (PartyId id : Quorum{1, 2, 3}) {
    ASSERT_TRUE(result(id));
    EXPECT_TRUE(result(id)->ok) << result(id)->detail;
    EXPECT_TRUE(active(id));
    EXPECT_TRUE(world.at(id).share_on_disk(ceremony));
    EXPECT_GE(confirmations[id], 2);
  }
}

TEST_F(Keygen, fifth_messages_before_the_last_fourth_lead_to_no_confirmation_of_an_unsaved_share) {
  const auto ceremony = run_without_fourth();
  EXPECT_FALSE(victim().share_on_disk(ceremony));
  EXPECT_TRUE(world.sent_by(kVictim, MessageType::KeygenRound5).empty());
  watch_confirmations();
  victim().receive(*fourth);  // the fourth and the fifth round in one step
  world.settle();
  EXPECT_GE(confirmations[kVictim], 2);
  for (PartyId id : Quorum{1, 2, 3}) EXPECT_TRUE(active(id)) << int(id);
}

TEST_F(Keygen, a_share_that_cannot_be_saved_is_not_confirmed_and_nobody_gets_the_key) {
  for (bool fifth_too : {true, false}) {
    const auto ceremony = run_without_fourth(fifth_too);
    const auto state = world.directory.path() / std::to_string(kVictim) / "state";
    std::filesystem::rename(state, world.directory.path() / "gone");
    victim().receive(*fourth);
    world.settle();
    std::filesystem::rename(world.directory.path() / "gone", state);
    EXPECT_TRUE(world.sent_by(kVictim, MessageType::KeygenRound5).empty());
    ASSERT_TRUE(result(kVictim));
    EXPECT_FALSE(result(kVictim)->ok);
    EXPECT_FALSE(victim().share_on_disk(ceremony));
    for (PartyId id : Quorum{2, 3}) world.at(id).sessions.tick(Clock::now() + hours(1));
    world.settle();
    for (PartyId id : Quorum{1, 2, 3}) EXPECT_FALSE(active(id)) << int(id);
    EXPECT_EQ(victim().ceremonies.prepared(), 0U);
    answers.clear();
    world.sent.clear();
  }
}

TEST_F(Keygen, a_false_confirmation_that_came_before_the_last_fourth_names_its_sender) {
  world.passes = [this](const wire::Envelope& e) {
    if (e.type == MessageType::KeygenRound4 && e.from == 2 && e.to == kVictim) fourth = e;
    if (e.type == MessageType::KeygenRound5 && e.to == kVictim) fifth.push_back(e);
    return !(e.to == kVictim &&
             ((e.type == MessageType::KeygenRound4 && e.from == 2) || e.type == MessageType::KeygenRound5));
  };
  begin();
  world.settle();
  ASSERT_TRUE(fourth);
  ASSERT_EQ(fifth.size(), 2U);
  for (auto& confirmation : fifth) {
    if (confirmation.from == 3) confirmation.payload.back() ^= 1;
    victim().receive(confirmation);
  }
  victim().receive(*fourth);
  world.settle();
  ASSERT_TRUE(result(kVictim));
  EXPECT_FALSE(result(kVictim)->ok);
  EXPECT_EQ(result(kVictim)->fault, Fault::BadSignature);
  EXPECT_EQ(result(kVictim)->blame, Blame::on(3));
}

TEST_F(Keygen, a_timeout_while_the_share_is_written_loses_neither_the_share_nor_the_key) {
  const auto ceremony = run_without_fourth(false);
  victim().receive(*fourth);
  finish_steps(victim().sessions);
  ASSERT_TRUE(victim().share_on_disk(ceremony));
  while_being_written([&] {
    victim().sessions.tick(Clock::now() + hours(1));
    ASSERT_TRUE(result(kVictim));
    EXPECT_FALSE(result(kVictim)->ok);
    EXPECT_EQ(victim().ceremonies.prepared(), 0U);
  });
  world.passes = [](const wire::Envelope&) { return false; };
  world.run_io();
  EXPECT_EQ(victim().ceremonies.prepared(), 1U) << "found without a restart";
  const auto shown = world.sent_by(kVictim, MessageType::KeygenRound5);
  EXPECT_EQ(shown.size(), 2U) << "now that it is on disk the others may know";
  world.passes = nullptr;
  for (PartyId id : Quorum{2, 3})
    for (const auto& confirmation : shown)
      if (confirmation.to == id) world.at(id).receive(confirmation);
  world.settle();
  for (PartyId id : Quorum{1, 2, 3}) EXPECT_TRUE(active(id)) << int(id);
  EXPECT_EQ(victim().ceremonies.prepared(), 0U);
}

TEST_F(Keygen, a_timeout_while_the_last_confirmation_is_checked_loses_no_key) {
  world.passes = [this](const wire::Envelope& e) {
    if (e.type != MessageType::KeygenRound5 || e.from != 2 || e.to != kVictim) return true;
    fifth.push_back(e);
    return false;
  };
  begin();
  world.settle();
  ASSERT_FALSE(fifth.empty());
  ASSERT_FALSE(active(kVictim));
  // From here on nobody says anything any more: what is to be had is had from this step.
  world.passes = [](const wire::Envelope&) { return false; };
  victim().receive(fifth[0]);
  finish_steps(victim().sessions);
  victim().sessions.tick(Clock::now() + hours(1));
  EXPECT_EQ(victim().ceremonies.prepared(), 1U);
  EXPECT_FALSE(active(kVictim));
  world.run_io();
  EXPECT_TRUE(active(kVictim));
  EXPECT_EQ(victim().ceremonies.prepared(), 0U);
  auto stored = victim().store.load();
  ASSERT_TRUE(stored);
  EXPECT_TRUE(confirmations_valid(stored->at(0).info)) << "and it is on disk as a whole";
}

TEST_F(Keygen, a_timeout_in_one_step_that_saves_and_ends_loses_no_key) {
  run_without_fourth();
  victim().receive(*fourth);
  finish_steps(victim().sessions);
  world.passes = [](const wire::Envelope&) { return false; };
  while_being_written([&] { victim().sessions.tick(Clock::now() + hours(1)); });
  EXPECT_EQ(victim().ceremonies.prepared(), 0U);
  world.run_io();
  EXPECT_TRUE(active(kVictim));
}

TEST_F(Keygen, the_failure_of_another_ceremony_leaves_nothing_of_this_one_behind) {
  world.passes = [](const wire::Envelope& e) {
    return e.type != MessageType::KeygenRound5 || e.to != kVictim;
  };
  begin("first");
  world.settle();
  wire::KeygenRequest lone;
  lone.ceremony = rng.make_id<CeremonyId>();
  lone.threshold = 2;
  lone.name = "second";
  lone.group = world.group.digest();
  lone.members = {1, 2, 3};
  ask(kVictim, lone);
  victim().sessions.abort(SessionId{lone.ceremony.bytes}, {Fault::TimedOut, Blame::nobody(), ""});
  EXPECT_EQ(victim().ceremonies.prepared(), 0U) << "the first still runs";
  world.passes = nullptr;
  for (PartyId id : Quorum{2, 3}) world.at(id).ceremonies.peer_up(kVictim);
  int keys = 0;
  const auto before = victim().ceremonies.on_key;
  victim().ceremonies.on_key = [&](const EpochId& epoch) {
    ++keys;
    before(epoch);
  };
  world.settle();
  EXPECT_TRUE(active(kVictim));
  EXPECT_EQ(victim().ceremonies.prepared(), 0U);
  EXPECT_EQ(keys, 1);
}

TEST_F(Keygen, a_ceremony_id_that_is_a_running_sessions_is_refused) {
  wire::KeygenRequest request;
  request.ceremony = rng.make_id<CeremonyId>();
  request.threshold = 2;
  request.name = "web";
  request.group = world.group.digest();
  request.members = {1, 2, 3};
  SessionHost::Session session;
  bool ended = false;
  session.on_end = [&](const SessionHost::Ending&) { ended = true; };
  ASSERT_TRUE(victim().sessions.open(SessionId{request.ceremony.bytes}, std::make_shared<ScriptedMachine>(),
                                     std::move(session)));
  ask(kVictim, request);
  ASSERT_EQ(answers[kVictim].size(), 1U);
  EXPECT_EQ(answers[kVictim][0].type, MessageType::Refusal);
  world.settle();
  EXPECT_FALSE(ended);
  EXPECT_TRUE(world.sent.empty());
}

/// A refresh that one signer refuses is begun by the others, which cannot end it. If they held on to it for their whole
/// time, an administrator who tries again and again would find another signer busy every time.
TEST_F(Keygen, a_refresh_that_not_all_begin_ends_when_its_administrator_is_gone) {
  begin();
  world.settle();
  const EpochId epoch = result(1)->info.epoch;
  answers.clear();
  begin_refresh(epoch, {1, 2});
  world.settle();
  world.at(1).ceremonies.tick(Clock::now());
  world.settle();
  EXPECT_FALSE(result(1)) << "somebody waits for it";
  administrator = std::make_shared<int>();
  for (const PartyId id : Quorum{1, 2, 3}) world.at(id).ceremonies.tick(Clock::now());
  world.settle();
  ASSERT_TRUE(result(1));
  EXPECT_EQ(result(1)->blame.kind, Blame::Kind::Nobody);
  answers.clear();
  begin_refresh(epoch);
  world.settle();
  for (const PartyId id : Quorum{1, 2, 3}) {
    ASSERT_TRUE(result(id));
    EXPECT_TRUE(result(id)->ok) << result(id)->detail;
  }
}

TEST_F(Keygen, a_ceremony_that_all_have_begun_goes_on_without_its_administrator) {
  world.passes = [](const wire::Envelope& e) { return e.type != MessageType::KeygenRound2; };
  begin();
  world.settle();
  administrator.reset();
  for (const PartyId id : Quorum{1, 2, 3}) world.at(id).ceremonies.tick(Clock::now());
  world.settle();
  for (const PartyId id : Quorum{1, 2, 3}) EXPECT_FALSE(result(id));
}

}  // namespace
}  // namespace quorate::signerd
