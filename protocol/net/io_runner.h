#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "protocol/net/io_thread.h"
#include "protocol/net/log.h"

namespace quorate::net {

/// Runs one io_context for a process in which others make the rules. Whoever holds the run token runs
/// everybody's I/O. A caller who waits takes the token if it is free, so that its messages are sent and its
/// replies read on its own thread without a hop, and hands it on when its wait is over. A background thread
/// with all signals blocked holds it otherwise: after callers have been quiet for a second, or at once while there
/// is demand(); in that second it looks at what has arrived every 20 ms and leaves the token where the next caller
/// finds it. Where no thread can be had (RLIMIT_NPROC after a change of user) and the process
/// was not forked with a spare one (io_thread.h), the callers are all there is.
class IoRunner {
 public:
  using Clock = std::chrono::steady_clock;

  /// Somebody who waits for something that happens on the I/O side.
  class Waiter {
    friend class IoRunner;
    std::condition_variable changed_;
  };

  explicit IoRunner(Log log);
  IoRunner(const IoRunner&) = delete;
  IoRunner& operator=(const IoRunner&) = delete;
  /// As stop().
  ~IoRunner();

  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  /// Starts the thread, or settles for none.
  void start();
  [[nodiscard]] bool is_inline() const { return inline_; }

  /// Any thread; runs on the I/O side soon. Without a thread: when somebody waits or polls.
  void post(std::function<void()> work);
  /// The same for somebody who calls wait() next: nobody is woken for it.
  void post_before_wait(std::function<void()> work);
  /// Blocks until ready() or the time, running I/O meanwhile if nobody else does; needs an ordinary stack
  /// (see roomy_stack.h). ready() is evaluated under the lock that update() takes.
  /// False if it was not ready in time or the runner was stopped.
  bool wait(Waiter& waiter, Clock::time_point until, const std::function<bool()>& ready);
  /// Changes what a waiter waits for, and wakes it.
  void update(Waiter& waiter, const std::function<void()>& change);
  /// Without a thread: handles what is ready without waiting, then calls `after` with the token held. Does
  /// nothing if somebody else runs the I/O just now, or there is a thread.
  void poll(const std::function<void()>& after);
  /// While this object lives something goes on that no caller waits for: the background thread does not
  /// leave the I/O to callers.
  [[nodiscard]] std::shared_ptr<void> demand();

  /// Ends every wait and the thread. From then on the io_context may be taken apart by the caller, unless
  /// this is called on the thread itself: then it ends when the present handler returns, and this object has
  /// to be destroyed by another thread.
  void stop();
  [[nodiscard]] bool on_own_thread() const { return thread_.is_current(); }

 private:
  void thread_main();
  void guarded(const std::function<void()>& work);
  void complain(const char* what) noexcept;
  void run_one(Clock::time_point until);
  void release();
  void hand_on();

  Log log_;
  bool inline_ = false;
  IoThread thread_;

  std::mutex mutex_;
  std::condition_variable background_;
  bool token_taken_ = false, stopped_ = false;
  bool wanted_ = false;            ///< the thread shall take the token as soon as it is free
  std::size_t demand_ = 0;
  Clock::time_point released_{};   ///< when a caller last had the token
  std::list<Waiter*> waiters_;

  /// Last, as handlers that are destroyed with it unrun may still use the rest.
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
};

}  // namespace quorate::net
