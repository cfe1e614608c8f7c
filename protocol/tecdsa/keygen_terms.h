#pragma once

#include "protocol/tecdsa/keygen_messages.h"

namespace quorate {

/// The epoch that a refresh begins with: what judging its messages takes. Its members and T are those of the
/// refresh; its id is a hash of all of it (SPEC 1.5), so that whoever signs the id has signed these points.
struct OldEpoch {
  EpochId id;
  EpochId previous;
  CeremonyId ceremony;
  Point X;
  std::map<PartyId, Point> share_points;  ///< X_j
  bool operator==(const OldEpoch&) const = default;
};

/// What all members must agree on before a ceremony starts: public, and bound into every signature of it.
struct KeygenTerms {
  CeremonyId ceremony;  ///< unique per attempt; a member joins each one once
  const Curve* curve = nullptr;
  std::size_t threshold = 0;    ///< T
  std::string name;             ///< key name, 1..kMaxKeyName bytes
  Digest group;                 ///< of the signed group description
  std::vector<Member> members;  ///< ascending by id, N of them
  std::optional<OldEpoch> old;  ///< of a refresh (SPEC 1.6); none: a new key

  /// Number of the first coefficient that members commit to: f_i(0) of a refresh is 0, and not sent.
  [[nodiscard]] std::size_t first_coefficient() const { return old ? 1 : 0; }
  /// Points and proofs of an opening: T, or T-1 in a refresh.
  [[nodiscard]] std::size_t coefficients() const { return threshold - first_coefficient(); }
  [[nodiscard]] const Member* member(PartyId id) const;
  [[nodiscard]] std::vector<PartyId> ids() const;
  bool operator==(const KeygenTerms&) const = default;
};
inline constexpr std::size_t kMaxKeyName = 64;

/// The terms of a refresh of this epoch: same members, T, curve and name.
KeygenTerms refresh_terms(const PublicKeyInfo& old, const CeremonyId& ceremony, const Digest& group);

/// Why nobody should run a ceremony on these terms (SPEC 1.1): 2 <= T <= N <= 16, ids ascending in 1..16,
/// no identity key twice, a ceremony id that is not zero, a curve, a name; in a refresh, an old epoch that
/// fits together (consistent()) and another ceremony than its own. Nothing if they are sound.
std::optional<std::string> flaw(const KeygenTerms& terms);

/// A signed keygen message in the form that evidence keeps. A round-3 body holds a share, so every body is
/// wiped when it is freed.
struct KeygenStatement {
  std::uint8_t round = 0;  ///< 1..4
  PartyId sender = kNobody;
  PartyId receiver = kNobody;  ///< kNobody for broadcasts
  Bytes body;                  ///< encode_body()
  IdentitySignature signature{};

  ~KeygenStatement() { ct::wipe(body.data(), body.size()); }
};

/// Who a round's message goes to: each receiver its own in round 3, kNobody otherwise.
PartyId keygen_receiver(std::uint8_t round, PartyId to);

/// What a keygen message's signature is over: the terms, round, sender, receiver and body.
Digest statement_digest(const KeygenTerms& terms, const KeygenStatement& statement);
/// Whether the sender is a member, the receiver fits the round, and the signature is the sender's.
bool statement_valid(const KeygenTerms& terms, const KeygenStatement& statement);

/// SPEC 1.1: com_i = H(ceremony, nonce_i, F_i0 .. F_i(T-1), rand_i), bound to i; without F_i0 in a refresh.
Digest keygen_commitment(const KeygenTerms& terms, PartyId sender, const Digest& nonce,
                         std::span<const Point> coefficients, ByteView opening);
/// SPEC 1.1: sid = H(terms, all nonces); one nonce a member.
SessionId keygen_sid(const KeygenTerms& terms, const std::map<PartyId, Digest>& nonces);
/// SPEC 1.2, 1.3: H(sid, round, all bodies of that broadcast round by sender), one statement a member.
Digest keygen_echo(const KeygenTerms& terms, const SessionId& sid, std::uint8_t round,
                   const std::map<PartyId, KeygenStatement>& statements);

}  // namespace quorate
