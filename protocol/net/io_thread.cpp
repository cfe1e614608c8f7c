#include "protocol/net/io_thread.h"

#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "protocol/net/signals_blocked.h"

namespace quorate::net {
namespace {

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
/// What those who asked want done by a spare that nobody needs.
std::array<std::atomic<std::shared_ptr<const std::function<void()>>>, 4> idle_work;
constexpr long kIdleAfter = 250'000'000;  ///< nanoseconds
std::atomic<bool> parent_is_alone{false};

/// False if there is no work after kIdleAfter.
bool work_comes_soon(Spare& spare) {
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += kIdleAfter;
  until.tv_sec += until.tv_nsec / 1'000'000'000;
  until.tv_nsec %= 1'000'000'000;
  int result = 0;
  do {
    result = sem_clockwait(&spare.go, CLOCK_MONOTONIC, &until);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

/// Each spare takes the wish of another client.
void run_idle_work(std::size_t number) {
  for (auto& slot : idle_work) {
    const auto work = slot.load();
    if (work == nullptr || number-- != 0) continue;
    if (*work) (*work)();
    return;
  }
}

void* wait_for_work(void* argument) {
  auto& spare = *static_cast<Spare*>(argument);
  pthread_setname_np(pthread_self(), "quorate-spare");
  if (!work_comes_soon(spare)) {
    run_idle_work(static_cast<std::size_t>(&spare - spares.data()));
    while (sem_wait(&spare.go) != 0 && errno == EINTR) {
    }
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

std::shared_ptr<void> IoThread::spare_in_children(std::function<void()> idle) {
  static const int installed = pthread_atfork(before_fork, nullptr, in_child);
  if (installed != 0) return nullptr;
  ++asked;
  const auto work = std::make_shared<const std::function<void()>>(std::move(idle));
  for (auto& slot : idle_work) {
    std::shared_ptr<const std::function<void()>> empty;
    if (slot.compare_exchange_strong(empty, work)) break;
  }
  return {nullptr, [work](void*) {
            for (auto& slot : idle_work) {
              auto mine = work;
              if (slot.compare_exchange_strong(mine, nullptr)) break;
            }
            --asked;
          }};
}

}  // namespace quorate::net
