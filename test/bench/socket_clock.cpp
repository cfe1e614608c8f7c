// Preloaded into processes: writes down when they read and write sockets, for the latency table of online.py.
// What is measured needs no change for it. One line a call, in a file of the process in the directory
// SOCKET_CLOCK: nanoseconds of CLOCK_MONOTONIC, which all processes of a host share; bytes, negative for what
// was read. Stamps are taken just before a write and just after a read.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

struct Entry {
  std::int64_t at;
  std::int64_t bytes;
};
constexpr std::size_t kEntries = std::size_t{1} << 18;
std::atomic<std::size_t> used{0};
Entry* entries = nullptr;
using Send = ssize_t (*)(int, const void*, size_t, int);
using Receive = ssize_t (*)(int, void*, size_t, int);
Send real_send = nullptr;
Receive real_receive = nullptr;

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec;
}

void note(std::int64_t at, std::int64_t bytes) {
  if (entries == nullptr) return;
  const auto place = used++;
  if (place < kEntries) entries[place] = {at, bytes};
}

__attribute__((constructor)) void begin() {
  real_send = reinterpret_cast<Send>(dlsym(RTLD_NEXT, "send"));
  real_receive = reinterpret_cast<Receive>(dlsym(RTLD_NEXT, "recv"));
  const char* directory = std::getenv("SOCKET_CLOCK");
  if (directory == nullptr) return;
  char path[4096];
  std::snprintf(path, sizeof path, "%s/%d", directory, static_cast<int>(getpid()));
  const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (ftruncate(fd, sizeof(Entry) * kEntries) == 0) {
    void* map = mmap(nullptr, sizeof(Entry) * kEntries, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) entries = static_cast<Entry*>(map);
  }
  close(fd);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) ssize_t send(int fd, const void* bytes, size_t size,
                                                               int flags) {
  const auto at = now();
  const ssize_t sent = real_send(fd, bytes, size, flags);
  if (sent > 0) note(at, sent);
  return sent;
}

extern "C" __attribute__((visibility("default"))) ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  const ssize_t got = real_receive(fd, bytes, size, flags);
  if (got > 0) note(now(), -got);
  return got;
}
