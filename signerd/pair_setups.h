#pragma once

#include "protocol/ot/pair_state.h"
#include "signerd/disputes.h"
#include "signerd/key_ring.h"
#include "signerd/log.h"
#include "signerd/session_host.h"

namespace quorate::signerd {

/// What the background protocols know of the mesh.
struct MeshView {
  std::function<bool(const wire::Envelope&)> send;
  std::function<bool(PartyId)> linked;
};

/// Keeps one fresh OT set-up per peer and key epoch (SPEC section 2), and knows which set-ups all other
/// pairs have announced, so that a leader can plan a batch. I/O thread only.
class PairSetups {
 public:
  PairSetups(PartyId me, KeyRing& keys, SessionHost& sessions, Disputes& disputes, const Log& log, MeshView mesh);

  void peer_up(PartyId peer, bool new_process, Clock::time_point now);
  void peer_down(PartyId peer);
  /// A key became active: set-ups for it with everyone who is linked.
  void key_added(const EpochId& epoch);
  void on_message(wire::Envelope envelope, Clock::time_point now);
  /// An epoch is wiped, and its set-ups with it.
  void forget(const EpochId& epoch);
  /// A check on secret OT state failed, here or (as it says) at the peer: wipes the pair's state of all epochs,
  /// writes the dispute down, and ends the pair's sessions, all before this returns (SPEC 3.5).
  void destroy(const EpochId& epoch, PartyId peer, const Abort& why);
  /// A signer was put into quarantine: wipes what is shared with it.
  void leave_out(PartyId peer);
  /// Opens set-ups that are missing; call it once a second.
  void tick(Clock::time_point now);

  [[nodiscard]] std::shared_ptr<const ot::PairState> state(const EpochId& epoch, PartyId peer) const;
  /// The set-up that both ends of a pair have announced; nothing if they have not, or differ.
  [[nodiscard]] std::optional<SetupId> agreed(const EpochId& epoch, PartyId a, PartyId b) const;
  /// Set-up ids of all pairs of the quorum in lexicographic order; nothing if one is missing.
  [[nodiscard]] std::optional<std::vector<SetupId>> agreed(const EpochId& epoch, const Quorum& quorum) const;
  /// Every other member has spoken of this epoch's set-ups, so that it is active there; who is in quarantine does not
  /// count.
  [[nodiscard]] bool active_at_all(const PublicKeyInfo& info) const;
  /// Called when something new was agreed upon.
  std::function<void()> on_change;
  /// Called when a dispute with a peer is written down. May be empty.
  std::function<void(const EpochId&, PartyId, Fault)> on_dispute;

 private:
  struct Pair {
    EpochId epoch;
    PartyId peer;
    auto operator<=>(const Pair&) const = default;
  };
  /// When a set-up of a pair may begin. A new process of the peer does not start it afresh: each set-up costs
  /// this signer tens of milliseconds, a reconnect costs the peer next to nothing.
  struct Pace {
    std::optional<Clock::time_point> last;
    std::chrono::milliseconds wait{0};            ///< of the opener; doubled with each refusal
  };
  void open(ActiveKey& key, PartyId peer, Clock::time_point now);
  void run(ActiveKey& key, PartyId peer, const SessionId& sid, std::optional<wire::Envelope> opening);
  void ended(const EpochId& epoch, PartyId peer, SessionHost::Ending ending);
  void on_open(const wire::Envelope& envelope, Clock::time_point now);
  void on_abort(const wire::Envelope& envelope);
  [[nodiscard]] bool shunned(PartyId peer) const;
  void announce(const EpochId& epoch, PartyId peer, const SetupId& setup);

  PartyId me_;
  KeyRing& keys_;
  SessionHost& sessions_;
  Disputes& disputes_;
  const Log& log_;
  MeshView mesh_;
  std::map<Pair, std::shared_ptr<const ot::PairState>> states_;
  std::map<Pair, SessionId> running_;
  std::map<Pair, Pace> pace_;
  std::map<std::tuple<EpochId, PartyId, PartyId>, SetupId> announced_;  ///< epoch, who says it, with whom
};

}  // namespace quorate::signerd
