#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "protocol/net/coordinator_driver.h"
#include "protocol/net/listener.h"
#include "protocol/net/system_rng.h"
#include "signerd/front_desk.h"
#include "signerd/log.h"

namespace quorate::signerd {

/// coordinatord: links to front ends in front, links to the signers behind, nothing on disk but what it tells
/// (audit, evidence) and nothing in memory that another one could not learn in a second, or from the next lie of a
/// signer. Everything runs on the thread that calls run().
class CoordinatorServer {
 public:
  /// The error says which file or address is to blame.
  static Result<std::unique_ptr<CoordinatorServer>, std::string> start(CoordinatorConfig config);
  CoordinatorServer(const CoordinatorServer&) = delete;
  CoordinatorServer& operator=(const CoordinatorServer&) = delete;
  ~CoordinatorServer();

  /// Serves until SIGTERM or SIGINT; then takes nothing new, finishes what is in flight (two seconds at most)
  /// and closes its links. A second signal ends it at once.
  void run();
  /// As SIGTERM does. Any thread, also before run().
  void stop();
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }

 private:
  CoordinatorServer(CoordinatorConfig config, Audit audit);
  Result<void, std::string> open();
  void serve(const std::shared_ptr<net::Link>& link);
  void blame(const coordinator::Verdict& verdict);
  [[nodiscard]] net::Log text_log(std::string_view event) const;
  void wait_for_signal();
  void drain(std::string_view why);
  void shut_down();
  void tick();

  CoordinatorConfig config_;
  Log log_;
  Audit audit_;
  net::SystemRng rng_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_};
  boost::asio::steady_timer timer_{io_};
  std::unique_ptr<net::CoordinatorDriver> driver_;
  std::unique_ptr<FrontDesk> desk_;
  std::unique_ptr<net::Listener> listener_;
  std::map<FrontDesk::Client, std::shared_ptr<net::Link>> clients_;
  FrontDesk::Client next_client_ = 1;
  std::uint64_t ticks_ = 0;
  std::optional<Clock::time_point> draining_until_;
};

}  // namespace quorate::signerd
