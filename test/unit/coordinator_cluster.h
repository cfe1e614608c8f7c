#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/coordinator/coordinator.h"
#include "test/sim/seeded_rng.h"

namespace quorate::coordinator::test {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Signers in memory that hold real shares of real presignatures, dealt by the test, so that every
/// signature that comes out has to verify; links with delays; and virtual time. Any of it can be told to
/// misbehave. It checks by itself that a coordinator never sends one presignature with two contents and
/// that what it calls a signature is one.
class FakeCluster {
 public:
  struct Options {
    std::size_t signers = 3, threshold = 2, coordinators = 1;
    std::size_t pool = 64;                 ///< per quorum, dealt at the start
    std::uint32_t min = 0;                 ///< of every pool, as its leader reports it
    std::vector<Quorum> active{};          ///< those dealt at the start; empty: all
    Time activation = milliseconds(20);    ///< until another one that is asked for has presignatures
    bool refill = true;                    ///< deal more when a pool falls below half
    std::uint32_t lease_ms = 5000;
    Time one_way = microseconds(100);      ///< delay of a message
    std::uint64_t seed = 1;
    const Curve* curve = &Curve::p256();
    CoordinatorConfig config{};
  };

  struct Share {
    Quorum quorum;
    Scalar r, k, chi;
    Digest record;
  };
  struct Signer {
    PartyId id = kNobody;
    bool alive = true;
    Digest instance;
    EpochId epoch;
    std::map<PresignatureId, Share> shares;
    struct Pool {
      std::deque<PresignatureId> ready;
      std::map<PresignatureId, Time> leased;   ///< until
      std::map<PresignatureId, int> holders;   ///< coordinator that leased it last
    };
    std::map<Quorum, Pool> pools;              ///< of quorums that it leads
    std::map<PresignatureId, std::pair<Bytes, wire::SignReply>> answered;

    // Ways to misbehave.
    bool silent = false;                       ///< answers nothing but status
    bool frozen = false;                       ///< answers nothing at all
    Time slow{};                               ///< added to every answer
    bool double_lease = false;                 ///< leases do not leave the pool
    std::optional<wire::Refusal> refuse_sign, refuse_lease, refuse_status;
    std::function<void(wire::SignReply&)> spoil;
    std::function<void(wire::LeaseReply&)> spoil_lease;
    std::function<void(wire::StatusReply&)> spoil_status;
  };
  struct Sent {
    Time at;
    std::size_t coordinator;
    Send send;
  };
  struct Outcome {
    Time at;
    Result<SignResult, SignError> result;
  };

  FakeCluster();
  explicit FakeCluster(Options options);

  Coordinator& coordinator(std::size_t c = 0) { return *coordinators_[c]; }
  Signer& signer(PartyId id) { return signers_.at(id); }
  [[nodiscard]] KeyId key() const { return key_; }
  [[nodiscard]] const KeyInfo& key_info() const { return info_; }
  [[nodiscard]] Time now() const { return now_; }
  sim::SeededRng& rng() { return rng_; }

  /// All links up, statuses exchanged.
  void start();
  RequestHandle submit(const std::string& content, Time within = milliseconds(200), std::size_t c = 0);
  RequestHandle submit(SigningJob job, std::size_t c = 0);
  void cancel(RequestHandle handle, std::size_t c = 0);
  void quarantine(const std::set<PartyId>& signers);
  /// Submits, and runs until it is finished.
  Outcome sign(const std::string& content, Time within = milliseconds(200), std::size_t c = 0);
  void run_for(Time span) { run_until(now_ + span); }
  void run_until(Time end);
  void at(Time when, std::function<void()> what);

  void link_down(PartyId id);
  void link_up(PartyId id);
  /// The process ends: links go down, memory is gone.
  void kill(PartyId id);
  /// A new process in its place; pools that it takes part in are dealt anew if `deal` is set.
  void restart(PartyId id, bool deal = true);
  void empty_pools();
  void deal(const Quorum& quorum, std::size_t count);
  /// A new sharing of the same key at one signer (pools of its quorums are gone).
  void set_epoch(PartyId id, const EpochId& epoch);

  [[nodiscard]] const Outcome* outcome(RequestHandle handle, std::size_t c = 0) const;
  [[nodiscard]] std::size_t finished() const { return outcomes_.size(); }
  [[nodiscard]] const std::vector<Sent>& sent() const { return sent_; }
  [[nodiscard]] const std::vector<Suspicion>& suspicions() const { return suspicions_; }
  /// By coordinator, in order.
  [[nodiscard]] const std::vector<std::pair<std::size_t, Assigned>>& assigned() const { return assigned_; }
  /// Quorums that leaders were asked for beyond the active ones.
  [[nodiscard]] const std::set<Quorum>& activated() const { return activated_; }
  /// Sign requests that went out without an Assigned before them.
  [[nodiscard]] std::size_t unassigned() const { return unassigned_; }
  template <class Message>
  [[nodiscard]] std::size_t count(Time since = kLongAgo, std::size_t c = 0) const {
    std::size_t n = 0;
    for (const auto& s : sent_)
      n += s.at >= since && s.coordinator == c && std::holds_alternative<Message>(s.send.message);
    return n;
  }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  std::vector<Quorum> quorums() const;

  /// May drop, delay or repeat; returns the delays of the copies that arrive. Default: one, after one_way.
  std::function<std::vector<Time>(PartyId, bool to_signer)> network;

 private:
  using Reply = std::variant<wire::StatusReply, wire::LeaseReply, wire::SignReply, wire::Refusal>;

  void drain(std::size_t c);
  void step();
  std::optional<Reply> serve(std::size_t c, Signer& signer, const Send& send);
  wire::StatusReply status(Signer& signer);
  wire::LeaseReply lease(std::size_t c, Signer& signer, const Quorum& quorum, std::size_t count);
  Reply partial(std::size_t c, Signer& signer, const wire::SignRequest& request);
  void check_sent(std::size_t c, const wire::SignRequest& request);
  void deliver(std::size_t c, PartyId from, const SessionId& request, const Reply& reply);

  Options options_;
  sim::SeededRng rng_;
  std::vector<std::unique_ptr<sim::SeededRng>> coordinator_rngs_;
  std::vector<std::unique_ptr<Coordinator>> coordinators_;
  std::map<PartyId, Signer> signers_;
  std::map<PartyId, std::uint64_t> link_generation_;  ///< odd: up
  KeyId key_;
  KeyInfo info_;
  Scalar x_;
  std::uint32_t batch_ = 0;
  Time now_ = seconds(1000);
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> agenda_;
  std::uint64_t sequence_ = 0;
  std::map<std::pair<std::size_t, RequestHandle>, Outcome> outcomes_;
  std::map<std::pair<std::size_t, RequestHandle>, SigningJob> jobs_;
  std::map<std::pair<std::size_t, PresignatureId>, Bytes> used_for_;
  std::vector<Sent> sent_;
  std::vector<Suspicion> suspicions_;
  std::vector<std::pair<std::size_t, Assigned>> assigned_;
  std::set<std::pair<std::size_t, PresignatureId>> assigned_ids_;
  std::size_t unassigned_ = 0;
  std::set<Quorum> activated_;
  std::vector<std::string> violations_;
};

}  // namespace quorate::coordinator::test
