#include "protocol/coordinator/on_demand.h"

#include <algorithm>
#include <bit>

#include "protocol/coordinator/coordinator.h"
#include "protocol/tecdsa/presign.h"

namespace quorate::coordinator {

namespace {

/// A quorum that was asked for and that its leader does not list is forgotten after this time without an order.
constexpr Time kDemandMemory = std::chrono::seconds(5);

std::uint32_t mask_of(const Quorum& quorum) {
  std::uint32_t out = 0;
  for (auto id : quorum) out |= 1u << id;
  return out;
}

bool healthy(const SignerState& signer, Time now) {
  return signer.up() && !signer.quarantined && signer.breaker.admits(now);
}

/// Healthy members that agree on the epoch, as many as there are; ascending.
std::vector<PartyId> like_minded(const KeyState& key, const Signers& signers, Time now) {
  std::vector<PartyId> best;
  for (const auto& [one, view] : key.views) {
    std::vector<PartyId> with;
    for (const auto& [id, other] : key.views)
      if (other == view && healthy(signers[id], now)) with.push_back(id);
    if (with.size() >= view.threshold && with.size() > best.size()) best = std::move(with);
  }
  return best;
}

/// The next subset of `count` positions below n in lexicographic order; false after the last.
bool next_subset(std::vector<std::size_t>& at, std::size_t n) {
  std::size_t i = at.size();
  while (i > 0 && at[i - 1] == n - at.size() + i - 1) --i;
  if (i == 0) return false;
  ++at[i - 1];
  for (; i < at.size(); ++i) at[i] = at[i - 1] + 1;
  return true;
}

}  // namespace

bool blocked(const KeyState& key, const QuorumState& state, const Signers& signers, Time now) {
  const Obstacle here = obstacle(key, state, signers, now);
  if (here != Obstacle::None && here != Obstacle::Busy) return true;
  if (now < state.denied_until && state.leases.usable(now) == 0) return true;
  return std::any_of(state.quorum.begin(), state.quorum.end(),
                     [&](PartyId id) { return !signers[id].breaker.admits(now); });
}

std::optional<Quorum> quorum_on_demand(const KeyState& key, const Signers& signers, Time now) {
  std::vector<std::uint32_t> refused;
  for (const auto& [quorum, state] : key.quorums) {
    if (!blocked(key, state, signers, now)) return std::nullopt;
    if (now < state.denied_until) refused.push_back(mask_of(quorum));
  }
  std::size_t demanded = 0;
  for (const auto& [quorum, state] : key.quorums) demanded += state.on_demand;
  if (demanded >= kMostDemanded) return std::nullopt;
  // Whoever has not spoken yet may lead a quorum that can be used.
  for (const auto& signer : signers)
    if (signer.up() && !signer.status_heard && signer.breaker.admits(now)) return std::nullopt;

  const auto members = like_minded(key, signers, now);
  if (members.empty()) return std::nullopt;
  const std::size_t threshold = key.views.at(members.front()).threshold;
  std::optional<Quorum> best;
  int least = 0;
  std::vector<std::size_t> at(threshold);
  for (std::size_t i = 0; i < threshold; ++i) at[i] = i;
  do {
    Quorum quorum;
    for (auto i : at) quorum.push_back(members[i]);
    if (key.quorums.contains(quorum)) continue;
    int common = 0;
    for (auto other : refused) common = std::max(common, std::popcount(other & mask_of(quorum)));
    if (best && common >= least) continue;
    best = std::move(quorum);
    least = common;
    if (least == 0) break;
  } while (next_subset(at, members.size()));
  return best;
}

/// Brings a surviving quorum into play when none of the active ones can be used. Its leader hears of it by a
/// LeaseRequest, activates it, and has presignatures a little later; it is asked again like any empty pool.
void Coordinator::demand(KeyState& key) {
  std::erase_if(key.quorums, [&](const auto& entry) {
    const QuorumState& state = entry.second;
    return state.on_demand && now_ >= state.demanded_until && now_ >= state.denied_until && state.asked == 0 &&
           state.in_flight == 0 && state.leases.size() == 0;
  });
  if (key.waiting.empty()) return;
  const auto quorum = quorum_on_demand(key, signers_, now_);
  if (!quorum) return;
  QuorumState& state = key.quorums[*quorum];
  state.quorum = *quorum;
  state.epoch = key.views.at(quorum->front()).epoch;
  state.leader = leader_of(state.epoch, *quorum);
  state.stamp = next_stamp_++;
  state.on_demand = true;
  state.demanded_until = now_ + kDemandMemory;
  key.warm_until = kLongAgo;
  ++counters_.demanded;
}

}  // namespace quorate::coordinator
