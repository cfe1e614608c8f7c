#pragma once

#include "signerd/key_ring.h"
#include "signerd/log.h"
#include "signerd/share_store.h"

namespace quorate::signerd {

/// Takes a key from one epoch to the next after a refresh (SPEC 1.7), so that somebody can sign at every moment:
/// the new epoch presigns beside the old one until its pools are filled, then coordinators are told of it, and a
/// little later everything of the old one is wiped. I/O thread only.
class EpochSwitch {
 public:
  /// Pools of the new epoch get this long to fill; then one that can sign will do.
  static constexpr std::chrono::seconds kFillTime{30};
  /// How long whoever has not heard of the new epoch is still answered: an idle coordinator asks every 10 s.
  static constexpr std::chrono::seconds kFadeTime{12};
  /// An epoch that cannot be left is reported this often.
  static constexpr std::chrono::seconds kAlarmInterval{60};

  EpochSwitch(KeyRing& keys, ShareStore& store, const Log& log) : keys_(keys), store_(store), log_(log) {}

  /// Call it a few times a second.
  void tick(Clock::time_point now);
  /// The old epoch has just gone from disk and key ring: whatever else is kept for it goes, too.
  std::function<void(const PublicKeyInfo&)> on_wiped;
  /// Whether no other successor of the same epoch can be active at other members. The old epoch is not left before:
  /// T-1 corrupt members fill the pools of whatever successor they like.
  std::function<bool(const PublicKeyInfo&)> settled = [](const PublicKeyInfo&) { return true; };

 private:
  struct Progress {
    Clock::time_point since, alarm;
  };
  void fill(ActiveKey& coming, Clock::time_point now);
  bool wipe(const ActiveKey& fading, Clock::time_point now);

  KeyRing& keys_;
  ShareStore& store_;
  const Log& log_;
  std::map<EpochId, Progress> progress_;  ///< of coming and of fading epochs
};

}  // namespace quorate::signerd
