#include "protocol/net/dialer.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <random>

#include "protocol/net/endpoint.h"
#include "protocol/net/link_socket.h"
#include "protocol/net/log.h"
#include "protocol/net/name_lookup.h"

namespace quorate::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstBackOff{50}, kGreatestBackOff{500};
/// A link that lasted so long was a good one: the next attempt is made almost at once.
constexpr milliseconds kGoodLink{1000};
/// Shorter than TCP's pause between its second and its third try (2 s): a host that comes back is found within 2 s.
constexpr milliseconds kConnectTimeout{1500};

}  // namespace

class Dialer::Impl : public std::enable_shared_from_this<Dialer::Impl> {
  /// Wraps a handler so that it does nothing once this attempt is over or the dialer is gone.
  template <class F>
  auto guarded(F handler) {
    return [weak = weak_from_this(), generation = generation_, handler = std::move(handler)](auto&&... args) {
      auto self = weak.lock();
      if (self && self->running_ && self->generation_ == generation) {
        handler(*self, std::forward<decltype(args)>(args)...);
      }
    };
  }

 public:
  Impl(asio::io_context& io, std::shared_ptr<const LinkSettings> settings, DialTarget target, Events events)
      : io_(io),
        settings_(std::move(settings)),
        target_(std::move(target)),
        events_(std::make_shared<const Events>(std::move(events))),
        timer_(io),
        names_(io),
        socket_(io),
        jitter_(std::random_device{}()) {}

  void start() {
    if (running_) return;
    running_ = true;
    attempt();
  }

  void stop() {
    running_ = false;
    ++generation_;
    timer_.cancel();
    names_.forget();
    error_code ignored;
    socket_.close(ignored);
    if (auto link = std::exchange(trying_, nullptr)) link->close();
    if (auto link = std::exchange(up_, nullptr)) link->close();
    events_ = std::make_shared<const Events>();
  }

  void drop(const std::string& reason) {
    if (!up_) return;
    up_->close(reason);
    asio::post(io_, guarded([reason](Impl& self) {
                 if (self.up_) self.on_down(reason);
               }));
  }

  void retry_now() {
    if (!running_ || !waiting_) return;
    ++generation_;
    timer_.cancel();
    back_off_ = kFirstBackOff;
    attempt();
  }

  [[nodiscard]] const std::shared_ptr<Link>& link() const { return up_; }
  [[nodiscard]] const DialTarget& target() const { return target_; }

 private:
  void attempt() {
    waiting_ = false;
    ++generation_;
    if (target_.hosts.empty()) return again("no address is known");
    const std::string& host = target_.hosts[next_host_++ % target_.hosts.size()];
    timer_.expires_after(kConnectTimeout);
    timer_.async_wait(guarded([](Impl& self, error_code error) {
      if (!error) self.again("no connection to " + self.address_ + " in time");
    }));
    address_ = host;
    if (const auto literal = literal_address(host)) return connect(tcp::endpoint(*literal, target_.port));
    names_.start(host, guarded([](Impl& self, const std::vector<std::string>& found) {
                   const auto known = found.empty() ? std::nullopt : literal_address(found[self.next_address_++ % found.size()]);
                   if (!known) return self.again(self.address_ + " cannot be resolved");
                   self.connect(tcp::endpoint(*known, self.target_.port));
                 }));
  }

  void connect(const tcp::endpoint& endpoint) {
    address_ = text_of(endpoint);
    error_code error;
    socket_ = open_socket(io_, endpoint.protocol(), error);
    if (error) return again("no socket: " + error.message());
    tune(socket_);
    socket_.async_connect(endpoint, guarded([](Impl& self, error_code failed) {
                            if (failed) return self.again(self.address_ + ": " + failed.message());
                            self.connected();
                          }));
  }

  void connected() {
    timer_.cancel();
    ++generation_;  // its handler may be queued already
    trying_ = make_link(std::move(socket_), TlsChannel::Side::Client, settings_, target_.expected);
    Link::Events events;
    events.up = guarded([](Impl& self) { self.on_up(); });
    events.message = [weak = weak_from_this()](wire::Envelope envelope) {
      auto self = weak.lock();
      if (!self) return;
      if (const auto handlers = self->events_; handlers->message) handlers->message(std::move(envelope));
    };
    events.down = guarded([](Impl& self, const std::string& reason) { self.on_down(reason); });
    trying_->start(std::move(events));
  }

  void on_up() {
    up_ = std::exchange(trying_, nullptr);
    up_since_ = steady_clock::now();
    last_reason_.clear();
    write_log(settings_->log, kLogInfo, "link to " + up_->peer().str() + " at " + address_ + " is up");
    const auto events = events_;
    const auto link = up_;
    if (events->up) events->up(link);
  }

  void on_down(const std::string& reason) {
    const bool was_up = up_ != nullptr;
    up_.reset();
    trying_.reset();
    if (!was_up) return again(address_ + ": " + reason);
    if (steady_clock::now() - up_since_ >= kGoodLink) back_off_ = kFirstBackOff;
    const auto events = events_;
    wait();  // whatever the rest comes to
    write_log(settings_->log, kLogWarning, "link to " + target_.expected.str() + " at " + address_ + " is lost: " + reason);
    if (events->down) events->down(reason);
  }

  void again(const std::string& reason) {
    error_code ignored;
    socket_.close(ignored);
    const auto events = events_;
    wait();  // whatever the rest comes to
    if (reason != last_reason_) {
      last_reason_ = reason;
      write_log(settings_->log, kLogWarning, "no link to " + target_.expected.str() + ": " + reason);
    }
    if (events->failed) events->failed(reason);
  }

  void wait() {
    ++generation_;
    waiting_ = true;
    std::uniform_int_distribution<long> spread(back_off_.count() / 2, back_off_.count());
    timer_.expires_after(milliseconds(spread(jitter_)));
    back_off_ = std::min(2 * back_off_, kGreatestBackOff);
    timer_.async_wait(guarded([](Impl& self, error_code error) {
      if (!error) self.attempt();
    }));
  }

  asio::io_context& io_;
  std::shared_ptr<const LinkSettings> settings_;
  DialTarget target_;
  std::shared_ptr<const Events> events_;
  asio::steady_timer timer_;
  NameLookup names_;
  tcp::socket socket_;
  std::minstd_rand jitter_;
  std::shared_ptr<Link> trying_, up_;
  steady_clock::time_point up_since_{};
  milliseconds back_off_ = kFirstBackOff;
  std::uint64_t generation_ = 0;
  std::size_t next_host_ = 0, next_address_ = 0;
  std::string address_, last_reason_;
  bool running_ = false, waiting_ = false;
};

Dialer::Dialer(asio::io_context& io, std::shared_ptr<const LinkSettings> settings, DialTarget target, Events events)
    : impl_(std::make_shared<Impl>(io, std::move(settings), std::move(target), std::move(events))) {}
Dialer::~Dialer() { impl_->stop(); }
void Dialer::start() { impl_->start(); }
void Dialer::stop() { impl_->stop(); }
void Dialer::drop(const std::string& reason) { impl_->drop(reason); }
void Dialer::retry_now() { impl_->retry_now(); }
const std::shared_ptr<Link>& Dialer::link() const { return impl_->link(); }
const DialTarget& Dialer::target() const { return impl_->target(); }

}  // namespace quorate::net
