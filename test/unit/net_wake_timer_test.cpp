#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <stdexcept>

#include "protocol/net/wake_timer.h"

namespace quorate::net {
namespace {

using coordinator::Time;
using std::chrono::milliseconds;

class WakeTimerTest : public testing::Test {
 protected:
  void run() {
    io.restart();
    io.run();
  }
  boost::asio::io_context io;
  int rung = 0;
  Time at{};  ///< when it rang last
  std::unique_ptr<WakeTimer> timer = std::make_unique<WakeTimer>(io, [this] {
    ++rung;
    at = monotonic_now();
  });
};

TEST_F(WakeTimerTest, rings_once_and_not_before_its_moment) {
  const Time when = monotonic_now() + milliseconds(5);
  timer->at(when);
  run();
  EXPECT_EQ(rung, 1);
  EXPECT_GE(at, when);
}

TEST_F(WakeTimerTest, a_moment_that_moved_later_is_the_one_that_counts) {
  timer->at(monotonic_now() + milliseconds(1));
  const Time later = monotonic_now() + milliseconds(20);
  timer->at(later);
  run();
  EXPECT_EQ(rung, 1);
  EXPECT_GE(at, later);
}

TEST_F(WakeTimerTest, an_earlier_moment_replaces_a_later_one) {
  timer->at(monotonic_now() + std::chrono::hours(1));
  timer->at(monotonic_now() + milliseconds(1));
  io.restart();
  io.run_one();
  while (rung == 0) io.run_one();
  EXPECT_EQ(rung, 1);
  EXPECT_EQ(io.poll(), 0U) << "the hour is forgotten";
}

TEST_F(WakeTimerTest, a_moment_that_is_past_rings_soon_but_not_within_the_call) {
  timer->at(monotonic_now() - milliseconds(1));
  EXPECT_EQ(rung, 0);
  run();
  EXPECT_EQ(rung, 1);
}

TEST_F(WakeTimerTest, soon_rings_once_however_often_it_is_asked_and_keeps_the_moment) {
  const Time when = monotonic_now() + milliseconds(20);
  timer->at(when);
  timer->soon();
  timer->soon();
  EXPECT_EQ(rung, 0);
  io.poll();
  EXPECT_EQ(rung, 1);
  run();
  EXPECT_EQ(rung, 2);
  EXPECT_GE(at, when);
}

TEST_F(WakeTimerTest, never_and_cancel_ring_not_at_all) {
  timer->at(monotonic_now() + milliseconds(1));
  timer->at(coordinator::kNever);
  timer->soon();
  timer->cancel();
  run();
  EXPECT_EQ(rung, 0);
  timer->at(monotonic_now() + milliseconds(1));
  run();
  EXPECT_EQ(rung, 1) << "it goes on after that";
}

TEST_F(WakeTimerTest, may_go_while_it_waits_or_rings) {
  timer->at(monotonic_now() + milliseconds(1));
  timer->soon();
  timer.reset();
  run();
  EXPECT_EQ(rung, 0);
  timer = std::make_unique<WakeTimer>(io, [this] {
    ++rung;
    timer.reset();
  });
  timer->soon();
  run();
  EXPECT_EQ(rung, 1);
}

TEST_F(WakeTimerTest, rings_again_after_an_owner_that_threw) {
  timer = std::make_unique<WakeTimer>(io, [this] {
    if (++rung == 1) throw std::bad_alloc();
  });
  timer->soon();
  EXPECT_THROW(run(), std::bad_alloc);
  run();
  EXPECT_EQ(rung, 2);
}

}  // namespace
}  // namespace quorate::net
