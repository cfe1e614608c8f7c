#include "protocol/net/listener.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <list>
#include <map>

#include "protocol/net/endpoint.h"
#include "protocol/net/link_socket.h"
#include "protocol/net/log.h"

namespace quorate::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Pause after the process ran out of descriptors or memory; connections wait in the backlog meanwhile.
constexpr milliseconds kExhaustedPause{100};
constexpr std::size_t kAcceptsPerRound = 32;

}  // namespace

class Listener::Impl : public std::enable_shared_from_this<Listener::Impl> {
 public:
  Impl(asio::io_context& io, ListenerSettings settings, std::shared_ptr<const LinkSettings> link_settings,
       OnLink on_link)
      : io_(io),
        settings_(std::move(settings)),
        link_settings_(std::move(link_settings)),
        on_link_(std::move(on_link)),
        acceptor_(io),
        timer_(io) {}

  Result<void, std::string> open() {
    const auto address = literal_address(settings_.address);
    if (!address) return fail("listen address " + settings_.address + " is not an IPv4 or IPv6 address");
    const tcp::endpoint endpoint(*address, settings_.port);
    error_code error;
    const int fd = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0) return fail("listen on " + text_of(endpoint) + ": " + std::strerror(errno));
    acceptor_.assign(endpoint.protocol(), fd, error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    if (!error) acceptor_.non_blocking(true, error);
    if (error) return fail("listen on " + text_of(endpoint) + ": " + error.message());
    port_ = acceptor_.local_endpoint(error).port();
    wait();
    return {};
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    timer_.cancel();
    for (auto& link : std::exchange(half_open_, {})) link->close();
    counters_.half_open = 0;
    on_link_ = nullptr;
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const ListenerCounters& counters() const { return counters_; }

 private:
  void wait() {
    acceptor_.async_wait(tcp::acceptor::wait_read, [weak = weak_from_this()](error_code error) {
      auto self = weak.lock();
      if (self && !self->stopped_ && error != asio::error::operation_aborted) self->accept_some();
    });
  }

  void accept_some() {
    for (std::size_t i = 0; i < kAcceptsPerRound; ++i) {
      const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) {
        take(fd);
        if (stopped_) return;
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return pause(errno);
      ++counters_.accept_errors;  // ECONNABORTED and network errors of that one connection
    }
    wait();
  }

  void pause(int error) {
    ++counters_.accept_errors;
    complain(std::string("cannot accept connections for now: ") + std::strerror(error));
    timer_.expires_after(kExhaustedPause);
    timer_.async_wait([weak = weak_from_this()](error_code aborted) {
      auto self = weak.lock();
      if (!aborted && self && !self->stopped_) self->accept_some();
    });
  }

  void take(int fd) {
    ++counters_.accepted;
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    const bool known = getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0;
    tcp::socket socket(io_);
    error_code error;
    socket.assign(known && local.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd, error);
    if (error) {
      ::close(fd);
      return;
    }
    tune(socket);
    if (half_open_.size() >= settings_.max_half_open && !half_open_.empty()) {
      ++counters_.pushed_out;
      complain("too many handshakes at once, dropping the oldest, from " + half_open_.front()->address());
      half_open_.front()->close();
      half_open_.pop_front();
    }
    auto link = make_link(std::move(socket), TlsChannel::Side::Server, link_settings_);
    const auto place = half_open_.insert(half_open_.end(), link);
    counters_.half_open = half_open_.size();
    Link::Events events;
    events.up = [weak = weak_from_this(), place] {
      if (auto self = weak.lock(); self && !self->stopped_) self->on_up(self->remove(place));
    };
    events.down = [weak = weak_from_this(), place](const std::string& reason) {
      if (auto self = weak.lock(); self && !self->stopped_) self->on_failed(self->remove(place), reason);
    };
    link->start(std::move(events));
  }

  std::shared_ptr<Link> remove(std::list<std::shared_ptr<Link>>::iterator place) {
    auto link = std::move(*place);
    half_open_.erase(place);
    counters_.half_open = half_open_.size();
    return link;
  }

  void on_failed(const std::shared_ptr<Link>& link, const std::string& reason) {
    ++counters_.refused;
    complain("connection from " + link->address() + " refused: " + reason);
  }

  void on_up(const std::shared_ptr<Link>& link) {
    link->adopt({});  // the events until now belong to the place in half_open_, which is gone
    const std::string who = link->peer().uri();
    std::optional<std::string> objection;
    if (counters_.up >= settings_.max_links) {
      objection = "too many connections";
    } else if (const auto known = per_identity_.find(who);
               known != per_identity_.end() && known->second >= settings_.max_per_identity) {
      objection = "too many connections of " + link->peer().str();
    } else if (settings_.admit) {
      objection = settings_.admit(link->peer());
    }
    if (objection) {
      link->close(*objection);
      return on_failed(link, *objection);
    }
    ++counters_.up;
    ++per_identity_[who];
    link->hold(std::shared_ptr<void>(nullptr, [weak = weak_from_this(), who](void*) {
      if (auto self = weak.lock()) self->on_gone(who);
    }));
    if (const auto on_link = on_link_) on_link(link);
  }

  void on_gone(const std::string& who) {
    --counters_.up;
    const auto known = per_identity_.find(who);
    if (known != per_identity_.end() && --known->second == 0) per_identity_.erase(known);
  }

  /// At most ten lines a second, whatever strangers do.
  void complain(const std::string& text) {
    const auto now = steady_clock::now();
    if (now - complaints_since_ > std::chrono::seconds(1)) {
      complaints_since_ = now;
      complaints_ = 0;
    }
    if (++complaints_ <= 10) write_log(link_settings_->log, kLogWarning, text);
  }

  asio::io_context& io_;
  ListenerSettings settings_;
  std::shared_ptr<const LinkSettings> link_settings_;
  OnLink on_link_;
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
  std::list<std::shared_ptr<Link>> half_open_;  ///< oldest first
  std::map<std::string, std::size_t> per_identity_;
  ListenerCounters counters_;
  steady_clock::time_point complaints_since_{};
  unsigned complaints_ = 0;
};

Result<std::unique_ptr<Listener>, std::string> Listener::open(asio::io_context& io, ListenerSettings settings,
                                                              std::shared_ptr<const LinkSettings> link_settings,
                                                              OnLink on_link) {
  auto impl = std::make_shared<Impl>(io, std::move(settings), std::move(link_settings), std::move(on_link));
  if (auto opened = impl->open(); !opened.has_value()) return fail(opened.error());
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}
Listener::~Listener() { impl_->stop(); }
void Listener::stop() { impl_->stop(); }
std::uint16_t Listener::port() const { return impl_->port(); }
const ListenerCounters& Listener::counters() const { return impl_->counters(); }

}  // namespace quorate::net
