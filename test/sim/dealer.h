#pragma once

#include <map>

#include "protocol/ot/pair_state.h"
#include "protocol/tecdsa/key_share.h"

namespace quorate::sim {

/// A whole group as only a test may see it: all shares and identity keys in one place.
struct DealtGroup {
  std::map<PartyId, KeyShare> shares;
  std::map<PartyId, IdentityKey> identities;
  [[nodiscard]] const PublicKeyInfo& info() const { return shares.begin()->second.info; }
};

/// Deals a key as keygen would leave it. A trusted dealer: tests only.
DealtGroup deal_key(const Curve& curve, std::size_t n, std::size_t t, Rng& rng);

/// Both sides of a pair set-up, dealt.
std::pair<ot::PairState, ot::PairState> deal_pair(PartyId a, PartyId b, Rng& rng);

}  // namespace quorate::sim
