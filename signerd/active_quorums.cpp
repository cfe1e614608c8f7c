#include "signerd/active_quorums.h"

#include <algorithm>
#include <optional>

namespace quorate::signerd {

namespace {

/// All subsets of `size` elements, in lexicographic order.
std::vector<Quorum> subsets(const std::vector<PartyId>& members, std::size_t size) {
  std::vector<Quorum> out;
  std::vector<std::size_t> at(size);
  for (std::size_t i = 0; i < size; ++i) at[i] = i;
  for (;;) {
    Quorum subset;
    for (auto i : at) subset.push_back(members[i]);
    out.push_back(std::move(subset));
    std::size_t i = size;
    while (i > 0 && at[i - 1] == members.size() - size + i - 1) --i;
    if (i == 0) return out;
    ++at[i - 1];
    for (; i < size; ++i) at[i] = at[i - 1] + 1;
  }
}

bool disjoint(const Quorum& a, const Quorum& b) {
  return std::none_of(a.begin(), a.end(), [&](auto id) { return std::binary_search(b.begin(), b.end(), id); });
}

/// C(n, k) <= limit
bool at_most(std::size_t n, std::size_t k, std::size_t limit) {
  std::size_t c = 1;
  for (std::size_t i = 1; i <= std::min(k, n - k); ++i) {
    c = c * (n - i + 1) / i;
    if (c > limit) return false;
  }
  return true;
}

/// Nothing if it would exceed kMaxActiveQuorums.
std::optional<std::vector<Quorum>> covering_family(const std::vector<PartyId>& members, std::size_t threshold,
                                                   std::size_t survive) {
  std::vector<Quorum> family;
  std::vector<std::size_t> load(kMaxParties + 1, 0);
  for (const auto& lost : subsets(members, survive)) {
    if (std::any_of(family.begin(), family.end(), [&](const auto& q) { return disjoint(q, lost); })) continue;
    if (family.size() == kMaxActiveQuorums) return std::nullopt;
    // The least loaded signers that are left, so that the work is spread.
    std::vector<PartyId> rest;
    for (auto id : members)
      if (!std::binary_search(lost.begin(), lost.end(), id)) rest.push_back(id);
    std::stable_sort(rest.begin(), rest.end(), [&](auto a, auto b) { return load[a] < load[b]; });
    Quorum quorum(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(threshold));
    std::sort(quorum.begin(), quorum.end());
    for (auto id : quorum) ++load[id];
    family.push_back(std::move(quorum));
  }
  return family;
}

}  // namespace

std::vector<Quorum> active_quorums(const std::vector<PartyId>& members, std::size_t threshold, std::size_t survive) {
  constexpr std::size_t kAll = 20;
  if (at_most(members.size(), threshold, kAll)) return subsets(members, threshold);
  for (;; --survive)  // a single quorum survives the loss of none
    if (auto family = covering_family(members, threshold, survive)) return std::move(*family);
}

bool any_quorum(const std::vector<PartyId>& members, std::size_t threshold,
                const std::function<bool(PartyId, PartyId)>& compatible, const std::function<bool(const Quorum&)>& allowed) {
  Quorum some;
  const std::function<bool(std::size_t)> extend = [&](std::size_t from) {
    if (some.size() == threshold) return allowed(some);
    for (std::size_t i = from; i < members.size() && members.size() - i >= threshold - some.size(); ++i) {
      if (!std::all_of(some.begin(), some.end(), [&](auto id) { return compatible(id, members[i]); })) continue;
      some.push_back(members[i]);
      if (extend(i + 1)) return true;
      some.pop_back();
    }
    return false;
  };
  return extend(0);
}

}  // namespace quorate::signerd
