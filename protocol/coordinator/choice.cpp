#include "protocol/coordinator/choice.h"

#include <algorithm>
#include <iterator>

namespace quorate::coordinator {

namespace {

/// Latencies that differ by less than this are the same: load decides then.
bool about_as_fast(Time latency, Time best) {
  return latency <= best + std::max(best / 4, Time(std::chrono::microseconds(200)));
}

/// Unanswered requests of the busiest member, then of all.
std::pair<unsigned, unsigned> work_of(const Quorum& quorum, const Signers& signers) {
  unsigned most = 0, sum = 0;
  for (auto id : quorum) {
    most = std::max(most, signers[id].in_flight);
    sum += signers[id].in_flight;
  }
  return {most, sum};
}

}  // namespace

bool epochs_differ(const KeyState& key, const Signers& signers) {
  std::set<EpochId> epochs;
  for (const auto& [id, view] : key.views)
    if (signers[id].up()) epochs.insert(view.epoch);
  return epochs.size() > 1;
}

Obstacle obstacle(const KeyState& key, const QuorumState& state, const Signers& signers, Time now) {
  const SignerView* common = nullptr;
  for (auto id : state.quorum)
    if (signers[id].quarantined) return Obstacle::Quarantined;
  for (auto id : state.quorum)
    if (!signers[id].up()) return Obstacle::Unreachable;
  for (auto id : state.quorum) {
    const auto view = key.views.find(id);
    if (view == key.views.end()) return Obstacle::Unreachable;
    if (common == nullptr) common = &view->second;
    if (view->second != *common || view->second.epoch != state.epoch) return Obstacle::EpochsDiffer;
  }
  for (auto id : state.quorum)
    if (signers[id].busy(now)) return Obstacle::Busy;
  return Obstacle::None;
}

Standing standing(const QuorumState& state, const Signers& signers, Time now) {
  Standing out;
  out.suspect = now < state.suspect_until;
  out.slow = state.misfits.state(now) == Breaker::State::Open;
  for (auto id : state.quorum) {
    out.suspicions += signers[id].suspected(now);
    out.slow = out.slow || !signers[id].breaker.admits(now);
  }
  return out;
}

Time expected_latency(const QuorumState& state, const Signers& signers) {
  Time out{};
  for (auto id : state.quorum) out = std::max(out, signers[id].latency.mean());
  return out;
}

Likelihood judge_hint(const KeyState& key, const Assignment& hint, const Signers& signers, Time now) {
  const Quorum& quorum = hint.quorum;
  if (quorum.empty() || !std::all_of(quorum.begin(), quorum.end(), is_signer) ||
      std::adjacent_find(quorum.begin(), quorum.end(), std::greater_equal<>()) != quorum.end())
    return Likelihood::No;
  Likelihood out = Likelihood::Yes;
  for (auto id : quorum) {
    const SignerState& signer = signers[id];
    if (signer.quarantined || signer.busy(now) || !signer.breaker.admits(now)) return Likelihood::No;
    const auto view = key.views.find(id);
    if (view != key.views.end() && signer.up()) {
      const auto& members = view->second.members;
      if (view->second.epoch != hint.epoch || view->second.threshold != quorum.size() ||
          !std::includes(members.begin(), members.end(), quorum.begin(), quorum.end()))
        return Likelihood::No;
      continue;
    }
    const bool unheard = signer.link == SignerState::Link::Unknown || (signer.up() && !signer.status_heard);
    if (!unheard) return Likelihood::No;
    out = Likelihood::Open;
  }
  return out;
}

void Avoid::add(const Quorum& quorum, Time until) {
  for (auto& [known, end] : quorum_until)
    if (known == quorum) {
      end = std::max(end, until);
      return;
    }
  quorum_until.emplace_back(quorum, until);
}

bool Avoid::excludes(const Quorum& quorum, Time now) const {
  for (auto id : quorum)
    if (now < signer_until[id]) return true;
  return std::any_of(quorum_until.begin(), quorum_until.end(),
                     [&](const auto& entry) { return now < entry.second && entry.first == quorum; });
}

Time Avoid::next_end(Time now) const {
  Time out = kNever;
  for (auto end : signer_until)
    if (end > now) out = std::min(out, end);
  for (const auto& [quorum, end] : quorum_until)
    if (end > now) out = std::min(out, end);
  return out;
}

std::vector<Option> best_options(KeyState& key, const Signers& signers, const Avoid& avoid, Time now) {
  std::vector<Option> out;
  for (auto& [quorum, state] : key.quorums) {
    const bool can_ask = state.asked > 0 || now >= state.not_before();
    if (!can_ask && state.leases.usable(now) == 0) continue;
    if (avoid.excludes(quorum, now) || obstacle(key, state, signers, now) != Obstacle::None) continue;
    const Standing here = standing(state, signers, now);
    if (!out.empty() && out.front().standing < here) continue;
    if (!out.empty() && here < out.front().standing) out.clear();
    out.push_back({&state, here, expected_latency(state, signers)});
  }
  std::stable_sort(out.begin(), out.end(), [](const Option& a, const Option& b) { return a.latency < b.latency; });
  return out;
}

QuorumState* choose_held(const std::vector<Option>& options, const Signers& signers, Time now) {
  const Option* fastest = nullptr;
  QuorumState* chosen = nullptr;
  for (const auto& option : options) {
    if (option.state->leases.usable(now) == 0) continue;
    if (fastest == nullptr) fastest = &option;
    if (!about_as_fast(option.latency, fastest->latency)) break;
    const auto busier = [&](const QuorumState& a, const QuorumState& b) {
      const auto x = std::pair(work_of(a.quorum, signers), a.leases.next_let_go());
      return x > std::pair(work_of(b.quorum, signers), b.leases.next_let_go());
    };
    if (chosen == nullptr || busier(*chosen, *option.state)) chosen = option.state;
  }
  return chosen;
}

std::vector<Quorum> warm_set(KeyState& key, const Signers& signers, Time now) {
  const std::vector<Option> options = best_options(key, signers, Avoid{}, now);
  std::vector<Quorum> out;
  std::vector<PartyId> in_all;        // members that every chosen quorum depends on
  std::array<bool, kMaxParties + 1> loaded{};
  while (out.size() < options.size()) {
    const Option* best = nullptr;
    std::size_t best_freed = 0, best_added = 0;
    for (const auto& option : options) {
      const Quorum& quorum = option.state->quorum;
      std::size_t freed = 0, added = 0;
      for (auto id : in_all) freed += !std::binary_search(quorum.begin(), quorum.end(), id);
      for (auto id : quorum) added += !loaded[id];
      if (freed == 0 && added == 0) continue;
      if (best != nullptr && std::pair(freed, added) <= std::pair(best_freed, best_added)) continue;
      best = &option;
      best_freed = freed;
      best_added = added;
    }
    if (best == nullptr) break;
    const Quorum& quorum = best->state->quorum;
    if (out.empty()) {
      in_all = quorum;
    } else {
      std::vector<PartyId> left;
      std::set_intersection(in_all.begin(), in_all.end(), quorum.begin(), quorum.end(), std::back_inserter(left));
      in_all = std::move(left);
    }
    for (auto id : quorum) loaded[id] = true;
    out.push_back(quorum);
  }
  return out;
}

}  // namespace quorate::coordinator
