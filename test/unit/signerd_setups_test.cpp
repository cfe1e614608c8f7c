// Pair set-ups: who is asked when, and what a refusal is and is not (SPEC section 2).
#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::MessageType;

class Setups : public testing::Test {
 protected:
  Signer& opener() { return world.at(1); }
  Signer& other() { return world.at(2); }
  bool agreed() {
    return opener().setups.agreed(world.epoch, 1, 2).has_value() &&
           other().setups.agreed(world.epoch, 1, 2).has_value();
  }
  /// What signer 1 opens a set-up with; it stays with the test.
  wire::Envelope opening(Clock::time_point now = Clock::now()) {
    world.passes = [](const auto&) { return false; };
    world.sent.clear();
    opener().setups.tick(now);
    world.settle();
    const auto opened = world.sent_by(1, MessageType::SetupOpen);
    EXPECT_EQ(opened.size(), 1U);
    return opened.at(0);
  }
  void expect_no_dispute() {
    EXPECT_EQ(opener().disputes.size(), 0U);
    EXPECT_EQ(other().disputes.size(), 0U);
  }
  World world{2, 2};
};

TEST_F(Setups, one_opened_before_the_peer_has_the_key_is_refused_at_once_and_made_a_second_later) {
  auto key = std::move(other().keys.all().extract(world.epoch));
  opener().setups.tick(Clock::now());
  world.settle();
  const auto refusals = world.sent_by(2, MessageType::SetupAbort);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(*wire::decode_abort(refusals[0].payload), Fault::BadParameters);
  EXPECT_FALSE(opener().sessions.has(refusals[0].sid)) << "the opener waits for nothing";
  expect_no_dispute();
  other().keys.all().insert(std::move(key));
  opener().setups.tick(Clock::now() + seconds(2));
  world.settle();
  EXPECT_TRUE(agreed());
  expect_no_dispute();
}

TEST_F(Setups, one_that_comes_too_soon_is_refused_and_leaves_the_first_alone) {
  const auto now = Clock::now();
  const auto first = opening(now);
  auto again = first;
  again.sid.bytes[0] ^= 1;
  other().receive(first, now);
  world.settle();
  other().receive(again, now + milliseconds(499));
  EXPECT_TRUE(other().sessions.has(first.sid));
  EXPECT_FALSE(other().sessions.has(again.sid));
  const auto refusals = world.sent_by(2, MessageType::SetupAbort);
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(refusals[0].sid, again.sid);
  other().receive(again, now + milliseconds(501));
  EXPECT_FALSE(other().sessions.has(first.sid)) << "a newer one replaces it";
  EXPECT_TRUE(other().sessions.has(again.sid));
}

TEST_F(Setups, a_peer_that_comes_back_as_a_new_process_again_and_again_gets_no_more_of_them) {
  const auto now = Clock::now();
  const auto first = opening(now);
  other().receive(first, now);
  for (int i = 1; i < 5; ++i) {
    auto again = first;
    again.sid.bytes[0] = static_cast<std::uint8_t>(first.sid.bytes[0] + i);
    other().setups.peer_up(1, true, now + milliseconds(100 * i));
    other().receive(again, now + milliseconds(100 * i));
    EXPECT_FALSE(other().sessions.has(again.sid)) << i;
  }
  EXPECT_EQ(world.sent_by(2, MessageType::SetupAbort).size(), 4U) << "an honest one need not wait for a time-out";
  world.sent.clear();
  opener().sessions.abort_with(2, "lost the link");
  for (int i = 0; i < 10; ++i) {
    opener().setups.peer_up(2, true, now + seconds(10) + milliseconds(99 * i));
    world.settle();
    opener().sessions.abort_with(2, "lost the link");
  }
  EXPECT_EQ(world.sent_by(1, MessageType::SetupOpen).size(), 1U);
}

TEST(SetupsOfOthers, what_they_said_of_a_new_process_before_its_link_was_up_here_counts) {
  World world{3, 3};
  world.set_up();
  auto& setups = world.at(1).setups;
  const auto between_others = setups.agreed(world.epoch, 2, 3);
  ASSERT_TRUE(between_others && setups.agreed(world.epoch, 1, 3));
  // Signer 3 is a new process, and signer 2 has had its set-up with it announced by now: it says so once.
  setups.peer_up(3, true, Clock::now());
  EXPECT_FALSE(setups.agreed(world.epoch, 2, 3)) << "the new process itself has not said so yet";
  EXPECT_FALSE(setups.agreed(world.epoch, 1, 3)) << "the set-up with the old process is void";
  world.at(1).receive({MessageType::SetupReady, {}, 3, 1, wire::encode(wire::SetupReady{world.epoch, 2, *between_others})});
  EXPECT_EQ(setups.agreed(world.epoch, 2, 3), between_others);
}

TEST_F(Setups, a_peer_that_refuses_is_asked_ever_less_often_until_it_has_the_key) {
  auto key = std::move(other().keys.all().extract(world.epoch));
  auto now = Clock::now();
  std::vector<int> asked;
  for (int second = 0; second < 200; ++second) {
    world.sent.clear();
    opener().setups.tick(now += seconds(1));
    world.settle();
    if (!world.sent_by(1, MessageType::SetupOpen).empty()) asked.push_back(second);
  }
  EXPECT_EQ(asked, (std::vector<int>{0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181}));
  other().keys.all().insert(std::move(key));
  other().setups.key_added(world.epoch);
  world.settle();
  opener().setups.tick(now += seconds(1));
  world.settle();
  EXPECT_TRUE(agreed()) << "who has just got the key is asked at once";
  expect_no_dispute();
}

TEST_F(Setups, a_success_forgets_earlier_refusals) {
  auto now = Clock::now();
  for (int i = 0; i < 4; ++i) {
    const auto open = opening(now += hours(1));
    opener().receive({MessageType::SetupAbort, open.sid, 2, 1, wire::encode_abort(Fault::BadParameters)});
  }
  world.passes = [](const auto& e) { return e.type != MessageType::SetupReady; };
  world.later = hours(24);
  opener().setups.tick(now += hours(1));
  world.settle();
  ASSERT_TRUE(opener().setups.state(world.epoch, 2));
  world.sent.clear();
  opener().setups.tick(now + milliseconds(999));
  world.settle();
  EXPECT_TRUE(world.sent_by(1, MessageType::SetupOpen).empty());
  opener().setups.tick(now + milliseconds(1000));
  world.settle();
  EXPECT_EQ(world.sent_by(1, MessageType::SetupOpen).size(), 1U);
}

TEST_F(Setups, one_under_a_session_id_in_use_changes_nothing) {
  world.set_up();
  ASSERT_TRUE(agreed());
  const auto state = other().setups.state(world.epoch, 1);
  const auto next = Clock::now() + seconds(5);
  opener().setups.peer_up(2, true, Clock::now());
  auto open = opening(next);
  SessionHost::Session session;
  bool ended = false;
  session.peers = {1};
  session.on_end = [&](const SessionHost::Ending&) { ended = true; };
  ASSERT_TRUE(other().sessions.open(open.sid, std::make_shared<ScriptedMachine>(), std::move(session)));
  world.sent.clear();
  other().receive(open, Clock::now() + seconds(10));
  world.settle();
  EXPECT_FALSE(ended);
  EXPECT_EQ(other().setups.state(world.epoch, 1), state)
      << "a set-up that cannot begin has thrown the old one away";
  EXPECT_TRUE(world.sent.empty());
}

TEST_F(Setups, a_refusal_or_timeout_of_the_peer_is_no_dispute_but_any_other_fault_is) {
  auto now = Clock::now();
  for (auto fault : {Fault::TimedOut, Fault::BadParameters}) {
    const auto open = opening(now);
    ASSERT_TRUE(opener().sessions.has(open.sid));
    opener().receive({MessageType::SetupAbort, open.sid, 2, 1, wire::encode_abort(fault)});
    EXPECT_FALSE(opener().sessions.has(open.sid));
    expect_no_dispute();
    now += seconds(2);
  }
  const auto open = opening(now);
  opener().receive({MessageType::SetupAbort, open.sid, 2, 1, wire::encode_abort(Fault::PprfCheck)});
  EXPECT_TRUE(opener().written_disputes().pair_blocked(1, 2));
  const auto told = world.sent_by(1, MessageType::SetupReady);
  EXPECT_FALSE(told.empty()) << "the others must not plan with this pair";
}

TEST_F(Setups, a_stranger_cannot_end_one) {
  const auto open = opening();
  auto wrong_sid = open.sid;
  wrong_sid.bytes[0] ^= 1;
  opener().receive({MessageType::SetupAbort, open.sid, 3, 1, wire::encode_abort(Fault::PprfCheck)});
  opener().receive({MessageType::SetupAbort, wrong_sid, 2, 1, wire::encode_abort(Fault::PprfCheck)});
  EXPECT_TRUE(opener().sessions.has(open.sid));
  expect_no_dispute();
}

TEST_F(Setups, only_the_lower_id_opens) {
  const auto open = opening();
  auto turned = open;
  turned.from = 2;
  turned.to = 1;
  turned.sid.bytes[0] ^= 1;
  world.sent.clear();
  opener().receive(turned);
  EXPECT_FALSE(opener().sessions.has(turned.sid));
  EXPECT_TRUE(world.sent.empty());
}

}  // namespace
}  // namespace quorate::signerd
