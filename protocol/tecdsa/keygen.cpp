#include "protocol/tecdsa/keygen.h"

#include <algorithm>

namespace quorate {
namespace {

using Statements = std::vector<KeygenStatement>;

/// Signs a message towards `to` (anybody for a broadcast), and returns it as the others will see it.
template <class Msg>
KeygenStatement sign(const KeygenRun& run, std::uint8_t round, PartyId to, Msg& message,
                     const IdentityKey& identity) {
  KeygenStatement statement{round, run.me, keygen_receiver(round, to), encode_body(message), {}};
  statement.signature = message.signature = identity.sign(statement_digest(run.terms, statement));
  return statement;
}

template <class Msg>
Outbox<Msg> to_all(const KeygenRun& run, const Msg& message) {
  Outbox<Msg> out;
  for (const auto& member : run.terms.members)
    if (member.id != run.me) out.emplace(member.id, message);
  return out;
}

/// What every step begins with: the senders are right, the signatures are theirs. Then the messages count as
/// said.
template <class Msg>
std::optional<KeygenAbort> accept(KeygenRun& run, std::uint8_t round, const Inbox<Msg>& inbox) {
  if (!inbox_from(inbox, run.terms.ids(), run.me))
    return Abort{Fault::Unexpected, Blame::nobody(), "not exactly one message of every other member"};
  auto& seen = run.seen[round - 1u];
  for (const auto& [id, message] : inbox) {
    KeygenStatement statement{round, id, keygen_receiver(round, run.me), encode_body(message),
                              message.signature};
    if (!statement_valid(run.terms, statement))
      return Abort{Fault::BadSignature, Blame::nobody(),
                   "round " + std::to_string(round) + " of " + std::to_string(id) +
                       ": not signed under these terms; altered, of another ceremony, or the terms differ"};
    seen.emplace(id, std::move(statement));
  }
  return std::nullopt;
}

/// SPEC 1.2, 1.3: the digests are compared before anything else is judged.
template <class Msg>
std::optional<KeygenAbort> compare_echoes(const KeygenRun& run, std::uint8_t round, const Inbox<Msg>& inbox,
                                          const Digest& expected) {
  for (const auto& [id, message] : inbox) {
    if (message.echo == expected) continue;
    KeygenAbort abort(Abort{Fault::EchoMismatch, Blame::nobody(),
                            "member " + std::to_string(id) + " saw another round " + std::to_string(round)});
    for (const auto& [sender, statement] : run.seen[round - 1u]) abort.seen.push_back(statement);
    return abort;
  }
  return std::nullopt;
}

Failure<KeygenAbort> accuse(const KeygenRun& run, Fault fault, PartyId culprit, Statements statements) {
  const auto round = statements.back().round;
  KeygenAbort abort(Abort{fault, Blame::on(culprit),
                          "keygen round " + std::to_string(round) + " of member " + std::to_string(culprit)});
  abort.evidence = KeygenEvidence{run.terms, fault, culprit, std::move(statements)};
  return {std::move(abort)};
}

template <class Msg>
std::optional<Msg> decode(const KeygenRun& run, const KeygenStatement& statement) {
  return decode_body<Msg>(*run.terms.curve, run.terms.coefficients(), statement.body);
}

/// SPEC 1.6: a refresh takes my share of just the epoch that everybody signs for, anything else takes none.
bool fits(const KeygenTerms& terms, PartyId me, const KeyShare* old) {
  if (!terms.old || old == nullptr) return !terms.old && old == nullptr;
  return old->me == me && old->info.epoch == terms.old->id &&
         Point::mul_base(old->x_i) == terms.old->share_points.at(me);
}

void append_round(Statements& out, const KeygenRun& run, std::uint8_t round) {
  for (const auto& [id, statement] : run.seen[round - 1u]) out.push_back(statement);
}

}  // namespace

Result<Sent<KeygenRound1, KeygenMsg1>, KeygenAbort> KeygenRound1::start(KeygenTerms terms, PartyId me,
                                                                        const IdentityKey& identity,
                                                                        Rng& rng, const KeyShare* old) {
  if (auto why = flaw(terms)) return fail(Abort{Fault::BadParameters, Blame::nobody(), *why});
  const auto* own = terms.member(me);
  if (!own || own->identity != identity.public_key())
    return fail(Abort{Fault::BadParameters, Blame::nobody(), "not a member under this identity key"});
  if (!fits(terms, me, old)) return fail(Abort{Fault::BadParameters, Blame::nobody(), "not my share of the old epoch"});

  KeygenRound1 round;
  round.run_.terms = std::move(terms);
  round.run_.me = me;
  round.run_.old = old;
  const auto& agreed = round.run_.terms;
  do {  // a coefficient of 0 happens on the toy curve only
    round.polynomial_ = old != nullptr ? Polynomial::with_constant(SecretScalar(*agreed.curve), agreed.threshold, rng)
                                       : Polynomial::random(*agreed.curve, agreed.threshold, rng);
    round.coefficients_ = round.polynomial_->commit();
    if (old != nullptr) round.coefficients_.erase(round.coefficients_.begin());  // infinity: everybody knows F_i0
  } while (std::any_of(round.coefficients_.begin(), round.coefficients_.end(),
                       [](auto& p) { return p.is_infinity(); }));
  rng.fill(round.opening_);
  KeygenMsg1 message{.nonce = rng.make_id<Digest>(), .commitment = {}};
  // Sent, now and in round 2; until then the opening is only hashed.
  ct::unpoison(round.opening_.data(), round.opening_.size());
  ct::unpoison(message.nonce.bytes.data(), message.nonce.bytes.size());
  message.commitment = keygen_commitment(agreed, me, message.nonce, round.coefficients_, round.opening_);
  round.run_.seen[0].emplace(me, sign(round.run_, 1, kNobody, message, identity));
  auto out = to_all(round.run_, message);
  return Sent<KeygenRound1, KeygenMsg1>{std::move(round), std::move(out)};
}

Result<Sent<KeygenRound2, KeygenMsg2>, KeygenAbort> KeygenRound1::next(const Inbox<KeygenMsg1>& inbox,
                                                                       const IdentityKey& identity,
                                                                       Rng& rng) && {
  if (auto abort = accept(run_, 1, inbox)) return fail(std::move(*abort));

  std::map<PartyId, KeygenMsg1> commitments;
  std::map<PartyId, Digest> nonces;
  for (const auto& [id, statement] : run_.seen[0]) {
    const auto message = decode<KeygenMsg1>(run_, statement);
    if (!message) return accuse(run_, Fault::Malformed, id, {statement});
    nonces[id] = message->nonce;
    commitments[id] = *message;
  }
  run_.sid = keygen_sid(run_.terms, nonces);

  const auto echo = keygen_echo(run_.terms, run_.sid, 1, run_.seen[0]);
  KeygenMsg2 message{
      .echo = echo, .coefficients = std::move(coefficients_), .opening = opening_, .proofs = {}};
  for (std::size_t i = 0; i < message.coefficients.size(); ++i) {
    const auto k = run_.terms.first_coefficient() + i;
    message.proofs.push_back(prove_knowledge(kCoefficientProof,
                                             coefficient_binding(run_.terms, run_.sid, run_.me, k),
                                             polynomial_->coefficient(k), message.coefficients[i], rng));
  }
  run_.seen[1].emplace(run_.me, sign(run_, 2, kNobody, message, identity));
  auto out = to_all(run_, message);

  KeygenRound2 round(std::move(run_), std::move(*polynomial_));
  round.commitments_ = std::move(commitments);
  round.echo_ = echo;
  return Sent<KeygenRound2, KeygenMsg2>{std::move(round), std::move(out)};
}

Result<Sent<KeygenRound3, KeygenMsg3>, KeygenAbort> KeygenRound2::next(const Inbox<KeygenMsg2>& inbox,
                                                                       const IdentityKey& identity, Rng&) && {
  if (auto abort = accept(run_, 2, inbox)) return fail(std::move(*abort));
  if (auto abort = compare_echoes(run_, 1, inbox, echo_)) return fail(std::move(*abort));

  std::map<PartyId, KeygenMsg2> openings;
  for (const auto& [id, statement] : run_.seen[1]) {
    auto opened = decode<KeygenMsg2>(run_, statement);
    if (!opened) return accuse(run_, Fault::Malformed, id, {statement});
    if (id == run_.me) {
      openings.emplace(id, std::move(*opened));
      continue;
    }
    if (auto fault = check_opening(run_.terms, id, commitments_.at(id), *opened))
      return accuse(run_, *fault, id, {run_.seen[0].at(id), statement});
    if (auto fault = check_proofs(run_.terms, run_.sid, id, *opened)) {
      Statements statements;
      append_round(statements, run_, 1);
      statements.push_back(statement);
      return accuse(run_, *fault, id, std::move(statements));
    }
    openings.emplace(id, std::move(*opened));
  }
  auto info = derive_key(run_.terms, run_.sid, openings);
  if (!info) return fail(Abort{info.error(), Blame::nobody(), "the key or a share of it is 0"});

  const auto echo = keygen_echo(run_.terms, run_.sid, 2, run_.seen[1]);
  Outbox<KeygenMsg3> out;
  for (const auto& member : run_.terms.members) {
    if (member.id == run_.me) continue;
    auto& message = out[member.id];
    message.echo = echo;
    message.share.resize(run_.terms.curve->scalar_size());
    polynomial_.evaluate(member.id).encode(message.share);
    sign(run_, 3, member.id, message, identity);
  }
  auto own = polynomial_.evaluate(run_.me);
  if (const auto* old = std::exchange(run_.old, nullptr)) own = own + old->x_i;
  KeygenRound3 round(std::move(run_), std::move(info).value(), std::move(own));
  round.openings_ = std::move(openings);
  round.echo_ = echo;
  return Sent<KeygenRound3, KeygenMsg3>{std::move(round), std::move(out)};
}

Result<Sent<KeygenRound4, KeygenMsg4>, KeygenAbort> KeygenRound3::next(const Inbox<KeygenMsg3>& inbox,
                                                                       const IdentityKey& identity,
                                                                       Rng& rng) && {
  if (auto abort = accept(run_, 3, inbox)) return fail(std::move(*abort));
  if (auto abort = compare_echoes(run_, 2, inbox, echo_)) return fail(std::move(*abort));

  auto x_i = std::move(own_);
  for (const auto& [id, statement] : run_.seen[2]) {
    const auto message = decode<KeygenMsg3>(run_, statement);
    if (!message) return accuse(run_, Fault::Malformed, id, {statement});
    const auto share = SecretScalar::decode(*run_.terms.curve, message->share);
    if (!share) return accuse(run_, Fault::Malformed, id, {statement});
    if (auto fault = check_share(run_.terms, openings_.at(id), run_.me, *share))
      return accuse(run_, *fault, id, {run_.seen[1].at(id), statement});
    x_i = x_i + *share;
  }

  KeygenMsg4 message{.share_point = Point::mul_base(x_i), .public_key = info_.X, .proof = {}};
  if (!(message.share_point == info_.share_points.at(run_.me)))
    return fail(Abort{Fault::KeyMismatch, Blame::nobody(),
                      "checked shares do not add up: this machine miscalculates"});
  message.proof = prove_knowledge(kShareProof, share_binding(info_, run_.me), x_i, message.share_point, rng);
  run_.seen[3].emplace(run_.me, sign(run_, 4, kNobody, message, identity));
  auto out = to_all(run_, message);

  const auto me = run_.me;
  KeygenRound4 round(std::move(run_), KeyShare{std::move(info_), me, std::move(x_i)});
  return Sent<KeygenRound4, KeygenMsg4>{std::move(round), std::move(out)};
}

Result<Sent<KeygenRound5, KeygenMsg5>, KeygenAbort> KeygenRound4::next(const Inbox<KeygenMsg4>& inbox,
                                                                       const IdentityKey& identity, Rng&) && {
  if (auto abort = accept(run_, 4, inbox)) return fail(std::move(*abort));

  for (const auto& [id, statement] : run_.seen[3]) {
    if (id == run_.me) continue;
    const auto message = decode<KeygenMsg4>(run_, statement);
    if (!message) return accuse(run_, Fault::Malformed, id, {statement});
    if (auto fault = check_result(share_.info, id, *message)) {
      Statements statements;
      append_round(statements, run_, 1);
      append_round(statements, run_, 2);
      statements.push_back(run_.seen[2].at(id));
      statements.push_back(statement);
      return accuse(run_, *fault, id, std::move(statements));
    }
  }
  const KeygenMsg5 message{.confirmation = identity.sign(confirmation_digest(share_.info))};
  share_.info.confirmations.emplace(run_.me, message.confirmation);
  auto out = to_all(run_, message);
  return Sent<KeygenRound5, KeygenMsg5>{KeygenRound5(std::move(run_), std::move(share_)), std::move(out)};
}

Result<KeyShare, KeygenAbort> KeygenRound5::next(const Inbox<KeygenMsg5>& inbox, const IdentityKey&,
                                                 Rng&) && {
  if (!inbox_from(inbox, run_.terms.ids(), run_.me))
    return fail(Abort{Fault::Unexpected, Blame::nobody(), "not exactly one message of every other member"});
  const auto digest = confirmation_digest(share_.info);
  for (const auto& [id, message] : inbox) {
    if (!verify_identity(run_.terms.member(id)->identity, digest, message.confirmation))
      return fail(Abort{Fault::BadSignature, Blame::on(id),
                        "member " + std::to_string(id) + " did not confirm this key"});
    share_.info.confirmations.emplace(id, message.confirmation);
  }
  return std::move(share_);
}

}  // namespace quorate
