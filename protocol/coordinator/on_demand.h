#pragma once

#include "protocol/coordinator/choice.h"

namespace quorate::coordinator {

/// No request can be served by this quorum soon: a member is out of reach, quarantined, in another epoch or
/// not answering, or the leader will not serve it. An empty pool or a busy signer is no such thing.
bool blocked(const KeyState& key, const QuorumState& state, const Signers& signers, Time now);

/// The quorum to be activated when every active one is blocked although T healthy members are there: nothing if
/// one is not, or nobody else can help. All coordinators that see the same choose the same, so that one pool is
/// filled and not one each: of the quorums of healthy members the one that has the fewest members in common
/// with any that was refused, the first in order among those. At most kMostDemanded are tried at a time.
std::optional<Quorum> quorum_on_demand(const KeyState& key, const Signers& signers, Time now);

inline constexpr std::size_t kMostDemanded = 8;

}  // namespace quorate::coordinator
