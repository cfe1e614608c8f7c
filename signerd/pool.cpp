#include "signerd/pool.h"

#include <algorithm>

#include "protocol/tecdsa/presign.h"

namespace quorate::signerd {

namespace {
/// How long the record of a used-up batch can still be asked for.
constexpr std::chrono::seconds kRecordAfterlife{60};
/// So many processes of one identity each find something to lease in a shallow pool.
constexpr std::size_t kFewProcesses = 8;
}  // namespace

bool EpochPools::add(PresignedBatch batch, Clock::time_point now) {
  const SessionId sid = batch.record->sid();
  const Quorum& quorum = batch.record->plan().quorum;
  if (batches_.contains(sid)) return false;
  Batch& entry = batches_[sid];
  entry.record = batch.record;
  entry.born = now;
  Pool& pool = pools_[quorum];
  for (auto& item : batch.items) {
    const std::uint32_t index = item.index;
    entry.left.emplace(index, std::move(item));
    pool.free.push_back({sid, index});
    ++pool.depth;
  }
  return true;
}

bool EpochPools::holds(const PresignatureId& id) const {
  const auto batch = batches_.find(id.sid);
  return batch != batches_.end() && batch->second.left.contains(id.index);
}

std::optional<EpochPools::Taken> EpochPools::take(const PresignatureId& id, Clock::time_point now) {
  const auto batch = batches_.find(id.sid);
  if (batch == batches_.end()) return std::nullopt;
  const auto found = batch->second.left.find(id.index);
  if (found == batch->second.left.end()) return std::nullopt;
  const Quorum& quorum = batch->second.record->plan().quorum;
  Taken taken{std::move(found->second), quorum};
  batch->second.left.erase(found);
  if (batch->second.left.empty()) batch->second.emptied = now;
  Pool& pool = pools_[quorum];
  --pool.depth;
  if (auto lease = pool.leases.find(id); lease != pool.leases.end()) end_lease(pool, lease);
  if (now - batch->second.born > limits_.max_age) return std::nullopt;
  return taken;
}

void EpochPools::end_lease(Pool& pool, std::map<PresignatureId, Lease>::iterator lease) {
  if (!lease->second.lost) release(pool, lease->second.holder);
  pool.leases.erase(lease);
}

void EpochPools::release(Pool& pool, const std::string& holder) {
  const auto held = pool.held.find(holder);
  if (held != pool.held.end() && --held->second == 0) pool.held.erase(held);
}

std::vector<PresignatureId> EpochPools::lease(const std::string& holder, const Quorum& quorum, std::size_t count,
                                              Clock::time_point now, LinkNumber link) {
  std::vector<PresignatureId> out;
  const auto found = pools_.find(quorum);
  if (found == pools_.end() || leader_of(epoch_, quorum) != me_) return out;
  Pool& pool = found->second;
  const std::size_t share = std::max<std::size_t>(pool.depth / 4, std::min<std::size_t>(kFewProcesses, (pool.depth + 1) / 2));
  const auto mine = pool.held.find(holder);
  const std::size_t already = mine == pool.held.end() ? 0 : mine->second;
  const std::size_t allowed = already >= share ? 0 : std::min(count, share - already);
  if (allowed > 0 && link != 0) lessees_.insert(link);
  if (const auto lost = pool.lost.find(holder); lost != pool.lost.end()) {
    while (out.size() < allowed && !lost->second.empty()) {
      const PresignatureId id = lost->second.back();
      lost->second.pop_back();
      const auto lease = pool.leases.find(id);
      if (lease == pool.leases.end() || !lease->second.lost || lease->second.ends <= now) continue;
      lease->second = {holder, link, now + limits_.lease_time};
      ++pool.held[holder];
      out.push_back(id);
    }
  }
  while (out.size() < allowed && !pool.free.empty()) {
    const PresignatureId id = pool.free.front();
    pool.free.pop_front();
    if (!holds(id)) continue;
    pool.leases.emplace(id, Lease{holder, link, now + limits_.lease_time});
    ++pool.held[holder];
    out.push_back(id);
  }
  return out;
}

void EpochPools::give_back(const std::string& holder, const std::vector<PresignatureId>& ids, Clock::time_point now) {
  for (const auto& id : ids) {
    const auto batch = batches_.find(id.sid);
    if (batch == batches_.end()) continue;
    Pool& pool = pools_[batch->second.record->plan().quorum];
    const auto lease = pool.leases.find(id);
    if (lease == pool.leases.end() || lease->second.holder != holder || lease->second.lost || lease->second.ends <= now) continue;
    end_lease(pool, lease);
    pool.free.push_back(id);
  }
}

void EpochPools::link_lost(LinkNumber link) {
  if (lessees_.erase(link) == 0) return;
  for (auto& [quorum, pool] : pools_)
    for (auto& [id, lease] : pool.leases) {
      if (lease.link != link || lease.lost) continue;
      lease.lost = true;
      release(pool, lease.holder);
      pool.lost[lease.holder].push_back(id);
    }
}

void EpochPools::end_lease_of(const std::string& holder, const PresignatureId& id, Clock::time_point now) {
  const auto batch = batches_.find(id.sid);
  if (batch == batches_.end()) return;
  auto& leases = pools_[batch->second.record->plan().quorum].leases;
  if (const auto lease = leases.find(id); lease != leases.end() && lease->second.holder == holder)
    lease->second.ends = std::min(lease->second.ends, now);
}

bool EpochPools::discard(const PresignatureId& id) {
  const auto batch = batches_.find(id.sid);
  if (batch == batches_.end() || batch->second.left.erase(id.index) == 0) return false;
  Pool& pool = pools_[batch->second.record->plan().quorum];
  --pool.depth;
  if (auto lease = pool.leases.find(id); lease != pool.leases.end()) end_lease(pool, lease);
  return true;
}

std::vector<std::pair<Quorum, PresignatureId>> EpochPools::expire(Clock::time_point now) {
  std::vector<std::pair<Quorum, PresignatureId>> retired;
  for (auto& [quorum, pool] : pools_) {
    std::vector<PresignatureId> ended;
    for (const auto& [id, lease] : pool.leases)
      if (now >= lease.ends) ended.push_back(id);
    for (const auto& id : ended)
      if (discard(id)) retired.emplace_back(quorum, id);
    for (auto& [holder, ids] : pool.lost)
      std::erase_if(ids, [&leases = pool.leases](const PresignatureId& id) { return !leases.contains(id); });
    std::erase_if(pool.lost, [](const auto& lost) { return lost.second.empty(); });
  }
  for (auto it = batches_.begin(); it != batches_.end();) {
    Batch& batch = it->second;
    if (!batch.left.empty() && now - batch.born > limits_.max_age) {
      std::vector<std::uint32_t> old;
      for (const auto& [index, item] : batch.left) old.push_back(index);
      for (auto index : old) {
        const PresignatureId id{it->first, index};
        if (discard(id)) retired.emplace_back(batch.record->plan().quorum, id);
      }
    }
    if (batch.left.empty() && !batch.emptied) batch.emptied = now;
    it = batch.emptied && now - *batch.emptied > kRecordAfterlife ? batches_.erase(it) : std::next(it);
  }
  // All that is neither taken nor leased is in `free`. Once it has named as many taken ones it is looked through:
  // a pool of 100'000 takes milliseconds, in which nobody is answered.
  for (auto& [quorum, pool] : pools_)
    if (pool.free.size() > 2 * (pool.depth - pool.leases.size()))
      std::erase_if(pool.free, [this](const PresignatureId& id) { return !holds(id); });
  return retired;
}

void EpochPools::retire(PartyId leader, const SessionId& sid, const std::vector<std::uint32_t>& indices) {
  const auto batch = batches_.find(sid);
  if (batch == batches_.end() || leader_of(epoch_, batch->second.record->plan().quorum) != leader) return;
  Pool& pool = pools_[batch->second.record->plan().quorum];
  for (auto index : indices) pool.wasted += discard({sid, index}) ? 1 : 0;
}

void EpochPools::drop_oldest(const Quorum& quorum, std::uint32_t keep) {
  const auto found = pools_.find(quorum);
  if (found == pools_.end() || found->second.depth <= keep) return;
  std::vector<std::pair<Clock::time_point, SessionId>> by_age;
  for (const auto& [sid, batch] : batches_)
    if (batch.record->plan().quorum == quorum) by_age.emplace_back(batch.born, sid);
  std::sort(by_age.begin(), by_age.end());
  for (const auto& [born, sid] : by_age) {
    std::vector<std::uint32_t> indices;
    for (const auto& [index, item] : batches_.at(sid).left) indices.push_back(index);
    for (auto index : indices) {
      if (found->second.depth <= keep) return;
      found->second.wasted += discard({sid, index}) ? 1 : 0;
    }
  }
}

std::uint32_t EpochPools::wasted(const Quorum& quorum) const {
  const auto pool = pools_.find(quorum);
  return pool == pools_.end() ? 0 : pool->second.wasted;
}

void EpochPools::forget_wasted(const Quorum& quorum) {
  if (const auto pool = pools_.find(quorum); pool != pools_.end()) pool->second.wasted = 0;
}

void EpochPools::retire_batch(PartyId leader, const SessionId& sid) {
  const auto batch = batches_.find(sid);
  if (batch == batches_.end()) return;
  std::vector<std::uint32_t> all;
  for (const auto& [index, item] : batch->second.left) all.push_back(index);
  retire(leader, sid, all);
}

std::vector<std::pair<Quorum, PresignatureId>> EpochPools::let_go(const Quorum& quorum) {
  std::vector<std::pair<Quorum, PresignatureId>> retired;
  for (const auto& [sid, batch] : batches_)
    if (batch.record->plan().quorum == quorum)
      for (const auto& [index, item] : batch.left) retired.push_back({quorum, {sid, index}});
  for (const auto& [of, id] : retired) discard(id);
  return retired;
}

std::vector<Quorum> EpochPools::stocked() const {
  std::vector<Quorum> out;
  for (const auto& [quorum, pool] : pools_)
    if (pool.depth > 0) out.push_back(quorum);
  return out;
}

std::size_t EpochPools::drop_shared_with(PartyId peer) {
  std::size_t dropped = 0;
  std::erase_if(batches_, [&](const auto& item) {
    const auto& quorum = item.second.record->plan().quorum;
    if (!std::binary_search(quorum.begin(), quorum.end(), peer)) return false;
    dropped += item.second.left.size();
    return true;
  });
  std::erase_if(pools_, [&](const auto& item) {
    return std::binary_search(item.first.begin(), item.first.end(), peer);
  });
  return dropped;
}

std::uint32_t EpochPools::depth(const Quorum& quorum) const {
  const auto pool = pools_.find(quorum);
  return pool == pools_.end() ? 0 : pool->second.depth;
}

std::uint32_t EpochPools::available(const Quorum& quorum) const {
  const auto pool = pools_.find(quorum);
  if (pool == pools_.end()) return 0;
  return pool->second.depth - static_cast<std::uint32_t>(pool->second.leases.size());
}

std::optional<PresignatureRecord> EpochPools::record(const PresignatureId& id) const {
  const auto batch = batches_.find(id.sid);
  return batch == batches_.end() ? std::nullopt : batch->second.record->record(id.index);
}

}  // namespace quorate::signerd
