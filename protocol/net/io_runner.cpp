#include "protocol/net/io_runner.h"

#include <cxxabi.h>
#include <pthread.h>

#include <boost/asio/post.hpp>

#include <exception>
#include <system_error>

namespace quorate::net {
namespace {

/// How long the background thread leaves the I/O to callers after the last of them had it. Were it waiting for
/// events by then, the next caller would have to wake it, and be woken by it in turn.
constexpr std::chrono::milliseconds kLinger{1000};
/// How often it looks meanwhile at what has arrived without a caller; and how soon again where there was something,
/// as more may follow: a link that is being made takes several turns.
constexpr std::chrono::milliseconds kPeek{20}, kPeekAgain{1};

}  // namespace

IoRunner::IoRunner(Log log) : log_(std::move(log)), work_(boost::asio::make_work_guard(io_)) {}

IoRunner::~IoRunner() { stop(); }

void IoRunner::start() {
  if (const int error = thread_.start([this] { thread_main(); }); error != 0) {
    inline_ = true;
    write_log(log_, kLogWarning,
              "no I/O thread (" + std::generic_category().message(error) + "): callers run the I/O themselves");
  }
}

/// Handlers do not throw by design; memory may run out all the same, and no exception may leave a thread, or a caller
/// that holds the token. (But for the one with which glibc unwinds a thread that is cancelled, which has to pass.)
void IoRunner::guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    complain(error.what());
  } catch (...) {
    complain("an exception of an unknown kind");
  }
}

void IoRunner::complain(const char* what) noexcept {
  try {
    write_log(log_, kLogError, std::string("I/O handler failed: ") + what);
  } catch (const std::exception&) {
    // Nor is there memory to say so.
  }
}

/// One handler.
void IoRunner::run_one(Clock::time_point until) {
  guarded([&] { until == Clock::time_point::max() ? io_.run_one() : io_.run_one_until(until); });
}

void IoRunner::thread_main() {
  pthread_setname_np(pthread_self(), "quorate-io");
  std::unique_lock lock(mutex_);
  auto peek = kPeek;
  while (!stopped_) {
    const auto callers_come_and_go = [&] { return demand_ == 0 && Clock::now() < released_ + kLinger; };
    if (token_taken_ || !waiters_.empty()) {
      background_.wait_for(lock, kPeek);
      continue;
    }
    if (!wanted_ && callers_come_and_go() && background_.wait_for(lock, peek) == std::cv_status::no_timeout) continue;
    if (stopped_ || token_taken_ || !waiters_.empty()) continue;
    token_taken_ = true;
    wanted_ = false;
    if (callers_come_and_go()) {
      peek = kPeek;
      for (bool more = true; more && !stopped_ && waiters_.empty();) {
        lock.unlock();
        more = false;
        guarded([&] { more = io_.poll_one() > 0; });
        lock.lock();
        if (more) peek = kPeekAgain;
      }
    } else {
      while (!stopped_ && waiters_.empty()) {
        lock.unlock();
        run_one(Clock::time_point::max());
        lock.lock();
      }
    }
    token_taken_ = false;
    hand_on();
  }
}

/// A caller gives the token back. Called with the lock held.
void IoRunner::release() {
  token_taken_ = false;
  released_ = Clock::now();
  hand_on();
}

/// The token is free: wakes somebody who can use it, if there is anybody. Called with the lock held.
void IoRunner::hand_on() {
  if (!waiters_.empty()) {
    waiters_.front()->changed_.notify_one();
  } else if (wanted_ || demand_ > 0) {
    background_.notify_one();
  }
}

void IoRunner::post(std::function<void()> work) {
  boost::asio::post(io_, std::move(work));
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  if (!token_taken_) background_.notify_one();
}

void IoRunner::post_before_wait(std::function<void()> work) { boost::asio::post(io_, std::move(work)); }

bool IoRunner::wait(Waiter& waiter, Clock::time_point until, const std::function<bool()>& ready) {
  std::unique_lock lock(mutex_);
  const auto place = waiters_.insert(waiters_.end(), &waiter);
  const auto go_on = [&] { return !ready() && !stopped_ && Clock::now() < until; };
  while (go_on()) {
    if (token_taken_) {
      waiter.changed_.wait_until(lock, until);
      continue;
    }
    token_taken_ = true;
    while (go_on()) {
      lock.unlock();
      run_one(until);
      lock.lock();
    }
    waiters_.erase(place);
    const bool result = ready();
    release();
    return result;
  }
  waiters_.erase(place);
  if (!token_taken_) hand_on();  // it may have been this waiter's turn to take what it no longer needs
  return ready();
}

void IoRunner::update(Waiter& waiter, const std::function<void()>& change) {
  const std::lock_guard lock(mutex_);
  change();
  waiter.changed_.notify_one();
}

void IoRunner::poll(const std::function<void()>& after) {
  {
    const std::lock_guard lock(mutex_);
    if (!inline_ || token_taken_ || stopped_) return;
    token_taken_ = true;
  }
  guarded([&] {
    io_.poll();
    after();
  });
  const std::lock_guard lock(mutex_);
  release();
}

std::shared_ptr<void> IoRunner::demand() {
  const std::lock_guard lock(mutex_);
  ++demand_;
  return {nullptr, [this](void*) {
            const std::lock_guard again(mutex_);
            --demand_;
          }};
}

void IoRunner::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (Waiter* waiter : waiters_) waiter->changed_.notify_one();
    background_.notify_one();
  }
  work_.reset();
  io_.stop();
  if (thread_.joinable() && !on_own_thread()) thread_.join();
}

}  // namespace quorate::net
