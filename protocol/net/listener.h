#pragma once

#include <functional>
#include <memory>
#include <string>

#include "protocol/net/link.h"

namespace boost::asio {
class io_context;
}

namespace quorate::net {

struct ListenerSettings {
  std::string address = "0.0.0.0";    ///< an IPv4 or IPv6 address
  std::uint16_t port = 0;             ///< 0: any free one
  std::size_t max_links = 4096;       ///< up
  std::size_t max_per_identity = 256; ///< up, of one certificate name: one per worker process of a server
  std::size_t max_half_open = 256;    ///< in TLS or hello; one more pushes the oldest out
  /// Extra condition after hello; a text refuses the peer, which is told the text. May be empty.
  std::function<std::optional<std::string>(const PeerIdentity&)> admit;
};

struct ListenerCounters {
  std::uint64_t accepted = 0, refused = 0, pushed_out = 0, accept_errors = 0;
  std::size_t half_open = 0, up = 0;
};

/// Accepts connections and hands out links that are up. Whoever opens connections and says nothing only
/// pushes out others that say nothing: a handshake takes milliseconds, so an honest peer is through before
/// it is the oldest of max_half_open.
class Listener {
 public:
  using OnLink = std::function<void(std::shared_ptr<Link>)>;  ///< takes it over with adopt()

  /// Binds and listens at once. The error names address and reason.
  static Result<std::unique_ptr<Listener>, std::string> open(boost::asio::io_context& io, ListenerSettings settings,
                                                             std::shared_ptr<const LinkSettings> link_settings,
                                                             OnLink on_link);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  /// As stop().
  ~Listener();

  /// Closes the socket and what is half open; links that were handed out go on.
  void stop();
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const ListenerCounters& counters() const;

 private:
  class Impl;
  explicit Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::net
