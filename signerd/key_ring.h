#pragma once

#include <map>
#include <memory>
#include <set>

#include "signerd/on_demand.h"
#include "signerd/pool.h"

namespace quorate::signerd {

/// Where an epoch stands while a refresh takes the place of another one (SPEC 1.7).
enum class Stage : std::uint8_t {
  Coming,   ///< presigns already; coordinators are not told of it yet
  Serving,  ///< the one that coordinators are told of
  Fading,   ///< answers whoever has not heard yet, with what is left; presigns nothing
};

/// One active key epoch at this signer: its share and everything made for it.
struct ActiveKey {
  std::shared_ptr<const KeyShare> share;
  std::vector<Quorum> quorums;      ///< active ones that this signer belongs to
  OnDemand on_demand;               ///< others, led by this signer, that somebody asked for
  EpochPools pools;
  Bytes spki;                       ///< DER SubjectPublicKeyInfo of X
  std::optional<Clock::time_point> used_at;  ///< the last signature or lease of this key
  Stage stage = Stage::Serving;

  /// Active quorums leave out who is in quarantine.
  ActiveKey(std::shared_ptr<const KeyShare> s, PoolLimits limits, const std::set<PartyId>& quarantined);
  [[nodiscard]] const PublicKeyInfo& info() const { return share->info; }
  /// T members, ascending, this signer among them.
  [[nodiscard]] bool may_form(const Quorum& quorum) const;
  [[nodiscard]] bool is_active(const Quorum& quorum) const;
  /// Nobody used it for a minute: its pools stay at their minimum.
  [[nodiscard]] bool idle(Clock::time_point now) const;
  /// How far its pools are filled.
  [[nodiscard]] std::uint32_t target(Clock::time_point now) const;
  /// Recomputes the active quorums, so that the members that are left keep cover. Drops what is shared with
  /// who is in quarantine.
  void leave_out(const std::set<PartyId>& quarantined);
};

/// All keys of this signer by epoch, and who takes no part in any of them. A key has one serving epoch, and during a
/// switch a coming or a fading one beside it. I/O thread only.
class KeyRing {
 public:
  explicit KeyRing(PoolLimits limits) : limits_(limits) {}

  ActiveKey& add(KeyShare share) {
    const EpochId epoch = share.info.epoch, previous = share.info.previous;
    auto& added = *keys_.try_emplace(epoch, std::make_unique<ActiveKey>(
                                                std::make_shared<const KeyShare>(std::move(share)), limits_, quarantined_))
                       .first->second;
    if (const auto* old = by_epoch(previous)) {
      added.stage = Stage::Coming;
      added.used_at = old->used_at;
    }
    if (auto* next = successor(epoch)) next->stage = Stage::Coming;
    return added;
  }
  /// Everything of this epoch is wiped as soon as the last session that works with it has ended.
  void remove(const EpochId& epoch) { keys_.erase(epoch); }
  /// The epoch that a refresh of this one has made, if it is active here.
  [[nodiscard]] ActiveKey* successor(const EpochId& epoch) {
    for (auto& [id, active] : keys_)
      if (active->info().previous == epoch) return active.get();
    return nullptr;
  }
  [[nodiscard]] ActiveKey* by_epoch(const EpochId& epoch) {
    const auto found = keys_.find(epoch);
    return found == keys_.end() ? nullptr : found->second.get();
  }
  /// The serving epoch of a key.
  [[nodiscard]] ActiveKey* by_key(const KeyId& key) {
    for (auto& [epoch, active] : keys_)
      if (active->info().key == key && active->stage == Stage::Serving) return active.get();
    return nullptr;
  }
  [[nodiscard]] std::map<EpochId, std::unique_ptr<ActiveKey>>& all() { return keys_; }

  /// From now on nobody works with these, whatever the key.
  void set_quarantined(std::set<PartyId> signers);
  [[nodiscard]] bool quarantined(PartyId id) const { return quarantined_.contains(id); }
  /// One of the quorum is.
  [[nodiscard]] bool quarantined(const Quorum& quorum) const;

 private:
  PoolLimits limits_;
  std::set<PartyId> quarantined_;
  std::map<EpochId, std::unique_ptr<ActiveKey>> keys_;
};

}  // namespace quorate::signerd
