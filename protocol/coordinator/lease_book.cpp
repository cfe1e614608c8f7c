#include "protocol/coordinator/lease_book.h"

#include <algorithm>
#include <utility>

namespace quorate::coordinator {

void LeaseBook::add(const Lease& lease) {
  const auto at = std::upper_bound(leases_.begin(), leases_.end(), lease,
                                   [](const Lease& a, const Lease& b) { return a.let_go < b.let_go; });
  leases_.insert(at, lease);
}

std::optional<Lease> LeaseBook::take(Time now) {
  for (auto it = leases_.begin(); it != leases_.end(); ++it) {
    if (it->let_go <= now) continue;
    const Lease lease = *it;
    leases_.erase(it);
    return lease;
  }
  return std::nullopt;
}

std::vector<Lease> LeaseBook::take_stale(Time now) {
  std::vector<Lease> out;
  while (!leases_.empty() && leases_.front().let_go <= now) {
    out.push_back(leases_.front());
    leases_.pop_front();
  }
  return out;
}

std::vector<Lease> LeaseBook::take_all() {
  std::vector<Lease> out(leases_.begin(), leases_.end());
  leases_.clear();
  return out;
}

std::size_t LeaseBook::usable(Time now) const {
  const auto first = std::find_if(leases_.begin(), leases_.end(), [&](const Lease& l) { return l.let_go > now; });
  return static_cast<std::size_t>(leases_.end() - first);
}

bool IdLedger::hold(const PresignatureId& id) {
  if (spent(id)) return false;
  return held_.insert(id).second;
}

const Digest* IdLedger::subject_of(const PresignatureId& id) const {
  for (const auto* map : {&recent_, &older_})
    if (const auto it = map->find(id); it != map->end()) return &it->second;
  return nullptr;
}

bool IdLedger::claim(const PresignatureId& id, const Digest& subject) {
  if (held_.contains(id)) return false;
  if (const auto* before = subject_of(id)) return *before == subject;
  spend(id, subject);
  return true;
}

void IdLedger::spend(const PresignatureId& id, const Digest& subject) {
  held_.erase(id);
  if (recent_.size() >= kGeneration) {
    older_ = std::exchange(recent_, {});
  }
  recent_.emplace(id, subject);
}

}  // namespace quorate::coordinator
