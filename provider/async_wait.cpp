#include "provider/async_wait.h"

#include <fcntl.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <mutex>

namespace quorate::provider {
namespace {

/// Identifies our descriptor among those of other engines in one ASYNC_WAIT_CTX.
const char kWaitKey = 0;

/// What the job and the operation share. The operation writes to a descriptor of its own, as the server
/// may drop the connection, and with it the other one, before the operation ends.
struct Pending {
  explicit Pending(int fd) : wake_fd(fd) {}
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() {
    if (wake_fd >= 0) close(wake_fd);
  }

  void finish(SignResult value) {
    const std::lock_guard lock(mutex);
    result.emplace(std::move(value));
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(wake_fd, &one, sizeof one);
    close(wake_fd);
    wake_fd = -1;
  }
  std::optional<SignResult> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(result, std::nullopt);
  }

  std::mutex mutex;
  int wake_fd;
  std::optional<SignResult> result;
};

void close_wait_fd(ASYNC_WAIT_CTX*, const void*, OSSL_ASYNC_FD fd, void*) { close(fd); }

/// What this connection's event loop watches, for the connection's lifetime. It is never taken out of the context
/// inside a job, as the event loop has it in its poll set. Nor is it put there before a pause is certain: HAProxy
/// deletes every descriptor of the context from its poll set when the connection ends, and aborts if one was never
/// in it, which it learns at a pause only.
class WaitFd {
 public:
  explicit WaitFd(ASYNC_WAIT_CTX* wait) : wait_(wait) {
    void* custom = nullptr;
    if (wait == nullptr || ASYNC_WAIT_CTX_get_fd(wait, &kWaitKey, &fd_, &custom) == 1) return;
    fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ours_ = fd_ >= 0;
  }
  WaitFd(const WaitFd&) = delete;
  WaitFd& operator=(const WaitFd&) = delete;
  ~WaitFd() {
    if (ours_) close(fd_);
  }

  [[nodiscard]] int fd() const { return fd_; }
  /// The context has it from here on and closes it with the connection.
  bool hand_over() {
    if (ours_ && ASYNC_WAIT_CTX_set_wait_fd(wait_, &kWaitKey, fd_, nullptr, close_wait_fd) != 1) return false;
    ours_ = false;
    return true;
  }

 private:
  ASYNC_WAIT_CTX* wait_;
  OSSL_ASYNC_FD fd_ = -1;
  bool ours_ = false;
};

void drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = read(fd, &count, sizeof count);
}

}  // namespace

bool in_async_job() { return ASYNC_get_current_job() != nullptr; }

std::optional<SignResult> sign_in_async_job(const std::function<void(net::SignClient::SignDone)>& start) {
  WaitFd watched(ASYNC_get_wait_ctx(ASYNC_get_current_job()));
  const int fd = watched.fd();
  if (fd < 0) return std::nullopt;
  const int wake_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (wake_fd < 0) return std::nullopt;
  drain(fd);
  auto pending = std::make_shared<Pending>(wake_fd);
  start([pending](SignResult result) { pending->finish(std::move(result)); });
  for (;;) {
    if (auto result = pending->take()) {
      drain(fd);
      return result;
    }
    // Servers resume whenever they like; the result decides. Other connections of this thread use the
    // error queue meanwhile, so the caller's mark in it must not stay.
    ERR_pop_to_mark();
    const bool paused = watched.hand_over() && ASYNC_pause_job() == 1;
    ERR_set_mark();
    if (!paused) return SignResult(fail(SignError{SignErrorCode::Overloaded, "the ASYNC job cannot be paused"}));
  }
}

}  // namespace quorate::provider
