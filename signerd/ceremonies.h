#pragma once

#include "protocol/net/group_file.h"
#include "protocol/session/keygen_machine.h"
#include "protocol/wire/admin.h"
#include "signerd/log.h"
#include "signerd/pair_setups.h"
#include "signerd/policy.h"
#include "signerd/share_store.h"

namespace quorate::signerd {

/// Key generations at this signer (SPEC section 1): started by an administrator at every member, joined
/// once each, and durable at every step. Also finishes what a crash interrupted: a share that lacks
/// confirmations collects them from its peers. I/O thread only.
class Ceremonies {
 public:
  /// Answers one administrator's request; called any number of times until a KeygenResult.
  using Answer = std::function<void(const wire::Envelope&)>;

  Ceremonies(PartyId me, const IdentityKey& identity, const net::GroupFile& group, ShareStore& store, KeyRing& keys,
             SessionHost& sessions, Policy& policy, const Log& log, MeshView mesh);

  /// Loads all shares: complete ones become active, prepared ones wait for confirmations.
  Result<void, std::string> load();
  void on_request(const net::PeerIdentity& who, const wire::Envelope& request, Answer answer);
  void on_message(const wire::Envelope& envelope);
  /// Shows the peer all confirmations held here, so that a share it prepared can become active.
  void peer_up(PartyId peer);

  std::function<void(const EpochId&)> on_key;    ///< a key became active
  [[nodiscard]] std::size_t prepared() const { return prepared_.size(); }

 private:
  std::optional<SignError> flaw_of(const net::PeerIdentity& who, const wire::KeygenRequest& request) const;
  void begin(const wire::KeygenRequest& request, const wire::Envelope& envelope, Answer answer);
  void ended(const wire::Envelope& request, const Answer& answer, SessionHost::Ending ending);
  void activate(KeyShare share);
  void find_prepared();
  void show_confirmations(const PublicKeyInfo& info, PartyId peer);
  void collect(const wire::Envelope& envelope);

  PartyId me_;
  const IdentityKey& identity_;
  const net::GroupFile& group_;
  ShareStore& store_;
  KeyRing& keys_;
  SessionHost& sessions_;
  Policy& policy_;
  const Log& log_;
  MeshView mesh_;
  std::map<CeremonyId, KeyShare> prepared_;
};

}  // namespace quorate::signerd
