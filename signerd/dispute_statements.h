#pragma once

#include <functional>
#include <map>
#include <tuple>

#include "protocol/tecdsa/blame.h"

namespace quorate::signerd {

/// What signers have signed about their disputes (SPEC 5.6): one statement of a signer about a pair and epoch, no
/// more, so that there are never more than (N - 1) N an epoch. Who has T against one signer has evidence.
class DisputeStatements {
 public:
  [[nodiscard]] bool has(const DisputeStatement& statement) const { return known_.contains(key_of(statement)); }
  /// The caller has verified it.
  void add(DisputeStatement statement) { known_.emplace(key_of(statement), std::move(statement)); }
  /// Evidence against `accused`, if T others or more speak against it in the epoch of `info`.
  [[nodiscard]] std::optional<DisputesEvidence> against(PartyId accused, const PublicKeyInfo& info) const;
  /// One of the two says so, in whatever epoch.
  [[nodiscard]] bool speaks_of(PartyId a, PartyId b) const;
  void forget_if(const std::function<bool(const EpochId&)>& over);
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  using Key = std::tuple<EpochId, PartyId, PartyId, PartyId>;  // of whom, then the pair
  static Key key_of(const DisputeStatement& s) { return {s.epoch, s.signer, s.a, s.b}; }
  std::map<Key, DisputeStatement> known_;
};

}  // namespace quorate::signerd
