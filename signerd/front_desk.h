#pragma once

#include <functional>
#include <map>

#include "protocol/coordinator/action.h"
#include "protocol/wire/envelope.h"
#include "protocol/wire/tier.h"
#include "signerd/coordinator_config.h"
#include "signerd/audit.h"
#include "signerd/refusal_lines.h"

namespace quorate::signerd {

/// The front of coordinatord: who may have what signed, how much of it at once, and the audit of it. Whatever
/// is refused here no signer hears of. It keeps nothing but the requests in flight. I/O thread only.
class FrontDesk {
 public:
  /// The coordinator behind it, as net::CoordinatorDriver has it.
  struct Backend {
    using Done = std::function<void(Result<coordinator::SignResult, SignError>)>;
    using OnAssigned = std::function<void(const coordinator::Assignment&)>;
    std::function<coordinator::RequestHandle(coordinator::SigningJob, std::chrono::nanoseconds, Done, OnAssigned)> sign;
    std::function<void(coordinator::RequestHandle)> cancel;
    std::function<coordinator::Readiness(const KeyId&)> readiness;
  };
  /// One connection of a front end; distinct for as long as the desk lives.
  using Client = std::uint64_t;
  using Reply = std::function<void(const wire::Envelope&)>;

  /// config and audit outlive the desk.
  FrontDesk(const CoordinatorConfig& config, Backend backend, const Audit& audit);
  FrontDesk(const FrontDesk&) = delete;
  FrontDesk& operator=(const FrontDesk&) = delete;
  /// Cancels what is in flight.
  ~FrontDesk();

  /// Nothing if this identity may connect at all; else what it is told.
  [[nodiscard]] static std::optional<std::string> admit(const net::PeerIdentity& who);

  /// Answers through `reply`, at once or later, but not after gone(): TierAssigned any number of times, then
  /// TierSignReply or Refusal; ReadinessReply. A Refusal from a front end withdraws its request of that id.
  void on_message(Client client, const net::PeerIdentity& who, const wire::Envelope& message, Reply reply,
                  Clock::time_point now);
  /// The link is down: its requests are cancelled (workflow.md, failure E). What they touched stays spent.
  void gone(Client client);
  /// From now on new requests are refused, so that their front ends ask another coordinator.
  void drain() { draining_ = true; }
  /// Call it once a second.
  void tick(Clock::time_point now) { refusals_.tick(now); }

  [[nodiscard]] std::size_t in_flight() const { return requests_.size(); }
  struct Counters {
    std::uint64_t signed_ = 0, refused = 0, failed = 0, cancelled = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  using Id = std::pair<Client, SessionId>;
  struct Request {
    coordinator::RequestHandle handle = 0;
    std::string who;
    Reply reply;
    std::string key_name;
    wire::Context context{};
    std::string content_sha256;
    std::optional<coordinator::Assignment> assigned;
  };

  void sign(Client client, const net::PeerIdentity& who, const wire::Envelope& message, Reply reply,
            Clock::time_point now);
  std::optional<SignError> objection(Client client, const net::PeerIdentity& who, const SessionId& id,
                                     const wire::TierSignRequest& request, Clock::time_point now);
  Result<wire::ReadinessReply, SignError> readiness(const net::PeerIdentity& who, const wire::Envelope& message);
  void assigned(const Id& id, const coordinator::Assignment& assignment);
  void finished(const Id& id, Result<coordinator::SignResult, SignError> outcome);
  void cancel(const Id& id, std::string_view why);
  Request take(std::map<Id, Request>::iterator at);
  void write(const Id& id, const Request& request, std::string_view outcome, const std::string& reason,
             const coordinator::SignResult* result) const;
  [[nodiscard]] const CoordinatorConfig::Key* key(const KeyId& id) const;

  const CoordinatorConfig& config_;
  Backend backend_;
  const Audit& audit_;
  Policy policy_;
  RefusalLines refusals_;
  std::map<Id, Request> requests_;
  std::map<std::string, std::size_t> in_flight_by_who_;
  bool draining_ = false;
  Counters counters_;
};

}  // namespace quorate::signerd
