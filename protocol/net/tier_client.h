#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/coordinator/tier.h"
#include "protocol/net/link.h"

namespace boost::asio {
class io_context;
}

namespace quorate::net {

struct CoordinatorTarget {
  std::string name;                ///< as in its certificate: quorate:<cluster>/coordinator/<name>
  std::vector<std::string> hosts;
  std::uint16_t port = 0;
};

struct TierSettings {
  std::shared_ptr<const LinkSettings> link;
  std::vector<CoordinatorTarget> coordinators;  ///< distinct names
  coordinator::TierConfig core;
};

/// Signatures from a tier of coordinators: gives the pure coordinator::Tier a clock, links to all of them and
/// an encoding, and verifies every signature before it leaves. All calls and callbacks belong to the thread
/// that runs the io_context. A coordinator whose replies cannot be decoded loses its link.
class TierClient {
 public:
  using Done = std::function<void(Result<coordinator::SignResult, SignError>)>;
  using OnChange = std::function<void()>;

  /// rng outlives the client.
  TierClient(boost::asio::io_context& io, TierSettings settings, Rng& rng);
  TierClient(const TierClient&) = delete;
  TierClient& operator=(const TierClient&) = delete;
  /// As stop().
  ~TierClient();

  void start();
  /// Closes all links. Requests that wait end with QuorumInsufficient.
  void stop();

  /// Something happened that may have changed what readiness() says.
  void on_change(OnChange handler);
  /// Also from here on asks the coordinators once a second whether they are ready for this key.
  void add_key(const coordinator::KeyInfo& key);
  /// `done` is called exactly once, never within this call.
  void sign(coordinator::SigningJob job, std::chrono::nanoseconds within, Done done);
  [[nodiscard]] coordinator::Readiness readiness(const KeyId& key) const;
  [[nodiscard]] const coordinator::TierCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::net
