// Pair set-ups: who is asked when, and what a refusal is and is not (SPEC section 2).
#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

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

TEST_F(Setups, one_under_a_session_id_in_use_changes_nothing) {
  world.set_up();
  ASSERT_TRUE(agreed());
  const auto state = other().setups.state(world.epoch, 1);
  opener().setups.peer_up(2, true);
  auto open = opening(Clock::now());
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
  EXPECT_TRUE(opener().written_disputes().pair_blocked(world.epoch, 1, 2));
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
