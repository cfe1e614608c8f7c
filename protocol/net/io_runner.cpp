#include "protocol/net/io_runner.h"

#include <pthread.h>

#include <boost/asio/post.hpp>

#include <exception>
#include <system_error>

namespace quorate::net {
namespace {

/// How long the background thread leaves the I/O to callers after the last of them had it.
constexpr std::chrono::milliseconds kLinger{5};

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

/// One handler. Handlers do not throw by design; memory may run out all the same, and no exception may leave
/// a thread.
bool IoRunner::run_one(Clock::time_point until) {
  try {
    return (until == Clock::time_point::max() ? io_.run_one() : io_.run_one_until(until)) > 0;
  } catch (const std::exception& error) {
    write_log(log_, kLogError, std::string("I/O handler failed: ") + error.what());
    return true;
  }
}

void IoRunner::thread_main() {
  pthread_setname_np(pthread_self(), "quorate-io");
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    // While callers come and go they do it all, and are not to be bothered with waking this thread.
    const auto quiet_at = released_ + kLinger;
    const bool mine = wanted_ || demand_ > 0 || Clock::now() >= quiet_at;
    if (token_taken_ || !waiters_.empty() || !mine) {
      background_.wait_for(lock, kLinger);
      continue;
    }
    token_taken_ = true;
    wanted_ = false;
    while (!stopped_ && waiters_.empty()) {
      lock.unlock();
      (void)run_one(Clock::time_point::max());
      lock.lock();
    }
    release();
  }
}

/// Gives the token back. Called with the lock held.
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
      (void)run_one(until);
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
  try {
    io_.poll();
    after();
  } catch (const std::exception& error) {
    write_log(log_, kLogError, std::string("I/O handler failed: ") + error.what());
  }
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
