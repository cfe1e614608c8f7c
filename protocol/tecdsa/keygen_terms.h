#pragma once

#include "protocol/tecdsa/keygen_messages.h"

namespace quorate {

/// What all members must agree on before a ceremony starts: public, and bound into every signature of it.
struct KeygenTerms {
  CeremonyId ceremony;  ///< unique per attempt; a member joins each one once
  const Curve* curve = nullptr;
  std::size_t threshold = 0;    ///< T
  std::string name;             ///< key name, 1..kMaxKeyName bytes
  Digest group;                 ///< of the signed group description
  std::vector<Member> members;  ///< ascending by id, N of them

  [[nodiscard]] const Member* member(PartyId id) const;
  [[nodiscard]] std::vector<PartyId> ids() const;
  bool operator==(const KeygenTerms&) const = default;
};
inline constexpr std::size_t kMaxKeyName = 64;

/// Why nobody should run a ceremony on these terms (SPEC 1.1): 2 <= T <= N <= 16, ids ascending in 1..16,
/// no identity key twice, a ceremony id that is not zero, a curve, a name. Nothing if they are sound.
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

/// SPEC 1.1: com_i = H(ceremony, nonce_i, F_i0 .. F_i(T-1), rand_i), bound to i.
Digest keygen_commitment(const KeygenTerms& terms, PartyId sender, const Digest& nonce,
                         std::span<const Point> coefficients, ByteView opening);
/// SPEC 1.1: sid = H(terms, all nonces); one nonce a member.
SessionId keygen_sid(const KeygenTerms& terms, const std::map<PartyId, Digest>& nonces);
/// SPEC 1.2, 1.3: H(sid, round, all bodies of that broadcast round by sender), one statement a member.
Digest keygen_echo(const KeygenTerms& terms, const SessionId& sid, std::uint8_t round,
                   const std::map<PartyId, KeygenStatement>& statements);

}  // namespace quorate
