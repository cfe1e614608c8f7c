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
  std::string name;  ///< key name chosen by the operator
  KeyId key;         ///< SHA-256 of the DER SubjectPublicKeyInfo of X
  EpochId epoch;
  EpochId previous;  ///< the epoch this one was made from; zero after keygen
  CeremonyId ceremony;
  SessionId sid;  ///< of the keygen run
  std::size_t threshold = 0;
  std::vector<Member> members;  ///< ascending by id
  Point X;
  std::map<PartyId, Point> share_points;               ///< X_j
  std::map<PartyId, IdentitySignature> confirmations;  ///< of all members, SPEC 1.5

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

/// DER SubjectPublicKeyInfo (RFC 5480) of a point: id-ecPublicKey, named curve, uncompressed. The toy
/// curve has no object identifier: there the parameters are NULL, and infinity is the one byte 0.
Bytes spki_der(const Point& X);
/// SHA-256 of spki_der(X), without any label: what `openssl pkey -pubout -outform DER | sha256sum` prints.
KeyId key_id_of(const Point& X);

/// SPEC 1.5: H(ceremony, previous epoch, X, all X_j, members with their identity keys, T). Reads exactly
/// these members of info.
EpochId epoch_id_of(const PublicKeyInfo& info);

/// What the members sign at the end of keygen (SPEC 1.5): ceremony, sid, key name, X, all X_j, members
/// with their identity keys, T, bound to key and epoch.
Digest confirmation_digest(const PublicKeyInfo& info);
/// Whether there is exactly one signature of every member, and all of them verify.
bool confirmations_valid(const PublicKeyInfo& info);

/// Whether info is what a finished keygen leaves: members and threshold in range and in order, one X_j of
/// every member, all on one polynomial of degree T-1 with X at 0, key and epoch derived from them. For what
/// comes from a disk or a peer; together with confirmations_valid() it needs no trust in either.
bool consistent(const PublicKeyInfo& info);

}  // namespace quorate
