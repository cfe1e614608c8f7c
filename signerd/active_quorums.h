#pragma once

#include <vector>

#include "protocol/base/ids.h"

namespace quorate::signerd {

/// The quorums that are kept supplied with presignatures: all C(N,T) if those are at most 20, else a
/// covering family: whichever `survive` signers are lost, at least one quorum avoids them all. The same
/// on every signer: a pure function of its arguments. members ascending; survive <= N - T.
std::vector<Quorum> active_quorums(const std::vector<PartyId>& members, std::size_t threshold, std::size_t survive);

/// min(2, N - T): how many lost signers the active quorums survive unless configured otherwise.
inline std::size_t default_survive(std::size_t n, std::size_t t) { return n - t < 2 ? n - t : 2; }

}  // namespace quorate::signerd
