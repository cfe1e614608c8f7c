#include "signerd/accusations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/wire/blame_codec.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/quarantine_codec.h"

namespace quorate::signerd {

using wire::MessageType;

namespace {

/// What one sender may have this signer verify: milliseconds each. Enough at once for all that a peer may hold.
constexpr double kNoticesPerSecond = 2, kNoticesAtOnce = 2 * kMaxParties;
/// A list may be megabytes long.
constexpr double kQuestionsPerSecond = 2, kQuestionsAtOnce = 8;
constexpr std::size_t kRejected = 64;
constexpr std::chrono::seconds kAlarmInterval{60};

Digest fingerprint(const Bytes& evidence) {
  return Digest::from(digest_content(MessageDigest::Sha256, evidence)).value_or(Digest{});
}

wire::Envelope reply_to(const wire::Envelope& request, MessageType type, Bytes payload) {
  return {type, request.sid, request.to, kNobody, std::move(payload)};
}

Failure<SignError> deny(std::string why) { return fail(SignError{SignErrorCode::PolicyDenied, std::move(why)}); }

}  // namespace

Accusations::Accusations(Parts parts)
    : me_(parts.me),
      identity_(parts.identity),
      pinned_(std::move(parts.pinned)),
      keys_(parts.keys),
      disputes_(parts.disputes),
      quarantine_(parts.quarantine),
      policy_(parts.policy),
      log_(parts.log),
      mesh_(std::move(parts.mesh)),
      notices_(kNoticesPerSecond, kNoticesAtOnce),
      questions_(kQuestionsPerSecond, kQuestionsAtOnce) {}

void Accusations::start() {
  for (const auto& entry : quarantine_.entries())
    log_.warn("quarantined", {{"signer", entry.signer}, {"epoch", entry.epoch.brief()}, {"reason", entry.reason}, {"since", entry.time}});
  put_in_force();
}

void Accusations::put_in_force() {
  keys_.set_quarantined(quarantine_.signers());
  for (auto id : quarantine_.signers())
    if (on_quarantine) on_quarantine(id);
}

void Accusations::on_message(const wire::Envelope& envelope, Clock::time_point now) {
  if (envelope.type == MessageType::DisputeNotice) return on_dispute_notice(envelope, now);
  if (envelope.type != MessageType::QuarantineNotice) return;
  if (auto notice = wire::decode<wire::QuarantineNotice>(envelope.payload)) {
    take(notice->evidence, "signer " + std::to_string(envelope.from), now);
  } else {
    ++counters_.forged;
  }
}

/// What is known, or was found wanting before, costs next to nothing; what is new is verified, so many a second.
void Accusations::take(const Bytes& evidence, const std::string& from, Clock::time_point now) {
  for (const auto& entry : quarantine_.entries()) {
    if (entry.evidence != evidence) continue;
    ++counters_.known;
    return;
  }
  if (!notices_.take(from, now)) {
    ++counters_.too_many;
    return;
  }
  if (std::find(rejected_.begin(), rejected_.end(), fingerprint(evidence)) != rejected_.end()) {
    ++counters_.forged;
    return;
  }
  if (auto decoded = wire::decode_blame(evidence)) return judge(*decoded, evidence, from);
  ++counters_.forged;
  log_.warn("evidence_rejected", {{"from", from}, {"reason", "it cannot be read"}});
}

void Accusations::judge(const BlameEvidence& evidence, Bytes encoded, const std::string& from) {
  const EpochId epoch = epoch_of(evidence);
  const auto* key = keys_.by_epoch(epoch);
  // An epoch that still serves is not over because its successor is there; but what was cleared must not come back.
  if (settled(culprit_of(evidence), epoch)) {
    ++counters_.of_no_epoch;
    return;
  }
  const auto held = std::find_if(quarantine_.entries().begin(), quarantine_.entries().end(),
                                 [&](const auto& entry) { return entry.signer == culprit_of(evidence); });
  const bool elsewhere = held != quarantine_.entries().end() && held->epoch != epoch;
  if (held != quarantine_.entries().end() && (!elsewhere || further_.contains({held->signer, epoch}))) {
    ++counters_.known;
    return;
  }
  auto culprit = verify(evidence, pinned_, key->info().key);
  if (!culprit || key->info().member(*culprit) == nullptr) {
    ++counters_.forged;
    rejected_.push_back(fingerprint(encoded));
    if (rejected_.size() > kRejected) rejected_.pop_front();
    return log_.warn("evidence_rejected", {{"from", from}, {"kind", kind_of(evidence)}, {"against", culprit_of(evidence)},
                                           {"reason", culprit ? "no member of the key" : culprit.error()}});
  }
  if (elsewhere) {
    ++counters_.known;
    log_.error("quarantine_further", {{"signer", *culprit}, {"epoch", epoch.brief()}, {"kind", kind_of(evidence)}, {"from", from}});
    hand_on({*culprit, epoch, "", "", encoded});
    further_[{*culprit, epoch}] = std::move(encoded);
    return;
  }
  ++counters_.accepted;
  Quarantine::Entry entry{*culprit, epoch, std::string(kind_of(evidence)) + ", shown by " + from, wall_time(), std::move(encoded)};
  log_.error("quarantine", {{"signer", entry.signer}, {"epoch", epoch.brief()}, {"reason", entry.reason},
                            {"action", "nobody here works with it any more; see `quorate quarantine list`"}});
  // In force at once; told to others when it is durable.
  if (auto added = quarantine_.add(entry); !added)
    log_.error("quarantine_not_written", {{"signer", entry.signer}, {"reason", added.error()}, {"action", "written again every second"}});
  put_in_force();
  if (!quarantine_.unwritten()) hand_on(entry);
}

void Accusations::hand_on(const Quarantine::Entry& entry) {
  const Bytes payload = wire::encode(wire::QuarantineNotice{entry.evidence});
  for (const auto& [id, identity] : pinned_)
    if (id != me_ && mesh_.linked(id)) mesh_.send({MessageType::QuarantineNotice, {}, me_, id, payload});
}

// ---- disputes -----------------------------------------------------------------------------------------

std::optional<DisputeStatement> Accusations::sign(const EpochId& epoch, PartyId peer, Fault fault) {
  const auto* key = keys_.by_epoch(epoch);
  if (over(epoch) || key->info().member(peer) == nullptr) return std::nullopt;
  DisputeStatement statement{epoch, std::min(me_, peer), std::max(me_, peer), fault, me_, {}};
  statement.signature = identity_.sign(dispute_digest(statement));
  return statement;
}

void Accusations::send(PartyId peer, const DisputeStatement& s) {
  mesh_.send({MessageType::DisputeNotice, {}, me_, peer,
              wire::encode(wire::DisputeNotice{s.epoch, s.a, s.b, s.fault, s.signer, s.signature})});
}

void Accusations::dispute(const EpochId& epoch, PartyId peer, Fault fault, Clock::time_point) {
  auto statement = sign(epoch, peer, fault);
  if (!statement || statements_.has(*statement)) return;
  for (const auto& [id, identity] : pinned_)
    if (id != me_ && mesh_.linked(id)) send(id, *statement);
  remember(std::move(*statement));
}

void Accusations::peer_up(PartyId peer, Clock::time_point) {
  for (const auto& entry : disputes_.entries()) {
    if (entry.whole || entry.members.size() != 2) continue;
    if (entry.members[0] != me_ && entry.members[1] != me_) continue;
    const PartyId other = entry.members[0] == me_ ? entry.members[1] : entry.members[0];
    auto statement = sign(entry.epoch, other, entry.fault);
    if (!statement) continue;
    send(peer, *statement);
    if (!statements_.has(*statement)) remember(std::move(*statement));
  }
  for (const auto& entry : quarantine_.entries())
    if (entry.durable && !over(entry.epoch))
      mesh_.send({MessageType::QuarantineNotice, {}, me_, peer, wire::encode(wire::QuarantineNotice{entry.evidence})});
}

void Accusations::on_dispute_notice(const wire::Envelope& envelope, Clock::time_point now) {
  auto notice = wire::decode<wire::DisputeNotice>(envelope.payload);
  if (!notice || notice->signer != envelope.from) {
    ++counters_.forged;
    return;
  }
  const auto* key = keys_.by_epoch(notice->epoch);
  if (over(notice->epoch)) {
    ++counters_.of_no_epoch;
    return;
  }
  DisputeStatement statement{notice->epoch, notice->a, notice->b, notice->fault, notice->signer, notice->signature};
  if (statements_.has(statement)) {
    ++counters_.known;
    return;
  }
  if (!notices_.take("signer " + std::to_string(envelope.from), now)) {
    ++counters_.too_many;
    return;
  }
  if (key->info().member(statement.a) == nullptr || key->info().member(statement.b) == nullptr ||
      !dispute_valid(statement, pinned_)) {
    ++counters_.forged;
    return log_.warn("dispute_notice_rejected", {{"from", envelope.from}, {"a", statement.a}, {"b", statement.b}});
  }
  log_.warn("dispute_notice", {{"from", envelope.from}, {"a", statement.a}, {"b", statement.b}, {"fault", name(statement.fault)}});
  remember(std::move(statement));
}

void Accusations::remember(DisputeStatement statement) {
  const PartyId accused = statement.signer == statement.a ? statement.b : statement.a;
  const EpochId epoch = statement.epoch;
  statements_.add(std::move(statement));
  const auto* key = keys_.by_epoch(epoch);
  if (quarantine_.holds(accused) || over(epoch)) return;
  if (auto evidence = statements_.against(accused, key->info())) judge(*evidence, wire::encode_blame(*evidence), "signer " + std::to_string(me_));
}

// ---- callers ------------------------------------------------------------------------------------------

std::optional<wire::Envelope> Accusations::answer(const net::PeerIdentity& who, const wire::Envelope& request,
                                                  Clock::time_point now) {
  if (request.type == MessageType::QuarantineNotice) {
    auto notice = wire::decode<wire::QuarantineNotice>(request.payload);
    notice ? take(notice->evidence, who.uri(), now) : static_cast<void>(++counters_.forged);
    return std::nullopt;
  }
  auto handle = [&]() -> Result<wire::Envelope, SignError> {
    if (!questions_.take(who.uri(), now))
      return fail(SignError{SignErrorCode::Overloaded, who.str() + " asks for quarantines too often"});
    if (request.type == MessageType::QuarantineClear) return clear(who, request);
    if (auto asked = wire::decode<wire::QuarantineRequest>(request.payload); !asked) return deny(asked.error().what());
    return show(request);
  };
  auto answer = handle();
  if (answer) return std::move(answer).value();
  return reply_to(request, MessageType::Refusal, wire::encode(wire::Refusal{answer.error().code, answer.error().detail}));
}

wire::Envelope Accusations::show(const wire::Envelope& request) const {
  wire::QuarantineReply reply;
  reply.version = quarantine_.version();
  for (const auto& entry : quarantine_.entries())
    if (entry.durable) reply.entries.push_back({entry.signer, entry.reason, entry.evidence});
  for (const bool whole : {false, true})  // pairs first: they are fewer and weigh more
    for (const auto& entry : disputes_.entries())
      if (entry.whole == whole && reply.disputes.size() < wire::kMaxDisputes)
        reply.disputes.push_back({entry.epoch, entry.members, entry.whole, entry.fault, entry.detail, entry.time});
  return reply_to(request, MessageType::QuarantineReply, wire::encode(reply));
}

/// Remembers what was cleared, and takes up what else is held against those signers.
void Accusations::let_go(const std::vector<Quarantine::Entry>& before) {
  for (const auto& entry : before)
    if (!quarantine_.holds(entry.signer)) cleared_.insert({entry.signer, entry.epoch});
  for (auto& [about, encoded] : std::exchange(further_, {})) {
    if (over(about.second)) {
      cleared_.insert(about);
    } else if (quarantine_.holds(about.first)) {
      further_.emplace(about, std::move(encoded));
    } else if (auto evidence = wire::decode_blame(encoded)) {
      judge(*evidence, std::move(encoded), "signer " + std::to_string(me_));
    }
  }
}

Result<wire::Envelope, SignError> Accusations::clear(const net::PeerIdentity& who, const wire::Envelope& request) {
  auto asked = wire::decode<wire::QuarantineClear>(request.payload);
  if (!asked) return deny(asked.error().what());
  if (who.role != wire::Role::Admin || !policy_.may_keygen(who))
    return deny(who.str() + " may not clear quarantines here; an administrator who may run ceremonies can");
  const auto is_over = [this](const EpochId& epoch) { return over(epoch); };
  std::size_t gone = 0, left = 0;
  EpochId of;
  if (asked->quarantine) {
    const auto before = quarantine_.entries();
    auto cleared = quarantine_.clear(is_over);
    if (!cleared) return deny("nothing is cleared: " + cleared.error());
    let_go(before);
    gone += *cleared;
    left += quarantine_.entries().size();
    for (const auto& entry : quarantine_.entries()) of = entry.epoch;
  }
  if (asked->disputes) {
    auto cleared = disputes_.clear(is_over);
    if (!cleared) return deny("disputes are not cleared: " + cleared.error());
    gone += *cleared;
    left += disputes_.size();
    for (const auto& entry : disputes_.entries()) of = entry.epoch;
  }
  statements_.forget_if(is_over);
  if (gone > 0) {
    log_.warn("quarantine_cleared", {{"who", who.uri()}, {"cleared", gone}, {"left", left}});
    put_in_force();
  }
  if (gone == 0 && left > 0)
    return deny("nothing is cleared: epoch " + of.brief() + ", in which it arose, is still active at signer " +
                std::to_string(me_) + "; run `quorate refresh` for its key first");
  return show(request);
}

// ---- alarm --------------------------------------------------------------------------------------------

bool Accusations::disputed(PartyId a, PartyId b) const { return disputes_.pair_blocked(a, b) || statements_.speaks_of(a, b); }

bool Accusations::without_quorum(const ActiveKey& key) const {
  std::vector<PartyId> members;
  for (const auto& member : key.info().members)
    if (!quarantine_.holds(member.id)) members.push_back(member.id);
  return !any_quorum(members, key.info().threshold, [this](PartyId a, PartyId b) { return !disputed(a, b); },
                     [&](const Quorum& quorum) { return !disputes_.quorum_blocked(key.info().key, quorum); });
}

void Accusations::alarm(Clock::time_point now) {
  std::erase_if(alarms_, [this](const auto& item) { return over(item.first); });
  for (const auto& [epoch, key] : keys_.all()) {
    if (key->stage == Stage::Fading) continue;
    const auto last = alarms_.find(epoch);
    if (last != alarms_.end() && now - last->second < kAlarmInterval) continue;
    if (!without_quorum(*key)) {
      alarms_.erase(epoch);
      continue;
    }
    alarms_[epoch] = now;
    log_.error("no_quorum_left",
               {{"critical", true}, {"key", key->info().key.hex()}, {"name", key->info().name}, {"epoch", epoch.brief()},
                {"action", "disputes and quarantines leave no quorum: this key cannot sign any more once its pools are dry. "
                           "Find the cause (`quorate quarantine list`), repair or replace those signers, run `quorate "
                           "refresh` for the key, then `quorate quarantine clear`"}});
  }
}

void Accusations::tick(Clock::time_point now) {
  if (quarantine_.unwritten()) {
    std::vector<PartyId> fresh;
    for (const auto& entry : quarantine_.entries())
      if (!entry.durable) fresh.push_back(entry.signer);
    if (auto written = quarantine_.write(); !written) {
      log_.error("quarantine_not_written", {{"reason", written.error()}});
    } else {
      for (const auto& entry : quarantine_.entries())
        if (std::find(fresh.begin(), fresh.end(), entry.signer) != fresh.end()) hand_on(entry);
    }
  }
  statements_.forget_if([this](const EpochId& epoch) { return over(epoch); });
  std::erase_if(cleared_, [this](const auto& about) { return keys_.by_epoch(about.second) == nullptr; });
  std::erase_if(further_, [this](const auto& item) { return keys_.by_epoch(item.first.second) == nullptr; });
  alarm(now);
}

}  // namespace quorate::signerd
