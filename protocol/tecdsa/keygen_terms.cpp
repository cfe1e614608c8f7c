#include "protocol/tecdsa/keygen_terms.h"

#include <set>

namespace quorate {
namespace {

Transcript& add_terms(Transcript& transcript, const KeygenTerms& terms) {
  transcript.add(terms.ceremony).add_number(terms.threshold).add(terms.name).add(terms.group);
  transcript.add_number(terms.members.size());
  for (const auto& member : terms.members) transcript.add_number(member.id).add(member.identity);
  return transcript;
}

/// Everything of a refresh is bound to the epoch it begins with, so that nothing of it passes anywhere else.
Binding binding_of(const KeygenTerms& terms) {
  return {.curve = terms.curve->id(), .epoch = terms.old ? terms.old->id : EpochId{}};
}

/// Whether the id is that of what stands beside it, and the points make up one sharing.
bool fits(const OldEpoch& old, const KeygenTerms& terms) {
  if (!old.X.valid() || &old.X.curve() != terms.curve) return false;
  return consistent({.curve = terms.curve,
                     .name = terms.name,
                     .key = key_id_of(old.X),
                     .epoch = old.id,
                     .previous = old.previous,
                     .ceremony = old.ceremony,
                     .sid = {},
                     .threshold = terms.threshold,
                     .members = terms.members,
                     .X = old.X,
                     .share_points = old.share_points,
                     .confirmations = {}});
}

}  // namespace

const Member* KeygenTerms::member(PartyId id) const {
  for (const auto& member : members)
    if (member.id == id) return &member;
  return nullptr;
}

std::vector<PartyId> KeygenTerms::ids() const {
  std::vector<PartyId> out;
  for (const auto& member : members) out.push_back(member.id);
  return out;
}

std::optional<std::string> flaw(const KeygenTerms& terms) {
  if (!terms.curve) return "no curve";
  if (terms.ceremony.is_zero()) return "no ceremony id";
  if (terms.name.empty() || terms.name.size() > kMaxKeyName) return "key name is empty or too long";
  if (terms.members.size() < 2 || terms.members.size() > kMaxParties) return "not 2 to 16 members";
  if (terms.threshold < 2 || terms.threshold > terms.members.size()) return "threshold not in 2..N";
  PartyId last = kNobody;
  std::set<IdentityPublicKey> identities;
  for (const auto& member : terms.members) {
    if (member.id <= last || member.id > kMaxParties) return "member ids not ascending in 1..16";
    if (!identities.insert(member.identity).second) return "two members with one identity key";
    last = member.id;
  }
  if (!terms.old) return std::nullopt;
  if (terms.old->ceremony == terms.ceremony) return "the ceremony that made the old epoch";
  if (!fits(*terms.old, terms)) return "the old epoch does not fit together";
  return std::nullopt;
}

KeygenTerms refresh_terms(const PublicKeyInfo& old, const CeremonyId& ceremony, const Digest& group) {
  return {.ceremony = ceremony,
          .curve = old.curve,
          .threshold = old.threshold,
          .name = old.name,
          .group = group,
          .members = old.members,
          .old = OldEpoch{old.epoch, old.previous, old.ceremony, old.X, old.share_points}};
}

PartyId keygen_receiver(std::uint8_t round, PartyId to) { return round == 3 ? to : kNobody; }

Digest statement_digest(const KeygenTerms& terms, const KeygenStatement& statement) {
  auto binding = binding_of(terms);
  binding.from = statement.sender;
  binding.to = statement.receiver;
  binding.instance = statement.round;
  Transcript transcript(Label::KeygenSignedMessage, binding);
  add_terms(transcript, terms).add(ByteView(statement.body));
  Digest digest = std::move(transcript).digest();
  // A body of round 3 holds a share. Its digest may be known: nobody guesses a random scalar.
  ct::unpoison(digest.bytes.data(), digest.bytes.size());
  return digest;
}

bool statement_valid(const KeygenTerms& terms, const KeygenStatement& statement) {
  const auto* sender = terms.member(statement.sender);
  if (!sender || statement.round < 1 || statement.round > 4) return false;
  if (statement.receiver != keygen_receiver(statement.round, statement.receiver)) return false;
  if (statement.round == 3 && (!terms.member(statement.receiver) || statement.receiver == statement.sender))
    return false;
  return verify_identity(sender->identity, statement_digest(terms, statement), statement.signature);
}

Digest keygen_commitment(const KeygenTerms& terms, PartyId sender, const Digest& nonce,
                         std::span<const Point> coefficients, ByteView opening) {
  auto binding = binding_of(terms);
  binding.from = sender;
  Transcript transcript(Label::KeygenCommit, binding);
  transcript.add(terms.ceremony).add(nonce).add_points(coefficients).add(opening);
  return std::move(transcript).digest();
}

SessionId keygen_sid(const KeygenTerms& terms, const std::map<PartyId, Digest>& nonces) {
  Transcript transcript(Label::KeygenSession, binding_of(terms));
  add_terms(transcript, terms).add_number(nonces.size());
  for (const auto& [id, nonce] : nonces) transcript.add_number(id).add(nonce);
  return {std::move(transcript).digest().bytes};
}

Digest keygen_echo(const KeygenTerms& terms, const SessionId& sid, std::uint8_t round,
                   const std::map<PartyId, KeygenStatement>& statements) {
  auto binding = binding_of(terms);
  binding.sid = sid;
  binding.instance = round;
  Transcript transcript(Label::KeygenEcho, binding);
  transcript.add(terms.ceremony).add_number(statements.size());
  for (const auto& [id, statement] : statements) transcript.add_number(id).add(ByteView(statement.body));
  return std::move(transcript).digest();
}

}  // namespace quorate
