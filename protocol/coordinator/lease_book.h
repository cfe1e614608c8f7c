#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/coordinator/monotonic.h"

namespace quorate::coordinator {

/// A presignature that a leader has set aside for this coordinator. Nobody enforces that but the leader:
/// the signers' own single use is what counts.
struct Lease {
  PresignatureId id;
  Time let_go{};   ///< not used from then on: 20 % before it expires
  Time expires{};  ///< at the leader, counted from the moment the request for it was sent
};

/// The unused leases of one quorum, oldest first.
class LeaseBook {
 public:
  void add(const Lease& lease);
  /// The one that ends first among those that may still be used.
  std::optional<Lease> take(Time now);
  /// Those that must not be used any more.
  std::vector<Lease> take_stale(Time now);
  std::vector<Lease> take_all();

  [[nodiscard]] std::size_t usable(Time now) const;
  [[nodiscard]] std::size_t size() const { return leases_.size(); }
  [[nodiscard]] Time next_let_go() const { return leases_.empty() ? kNever : leases_.front().let_go; }

 private:
  std::deque<Lease> leases_;  ///< ascending by let_go
};

/// Which presignatures this coordinator holds or has sent out, and for what. An id is spent with the first
/// message that names it; whatever a leader, a front end or a repeated message offers later, it is not used
/// for another content.
class IdLedger {
 public:
  /// True, and held from now on, if the id is neither held nor spent.
  bool hold(const PresignatureId& id);
  void release(const PresignatureId& id) { held_.erase(id); }
  void spend(const PresignatureId& id, const Digest& subject);
  /// Spends an id that was never held here, or says whether it was spent for this very subject. An id that is
  /// held is kept for whoever gets it by its lease.
  bool claim(const PresignatureId& id, const Digest& subject);
  [[nodiscard]] bool spent(const PresignatureId& id) const { return subject_of(id) != nullptr; }
  [[nodiscard]] std::size_t held() const { return held_.size(); }

 private:
  static constexpr std::size_t kGeneration = 8192;  ///< at least this many spent ids are remembered
  [[nodiscard]] const Digest* subject_of(const PresignatureId& id) const;

  std::unordered_set<PresignatureId> held_;
  std::unordered_map<PresignatureId, Digest> recent_, older_;
};

}  // namespace quorate::coordinator
