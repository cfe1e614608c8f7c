#include "protocol/net/io_thread.h"

#include <semaphore.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

namespace quorate::net {
namespace {

/// Blocks every signal for the lifetime of the object, so that a thread started meanwhile never gets one.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

enum State : int { kEmpty, kWaiting, kTaken };

/// A thread that waits for work from the moment when its process was forked.
struct Spare {
  std::atomic<int> state{kEmpty};
  pthread_t id{};
  sem_t go{};
  std::function<void()> work;
};

/// One for each client that asks for one; more clients than this start their threads as usual.
std::array<Spare, 4> spares;
std::atomic<int> asked{0};
std::atomic<bool> parent_is_alone{false};

void* wait_for_work(void* argument) {
  auto& spare = *static_cast<Spare*>(argument);
  pthread_setname_np(pthread_self(), "quorate-spare");
  while (sem_wait(&spare.go) != 0 && errno == EINTR) {
  }
  spare.work();
  return nullptr;
}

/// The link count of this directory is the number of threads and two.
long threads_of_this_process() {
  struct stat info {};
  return stat("/proc/self/task", &info) == 0 ? static_cast<long>(info.st_nlink) - 2 : -1;
}

void before_fork() {
  if (asked == 0) return;
  const int saved = errno;
  long waiting = 0;
  for (const Spare& spare : spares) waiting += spare.state == kWaiting ? 1 : 0;
  parent_is_alone = threads_of_this_process() - waiting == 1;
  errno = saved;
}

/// The parent had no other thread that could have held a lock, so this child may do as any process does.
void in_child() {
  if (asked == 0) return;
  const int saved = errno;
  const AllSignalsBlocked blocked;
  int missing = parent_is_alone ? asked.load() : 0;
  for (Spare& spare : spares) {
    spare.state = kEmpty;  // the parent's thread is not here
    if (missing == 0) continue;
    --missing;
    if (sem_init(&spare.go, 0, 0) == 0 && pthread_create(&spare.id, nullptr, wait_for_work, &spare) == 0)
      spare.state = kWaiting;
  }
  errno = saved;
}

/// Hands work to a spare thread of this process, if one waits.
bool give_to_spare(std::function<void()>& work, pthread_t& id) {
  for (Spare& spare : spares) {
    int expected = kWaiting;
    if (!spare.state.compare_exchange_strong(expected, kTaken)) continue;
    spare.work = std::move(work);
    id = spare.id;
    sem_post(&spare.go);
    return true;
  }
  return false;
}

void* run_work(void* argument) {
  const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(argument));
  (*work)();
  return nullptr;
}

}  // namespace

int IoThread::start(std::function<void()> work) {
  joinable_ = true;  // the thread may look at this object at once
  if (give_to_spare(work, id_)) return 0;
  auto owned = std::make_unique<std::function<void()>>(std::move(work));
  const AllSignalsBlocked blocked;
  const int error = pthread_create(&id_, nullptr, run_work, owned.get());
  if (error == 0) {
    [[maybe_unused]] const auto* passed_on = owned.release();
  } else {
    joinable_ = false;
  }
  return error;
}

void IoThread::join() {
  pthread_join(id_, nullptr);
  joinable_ = false;
}

std::shared_ptr<void> IoThread::spare_in_children() {
  static const int installed = pthread_atfork(before_fork, nullptr, in_child);
  if (installed != 0) return nullptr;
  ++asked;
  return {nullptr, [](void*) { --asked; }};
}

}  // namespace quorate::net
