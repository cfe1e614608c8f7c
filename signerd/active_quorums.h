#pragma once

#include <functional>
#include <vector>

#include "protocol/base/ids.h"

namespace quorate::signerd {

/// What a status reply has room for.
inline constexpr std::size_t kMaxActiveQuorums = 256;

/// The quorums that are kept supplied with presignatures: all C(N,T) if those are at most 20, else a
/// covering family: whichever `survive` signers are lost, at least one quorum avoids them all. A family of
/// more than kMaxActiveQuorums is replaced by that of the greatest survive that has no more. The same on
/// every signer: a pure function of its arguments. members ascending; survive <= N - T.
std::vector<Quorum> active_quorums(const std::vector<PartyId>& members, std::size_t threshold, std::size_t survive);

/// Whether any `threshold` of the members (ascending) may still work together: every two of them compatible, and
/// the quorum as a whole allowed.
bool any_quorum(const std::vector<PartyId>& members, std::size_t threshold,
                const std::function<bool(PartyId, PartyId)>& compatible, const std::function<bool(const Quorum&)>& allowed);

}  // namespace quorate::signerd
