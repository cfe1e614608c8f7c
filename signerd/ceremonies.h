#pragma once

#include <set>

#include "protocol/net/group_file.h"
#include "protocol/session/keygen_machine.h"
#include "protocol/wire/admin.h"
#include "signerd/log.h"
#include "signerd/pair_setups.h"
#include "signerd/policy.h"
#include "signerd/share_store.h"

namespace quorate::signerd {

/// Key generations and refreshes at this signer (SPEC section 1): started by an administrator at every member, joined
/// once each, and durable at every step. Also finishes what a crash, a lost message or a corrupt member
/// interrupted: a share that lacks confirmations shows its own until its peers have shown theirs. No name is
/// active with two keys, and no epoch is followed by two. I/O thread only.
class Ceremonies {
 public:
  /// Answers one administrator's request; called any number of times until a KeygenResult.
  using Answer = std::function<void(const wire::Envelope&)>;

  Ceremonies(PartyId me, const IdentityKey& identity, const net::GroupFile& group, ShareStore& store, KeyRing& keys,
             SessionHost& sessions, Policy& policy, const Log& log, MeshView mesh);

  /// Loads all shares: complete ones become active, prepared ones wait for confirmations.
  Result<void, std::string> load();
  /// While the first messages of some members are missing, a ceremony ends soon after its administrator is gone
  /// (`there` has expired): one that was refused elsewhere must not keep others waiting until its time is over.
  void on_request(const net::PeerIdentity& who, const wire::Envelope& request, Answer answer, std::weak_ptr<const void> there);
  void on_message(wire::Envelope envelope, Clock::time_point now);
  /// Shows the peer all confirmations held here, so that a share it prepared can become active.
  void peer_up(PartyId peer);
  /// Ends what nobody waits for, and shows what a prepared share has to its members again, every few seconds; call it
  /// once a second.
  void tick(Clock::time_point now);

  /// An epoch is wiped: what was prepared as its successor and did not become it goes, too.
  void forget_successors(const EpochId& old);

  std::function<void(const EpochId&)> on_key;    ///< a key, or a new epoch of one, became active
  [[nodiscard]] std::size_t prepared() const { return prepared_.size(); }
  /// This signer has prepared another successor of the same epoch, and may have confirmed it: a corrupt member that
  /// shows its confirmations to some only can have made that one active elsewhere.
  [[nodiscard]] bool contested(const PublicKeyInfo& info) const;

 private:
  std::optional<SignError> flaw_of(const net::PeerIdentity& who, const wire::KeygenRequest& request) const;
  std::optional<SignError> flaw_of_refresh(const wire::KeygenRequest& request) const;
  void begin(const wire::KeygenRequest& request, const wire::Envelope& envelope, Answer answer,
             std::weak_ptr<const void> there);
  void end_abandoned();
  void ended(const wire::Envelope& request, const Answer& answer, SessionHost::Ending ending);
  void report_unfinished(Clock::time_point now);
  std::optional<PublicKeyInfo> complete(session::Machine& machine);
  bool name_is_free(const PublicKeyInfo& info);
  void set_aside(KeyShare share);
  void activate(KeyShare share);
  void find_prepared();
  void keep_evidence(session::Machine& machine);
  void show_to_members(const PublicKeyInfo& info);
  [[nodiscard]] bool superseded(const PublicKeyInfo& info) const;
  void show_confirmations(const PublicKeyInfo& info, PartyId peer);
  void collect(const wire::Envelope& envelope);
  void answer_member(const wire::Envelope& envelope, Clock::time_point now);

  PartyId me_;
  const IdentityKey& identity_;
  const net::GroupFile& group_;
  ShareStore& store_;
  KeyRing& keys_;
  SessionHost& sessions_;
  Policy& policy_;
  const Log& log_;
  MeshView mesh_;
  struct Running {
    std::string name;
    EpochId previous;                            ///< zero for a new key
    std::size_t members = 0;
    std::shared_ptr<const std::size_t> steps;    ///< taken so far: one at the start, one for each message
    std::weak_ptr<const void> administrator;
  };
  std::map<CeremonyId, Running> running_;
  std::map<CeremonyId, KeyShare> prepared_;      ///< of no running ceremony
  std::set<CeremonyId> without_name_;            ///< those whose name is another key's, as logged
  std::map<std::pair<CeremonyId, PartyId>, Clock::time_point> answered_;
  Clock::time_point next_show_, next_alarm_;
};

}  // namespace quorate::signerd
