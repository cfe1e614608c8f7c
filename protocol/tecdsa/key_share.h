#pragma once

#include <map>

#include "protocol/group/point.h"
#include "protocol/hash/identity.h"
#include "protocol/hash/transcript.h"

namespace quorate {

/// A member of a group as keygen sees it.
struct Member {
  PartyId id = kNobody;
  IdentityPublicKey identity;
  bool operator==(const Member&) const = default;
};

/// What everyone may know of one epoch of a key.
struct PublicKeyInfo {
  const Curve* curve = nullptr;
  std::string name;                     ///< key name chosen by the operator
  KeyId key;                            ///< SHA-256 of the DER SubjectPublicKeyInfo of X
  EpochId epoch;
  CeremonyId ceremony;
  SessionId sid;                        ///< of the keygen run
  std::size_t threshold = 0;
  std::vector<Member> members;          ///< ascending by id
  Point X;
  std::map<PartyId, Point> share_points;              ///< X_j
  std::map<PartyId, IdentitySignature> confirmations; ///< of all members, SPEC 1.5

  [[nodiscard]] const Member* member(PartyId id) const {
    for (const auto& m : members)
      if (m.id == id) return &m;
    return nullptr;
  }
  /// curve, key and epoch filled in; sid and the rest zero.
  [[nodiscard]] Binding binding() const { return {.curve = curve->id(), .key = key, .epoch = epoch}; }
};

/// One signer's share of one epoch.
struct KeyShare {
  PublicKeyInfo info;
  PartyId me = kNobody;
  SecretScalar x_i;
};

/// DER SubjectPublicKeyInfo of a point, named curve, uncompressed.
Bytes spki_der(const Point& X);
KeyId key_id_of(const Point& X);

/// What the members signed at the end of keygen (SPEC 1.5), and whether all signatures verify.
Digest confirmation_digest(const PublicKeyInfo& info);
bool confirmations_valid(const PublicKeyInfo& info);

}  // namespace quorate
