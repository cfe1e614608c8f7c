#pragma once

#include <deque>

#include "protocol/net/tls.h"
#include "signerd/active_quorums.h"
#include "signerd/allowance.h"
#include "signerd/dispute_statements.h"
#include "signerd/pair_setups.h"
#include "signerd/policy.h"
#include "signerd/quarantine.h"

namespace quorate::signerd {

/// What signers hold against each other (SPEC 5.6, 6.5): takes evidence from whoever has it, verifies it, writes it
/// down, acts on it and hands it on; signs this signer's disputes and collects those of others until they prove
/// something; shows the list, and clears it for an administrator. Sounds the alarm when no quorum is left.
/// Nothing here is believed because somebody says it. I/O thread only.
class Accusations {
 public:
  struct Parts {
    PartyId me;
    const IdentityKey& identity;
    Identities pinned;                 ///< of the group description
    KeyRing& keys;
    Disputes& disputes;
    Quarantine& quarantine;
    const Policy& policy;
    const Log& log;
    MeshView mesh;
  };
  explicit Accusations(Parts parts);

  /// Call it once all keys are loaded: what was known before the restart is in force again.
  void start();
  /// DisputeNotice and QuarantineNotice of a peer.
  void on_message(const wire::Envelope& envelope, Clock::time_point now);
  /// QuarantineNotice (no answer), QuarantineRequest, QuarantineClear of a caller.
  std::optional<wire::Envelope> answer(const net::PeerIdentity& who, const wire::Envelope& request,
                                       Clock::time_point now);
  /// This signer wrote down a dispute with a peer: signs it and tells everybody.
  void dispute(const EpochId& epoch, PartyId peer, Fault fault, Clock::time_point now);
  /// Tells a peer what this signer has signed and what it holds.
  void peer_up(PartyId peer, Clock::time_point now);
  /// Call it once a second.
  void tick(Clock::time_point now);

  /// Of what is held and durable.
  [[nodiscard]] std::uint64_t version() const { return quarantine_.version(); }
  /// No T members of the key may still work together.
  [[nodiscard]] bool without_quorum(const ActiveKey& key) const;

  /// A signer was put into quarantine: end what goes on with it.
  std::function<void(PartyId)> on_quarantine;

  struct Counters {
    std::uint64_t accepted = 0;     ///< evidence that put somebody into quarantine
    std::uint64_t known = 0, forged = 0, too_many = 0, of_no_epoch = 0;  ///< notices that did not
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  void take(const Bytes& evidence, const std::string& from, Clock::time_point now);
  void judge(const BlameEvidence& evidence, Bytes encoded, const std::string& from);
  void put_in_force();
  void hand_on(const Quarantine::Entry& entry);
  void on_dispute_notice(const wire::Envelope& envelope, Clock::time_point now);
  void remember(DisputeStatement statement);
  void send(PartyId peer, const DisputeStatement& statement);
  [[nodiscard]] std::optional<DisputeStatement> sign(const EpochId& epoch, PartyId peer, Fault fault);
  wire::Envelope show(const wire::Envelope& request) const;
  Result<wire::Envelope, SignError> clear(const net::PeerIdentity& who, const wire::Envelope& request);
  /// A refresh has made another epoch active. The old one may still serve: if disputes leave no quorum, nothing but
  /// clearing them lets the new one take over.
  [[nodiscard]] bool over(const EpochId& epoch) const {
    return keys_.by_epoch(epoch) == nullptr || keys_.successor(epoch) != nullptr;
  }
  /// Nothing works in it any more, or an administrator has let go of what this signer did in it.
  [[nodiscard]] bool settled(PartyId signer, const EpochId& epoch) const {
    return keys_.by_epoch(epoch) == nullptr || cleared_.contains({signer, epoch});
  }
  void let_go(const std::vector<Quarantine::Entry>& before);
  [[nodiscard]] bool disputed(PartyId a, PartyId b) const;
  void alarm(Clock::time_point now);

  PartyId me_;
  const IdentityKey& identity_;
  Identities pinned_;
  KeyRing& keys_;
  Disputes& disputes_;
  Quarantine& quarantine_;
  const Policy& policy_;
  const Log& log_;
  MeshView mesh_;
  Counters counters_;
  DisputeStatements statements_;
  std::deque<Digest> rejected_;          ///< evidence that was verified in vain lately
  Allowance notices_, questions_;
  std::set<std::pair<PartyId, EpochId>> cleared_;         ///< while the epoch still serves, as its successor cannot yet
  /// Verified, against somebody who is held for another epoch: when that is cleared, these count. Not on disk.
  std::map<std::pair<PartyId, EpochId>, Bytes> further_;
  std::map<EpochId, Clock::time_point> alarms_;
};

}  // namespace quorate::signerd
