#include "protocol/coordinator/investigation.h"

#include <algorithm>
#include <utility>

#include "protocol/coordinator/attempt.h"
#include "protocol/tecdsa/partial.h"

namespace quorate::coordinator {

namespace {

MessageDigest algorithm_of(const Suspicion& s) { return *message_digest_from(static_cast<std::uint8_t>(s.digest)); }

std::size_t place_of(const Quorum& quorum, PartyId id) {
  return static_cast<std::size_t>(std::lower_bound(quorum.begin(), quorum.end(), id) - quorum.begin());
}

bool says(const PartialReply& reply, const Curve& curve, const PresignatureRecord& record) {
  return !record.R.is_infinity() && reply.r == record.R.x_mod_order() && reply.record == digest_of(curve, record);
}

bool fits(const PresignatureRecord& record, PartyId signer, const Scalar& m, const Scalar& s) {
  const std::size_t i = place_of(record.quorum, signer);
  return verify_partial(record.R, record.K[i], record.C[i], m, record.R.x_mod_order(), s);
}

}  // namespace

Investigations::Investigations(Identities pinned, Rng& rng, Limits limits)
    : pinned_(std::move(pinned)), rng_(rng), limits_(limits) {}

Scalar Investigations::message_of(const Case& c) const {
  return message_scalar(*c.key.curve, algorithm_of(c.suspicion), c.suspicion.content);
}

void Investigations::open(const KeyInfo& key, Suspicion suspicion) {
  const bool same = std::any_of(cases_.begin(), cases_.end(),
                                [&](const Case& c) { return c.suspicion.quorum == suspicion.quorum; });
  if (same || cases_.size() >= limits_.at_once) {
    ++counters_.dropped;
    return;
  }
  ++counters_.opened;
  const auto at = cases_.emplace(cases_.end());
  Case& c = *at;
  c.key = key;
  c.verdict = {suspicion.failure, suspicion.key, suspicion.epoch, suspicion.quorum, suspicion.presignature, {}, {}, {}};
  c.group.curve = key.curve;
  c.group.key = suspicion.key;
  c.group.epoch = suspicion.epoch;
  c.group.threshold = suspicion.quorum.size();
  c.group.X = key.X.point();
  c.suspicion = std::move(suspicion);
  for (auto id : c.suspicion.quorum) {
    const auto known = pinned_.find(id);
    if (known == pinned_.end()) {
      c.verdict.note = "the identity key of signer " + std::to_string(id) + " is not configured here";
      close(at);
      return;
    }
    c.group.members.push_back({id, known->second});
  }
  for (auto id : c.suspicion.quorum) ask(c, id, wire::RecordRequest{c.suspicion.presignature}, limits_.record_time);
}

void Investigations::ask(Case& c, PartyId to, std::variant<wire::RecordRequest, wire::ConfirmRequest> message, Time within) {
  const SessionId request = rng_.make_id<SessionId>();
  c.pending[to] = request;
  ++counters_.asked;
  asks_.push_back({to, request, std::move(message), within});
}

const Curve* Investigations::curve_of(const SessionId& request) const {
  for (const auto& c : cases_)
    for (const auto& [to, open] : c.pending)
      if (open == request) return c.key.curve;
  return nullptr;
}

void Investigations::answer(PartyId from, const SessionId& request, Answer answer) {
  const auto at = std::find_if(cases_.begin(), cases_.end(), [&](const Case& c) {
    const auto open = c.pending.find(from);
    return open != c.pending.end() && open->second == request;
  });
  if (at == cases_.end()) return;
  at->pending.erase(from);
  if (at->confirming) {
    take_repetition(*at, from, answer);
    if (at->pending.empty()) close(at);
  } else {
    take_record(*at, from, answer);
    if (settled(*at)) judge(at);
  }
}

void Investigations::take_record(Case& c, PartyId from, const Answer& answer) {
  const auto* reply = std::get_if<wire::RecordReply>(&answer);
  if (reply == nullptr) return;
  const Suspicion& s = c.suspicion;
  const bool shaped = reply->quorum == s.quorum && reply->key == s.key && reply->epoch == s.epoch &&
                      reply->K.size() == s.quorum.size() && reply->C.size() == s.quorum.size() &&
                      reply->rows.size() == s.quorum.size() && &reply->R.curve() == c.key.curve;
  if (!shaped) {
    c.verdict.suspected.push_back({from, "served a record of something else", false});
    return;
  }
  PresignatureRecord record{s.presignature, reply->key, reply->epoch, reply->quorum, reply->R, reply->K, reply->C, reply->rows};
  if (record_valid(c.group, record)) {
    c.valid.insert(from);
  } else {
    c.verdict.suspected.push_back({from, "served a record that is not valid", false});
  }
  c.served.emplace(from, std::move(record));
}

/// Whether enough records are here: all that will come, or one that nobody disagrees with.
bool Investigations::settled(const Case& c) const {
  if (c.pending.empty()) return true;
  if (c.valid.empty() || c.valid.size() != c.served.size()) return false;
  const auto& record = c.served.at(*c.valid.begin());
  return std::all_of(c.suspicion.replies.begin(), c.suspicion.replies.end(),
                     [&](const PartialReply& reply) { return says(reply, *c.key.curve, record); });
}

void Investigations::judge(Cases::iterator at) {
  Case& c = *at;
  c.pending.clear();
  compare_rows(c);
  if (c.valid.empty()) {
    c.verdict.note = "no member showed a valid record";
    close(at);
    return;
  }
  for (const auto& reply : c.suspicion.replies) judge_reply(c, *c.valid.begin(), reply);
  const Suspicion& s = c.suspicion;
  for (const auto& [offender, record] : c.offenders) {
    const bool asked_already = std::any_of(cases_.begin(), cases_.end(), [&, id = offender](const Case& other) {
      return other.confirming && other.pending.contains(id);
    });
    if (asked_already) {
      c.verdict.note = "signer " + std::to_string(offender) + " is being asked to repeat another wrong partial signature";
      continue;
    }
    ask(c, offender, wire::ConfirmRequest{s.presignature, s.quorum, s.key, s.epoch, s.context, s.digest, s.content},
        limits_.confirm_time);
  }
  c.confirming = true;
  if (c.pending.empty()) close(at);
}

/// SPEC 6.5: two records may differ only where somebody signed two rows.
void Investigations::compare_rows(Case& c) {
  const Suspicion& s = c.suspicion;
  const BatchContext batch{c.key.curve, s.key, s.epoch, s.presignature.sid, s.quorum};
  std::map<PartyId, const Row*> first;
  std::set<PartyId> proven;
  for (int round = 0; round < 2; ++round) {
    // Rows of valid records come first: they are known to be signed.
    for (const auto& [server, record] : c.served) {
      if (c.valid.contains(server) != (round == 0)) continue;
      for (const auto& row : record.rows) {
        const auto [known, is_new] = first.try_emplace(row.signer, &row);
        if (is_new || proven.contains(row.signer)) continue;
        if (auto found = find_contradiction(batch, *known->second, row, pinned_)) {
          proven.insert(row.signer);
          c.verdict.proven.push_back({row.signer, std::move(*found)});
        }
      }
    }
  }
}

void Investigations::judge_reply(Case& c, PartyId reference, const PartialReply& reply) {
  const Curve& curve = *c.key.curve;
  const auto by_own = c.valid.find(reply.signer);
  PartyId source = reference;
  if (!says(reply, curve, c.served.at(reference))) {
    // It may have seen other rows than the rest: then its own record shows whose.
    const auto served = c.served.find(reply.signer);
    if (by_own != c.valid.end() && says(reply, curve, served->second)) {
      source = reply.signer;
    } else if (served != c.served.end()) {
      c.verdict.suspected.push_back({reply.signer, "its answer is not about the record that it serves", true});
    } else {
      c.verdict.suspected.push_back({reply.signer, "its answer is about another record, which it does not show", false});
    }
  }
  // Its own row is signed by itself in whichever valid record: the equation holds or it is at fault.
  if (!fits(c.served.at(source), reply.signer, message_of(c), reply.s)) c.offenders[reply.signer] = source;
}

void Investigations::take_repetition(Case& c, PartyId from, const Answer& answer) {
  const auto suspect = [&](std::string why) { c.verdict.suspected.push_back({from, std::move(why), true}); };
  const std::string wrong = "its partial signature is wrong; asked to repeat it under its identity signature it ";
  const auto* reply = std::get_if<wire::ConfirmReply>(&answer);
  if (reply == nullptr) {
    const auto* why = std::get_if<std::string>(&answer);
    suspect(wrong + "did not" + (why != nullptr && !why->empty() ? " (" + one_line(*why) + ")" : ""));
    return;
  }
  if (!reply->s.valid() || &reply->s.curve() != c.key.curve) {
    suspect(wrong + "answered for another curve");
    return;
  }
  const Suspicion& s = c.suspicion;
  const PresignatureRecord& record = c.served.at(c.offenders.at(from));
  const std::size_t i = place_of(s.quorum, from);
  BadPartialEvidence evidence{{c.key.curve, s.key, s.epoch, s.presignature.sid, s.quorum},
                              record.rows[i],
                              s.presignature.index,
                              record.R,
                              record.K[i],
                              record.C[i],
                              {reply->record, static_cast<std::uint8_t>(s.context), algorithm_of(s), s.content, reply->s,
                               reply->signature}};
  if (verify(evidence, pinned_, s.key)) {
    c.verdict.proven.push_back({from, std::move(evidence)});
  } else if (fits(record, from, message_of(c), reply->s)) {
    suspect(wrong + "gave another one, which is right");
  } else {
    suspect(wrong + "did not sign it");
  }
}

void Investigations::close(Cases::iterator at) {
  Verdict& verdict = at->verdict;
  // Proven says all about a signer.
  std::erase_if(verdict.suspected, [&](const auto& suspected) {
    return std::any_of(verdict.proven.begin(), verdict.proven.end(),
                       [&](const auto& proven) { return proven.signer == suspected.signer; });
  });
  counters_.proven += verdict.proven.size();
  counters_.suspected += verdict.suspected.size();
  if (verdict.proven.empty() && verdict.suspected.empty()) {
    ++counters_.inconclusive;
    if (verdict.note.empty()) {
      verdict.note = verdict.failure == AttemptFailure::BadSum
                         ? "every partial signature fits the record; their sum should have been right"
                         : "the answers that are there fit the record";
    }
  }
  verdicts_.push_back(std::move(verdict));
  cases_.erase(at);
}

}  // namespace quorate::coordinator
