// The host of background sessions alone, with machines that do what the test says.
#include <atomic>

#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

using session::Step;
using std::chrono::hours;
using wire::MessageType;

Abort blaming(Blame blame) { return {Fault::OtCheck, blame, "scripted"}; }
const Blame kEveryBlame[] = {Blame::on(2), Blame::pair(1, 2), Blame::quorum()};

class Host : public testing::Test {
 protected:
  Host()
      : host(io, 1, [this](const wire::Envelope& e) {
          sent.push_back(e);
          return true;
        }) {}
  static SessionId sid(std::uint8_t number) {
    SessionId id;
    id.bytes[0] = number;
    return id;
  }
  static wire::Envelope message(std::uint8_t session, PartyId from,
                                MessageType type = MessageType::PresignRound1, std::size_t size = 1) {
    return {type, sid(session), from, 1, Bytes(size, 0)};
  }
  SessionHost::Session session_with(std::vector<PartyId> peers) {
    SessionHost::Session session;
    session.peers = std::move(peers);
    session.on_end = [this](const SessionHost::Ending& ending) {
      ++ended;
      abort = ending.abort;
    };
    session.on_late_verdict = [this](const Abort& why) { late.push_back(why); };
    session.on_late_save = [this] { ++late_saves; };
    session.on_late_result = [this](session::Machine&) { ++late_results; };
    return session;
  }
  void run_io() {
    io.restart();
    io.poll();
  }
  /// One step that is running when `end` ends its session, and comes back with `step`.
  void outlive(const Step& step, const std::function<void()>& end, SessionHost::Session session) {
    auto machine = std::make_shared<ScriptedMachine>();
    std::promise<void> running, go;
    machine->on_envelope = [&](const wire::Envelope&) {
      running.set_value();
      go.get_future().wait();
      return step;
    };
    const int before = ended;
    ASSERT_TRUE(host.open(sid(1), machine, std::move(session)));
    host.deliver(message(1, 2));
    running.get_future().wait();
    end();
    EXPECT_EQ(ended, before + 1);
    go.set_value();
    finish_steps(host);
    run_io();
    EXPECT_EQ(ended, before + 1) << "a session ends once";
  }

  boost::asio::io_context io{1};
  std::vector<wire::Envelope> sent;
  int ended = 0, late_saves = 0, late_results = 0;
  std::optional<Abort> abort;
  std::vector<Abort> late;
  SessionHost host;
};

TEST_F(Host, a_fault_found_after_the_end_of_its_session_is_reported_however_it_ended) {
  const std::function<void()> ends[] = {
      [this] { host.tick(Clock::now() + hours(1)); },
      [this] {
        host.abort(sid(1), {Fault::TimedOut, Blame::nobody(), "from outside"});
      },
      [this] { host.abort_with(2, "lost the link"); }};
  for (const auto& end : ends) {
    for (const auto& blame : kEveryBlame) {
      Step step;
      step.abort = blaming(blame);
      outlive(step, end, session_with({2}));
      ASSERT_EQ(late.size(), 1U) << to_string(blame);
      EXPECT_EQ(late[0].fault, Fault::OtCheck);
      EXPECT_EQ(late[0].blame, blame);
      EXPECT_EQ(abort->fault, Fault::TimedOut);
      late.clear();
    }
  }
}

TEST_F(Host, a_late_abort_that_speaks_against_nobody_is_no_verdict) {
  Step step;
  step.abort = blaming(Blame::nobody());
  outlive(
      step, [this] { host.tick(Clock::now() + hours(1)); }, session_with({2}));
  EXPECT_TRUE(late.empty());
  EXPECT_EQ(late_saves + late_results, 0);
}

TEST_F(Host, what_a_late_step_saved_is_reported_and_its_messages_go_nowhere) {
  Step step;
  step.persist = true;
  step.out.push_back(message(1, 1, MessageType::KeygenRound5));
  auto session = session_with({2});
  bool saved = false;
  session.persist = [&](session::Machine&) -> Result<void, std::string> {
    saved = true;
    return {};
  };
  outlive(
      step, [this] { host.tick(Clock::now() + hours(1)); }, std::move(session));
  EXPECT_TRUE(saved);
  EXPECT_EQ(late_saves, 1);
  EXPECT_EQ(late_results, 0);
  EXPECT_TRUE(sent.empty());
}

TEST_F(Host, a_late_save_that_failed_is_not_reported_as_one) {
  Step step;
  step.persist = step.done = true;
  auto session = session_with({2});
  session.persist = [](session::Machine&) -> Result<void, std::string> {
    return fail(std::string("disk full"));
  };
  outlive(
      step, [this] { host.tick(Clock::now() + hours(1)); }, std::move(session));
  EXPECT_EQ(late_saves + late_results, 0);
  EXPECT_TRUE(late.empty());
}

TEST_F(Host, a_late_result_is_handed_over_once) {
  Step step;
  step.done = true;
  outlive(
      step, [this] { host.tick(Clock::now() + hours(1)); }, session_with({2}));
  EXPECT_EQ(late_results, 1);
  EXPECT_EQ(late_saves, 0);
}

TEST_F(Host, no_step_begins_after_the_end) {
  auto machine = std::make_shared<ScriptedMachine>();
  std::atomic<int> steps = 0;
  machine->on_envelope = [&](const wire::Envelope&) {
    ++steps;
    return Step{};
  };
  std::promise<void> go;
  machine->on_start = [&] {
    go.get_future().wait();
    return Step{};
  };
  ASSERT_TRUE(host.open(sid(1), machine, session_with({2})));
  host.deliver(message(1, 2));
  host.abort(sid(1), {Fault::TimedOut, Blame::nobody(), ""});
  go.set_value();
  finish_steps(host);
  run_io();
  EXPECT_EQ(steps, 0);
}

TEST_F(Host, what_must_be_durable_is_saved_before_any_message_of_its_step_is_sent) {
  auto machine = std::make_shared<ScriptedMachine>();
  machine->on_start = [] {
    Step step;
    step.persist = true;
    step.out.push_back(message(1, 1, MessageType::KeygenRound5));
    return step;
  };
  auto session = session_with({2});
  std::atomic<bool> saved = false, sent_before = false;
  session.persist = [&](session::Machine&) -> Result<void, std::string> {
    sent_before = !sent.empty();
    saved = true;
    return {};
  };
  ASSERT_TRUE(host.open(sid(1), machine, std::move(session)));
  finish_steps(host);
  EXPECT_TRUE(saved);
  EXPECT_FALSE(sent_before);
  EXPECT_TRUE(sent.empty());
  run_io();
  EXPECT_EQ(sent.size(), 1U);
}

TEST_F(Host, a_failed_save_ends_the_session_and_nothing_is_sent) {
  auto machine = std::make_shared<ScriptedMachine>();
  machine->on_start = [] {
    Step step;
    step.persist = step.done = true;
    step.out.push_back(message(1, 1, MessageType::KeygenRound5));
    return step;
  };
  auto session = session_with({2});
  session.persist = [](session::Machine&) -> Result<void, std::string> {
    return fail(std::string("disk full"));
  };
  ASSERT_TRUE(host.open(sid(1), machine, std::move(session)));
  finish_steps(host);
  run_io();
  ASSERT_TRUE(abort);
  EXPECT_EQ(abort->detail, "disk full");
  EXPECT_EQ(abort->blame, Blame::nobody());
  EXPECT_TRUE(sent.empty());
}

TEST_F(Host, a_fault_is_handed_over_before_messages_of_its_step_are_sent_and_no_save_hides_it) {
  auto machine = std::make_shared<ScriptedMachine>();
  machine->on_start = [] {
    Step step;
    step.persist = true;
    step.abort = blaming(Blame::on(2));
    step.out.push_back(message(1, 1));
    return step;
  };
  auto session = session_with({2});
  session.persist = [](session::Machine&) -> Result<void, std::string> {
    return fail(std::string("nothing there"));
  };
  ASSERT_TRUE(host.open(sid(1), machine, std::move(session)));
  finish_steps(host);
  run_io();
  ASSERT_TRUE(abort);
  EXPECT_EQ(abort->fault, Fault::OtCheck);
  EXPECT_EQ(abort->blame, Blame::on(2));
  EXPECT_TRUE(sent.empty());
}

TEST_F(Host, an_exception_in_a_step_ends_its_session_alone) {
  auto machine = std::make_shared<ScriptedMachine>();
  machine->on_start = []() -> Step { throw std::bad_alloc(); };
  ASSERT_TRUE(host.open(sid(1), machine, session_with({2})));
  ASSERT_TRUE(host.open(sid(2), std::make_shared<ScriptedMachine>(), session_with({2})));
  finish_steps(host);
  run_io();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(abort->blame, Blame::nobody());
  EXPECT_TRUE(host.has(sid(2)));
}

TEST_F(Host, a_session_id_in_use_is_refused_and_the_running_session_goes_on) {
  auto first = std::make_shared<ScriptedMachine>(), second = std::make_shared<ScriptedMachine>();
  std::atomic<int> heard_first = 0, started_second = 0;
  first->on_envelope = [&](const wire::Envelope&) {
    ++heard_first;
    return Step{};
  };
  second->on_start = [&] {
    ++started_second;
    return Step{};
  };
  ASSERT_TRUE(host.open(sid(1), first, session_with({2})));
  EXPECT_FALSE(host.open(sid(1), second, session_with({2})));
  host.deliver(message(1, 2));
  finish_steps(host);
  run_io();
  EXPECT_EQ(heard_first, 1);
  EXPECT_EQ(started_second, 0);
  EXPECT_EQ(ended, 0);
}

TEST_F(Host, messages_that_wait_for_a_worker_are_bounded_for_each_peer) {
  auto machine = std::make_shared<ScriptedMachine>();
  std::promise<void> go;
  std::map<PartyId, std::size_t> heard;  // the worker's; read when it is idle
  machine->on_start = [&] {
    go.get_future().wait();
    return Step{};
  };
  machine->on_envelope = [&](const wire::Envelope& e) {
    ++heard[e.from];
    return Step{};
  };
  ASSERT_TRUE(host.open(sid(1), machine, session_with({2, 3})));
  for (int i = 0; i < 10'000; ++i) host.deliver(message(1, 2, MessageType::PresignRound2));
  for (int i = 0; i < 6; ++i) host.deliver(message(1, 3, MessageType::PresignRound2));
  go.set_value();
  finish_steps(host);
  run_io();
  EXPECT_GE(heard[2], 6U) << "an honest peer's messages fit";
  EXPECT_LE(heard[2], 10U);
  EXPECT_EQ(heard[3], 6U) << "one peer's flood must not keep another's messages out";
  // It is room that is bounded, not a total.
  const std::size_t before = heard[2];
  host.deliver(message(1, 2, MessageType::PresignRound2));
  finish_steps(host);
  EXPECT_EQ(heard[2], before + 1);
}

TEST_F(Host, only_sessions_of_one_peer_and_epoch_end_with_them) {
  EpochId one, two;
  one.bytes[0] = 1;
  two.bytes[0] = 2;
  std::uint8_t number = 0;
  for (const auto& epoch : {one, two, EpochId{}}) {
    for (PartyId peer : Quorum{2, 3}) {
      auto session = session_with({peer});
      session.epoch = epoch;
      ASSERT_TRUE(host.open(sid(++number), std::make_shared<ScriptedMachine>(), std::move(session)));
    }
  }
  host.abort_with(2, one, "dispute");
  EXPECT_EQ(ended, 1);
  EXPECT_FALSE(host.has(sid(1)));
  host.abort_with(2, "lost the link");
  EXPECT_EQ(ended, 3);
}

TEST_F(Host, messages_of_strangers_do_not_reach_a_session) {
  auto machine = std::make_shared<ScriptedMachine>();
  std::atomic<int> heard = 0;
  machine->on_envelope = [&](const wire::Envelope&) {
    ++heard;
    return Step{};
  };
  ASSERT_TRUE(host.open(sid(1), machine, session_with({2})));
  host.deliver(message(1, 3));
  finish_steps(host);
  EXPECT_EQ(heard, 0);
}

class EarlyMessages : public Host {
 protected:
  /// How many messages are waiting for a session that `from` is in.
  std::size_t kept_for(std::uint8_t session, std::vector<PartyId> from) {
    auto machine = std::make_shared<ScriptedMachine>();
    std::atomic<std::size_t> heard = 0;
    machine->on_envelope = [&](const wire::Envelope&) {
      ++heard;
      return Step{};
    };
    EXPECT_TRUE(host.open(sid(session), machine, session_with(std::move(from))));
    finish_steps(host);
    run_io();
    return heard;
  }
};

TEST_F(EarlyMessages, first_rounds_are_kept_for_their_session) {
  host.deliver(message(1, 2));
  host.deliver(message(1, 3, MessageType::KeygenRound1));
  host.deliver(message(2, 2));
  EXPECT_EQ(kept_for(1, {2, 3}), 2U);
  EXPECT_EQ(kept_for(2, {2}), 1U);
}

TEST_F(EarlyMessages, later_rounds_cannot_come_first_and_are_not_kept) {
  for (auto type : {MessageType::PresignRound2, MessageType::KeygenRound5, MessageType::SetupOpen,
                    MessageType::PresignPooled})
    host.deliver(message(1, 2, type));
  EXPECT_EQ(kept_for(1, {2}), 0U);
}

TEST_F(EarlyMessages, are_bounded_in_number_for_each_peer) {
  for (std::uint8_t session = 1; session <= 200; ++session) host.deliver(message(session, 2));
  host.deliver(message(200, 3));
  std::size_t kept = 0;
  for (std::uint8_t session = 1; session < 200; ++session) kept += kept_for(session, {2, 3});
  EXPECT_EQ(kept, 32U);
  EXPECT_EQ(kept_for(200, {2, 3}), 1U) << "one peer's flood must not keep another's message out";
}

TEST_F(EarlyMessages, are_bounded_in_bytes) {
  for (int i = 0; i < 5; ++i) host.deliver(message(1, 2, MessageType::PresignRound1, std::size_t{3} << 20));
  EXPECT_EQ(kept_for(1, {2}), 1U);
}

TEST_F(EarlyMessages, are_forgotten_with_time_and_with_the_link) {
  host.deliver(message(1, 2));
  host.tick(Clock::now() + hours(1));
  host.deliver(message(2, 2));
  host.abort_with(2, "lost the link");
  EXPECT_EQ(kept_for(1, {2}), 0U);
  EXPECT_EQ(kept_for(2, {2}), 0U);
}

TEST(HostInTheBackground, steps_of_bounded_share_all_run_and_a_rest_ends_with_the_host) {
  boost::asio::io_context io{1};
  int ended = 0;
  {
    SessionHost host(io, 1, [](const wire::Envelope&) { return true; }, CpuShare(0.01));
    for (std::uint8_t number = 1; number <= 3; ++number) {
      auto machine = std::make_shared<ScriptedMachine>();
      machine->on_start = [] {
        volatile unsigned work = 0;  // some CPU time, so that a rest is due
        for (unsigned i = 0; i < 200'000; ++i) work = work + i;
        Step step;
        step.done = true;
        return step;
      };
      SessionHost::Session session;
      session.background = true;
      session.on_end = [&](const SessionHost::Ending& ending) { ended += ending.abort ? 0 : 1; };
      SessionId sid;
      sid.bytes[0] = number;
      ASSERT_TRUE(host.open(sid, std::move(machine), std::move(session)));
    }
    while (ended < 3) {
      io.restart();
      io.run_one_for(std::chrono::milliseconds(100));
    }
  }
  EXPECT_EQ(ended, 3);
}

}  // namespace
}  // namespace quorate::signerd
