#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "protocol/tecdsa/presignature.h"

namespace quorate::signerd {

using Clock = std::chrono::steady_clock;

/// Sizes and times of pools; from signerd.json ("pool").
struct PoolLimits {
  std::uint32_t min = 16;                       ///< every active quorum reaches this before any goes further
  std::uint32_t target = 64;
  std::chrono::seconds max_age{3600};           ///< older presignatures are discarded
  std::chrono::milliseconds lease_time{2000};
  /// How many lost signers the active quorums survive, at most N - T. Signers that differ in it keep different
  /// quorums supplied and refuse each other's batches.
  std::uint32_t survive = 2;
};

/// The presignatures of one key epoch that this signer holds, one pool a quorum. This is where single
/// use is enforced: take() hands a presignature out once and forgets it, whoever asks. Leases are the
/// leader's bookkeeping for coordinators; take() does not look at them. Not thread-safe: it lives on the
/// I/O thread. SPEC 6.2.
/// Numbers a client's links; 0 is none.
using LinkNumber = std::uint64_t;

class EpochPools {
 public:
  EpochPools(PartyId me, EpochId epoch, PoolLimits limits) : me_(me), epoch_(epoch), limits_(limits) {}

  /// Pools a whole batch. A second batch of the same sid is a bug and is refused.
  bool add(PresignedBatch batch, Clock::time_point now);

  struct Taken {
    Presignature presignature;
    Quorum quorum;
  };
  /// Takes one out for good. Nothing if it is unknown, already taken, retired or too old.
  std::optional<Taken> take(const PresignatureId& id, Clock::time_point now);

  /// Leases up to `count` ids of `quorum` to `holder`; only the quorum's leader may be asked. Never more than a
  /// quarter of the pool to one holder at a time; of a shallow one up to 8, but half, as one identity may be all the
  /// workers of a server, and a worker that holds nothing signs nothing. `link`: over which they go to it.
  std::vector<PresignatureId> lease(const std::string& holder, const Quorum& quorum, std::size_t count,
                                    Clock::time_point now, LinkNumber link = 0);
  /// Unused ids that `holder` gives back are given out again; foreign, unknown and ended ones are ignored.
  void give_back(const std::string& holder, const std::vector<PresignatureId>& ids, Clock::time_point now);

  /// The link is lost, and who was at its other end has forgotten what it was leased over it. The next leases of the
  /// same holder are these, or a server that was restarted would wait for its own to expire. Nobody else gets them,
  /// as the holder may have got as far as other members with them.
  void link_lost(LinkNumber link);

  /// One that `holder` leased and has shown to other members, who may have taken it: nobody is to have it any more,
  /// from the next expire() on.
  void end_lease_of(const std::string& holder, const PresignatureId& id, Clock::time_point now);

  /// Discards presignatures of expired leases and great age. Returns what a leader must tell the members.
  std::vector<std::pair<Quorum, PresignatureId>> expire(Clock::time_point now);
  /// A member heard from the leader that ids are retired.
  void retire(PartyId leader, const SessionId& sid, const std::vector<std::uint32_t>& indices);
  /// The same for a whole batch.
  void retire_batch(PartyId leader, const SessionId& sid);
  /// Wipes the oldest of a quorum until at most `keep` are left. Safe at any time, like retire(): one that
  /// somebody still wanted is refused as spent, and no more.
  void drop_oldest(const Quorum& quorum, std::uint32_t keep);
  /// How many of a quorum went unused, retired or dropped as the oldest, since the last call of forget_wasted().
  [[nodiscard]] std::uint32_t wasted(const Quorum& quorum) const;
  void forget_wasted(const Quorum& quorum);
  /// Discards what is left of a quorum. Returns what its leader must tell the members.
  std::vector<std::pair<Quorum, PresignatureId>> let_go(const Quorum& quorum);
  /// Quorums with presignatures left here.
  [[nodiscard]] std::vector<Quorum> stocked() const;
  /// Forgets everything shared with a peer whose process is a new one.
  std::size_t drop_shared_with(PartyId peer);

  /// Presignatures here that nobody leased (at the leader), or that are left (at a member).
  [[nodiscard]] std::uint32_t available(const Quorum& quorum) const;
  /// Everything that is left here, leased or not.
  [[nodiscard]] std::uint32_t depth(const Quorum& quorum) const;
  [[nodiscard]] std::optional<PresignatureRecord> record(const PresignatureId& id) const;
  [[nodiscard]] const PoolLimits& limits() const { return limits_; }
  [[nodiscard]] const EpochId& epoch() const { return epoch_; }

 private:
  struct Batch {
    std::shared_ptr<const BatchRecord> record;
    std::map<std::uint32_t, Presignature> left;
    Clock::time_point born;
    std::optional<Clock::time_point> emptied;   ///< records outlive their presignatures a little, for disputes
  };
  struct Lease {
    std::string holder;
    LinkNumber link;
    Clock::time_point ends;
    bool lost = false;  ///< with its link; not among those held
  };
  struct Pool {
    std::deque<PresignatureId> free;            ///< neither taken nor leased; may name taken ones
    std::map<PresignatureId, Lease> leases;
    std::map<std::string, std::size_t> held;    ///< live leases by holder
    std::map<std::string, std::vector<PresignatureId>> lost;  ///< by holder; may name ended ones until expire()
    std::uint32_t depth = 0;
    std::uint32_t wasted = 0;
  };

  static void release(Pool& pool, const std::string& holder);
  void end_lease(Pool& pool, std::map<PresignatureId, Lease>::iterator lease);
  bool discard(const PresignatureId& id);
  [[nodiscard]] bool holds(const PresignatureId& id) const;

  PartyId me_;
  EpochId epoch_;
  PoolLimits limits_;
  std::unordered_map<SessionId, Batch> batches_;
  std::map<Quorum, Pool> pools_;
  std::set<LinkNumber> lessees_;  ///< links over which something was leased
};

}  // namespace quorate::signerd
