#pragma once

#include <algorithm>
#include <map>
#include <memory>

#include "signerd/active_quorums.h"
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
  EpochPools pools;
  Bytes spki;                       ///< DER SubjectPublicKeyInfo of X
  Stage stage = Stage::Serving;

  ActiveKey(std::shared_ptr<const KeyShare> s, PoolLimits limits)
      : share(std::move(s)), pools(share->me, share->info.epoch, limits), spki(spki_der(share->info.X)) {
    std::vector<PartyId> members;
    for (const auto& member : share->info.members) members.push_back(member.id);
    const std::size_t t = share->info.threshold;
    for (auto& quorum : active_quorums(members, t, std::min<std::size_t>(limits.survive, members.size() - t)))
      if (std::binary_search(quorum.begin(), quorum.end(), share->me)) quorums.push_back(std::move(quorum));
  }
  [[nodiscard]] const PublicKeyInfo& info() const { return share->info; }
};

/// All keys of this signer by epoch. A key has one serving epoch, and during a switch a coming or a fading one
/// beside it. I/O thread only.
class KeyRing {
 public:
  explicit KeyRing(PoolLimits limits) : limits_(limits) {}

  ActiveKey& add(KeyShare share) {
    const EpochId epoch = share.info.epoch, previous = share.info.previous;
    auto& added = *keys_.try_emplace(epoch, std::make_unique<ActiveKey>(
                                                std::make_shared<const KeyShare>(std::move(share)), limits_))
                       .first->second;
    if (by_epoch(previous) != nullptr) added.stage = Stage::Coming;
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

 private:
  PoolLimits limits_;
  std::map<EpochId, std::unique_ptr<ActiveKey>> keys_;
};

}  // namespace quorate::signerd
