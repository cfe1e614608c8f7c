#include "protocol/net/endpoint.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>

#include "protocol/net/link_socket.h"
#include "protocol/net/name_lookup.h"

namespace quorate::net {
namespace {

constexpr int kKeepIdleSeconds = 5, kKeepIntervalSeconds = 2, kKeepProbes = 3;
constexpr unsigned kUserTimeoutMs = 5000;

}  // namespace

std::optional<boost::asio::ip::address> literal_address(const std::string& host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address(bracketed ? host.substr(1, host.size() - 2) : host, error);
  if (error) return std::nullopt;
  return address;
}

std::vector<std::string> resolve_host(const std::string& host, std::chrono::milliseconds limit) {
  if (const auto address = literal_address(host)) return {address->to_string()};
  struct Shared {
    std::mutex mutex;
    std::condition_variable ready;
    bool done = false;
    std::vector<std::string> found;
  };
  auto shared = std::make_shared<Shared>();
  const bool started = run_aside([shared, host] {
    auto found = look_up(host);
    const std::lock_guard lock(shared->mutex);
    shared->found = std::move(found);
    shared->done = true;
    shared->ready.notify_one();
  });
  if (!started) return look_up(host);
  std::unique_lock lock(shared->mutex);
  shared->ready.wait_for(lock, limit, [&] { return shared->done; });
  return shared->found;
}

boost::asio::ip::tcp::socket open_socket(boost::asio::io_context& io, const boost::asio::ip::tcp& protocol,
                                         boost::system::error_code& error) {
  boost::asio::ip::tcp::socket made(io);
  const int fd = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (fd < 0) {
    error.assign(errno, boost::system::system_category());
    return made;
  }
  made.assign(protocol, fd, error);
  if (error) ::close(fd);
  return made;
}

void tune(boost::asio::ip::tcp::socket& socket) {
  const int fd = socket.native_handle();
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepIdleSeconds, sizeof kKeepIdleSeconds);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepIntervalSeconds, sizeof kKeepIntervalSeconds);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepProbes, sizeof kKeepProbes);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
}

std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

}  // namespace quorate::net
