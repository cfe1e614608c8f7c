#pragma once

#include <pthread.h>

#include <functional>
#include <memory>

namespace quorate::net {

/// One thread with all signals blocked, for I/O in a process in which others make the rules: a spare one that
/// has waited since the process was forked, if there is one, otherwise a new one.
class IoThread {
 public:
  IoThread() = default;
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;
  /// The thread has to be over or joined, unless the process ends with it.
  ~IoThread() = default;

  /// Runs `work`, which must not throw, on the thread. An errno value if no thread can be had, 0 otherwise.
  int start(std::function<void()> work);
  [[nodiscard]] bool joinable() const { return joinable_; }
  void join();
  [[nodiscard]] bool is_current() const { return joinable_ && pthread_equal(id_, pthread_self()) != 0; }

  /// While the returned object lives, a process that is forked from this one gets a spare thread at once, in
  /// a fork handler: later, under RLIMIT_NPROC and another user, it could start none. The spare waits and
  /// holds no lock. When nobody has wanted it for a quarter of a second, time enough for a child that only
  /// executes another program, it runs `idle` once, which must not throw and may start() work that then runs
  /// on this very thread; then it waits on. None is started in the child of a process
  /// that has any other thread but waiting spares, because what such a thread held when it was cut off is not
  /// known; so a CGI or popen child of a server that has signed starts nothing.
  [[nodiscard]] static std::shared_ptr<void> spare_in_children(std::function<void()> idle = {});

 private:
  pthread_t id_{};
  bool joinable_ = false;
};

}  // namespace quorate::net
