#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "protocol/coordinator/coordinator.h"
#include "protocol/net/blame_driver.h"
#include "protocol/net/link.h"
#include "protocol/net/wake_timer.h"

namespace boost::asio {
class io_context;
}

namespace quorate::net {

struct DriverTarget {
  PartyId id = kNobody;
  std::vector<std::string> hosts;
  std::uint16_t port = 0;
};

struct DriverSettings {
  std::shared_ptr<const LinkSettings> link;  ///< pinned: identity keys of signers, where they are known
  std::vector<DriverTarget> signers;         ///< distinct ids from 1 to 16; others are left out with a warning
  coordinator::CoordinatorConfig core;       ///< its list of signers is filled in
};

/// Gives the pure Coordinator a clock, links to all signers and an encoding: the one driver of front ends
/// (inside SignClient), of coordinatord and of the command line. All calls and callbacks belong to the thread
/// that runs the io_context. A signer whose replies cannot be decoded loses its link, which makes the core
/// turn to others at once.
class CoordinatorDriver {
 public:
  using Done = std::function<void(Result<coordinator::SignResult, SignError>)>;
  using OnAssigned = std::function<void(const coordinator::Assignment&)>;
  /// Something happened that may have changed what readiness() says.
  using OnChange = std::function<void()>;
  using OnReply = std::function<bool(wire::Envelope)>;  ///< false: enough
  using OnEnd = std::function<void(Result<void, SignError>)>;

  /// rng outlives the driver.
  CoordinatorDriver(boost::asio::io_context& io, DriverSettings settings, Rng& rng);
  CoordinatorDriver(const CoordinatorDriver&) = delete;
  CoordinatorDriver& operator=(const CoordinatorDriver&) = delete;
  /// As stop().
  ~CoordinatorDriver();

  void start();
  /// Closes all links. Requests that wait, and those that come later, end with QuorumInsufficient.
  void stop();

  void on_change(OnChange handler);
  void add_key(const coordinator::KeyInfo& key);
  /// Cheats are found out, kept out and reported by the driver itself (blame_driver.h); this tells the owner.
  void on_blame(OnBlame handler);
  [[nodiscard]] const BlameDriver::Counters& blame_counters() const;
  [[nodiscard]] const std::set<PartyId>& quarantined() const;

  /// The job's deadline is set to `within` from now. `done` is called exactly once, `assigned` before every
  /// fan-out, neither within this call.
  coordinator::RequestHandle sign(coordinator::SigningJob job, std::chrono::nanoseconds within, Done done,
                                  OnAssigned assigned = {});
  /// `done` is not called then.
  void cancel(coordinator::RequestHandle request);
  [[nodiscard]] coordinator::Readiness readiness(const KeyId& key) const;
  [[nodiscard]] const coordinator::Counters& counters() const;
  [[nodiscard]] bool linked(PartyId signer) const;
  /// Tries again now where a link is down, instead of after the back-off.
  void retry_links();

  /// One message to one signer, waiting for its link if need be, and everything that it sends back under the
  /// same sid until on_reply has enough. A Refusal, a lost link and the time-out end it with an error. on_end is
  /// called exactly once, on_reply never after it.
  void request(wire::Envelope envelope, std::chrono::nanoseconds timeout, OnReply on_reply, OnEnd on_end);
  /// Forgets a request() without a callback.
  void forget(const SessionId& sid, PartyId signer);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::net
