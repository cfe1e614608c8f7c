#include "protocol/net/fork_guard.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace quorate::net::fork_guard {
namespace {

/// fd + 1; 0 is free. Plain atomics, because locks may be in any state in a child.
constinit std::array<std::atomic<int>, 1024> slots{};

/// Between fork and exec only async-signal-safe calls are allowed.
void close_all_in_child() {
  for (auto& slot : slots) {
    const int fd = slot.exchange(0, std::memory_order_relaxed) - 1;
    struct stat info {};
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode)) close(fd);
  }
}

}  // namespace

void add(int fd) {
  static const int installed = pthread_atfork(nullptr, nullptr, close_all_in_child);
  if (fd < 0 || installed != 0) return;
  for (auto& slot : slots) {
    int free = 0;
    if (slot.compare_exchange_strong(free, fd + 1, std::memory_order_relaxed)) return;
  }
}

void remove(int fd) {
  if (fd < 0) return;
  for (auto& slot : slots) {
    int mine = fd + 1;
    if (slot.compare_exchange_strong(mine, 0, std::memory_order_relaxed)) return;
  }
}

}  // namespace quorate::net::fork_guard
