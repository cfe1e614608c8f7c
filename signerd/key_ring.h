#pragma once

#include <algorithm>
#include <map>
#include <memory>

#include "signerd/active_quorums.h"
#include "signerd/pool.h"

namespace quorate::signerd {

/// One active key epoch at this signer: its share and everything made for it.
struct ActiveKey {
  std::shared_ptr<const KeyShare> share;
  std::vector<Quorum> quorums;      ///< active ones that this signer belongs to
  EpochPools pools;
  Bytes spki;                       ///< DER SubjectPublicKeyInfo of X

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

/// All keys of this signer by epoch. I/O thread only.
class KeyRing {
 public:
  explicit KeyRing(PoolLimits limits) : limits_(limits) {}

  ActiveKey& add(KeyShare share) {
    const EpochId epoch = share.info.epoch;
    return *keys_.try_emplace(epoch, std::make_unique<ActiveKey>(
                                         std::make_shared<const KeyShare>(std::move(share)), limits_))
                .first->second;
  }
  [[nodiscard]] ActiveKey* by_epoch(const EpochId& epoch) {
    const auto found = keys_.find(epoch);
    return found == keys_.end() ? nullptr : found->second.get();
  }
  [[nodiscard]] ActiveKey* by_key(const KeyId& key) {
    for (auto& [epoch, active] : keys_)
      if (active->info().key == key) return active.get();
    return nullptr;
  }
  [[nodiscard]] std::map<EpochId, std::unique_ptr<ActiveKey>>& all() { return keys_; }

 private:
  PoolLimits limits_;
  std::map<EpochId, std::unique_ptr<ActiveKey>> keys_;
};

}  // namespace quorate::signerd
