#pragma once

#include "protocol/tecdsa/blame.h"
#include "protocol/wire/admin.h"
#include "protocol/wire/online.h"

namespace quorate::wire {

inline constexpr std::size_t kMaxDisputes = 256;  ///< disputes in one QuarantineReply
inline constexpr std::size_t kMaxTime = 32;       ///< characters of a point in time

/// One end of a pair to all signers: the pair failed a check that shows no culprit (SPEC 5.6). Who has
/// T of them against one signer, from as many others, has evidence.
using DisputeNotice = DisputeStatement;

/// To all signers: encoded blame evidence, which the receiver verifies before it believes it.
struct QuarantineNotice {
  Bytes evidence;                        ///< kMaxEvidence at most
};

struct QuarantineRequest {};

/// What a signer holds against other signers. Nobody acts on it: evidence is verified by whoever asked.
struct QuarantineReply {
  /// 0: the list is empty. Else the first 8 bytes, big-endian, of a hash over it: differs when it changes.
  std::uint64_t version = 0;
  struct Entry {
    PartyId signer = kNobody;
    std::string reason;                  ///< one line; cut at kMaxReason and cleaned when encoded
    Bytes evidence;                      ///< encoded blame evidence, kMaxEvidence at most
  };
  std::vector<Entry> entries;            ///< ascending by signer
  struct Dispute {
    EpochId epoch;
    Quorum members;                      ///< a pair, or T that failed as a whole
    bool whole = false;                  ///< the quorum, not the pair
    Fault fault = Fault::Malformed;
    std::string detail;                  ///< cut at kMaxReason and cleaned when encoded
    std::string time;                    ///< UTC, "2026-11-22T14:30:00.123Z"
  };
  std::vector<Dispute> disputes;         ///< kMaxDisputes at most
};

/// From an administrator: forget all of a kind. Answered by what is left.
struct QuarantineClear {
  bool quarantine = false;
  bool disputes = false;
};

}  // namespace quorate::wire
