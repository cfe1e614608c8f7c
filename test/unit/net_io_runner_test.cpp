// Who runs the I/O, and that whoever waits gets a turn.
#include "protocol/net/io_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace quorate::net {
namespace {

using std::chrono::milliseconds;

class IoRunnerTest : public testing::Test {
 protected:
  /// Posts this, and waits for it, as a caller does.
  bool call(const std::function<void()>& work) {
    IoRunner::Waiter waiter;
    bool done = false;
    runner_.post_before_wait([&] {
      work();
      runner_.update(waiter, [&] { done = true; });
    });
    return runner_.wait(waiter, IoRunner::Clock::now() + std::chrono::seconds(10), [&] { return done; });
  }

  std::vector<std::string> complaints_;
  IoRunner runner_{[this](int, std::string_view text) { complaints_.emplace_back(text); }};
};

/// Without the thread, which would be as quick now and then.
TEST_F(IoRunnerTest, ACallerRunsWhatItWaitsForItself) {
  std::thread::id ran;
  EXPECT_TRUE(call([&] { ran = std::this_thread::get_id(); }));
  EXPECT_EQ(ran, std::this_thread::get_id());
}

TEST_F(IoRunnerTest, ManyCallersAreAllServed) {
  runner_.start();
  std::atomic<int> ran = 0;
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) ASSERT_TRUE(call([&] { ++ran; }));
    });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(ran, 2000);
}

TEST_F(IoRunnerTest, WhatIsPostedIsRunThoughNobodyWaits) {
  runner_.start();
  ASSERT_TRUE(call([] {}));  // a caller was here just now
  std::atomic<bool> ran = false;
  runner_.post([&] { ran = true; });
  for (int i = 0; i < 1000 && !ran; ++i) std::this_thread::sleep_for(milliseconds(2));
  EXPECT_TRUE(ran);
}

TEST_F(IoRunnerTest, AHandlerThatThrowsCostsNobodyTheTurn) {
  runner_.start();
  runner_.post_before_wait([] { throw std::bad_alloc(); });
  runner_.post_before_wait([] { throw 42; });
  EXPECT_NO_THROW(EXPECT_TRUE(call([] {})));
  std::thread([&] { EXPECT_TRUE(call([] {})); }).join();
  ASSERT_EQ(complaints_.size(), 2u);
  EXPECT_EQ(complaints_[1], "I/O handler failed: an exception of an unknown kind");
}

TEST_F(IoRunnerTest, StoppingEndsWhoWaits) {
  runner_.start();
  std::thread waits([&] {
    IoRunner::Waiter waiter;
    EXPECT_FALSE(runner_.wait(waiter, IoRunner::Clock::now() + std::chrono::seconds(60), [] { return false; }));
  });
  std::this_thread::sleep_for(milliseconds(20));
  runner_.stop();
  waits.join();
}

}  // namespace
}  // namespace quorate::net
