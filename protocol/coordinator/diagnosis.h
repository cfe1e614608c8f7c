#pragma once

#include "protocol/coordinator/attempt.h"

namespace quorate::coordinator {

/// What would have to change before the key can be signed with. Texts are one line.
struct Outlook {
  /// Nothing: a quorum is up and has presignatures, or its leader has not said otherwise. The code is what a
  /// request would end with.
  std::optional<SignError> problem;
  std::size_t signers_up = 0;
  std::size_t threshold = 0;      ///< 0: not learnt
  std::uint64_t pool_depth = 0;   ///< of the usable quorums, own leases included
  bool may_change = false;        ///< a link is not decided yet, or a signer has not told its status
  bool can_sign = true;           ///< a request has a chance: no problem, or one that a request itself may solve
  std::optional<SignError> unready;  ///< T healthy signers with a pool that is not below its minimum are missing
};
Outlook look_at(const KeyState& key, const Signers& signers, const CoordinatorConfig& config, Time now);

Readiness readiness_of(const Outlook& outlook);

/// Every usable quorum's leader has denied the lease, or every quorum has a signer that is overloaded: waiting is
/// pointless, or would only make a queue.
std::optional<SignError> denied_everywhere(const KeyState& key, const Signers& signers, const CoordinatorConfig& config,
                                           Time now);

/// Why a request that waits for a quorum or a lease ends at its deadline, or after its last attempt.
SignError why_waiting(const KeyState& key, const Signers& signers, const CoordinatorConfig& config,
                      const Request& request, Time now);
/// Why a request whose signers have not answered ends at its deadline.
SignError why_unanswered(const Request& request, const Attempt& attempt, Time now);

}  // namespace quorate::coordinator
