// What a failed check on secret state must leave behind, whoever tries to have it forgotten (SPEC 3.5, 5.6).
#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using wire::MessageType;

const Bytes kGarbage{1, 2, 3};

class Verdicts : public testing::Test {
 protected:
  void SetUp() override {
    world.set_up();
    leader = leader_of(world.epoch, quorum);
    victim = leader == 1 ? 2 : 1;
    hush();
  }
  void hush() {
    world.passes = [](const auto&) { return false; };
    world.sent.clear();
  }
  Signer& member() { return world.at(victim); }
  EpochPools& pools() { return member().keys.by_epoch(world.epoch)->pools; }
  void abort_by_leader(const SessionId& sid, Fault fault) {
    member().receive({MessageType::PresignAbort, sid, leader, victim, wire::encode_abort(fault)});
  }
  /// A batch that the member has joined and got a first message of that fails its check: the step is done,
  /// and its verdict waits on the I/O thread.
  SessionId with_pair_verdict_under_way() {
    const auto plan = world.plan(quorum, ++number);
    member().receive(world.start(plan, victim), Clock::now() + hours(number));
    member().receive({MessageType::PresignRound1, plan.sid(), leader, victim, kGarbage});
    finish_steps(member().sessions);
    EXPECT_TRUE(member().sessions.has(plan.sid()));
    return plan.sid();
  }
  /// The same with a fault of the whole quorum: the leader's third message is broken.
  SessionId with_quorum_verdict_under_way() {
    std::optional<wire::Envelope> third;
    world.passes = [&](const wire::Envelope& e) {
      if (e.type != MessageType::PresignRound3 || e.to != victim) return true;
      third = e;
      return false;
    };
    world.at(leader).presigner.tick(Clock::now());
    world.settle();
    hush();
    EXPECT_TRUE(third);
    third->payload.resize(third->payload.size() / 2);
    member().receive(*third);
    finish_steps(member().sessions);
    EXPECT_TRUE(member().sessions.has(third->sid));
    return third->sid;
  }
  void expect_pair_on_disk() {
    EXPECT_TRUE(member().written_disputes().pair_blocked(leader, victim));
    EXPECT_TRUE(member().disputes.pair_blocked(leader, victim));
    EXPECT_FALSE(member().setups.state(world.epoch, leader)) << "its OT state must be wiped";
  }
  void expect_quorum_on_disk() {
    EXPECT_TRUE(member().written_disputes().quorum_blocked(world.key(), quorum));
    EXPECT_TRUE(member().disputes.quorum_blocked(world.key(), quorum));
    EXPECT_FALSE(member().disputes.pair_blocked(leader, victim));
    EXPECT_TRUE(member().setups.state(world.epoch, leader)) << "the pair is not in dispute";
  }
  /// From now on nothing can be written.
  void lose_disk() { std::filesystem::remove_all(member().disputes_file.parent_path()); }
  void find_disk() { std::filesystem::create_directories(member().disputes_file.parent_path()); }
  /// A session of the same pair that has nothing to do with the fault; `then` is called when it ends.
  void open_bystander(std::function<void()> then) { open_bystander(bystander, world.epoch, std::move(then)); }
  void open_bystander(const SessionId& sid, const EpochId& epoch, std::function<void()> then) {
    SessionHost::Session session;
    session.peers = {leader};
    session.epoch = epoch;
    session.on_end = [then = std::move(then)](const SessionHost::Ending&) { then(); };
    ASSERT_TRUE(member().sessions.open(sid, std::make_shared<ScriptedMachine>(), std::move(session)));
  }

  World world{3, 2};
  Quorum quorum{1, 2};
  PartyId leader = kNobody, victim = kNobody;
  int number = 0;
  SessionId bystander{sim::SeededRng(5).make_id<SessionId>()};
};

TEST_F(Verdicts, of_a_pair_outlive_a_timeout) {
  with_pair_verdict_under_way();
  member().sessions.tick(Clock::now() + hours(1));
  EXPECT_EQ(member().disputes.size(), 0U);
  world.run_io();
  expect_pair_on_disk();
}

TEST_F(Verdicts, of_a_pair_outlive_a_peer_that_calls_the_batch_off) {
  const auto sid = with_pair_verdict_under_way();
  abort_by_leader(sid, Fault::TimedOut);
  EXPECT_EQ(member().disputes.size(), 0U);
  world.run_io();
  expect_pair_on_disk();
}

TEST_F(Verdicts, of_a_pair_outlive_a_lost_link) {
  with_pair_verdict_under_way();
  member().sessions.abort_with(leader, "lost the link");
  world.run_io();
  expect_pair_on_disk();
}

TEST_F(Verdicts, of_a_quorum_outlive_a_timeout) {
  with_quorum_verdict_under_way();
  member().sessions.tick(Clock::now() + hours(1));
  EXPECT_EQ(member().disputes.size(), 0U);
  world.run_io();
  expect_quorum_on_disk();
}

TEST_F(Verdicts, of_a_quorum_outlive_a_peer_that_calls_the_batch_off) {
  const auto sid = with_quorum_verdict_under_way();
  abort_by_leader(sid, Fault::TimedOut);
  world.run_io();
  expect_quorum_on_disk();
}

TEST_F(Verdicts, of_a_setup_outlive_a_lost_link) {
  // Signer 1 opens a new set-up with 2; its second message is broken, and then the link goes.
  world.later = hours(1);
  world.at(1).setups.peer_up(2, true, world.now());
  world.settle();
  const auto opened = world.sent_by(1, MessageType::SetupOpen);
  ASSERT_FALSE(opened.empty());
  const auto& open = opened.back();
  auto& second = world.at(2);
  second.receive(open, Clock::now() + hours(2));
  finish_steps(second.sessions);
  second.receive({MessageType::SetupRound2, open.sid, 1, 2, kGarbage});
  finish_steps(second.sessions);
  second.sessions.abort_with(1, "lost the link");
  EXPECT_EQ(second.disputes.size(), 0U);
  world.run_io();
  EXPECT_TRUE(second.written_disputes().pair_blocked(1, 2));
}

TEST_F(Verdicts, of_a_pair_are_durable_before_anything_is_answered_and_before_its_sessions_end) {
  with_pair_verdict_under_way();
  int told = 0, ended = 0;
  world.passes = [&](const wire::Envelope& e) {
    if (e.from == victim && e.type != MessageType::PresignRound1) {
      ++told;
      expect_pair_on_disk();
    }
    return false;
  };
  open_bystander([&] {
    ++ended;
    expect_pair_on_disk();
  });
  world.run_io();
  EXPECT_EQ(ended, 1);
  EXPECT_GE(told, 3) << "the other end, and who plans with this pair";
  const auto aborts = world.sent_by(victim, MessageType::PresignAbort);
  ASSERT_EQ(aborts.size(), 1U);
  EXPECT_EQ(*wire::decode_abort(aborts[0].payload), Fault::Malformed);
}

TEST_F(Verdicts, of_a_quorum_are_durable_before_anything_is_answered_and_end_its_other_batches) {
  // Members are asked to join several batches at once by a leader that wants several tries.
  const auto other = world.plan(quorum, 1'000);
  with_quorum_verdict_under_way();
  member().receive(world.start(other, victim), Clock::now() + hours(1));
  ASSERT_TRUE(member().sessions.has(other.sid()));
  int told = 0;
  world.passes = [&](const wire::Envelope& e) {
    if (e.type == MessageType::PresignAbort) {
      ++told;
      expect_quorum_on_disk();
    }
    return false;
  };
  world.run_io();
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(member().sessions.has(other.sid()));
  finish_steps(member().sessions);
  world.run_io();
  EXPECT_EQ(pools().depth(quorum), 0U);
}

TEST_F(Verdicts, that_the_other_end_reports_are_recorded_before_they_are_answered) {
  const auto plan = world.plan(quorum, 1);
  member().receive(world.start(plan, victim));
  world.passes = [&](const wire::Envelope& e) {
    if (e.from == victim) expect_pair_on_disk();
    return false;
  };
  abort_by_leader(plan.sid(), Fault::OtCheck);
  expect_pair_on_disk();
}

TEST_F(Verdicts, of_a_pair_that_cannot_be_written_stop_the_signer_before_it_answers) {
  with_pair_verdict_under_way();
  bool ended = false;
  open_bystander([&] { ended = true; });
  finish_steps(member().sessions);
  lose_disk();
  world.sent.clear();
  EXPECT_THROW(world.run_io(), std::runtime_error);
  EXPECT_FALSE(ended);
  for (const auto& e : world.sent)
    EXPECT_EQ(e.type, MessageType::PresignRound1) << "sent before the fault was known";
  EXPECT_EQ(member().disputes.size(), 0U) << "what is not on disk is not known";
  find_disk();
  member().setups.destroy(world.epoch, leader, {Fault::OtCheck, Blame::pair(victim, leader), ""});
  expect_pair_on_disk();
}

TEST_F(Verdicts, of_a_pair_end_no_session_of_another_epoch_and_no_key_generation) {
  with_pair_verdict_under_way();
  int ended = 0;
  std::uint64_t seed = 100;
  auto other = world.epoch;
  other.bytes[0] ^= 1;
  for (const auto& epoch : {other, EpochId{}})
    open_bystander(sim::SeededRng(++seed).make_id<SessionId>(), epoch, [&] { ++ended; });
  world.run_io();
  expect_pair_on_disk();
  EXPECT_EQ(ended, 0);
}

TEST_F(Verdicts, of_a_quorum_that_cannot_be_written_block_it_at_once_and_are_answered_when_they_are) {
  const auto sid = with_quorum_verdict_under_way();
  lose_disk();
  world.sent.clear();
  world.run_io();
  EXPECT_TRUE(world.sent.empty());
  EXPECT_TRUE(member().disputes.quorum_blocked(world.key(), quorum));
  auto now = Clock::now() + hours(1);
  member().presigner.tick(now);
  find_disk();
  member().presigner.tick(now + std::chrono::milliseconds(999));
  EXPECT_TRUE(world.sent_by(victim, MessageType::PresignAbort).empty());
  EXPECT_FALSE(member().written_disputes().quorum_blocked(world.key(), quorum));
  world.passes = [&](const wire::Envelope& e) {
    if (e.type == MessageType::PresignAbort) expect_quorum_on_disk();
    return false;
  };
  member().presigner.tick(now + std::chrono::seconds(1));
  const auto told = world.sent_by(victim, MessageType::PresignAbort);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].sid, sid);
  expect_quorum_on_disk();
  member().presigner.tick(now + hours(1));
  EXPECT_EQ(world.sent_by(victim, MessageType::PresignAbort).size(), 1U) << "once";
}

TEST_F(Verdicts, of_a_pair_stop_the_signer_also_while_one_of_a_quorum_waits_for_the_disk) {
  with_quorum_verdict_under_way();
  lose_disk();
  world.run_io();
  EXPECT_THROW(member().setups.destroy(world.epoch, leader, {Fault::OtCheck, Blame::pair(victim, leader), ""}),
               std::runtime_error);
  EXPECT_FALSE(member().disputes.pair_blocked(leader, victim));
  EXPECT_TRUE(member().disputes.quorum_blocked(world.key(), quorum));
}

TEST_F(Verdicts, that_come_late_and_cannot_be_written_stop_the_signer) {
  with_pair_verdict_under_way();
  member().sessions.tick(Clock::now() + hours(1));
  lose_disk();
  EXPECT_THROW(world.run_io(), std::runtime_error);
  EXPECT_EQ(member().disputes.size(), 0U);
}

TEST_F(Verdicts, of_a_quorum_that_come_late_and_cannot_be_written_block_it_and_are_written_later) {
  with_quorum_verdict_under_way();
  member().sessions.tick(Clock::now() + hours(1));
  lose_disk();
  world.run_io();
  EXPECT_TRUE(member().disputes.quorum_blocked(world.key(), quorum));
  find_disk();
  member().presigner.tick(Clock::now() + hours(1));
  expect_quorum_on_disk();
}

TEST_F(Verdicts, are_no_matter_of_time_or_of_a_batch_that_is_called_off) {
  const auto join = [&] {
    const auto plan = world.plan(quorum, static_cast<std::uint64_t>(++number));
    member().receive(world.start(plan, victim), Clock::now() + hours(number));
    EXPECT_TRUE(member().sessions.has(plan.sid()));
    return plan.sid();
  };
  for (auto fault : {Fault::TimedOut, Fault::BadParameters}) abort_by_leader(join(), fault);
  join();
  member().sessions.tick(Clock::now() + hours(1));
  join();
  member().sessions.abort_with(leader, "lost the link");
  world.settle();
  EXPECT_EQ(member().disputes.size(), 0U);
  EXPECT_TRUE(member().setups.state(world.epoch, leader));
}

TEST_F(Verdicts, keep_the_pair_from_every_new_setup_and_batch) {
  with_pair_verdict_under_way();
  world.run_io();
  world.sent.clear();
  world.passes = nullptr;
  world.later = hours(1);
  member().setups.peer_up(leader, true, world.now());
  world.at(leader).setups.peer_up(victim, true, world.now());
  world.settle();
  EXPECT_FALSE(member().setups.state(world.epoch, leader));
  EXPECT_TRUE(world.sent_by(victim, MessageType::SetupAnswer).empty());
  EXPECT_TRUE(world.sent_by(victim, MessageType::SetupOpen).empty());
  world.at(leader).presigner.tick(Clock::now() + hours(2));
  world.settle();
  EXPECT_EQ(pools().depth(quorum), 0U);
}

}  // namespace
}  // namespace quorate::signerd
