#pragma once

#include <set>
#include <unordered_map>

#include "protocol/base/rng.h"
#include "protocol/coordinator/attempt.h"
#include "protocol/coordinator/diagnosis.h"

namespace quorate::coordinator {

/// Turns signing requests into messages to T signers each and their replies into signatures (SPEC 6).
/// A pure core: no I/O, no clock, no threads. The owner hands in what happened and when, takes the
/// actions after every call, and calls on_timer() at next_wakeup(). Time never goes backwards; an earlier
/// time counts as the latest one seen. Everything it knows can be lost: it is learnt again in a second.
///
/// It trusts no signer: what comes in is checked against the request and the key, a signature leaves only
/// after it was verified, and single use of presignatures is the signers' own business (beside which no id
/// is ever sent out for two requests).
class Coordinator {
 public:
  /// rng makes request ids; it outlives the coordinator.
  Coordinator(CoordinatorConfig config, Rng& rng);
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  /// Adding a key again changes nothing.
  void add_key(const KeyInfo& key);

  /// Ends in exactly one Finish, at the deadline at the latest; never within this call, also if the
  /// request is refused at once.
  RequestHandle submit(Time now, SigningJob job);
  /// No Finish follows. The presignature it used stays spent.
  void cancel(Time now, RequestHandle request);

  /// The link to a signer is up: authenticated, and it said which process it is. A new instance has none
  /// of the presignatures of the old one. Up twice without down counts as down and up.
  void link_up(Time now, PartyId signer, const Digest& instance);
  /// Also if it could not be set up at all.
  void link_down(Time now, PartyId signer);

  /// These signers, and no others, are proven cheats: no quorum with one of them is used or leased from now
  /// on, leases that are held go back, fan-outs under way may finish. Replaces what was said before.
  void quarantine(Time now, const std::set<PartyId>& signers);

  /// Replies. `request` is the id of the Send they answer; what nobody waits for is counted and dropped.
  void on_status(Time now, PartyId from, const SessionId& request, const wire::StatusReply& reply);
  void on_lease(Time now, PartyId from, const SessionId& request, const wire::LeaseReply& reply);
  void on_sign_reply(Time now, PartyId from, const SessionId& request, const wire::SignReply& reply);
  void on_refusal(Time now, PartyId from, const SessionId& request, const wire::Refusal& refusal);
  /// Hand in what has arrived before: a reply that waits in a socket counts for nothing.
  void on_timer(Time now);

  /// What is to be done, in order; empties the list.
  [[nodiscard]] std::vector<Action> take_actions();
  /// When on_timer() is due; kNever if nothing is.
  [[nodiscard]] Time next_wakeup() const;

  /// As of the latest event. Asks nobody.
  [[nodiscard]] Readiness readiness(const KeyId& key) const;
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t in_flight() const { return requests_.size(); }
  /// Presignatures leased and not used.
  [[nodiscard]] std::size_t leases_held() const { return ledger_.held(); }
  [[nodiscard]] const SignerState& signer(PartyId id) const { return signers_[id]; }

 private:
  /// An unanswered LeaseRequest.
  struct Order {
    KeyId key;
    Quorum quorum;
    EpochId epoch;
    PartyId leader = kNobody;
    std::uint64_t stamp = 0;
    std::size_t count = 0;
    Time sent{}, overdue_at{};
    bool overdue = false;
  };

  // coordinator.cpp: requests and time
  void advance(Time now);
  void settle();
  void arm(Request& request);
  void on_request_timer(Request& request);
  void give_up(Request& request);
  void finish(Request& request, Result<SignResult, SignError> outcome);
  void drop(Request& request);
  void reject(RequestHandle handle, SignErrorCode code, std::string detail);
  void wait_again(Request& request);
  [[nodiscard]] bool in_progress(const Request& request) const;
  void send(PartyId to, const SessionId& request, decltype(Send::message) message);
  void wake_at(Time t) { wake_ = std::min(wake_, t); }

  // signing.cpp: fan-outs
  void launch(KeyState& key, Request& request, QuorumState& state);
  Attempt& fan_out(KeyState& key, Request& request, const Assignment& assignment, QuorumState* state);
  void complete(Attempt& attempt, const SessionId& sid);
  void overdue(Attempt& attempt, Request& request);
  void attempt_failed(const SessionId& sid, AttemptFailure failure, PartyId by, const std::string& text);
  void refused(Attempt& attempt, const SessionId& sid, PartyId by, const wire::Refusal& refusal);
  void release(Attempt& attempt);
  [[nodiscard]] Time attempt_timeout(const Quorum& quorum, Time remaining, bool others) const;

  // hinting.cpp: finishing what another coordinator began
  bool take_up_hint(KeyState& key, Request& request);

  // hedging.cpp: a second quorum beside a slow one, and what becomes of the loser
  [[nodiscard]] Time hedge_delay(const Quorum& quorum) const;
  [[nodiscard]] bool tardy(PartyId id) const;
  void hedge(Request& request, const Attempt& slow);
  void watch(Attempt& attempt, const SessionId& sid);
  void unwatch(const SessionId& sid);
  void watch_timers();

  // on_demand.cpp: quorums that are not active
  void demand(KeyState& key);

  // leasing.cpp: presignatures ahead of need
  void pump(KeyState& key);
  void place_orders(KeyState& key, const std::map<Quorum, std::size_t>& wanted);
  [[nodiscard]] std::size_t room(const QuorumState& state) const;
  [[nodiscard]] std::size_t room_ahead(const QuorumState& state) const;
  [[nodiscard]] std::size_t lease_target(const KeyState& key, const Quorum& quorum) const;
  void accept_leases(KeyState& key, QuorumState& state, const wire::LeaseReply& reply, std::size_t asked, Time sent);
  void give_back(const KeyId& key, const EpochId& epoch, PartyId leader, std::vector<PresignatureId> ids);
  void let_go(const KeyId& key, const EpochId& epoch, PartyId leader, const std::vector<Lease>& leases, bool useful);
  void drop_leases(KeyState& key, QuorumState& state, bool useful);
  void lose(const KeyId& key, const std::vector<LostQuorum>& lost);
  void order_failed(const SessionId& sid, const wire::Refusal& refusal);
  void lease_timers();

  // status.cpp: links and what signers say of themselves
  void disconnect(PartyId signer);
  void restarted(PartyId signer);
  void mistaken(KeyState& key, PartyId signer);
  void status_timers();
  void mark_all();

  CoordinatorConfig config_;
  Rng& rng_;
  Time now_ = kLongAgo;
  std::map<KeyId, KeyState> keys_;
  Signers signers_;
  std::unordered_map<RequestHandle, Request> requests_;
  std::unordered_map<SessionId, Attempt> attempts_;
  std::unordered_map<SessionId, Order> orders_;
  IdLedger ledger_;
  std::set<std::pair<Time, RequestHandle>> timers_;  ///< one entry per request
  std::set<std::pair<Time, SessionId>> watched_;     ///< attempts without a request, until when
  Budget hedge_budget_;
  Time wake_ = kNever;                               ///< when anything else is due
  RequestHandle next_handle_ = 1;
  std::uint64_t next_stamp_ = 1;
  std::vector<Action> actions_;
  Counters counters_;
};

}  // namespace quorate::coordinator
