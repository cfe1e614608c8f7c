#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"

namespace quorate {

/// Why a session ended without its result. SPEC section 9 lists them all with their blame.
enum class Fault : std::uint8_t {
  Malformed,           ///< a length, range, encoding or count is wrong
  Unexpected,          ///< not the message this round takes
  BadParameters,       ///< the caller's own input is out of range
  Equivocation,        ///< two different signed messages of one sender for one (ceremony, round, receiver)
  EchoMismatch,        ///< members saw different broadcasts
  CommitmentMismatch,  ///< an opening does not fit its commitment
  BadProof,            ///< a Schnorr proof does not verify
  BadShare,            ///< a dealt share is not on the committed polynomial
  KeyMismatch,         ///< members do not agree on the public key
  BadSignature,        ///< an identity signature does not verify
  Infinity,            ///< a point or scalar that must not be neutral is
  PprfCheck,           ///< SPEC section 2: inconsistent PPRF; the set-up is destroyed
  OtCheck,             ///< SPEC section 3: inconsistent OT extension; the set-up is destroyed
  RvoleCheck,          ///< SPEC section 4: inconsistent multiplication; the set-up is destroyed
  GammaCheck,          ///< SPEC 5.2: chi R or chi pk does not match
  SumCheck,            ///< SPEC 5.2: the pk do not add up to X
  RowMismatch,         ///< SPEC 5.4: rows disagree on R or u
  RowSum,              ///< SPEC 5.4: the K do not add up to G or the C not to X
  BadPartial,          ///< SPEC 6.3: s R is not m K + r C
  TimedOut,            ///< a member did not answer; nobody is blamed
};
std::string_view name(Fault fault);

/// Whom a fault speaks against.
struct Blame {
  enum class Kind : std::uint8_t { Nobody, Party, Pair, Quorum };
  Kind kind = Kind::Nobody;
  PartyId party = kNobody;  ///< Party: the culprit. Pair: the one who reports
  PartyId other = kNobody;  ///< Pair: the other one

  bool operator==(const Blame&) const = default;
  static Blame nobody() { return {}; }
  static Blame on(PartyId culprit) { return {Kind::Party, culprit, kNobody}; }
  static Blame pair(PartyId mine, PartyId theirs) { return {Kind::Pair, mine, theirs}; }
  static Blame quorum() { return {Kind::Quorum, kNobody, kNobody}; }
};
std::string to_string(const Blame& blame);

struct Abort {
  Fault fault = Fault::Malformed;
  Blame blame;
  std::string detail;  ///< for our own log; never sent to a peer

  /// "RvoleCheck (dispute 1-2): ..."
  [[nodiscard]] std::string what() const;
};

}  // namespace quorate
