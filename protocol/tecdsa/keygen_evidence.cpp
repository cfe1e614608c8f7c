#include "protocol/tecdsa/keygen_evidence.h"

#include <algorithm>

namespace quorate {
namespace {

using Statements = std::span<const KeygenStatement>;

/// What evidence says, read once all signatures are known to be good.
class Case {
 public:
  explicit Case(const KeygenEvidence& evidence)
      : terms_(evidence.terms), culprit_(evidence.culprit), all_(evidence.statements) {}

  [[nodiscard]] bool proves(Fault fault) const {
    switch (fault) {
      case Fault::Equivocation:
        return equivocation();
      case Fault::Malformed:
        return malformed();
      case Fault::CommitmentMismatch:
      case Fault::Infinity:
        return bad_opening(fault);
      case Fault::BadShare:
        return bad_share();
      case Fault::BadProof:
        return all_.size() == terms_.members.size() + 1 ? bad_coefficient_proof() : bad_result(fault);
      case Fault::KeyMismatch:
        return bad_result(fault);
      default:
        return false;
    }
  }

 private:
  [[nodiscard]] bool is(std::size_t at, std::uint8_t round) const {
    return all_[at].sender == culprit_ && all_[at].round == round;
  }
  template <class Msg>
  [[nodiscard]] std::optional<Msg> decode(const KeygenStatement& statement) const {
    return decode_body<Msg>(*terms_.curve, terms_.coefficients(), statement.body);
  }
  /// N statements of one round from `at`, one of each member in their order.
  [[nodiscard]] std::optional<std::map<PartyId, KeygenStatement>> broadcast(std::size_t at,
                                                                            std::uint8_t round) const {
    std::map<PartyId, KeygenStatement> out;
    for (const auto& member : terms_.members) {
      const auto& statement = all_[at++];
      if (statement.sender != member.id || statement.round != round) return std::nullopt;
      out.emplace(member.id, statement);
    }
    return out;
  }
  [[nodiscard]] std::optional<SessionId> session(const std::map<PartyId, KeygenStatement>& round1) const {
    std::map<PartyId, Digest> nonces;
    for (const auto& [id, statement] : round1) {
      const auto message = decode<KeygenMsg1>(statement);
      if (!message) return std::nullopt;
      nonces[id] = message->nonce;
    }
    return keygen_sid(terms_, nonces);
  }

  [[nodiscard]] bool equivocation() const {
    return all_.size() == 2 && is(0, all_[1].round) && is(1, all_[0].round) &&
           all_[0].receiver == all_[1].receiver && all_[0].body != all_[1].body;
  }

  [[nodiscard]] bool malformed() const {
    if (all_.size() != 1 || all_[0].sender != culprit_) return false;
    switch (all_[0].round) {
      case 1:
        return !decode<KeygenMsg1>(all_[0]);
      case 2:
        return !decode<KeygenMsg2>(all_[0]);
      case 3:
        return !decode<KeygenMsg3>(all_[0]);
      case 4:
        return !decode<KeygenMsg4>(all_[0]);
      default:
        return false;
    }
  }

  [[nodiscard]] bool bad_opening(Fault fault) const {
    if (all_.size() != 2 || !is(0, 1) || !is(1, 2)) return false;
    const auto committed = decode<KeygenMsg1>(all_[0]);
    const auto opened = decode<KeygenMsg2>(all_[1]);
    return committed && opened && check_opening(terms_, culprit_, *committed, *opened) == fault;
  }

  [[nodiscard]] bool bad_share() const {
    if (all_.size() != 2 || !is(0, 2) || !is(1, 3)) return false;
    const auto opened = decode<KeygenMsg2>(all_[0]);
    const auto dealt = decode<KeygenMsg3>(all_[1]);
    if (!opened || !dealt) return false;
    const auto share = SecretScalar::decode(*terms_.curve, dealt->share);
    return share && check_share(terms_, *opened, all_[1].receiver, *share) == Fault::BadShare;
  }

  [[nodiscard]] bool bad_coefficient_proof() const {
    const auto n = terms_.members.size();
    const auto round1 = broadcast(0, 1);
    if (!round1 || !is(n, 2)) return false;
    const auto sid = session(*round1);
    const auto opened = decode<KeygenMsg2>(all_[n]);
    return sid && opened && opened->echo == keygen_echo(terms_, *sid, 1, *round1) &&
           check_proofs(terms_, *sid, culprit_, *opened) == Fault::BadProof;
  }

  [[nodiscard]] bool bad_result(Fault fault) const {
    const auto n = terms_.members.size();
    if (all_.size() != 2 * n + 2) return false;
    const auto round1 = broadcast(0, 1), round2 = broadcast(n, 2);
    if (!round1 || !round2 || !is(2 * n, 3) || !is(2 * n + 1, 4)) return false;
    const auto sid = session(*round1);
    const auto dealt = decode<KeygenMsg3>(all_[2 * n]);
    const auto claimed = decode<KeygenMsg4>(all_[2 * n + 1]);
    if (!sid || !dealt || !claimed || dealt->echo != keygen_echo(terms_, *sid, 2, *round2)) return false;

    std::map<PartyId, KeygenMsg2> openings;
    for (const auto& [id, statement] : *round2) {
      auto opened = decode<KeygenMsg2>(statement);
      if (!opened) return false;
      openings.emplace(id, std::move(*opened));
    }
    const auto key = derive_key(terms_, *sid, openings);
    return key && check_result(*key, culprit_, *claimed) == fault;
  }

  const KeygenTerms& terms_;
  PartyId culprit_;
  Statements all_;
};

}  // namespace

bool verify_evidence(const KeygenEvidence& evidence, const std::vector<Member>& members) {
  const auto& terms = evidence.terms;
  if (flaw(terms) || terms.members != members || !terms.member(evidence.culprit)) return false;
  if (evidence.statements.empty() || evidence.statements.size() > kMaxEvidenceStatements) return false;
  const auto good = [&](const auto& statement) { return statement_valid(terms, statement); };
  return std::all_of(evidence.statements.begin(), evidence.statements.end(), good) &&
         Case(evidence).proves(evidence.fault);
}

std::optional<KeygenEvidence> find_equivocation(const KeygenTerms& terms, Statements mine,
                                                Statements theirs) {
  for (const auto& a : mine) {
    for (const auto& b : theirs) {
      if (a.round != b.round || a.sender != b.sender || a.receiver != b.receiver || a.body == b.body)
        continue;
      if (!statement_valid(terms, a) || !statement_valid(terms, b)) continue;
      return KeygenEvidence{terms, Fault::Equivocation, a.sender, {a, b}};
    }
  }
  return std::nullopt;
}

}  // namespace quorate
