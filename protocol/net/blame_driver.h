#pragma once

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "protocol/coordinator/investigation.h"
#include "protocol/wire/envelope.h"
#include "protocol/wire/quarantine.h"

namespace quorate::net {

/// One verdict for the owner: to write down, to log, to count. note is "reported by signer N" where another
/// signer's list led to it and not an attempt of our own.
using OnBlame = std::function<void(const coordinator::Verdict&)>;

/// The part of a coordinator's driver that deals with cheats (SPEC 6.4, 6.5): runs investigations over the
/// driver's links, keeps the set of signers that no quorum is made with, hands proven evidence to all signers,
/// and takes over what they have evidence of, once it has verified it. Evidence counts in its epoch: it has no
/// effect while the accused says, in its status, that it is in another one (then it is in no quorum with those
/// who are not). A certain suspicion that cannot be proven keeps a signer out for a minute, twice as long
/// each time, an hour at most; three uncertain ones in ten minutes count as a certain one.
/// One thread; nothing is called back after stop().
class BlameDriver : public std::enable_shared_from_this<BlameDriver> {
 public:
  struct Hooks {
    /// As CoordinatorDriver::request().
    std::function<void(wire::Envelope, std::chrono::nanoseconds, std::function<bool(wire::Envelope)>,
                       std::function<void(Result<void, SignError>)>)>
        request;
    std::function<void(const std::set<PartyId>&)> quarantine;
  };
  struct Counters {
    std::uint64_t proven = 0, suspected = 0, lists_fetched = 0, list_entries_refused = 0;
  };

  /// pinned: identity keys of signers as far as they are known; rng outlives this.
  BlameDriver(boost::asio::io_context& io, std::set<PartyId> signers, Identities pinned, Rng& rng, Hooks hooks);

  void add_key(const coordinator::KeyInfo& key) { keys_[key.id] = key; }
  void on_blame(OnBlame handler) { on_blame_ = std::move(handler); }
  void investigate(const coordinator::Suspicion& suspicion);
  /// What a signer says of its epochs and of its quarantine list.
  void heard(PartyId from, const wire::StatusReply& status);
  void heard_version(PartyId from, std::uint64_t version);
  void stop();

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const std::set<PartyId>& quarantined() const { return quarantined_; }

 private:
  using Time = coordinator::Time;
  struct Doubt {
    Time until = coordinator::kLongAgo;
    unsigned times = 0;                   ///< certain suspicions so far
    unsigned uncertain = 0;
    Time since = coordinator::kLongAgo;   ///< first of the uncertain ones
  };
  struct List {
    std::uint64_t version = 0;            ///< last one read
    Time asked = coordinator::kLongAgo;
    bool open = false;
  };

  void pump();
  void put(const coordinator::Ask& ask);
  void conclude(coordinator::Verdict verdict);
  [[nodiscard]] bool known(const BlameEvidence& evidence) const;
  [[nodiscard]] bool current(PartyId accused, const KeyId& key, const EpochId& epoch) const;
  /// True if this is new.
  bool enter(PartyId signer, const BlameEvidence& evidence);
  void doubt(PartyId signer, bool certain);
  void report(const BlameEvidence& evidence);
  void fetch(PartyId from, std::uint64_t version);
  void take_list(PartyId from, const wire::QuarantineReply& list);
  void refresh();

  std::set<PartyId> signers_;
  Identities pinned_;
  Rng& rng_;
  Hooks hooks_;
  OnBlame on_blame_;
  coordinator::Investigations investigations_;
  boost::asio::steady_timer timer_;
  std::map<KeyId, coordinator::KeyInfo> keys_;
  std::map<PartyId, std::map<KeyId, EpochId>> epochs_;   ///< as each signer says, of our keys
  std::map<PartyId, std::set<std::pair<KeyId, EpochId>>> proven_;  ///< evidence that was verified here
  std::map<PartyId, Doubt> doubts_;
  std::map<PartyId, List> lists_;
  std::set<PartyId> quarantined_;
  Counters counters_;
  bool stopped_ = false, pumping_ = false;
};

}  // namespace quorate::net
