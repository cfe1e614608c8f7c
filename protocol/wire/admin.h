#pragma once

#include "protocol/base/abort.h"
#include "protocol/tecdsa/key_share.h"

namespace quorate::wire {

inline constexpr std::size_t kMaxProgress = 256;         ///< characters of a progress line
inline constexpr std::size_t kMaxDetail = 1024;          ///< characters of a failure's detail
inline constexpr std::size_t kMaxEvidence = 256 * 1024;  ///< bytes of evidence
inline constexpr std::size_t kMaxSpki = 512;             ///< bytes of a DER SubjectPublicKeyInfo

/// An administrator asks one signer to take part in a key generation or a refresh; the sid is the ceremony id again.
struct KeygenRequest {
  CeremonyId ceremony;
  CurveId curve = CurveId::P256;
  std::uint8_t threshold = 0;       ///< 2 .. number of members
  std::string name;                 ///< key name, see valid_name()
  Digest group;                     ///< digest of the group description that the administrator holds
  std::vector<PartyId> members;     ///< ascending
  EpochId previous;                 ///< zero: a new key; else the epoch of this name whose shares are refreshed
};

/// For the administrator's screen; any number of them before the result.
struct KeygenProgress {
  std::uint8_t round = 0;
  std::string text;                 ///< one line of printable ASCII; cut and cleaned when encoded
};

/// Ends the ceremony at this signer. What a signer claims here is checked by whoever reads it: the key id
/// against the SPKI, the confirmations against the pinned identities.
struct KeygenResult {
  bool ok = false;
  // ok: the public part of the new epoch, and X as SubjectPublicKeyInfo
  PublicKeyInfo info;
  Bytes spki;
  // not ok
  Fault fault = Fault::Malformed;
  Blame blame;
  std::string detail;               ///< cut and cleaned when encoded
  Bytes evidence;                   ///< encode_evidence() of what shows the culprit's fault; empty if there is none
};

}  // namespace quorate::wire
