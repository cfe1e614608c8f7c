#include "signerd/key_ring.h"

#include <algorithm>

#include "signerd/active_quorums.h"

namespace quorate::signerd {

namespace {
/// A key without a signature or lease for so long is idle.
constexpr std::chrono::seconds kBusyTime{60};

std::vector<PartyId> members_without(const PublicKeyInfo& info, const std::set<PartyId>& left_out) {
  std::vector<PartyId> members;
  for (const auto& member : info.members)
    if (!left_out.contains(member.id)) members.push_back(member.id);
  return members;
}
}  // namespace

ActiveKey::ActiveKey(std::shared_ptr<const KeyShare> s, PoolLimits limits, const std::set<PartyId>& quarantined)
    : share(std::move(s)), pools(share->me, share->info.epoch, limits), spki(spki_der(share->info.X)) {
  leave_out(quarantined);
}

void ActiveKey::leave_out(const std::set<PartyId>& quarantined) {
  quorums.clear();
  for (auto id : quarantined) pools.drop_shared_with(id);
  const auto members = members_without(info(), quarantined);
  const std::size_t t = info().threshold;
  if (members.size() < t) return;
  for (auto& quorum : active_quorums(members, t, std::min<std::size_t>(pools.limits().survive, members.size() - t)))
    if (std::binary_search(quorum.begin(), quorum.end(), share->me)) quorums.push_back(std::move(quorum));
  on_demand.forget_if([&](const Quorum& quorum) {
    return is_active(quorum) || std::any_of(quorum.begin(), quorum.end(), [&](auto id) { return quarantined.contains(id); });
  });
}

bool ActiveKey::may_form(const Quorum& quorum) const {
  return quorum.size() == info().threshold && std::adjacent_find(quorum.begin(), quorum.end(), std::greater_equal()) == quorum.end() &&
         std::all_of(quorum.begin(), quorum.end(), [this](auto id) { return info().member(id) != nullptr; }) &&
         std::binary_search(quorum.begin(), quorum.end(), share->me);
}

bool ActiveKey::is_active(const Quorum& quorum) const {
  return std::find(quorums.begin(), quorums.end(), quorum) != quorums.end();
}

bool ActiveKey::idle(Clock::time_point now) const { return !used_at || now - *used_at > kBusyTime; }

std::uint32_t ActiveKey::target(Clock::time_point now) const {
  return idle(now) ? pools.limits().min : pools.limits().target;
}

void KeyRing::set_quarantined(std::set<PartyId> signers) {
  quarantined_ = std::move(signers);
  for (auto& [epoch, key] : keys_) key->leave_out(quarantined_);
}

bool KeyRing::quarantined(const Quorum& quorum) const {
  return std::any_of(quorum.begin(), quorum.end(), [this](auto id) { return quarantined_.contains(id); });
}

}  // namespace quorate::signerd
