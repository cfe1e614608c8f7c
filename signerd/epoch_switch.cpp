#include "signerd/epoch_switch.h"

#include <nlohmann/json.hpp>

namespace quorate::signerd {

namespace {

/// How many of this signer's quorums have enough to begin with.
std::size_t filled(const ActiveKey& key) {
  const std::uint32_t enough = std::max<std::uint32_t>(1, key.pools.limits().min);
  return static_cast<std::size_t>(std::count_if(key.quorums.begin(), key.quorums.end(), [&](const Quorum& quorum) {
    return key.pools.depth(quorum) >= enough;
  }));
}

}  // namespace

void EpochSwitch::tick(Clock::time_point now) {
  std::vector<EpochId> coming, fading;
  for (const auto& [epoch, key] : keys_.all()) {
    if (key->stage == Stage::Coming) coming.push_back(epoch);
    if (key->stage == Stage::Fading) fading.push_back(epoch);
  }
  for (const auto& epoch : coming) fill(*keys_.by_epoch(epoch), now);
  for (const auto& epoch : fading) wipe(*keys_.by_epoch(epoch), now);
}

void EpochSwitch::fill(ActiveKey& coming, Clock::time_point now) {
  const auto& info = coming.info();
  auto* old = keys_.by_epoch(info.previous);
  auto& progress = progress_.try_emplace(info.epoch, Progress{now, now + kFillTime}).first->second;
  const std::size_t have = filled(coming);
  const bool in_time = now < progress.since + kFillTime;
  const bool none = have == 0 && !coming.quorums.empty();  // with few active quorums a signer may belong to none
  if (none || (in_time && have < coming.quorums.size()) || !settled(info)) {
    if (now < progress.alarm) return;
    progress.alarm = now + kAlarmInterval;
    return log_.error("refresh_stuck", {{"name", info.name}, {"epoch", info.epoch.brief()},
                                        {"action", "the old epoch stays in use; look for signers that are down, in dispute, or in another "
                                                  "epoch"}});
  }
  progress_.erase(info.epoch);
  coming.stage = Stage::Serving;
  if (old != nullptr) {
    old->stage = Stage::Fading;
    progress_.insert_or_assign(info.previous, Progress{now, now + kFadeTime});
  }
  log_.info("epoch_switched", {{"name", info.name}, {"epoch", info.epoch.brief()}, {"previous", info.previous.brief()},
                               {"pools_filled", have}, {"pools", coming.quorums.size()}});
}

/// False if the disk does not let go of the old share: tried again until it does.
bool EpochSwitch::wipe(const ActiveKey& fading, Clock::time_point now) {
  const PublicKeyInfo info = fading.info();
  const auto* next = keys_.successor(info.epoch);
  auto& progress = progress_.try_emplace(info.epoch, Progress{now, now + kFadeTime}).first->second;
  if (next == nullptr || now < progress.alarm) return false;
  // The new share is on disk as a whole before the old one goes.
  auto done = store_.save(*next->share);
  if (done) done = store_.wipe(info.epoch);
  if (!done) {
    progress.alarm = now + std::chrono::seconds(1);
    log_.error("old_share_not_wiped", {{"name", info.name}, {"epoch", info.epoch.brief()}, {"reason", done.error()}});
    return false;
  }
  progress_.erase(info.epoch);
  keys_.remove(info.epoch);
  log_.info("epoch_wiped", {{"name", info.name}, {"epoch", info.epoch.brief()}});
  if (on_wiped) on_wiped(info);
  return true;
}

}  // namespace quorate::signerd
