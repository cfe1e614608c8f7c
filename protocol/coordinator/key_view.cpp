#include "protocol/coordinator/key_view.h"

#include <algorithm>

#include "protocol/tecdsa/presign.h"

namespace quorate::coordinator {

namespace {

constexpr std::size_t kMaxPools = 1024;  ///< of one signer and key

bool ascending(const std::vector<PartyId>& ids) {
  return std::all_of(ids.begin(), ids.end(), is_signer) &&
         std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
}

bool has(const std::vector<PartyId>& ids, PartyId id) {
  return std::binary_search(ids.begin(), ids.end(), id);
}

bool well_formed(const KeyInfo& info, PartyId from, const wire::KeyStatus& status) {
  if (status.curve != info.curve->id() || !ascending(status.members) || !has(status.members, from)) return false;
  if (status.threshold < 2 || status.threshold > status.members.size()) return false;
  if (status.pools.size() > kMaxPools) return false;
  return std::all_of(status.pools.begin(), status.pools.end(), [&](const wire::PoolStatus& pool) {
    return pool.quorum.size() == status.threshold && ascending(pool.quorum) && has(pool.quorum, from) &&
           std::includes(status.members.begin(), status.members.end(), pool.quorum.begin(), pool.quorum.end());
  });
}

LostQuorum lose(QuorumState& state, bool same_epoch) {
  return {state.leader, state.epoch, state.leases.take_all(), same_epoch};
}

}  // namespace

std::optional<std::vector<LostQuorum>> learn(KeyState& key, PartyId from, const wire::KeyStatus& status,
                                             std::uint64_t& next_stamp) {
  if (!well_formed(key.info, from, status)) return std::nullopt;
  key.views[from] = {status.epoch, status.threshold, status.members};

  std::vector<LostQuorum> lost;
  std::set<Quorum> led;
  for (const auto& pool : status.pools) {
    if (pool.leader != from || !led.insert(pool.quorum).second) continue;
    auto it = key.quorums.find(pool.quorum);
    if (it != key.quorums.end() && it->second.epoch == status.epoch) {
      if (it->second.leader != from) continue;
    } else {
      if (leader_of(status.epoch, pool.quorum) != from) continue;
      if (it != key.quorums.end()) {
        lost.push_back(lose(it->second, false));
        key.quorums.erase(it);
      }
      it = key.quorums.emplace(pool.quorum, QuorumState{}).first;
      it->second.quorum = pool.quorum;
      it->second.epoch = status.epoch;
      it->second.leader = from;
      it->second.stamp = next_stamp++;
    }
    it->second.available = pool.available;
    it->second.target = pool.target;
    it->second.min = pool.min;
    it->second.on_demand = false;
  }
  for (auto it = key.quorums.begin(); it != key.quorums.end();) {
    const bool asked_for = it->second.on_demand && it->second.epoch == status.epoch;
    if (it->second.leader == from && !led.contains(it->first) && !asked_for) {
      lost.push_back(lose(it->second, it->second.epoch == status.epoch));
      it = key.quorums.erase(it);
    } else {
      ++it;
    }
  }
  return lost;
}

std::vector<LostQuorum> forget(KeyState& key, PartyId signer) {
  key.views.erase(signer);
  std::vector<LostQuorum> lost;
  for (auto it = key.quorums.begin(); it != key.quorums.end();) {
    if (it->second.leader == signer) {
      lost.push_back(lose(it->second, false));
      it = key.quorums.erase(it);
    } else {
      ++it;
    }
  }
  return lost;
}

}  // namespace quorate::coordinator
