#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/net/link.h"

namespace boost::asio {
class io_context;
}

namespace quorate::net {

struct DialTarget {
  std::vector<std::string> hosts;  ///< addresses or names, tried in turn; a name is looked up at every attempt, or the look-up of the
                                   ///< one before is waited for if that is not over
  std::uint16_t port = 0;
  PeerIdentity expected;           ///< an empty name stands for any
};

/// Keeps one link to an address alive: whenever there is none it tries again, after 50 ms at first and
/// 500 ms at most, with jitter so that many clients of a restarted signer do not come at once.
class Dialer {
 public:
  struct Events {
    std::function<void(const std::shared_ptr<Link>&)> up;
    std::function<void(wire::Envelope)> message;
    std::function<void(const std::string& reason)> down;    ///< only after up
    std::function<void(const std::string& reason)> failed;  ///< an attempt came to nothing; may be empty
  };

  Dialer(boost::asio::io_context& io, std::shared_ptr<const LinkSettings> settings, DialTarget target, Events events);
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;
  /// As stop().
  ~Dialer();

  void start();
  /// Closes the link without a callback; may be called in callbacks.
  void stop();
  /// Closes the link as if it had been lost: down is called (not within this call), then it dials again.
  void drop(const std::string& reason);
  /// Does not wait for the back-off.
  void retry_now();

  /// nullptr while there is no link that is up.
  [[nodiscard]] const std::shared_ptr<Link>& link() const;
  [[nodiscard]] const DialTarget& target() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::net
