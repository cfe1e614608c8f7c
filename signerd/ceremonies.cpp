#include "signerd/ceremonies.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/wire/admin_codec.h"
#include "protocol/wire/keygen_codec.h"
#include "protocol/wire/online_codec.h"

namespace quorate::signerd {

using wire::MessageType;

namespace {

constexpr std::chrono::seconds kCeremonyTimeout{60};
/// How often a prepared share shows its confirmations to its members.
constexpr std::chrono::seconds kShowInterval{5};
/// How often a member of an active key is shown all of them: two active members that answer each other stop there.
constexpr std::chrono::seconds kAnswerInterval{1};
/// How often a refresh that some have prepared and not all have confirmed is reported.
constexpr std::chrono::seconds kAlarmInterval{60};

template <class T>
wire::Envelope reply_to(const wire::Envelope& request, const T& message) {
  return {wire::kTypeOf<T>, request.sid, request.to, kNobody, wire::encode(message)};
}

wire::KeygenResult good_result(const PublicKeyInfo& info) {
  wire::KeygenResult result;
  result.ok = true;
  result.info = info;
  result.spki = spki_der(info.X);
  return result;
}

}  // namespace

Ceremonies::Ceremonies(PartyId me, const IdentityKey& identity, const net::GroupFile& group, ShareStore& store,
                       KeyRing& keys, SessionHost& sessions, Policy& policy, const Log& log, MeshView mesh)
    : me_(me),
      identity_(identity),
      group_(group),
      store_(store),
      keys_(keys),
      sessions_(sessions),
      policy_(policy),
      log_(log),
      mesh_(std::move(mesh)) {}

Result<void, std::string> Ceremonies::load() {
  auto shares = store_.load();
  if (!shares) return fail(shares.error());
  for (auto& share : *shares) {
    for (const auto& member : share.info.members) {
      const auto* known = group_.member(member.id);
      if (known == nullptr || known->identity != member.identity)
        return fail("key '" + share.info.name + "' was made with another identity key of signer " +
                    std::to_string(member.id) + " than the group description names");
    }
    if (confirmations_valid(share.info) && name_is_free(share.info)) {
      log_.info("key_active", {{"name", share.info.name}, {"key", share.info.key.hex()},
                               {"epoch", share.info.epoch.brief()}, {"threshold", share.info.threshold}});
      keys_.add(std::move(share));
    } else {
      log_.warn("key_prepared", {{"name", share.info.name}, {"key", share.info.key.hex()},
                                 {"confirmed_by", share.info.confirmations.size()}});
      const CeremonyId id = share.info.ceremony;
      prepared_.insert_or_assign(id, std::move(share));
    }
  }
  // A successor of an epoch that is gone, while another one has taken its place, was forgotten in a crash.
  std::set<EpochId> gone;
  for (const auto& [id, share] : prepared_)
    if (!share.info.previous.is_zero() && keys_.by_epoch(share.info.previous) == nullptr &&
        keys_.successor(share.info.previous) != nullptr)
      gone.insert(share.info.previous);
  for (const auto& epoch : gone) forget_successors(epoch);
  return {};
}

void Ceremonies::forget_successors(const EpochId& old) {
  std::erase_if(prepared_, [&](const auto& item) {
    const auto& info = item.second.info;
    if (info.previous != old) return false;
    if (auto wiped = store_.wipe(info.epoch); !wiped) log_.error("share_not_wiped", {{"reason", wiped.error()}});
    return true;
  });
}

std::optional<SignError> Ceremonies::flaw_of(const net::PeerIdentity& who, const wire::KeygenRequest& request) const {
  const auto denied = [](std::string why) { return SignError{SignErrorCode::PolicyDenied, std::move(why)}; };
  if (!policy_.may_keygen(who)) return denied(who.str() + " may not start key generations here");
  if (request.group != group_.digest()) return denied("the administrator's group.json is not this signer's");
  for (auto id : request.members) {
    if (group_.member(id) == nullptr) return denied("signer " + std::to_string(id) + " is not in the group");
    if (id != me_ && !mesh_.linked(id))
      return SignError{SignErrorCode::QuorumInsufficient,
                       "signer " + std::to_string(me_) + " has no link to signer " + std::to_string(id)};
  }
  if (std::find(request.members.begin(), request.members.end(), me_) == request.members.end())
    return denied("this signer is not among the members");
  if (!request.previous.is_zero()) return flaw_of_refresh(request);
  for (const auto& [epoch, key] : const_cast<KeyRing&>(keys_).all())
    if (key->info().name == request.name) return denied("there is a key named '" + request.name + "' already");
  return std::nullopt;
}

/// Whether this is a refresh of the one epoch that is active here, with nothing else going on.
std::optional<SignError> Ceremonies::flaw_of_refresh(const wire::KeygenRequest& request) const {
  const auto denied = [](std::string why) { return SignError{SignErrorCode::PolicyDenied, std::move(why)}; };
  const ActiveKey* key = nullptr;
  for (const auto& [epoch, active] : const_cast<KeyRing&>(keys_).all()) {
    if (active->info().name != request.name) continue;
    if (key != nullptr)
      return denied("key '" + request.name + "' is still changing to its last epoch; try again in a minute");
    key = active.get();
  }
  if (key == nullptr)
    return SignError{SignErrorCode::KeyUnknown,
                     "signer " + std::to_string(me_) + " has no key named '" + request.name + "'"};
  const auto& info = key->info();
  if (info.epoch != request.previous)
    return SignError{SignErrorCode::EpochMismatch, "key '" + request.name + "' is in epoch " + info.epoch.brief() +
                                                       " at signer " + std::to_string(me_) + ", not in " +
                                                       request.previous.brief()};
  std::vector<PartyId> members;
  for (const auto& member : info.members) members.push_back(member.id);
  if (info.curve->id() != request.curve || info.threshold != request.threshold || members != request.members)
    return denied("a refresh changes neither curve nor threshold nor members of key '" + request.name + "'");
  for (const auto& [ceremony, running] : running_)
    if (running.name == request.name)
      return denied("a ceremony for key '" + request.name + "' is going on; wait until it has ended");
  return std::nullopt;
}

void Ceremonies::on_request(const net::PeerIdentity& who, const wire::Envelope& envelope, Answer answer,
                            std::weak_ptr<const void> there) {
  auto request = wire::decode<wire::KeygenRequest>(envelope.payload);
  auto refuse = [&](const SignError& why) {
    log_.warn("keygen_refused", {{"who", who.uri()}, {"reason", why.what()}});
    answer(reply_to(envelope, wire::Refusal{why.code, why.detail}));
  };
  if (!request) return refuse({SignErrorCode::PolicyDenied, request.error().what()});
  if (envelope.sid.bytes != request->ceremony.bytes)
    return refuse({SignErrorCode::PolicyDenied, "the session id is not the ceremony id"});
  if (auto flaw = flaw_of(who, *request)) return refuse(*flaw);
  // Durable before the first message: no ceremony is ever joined twice (SPEC 1.1).
  auto joined = store_.join(request->ceremony);
  if (!joined) return refuse({SignErrorCode::PolicyDenied, joined.error()});
  if (!*joined) return refuse({SignErrorCode::PolicyDenied, "this ceremony was joined before; start a new one"});
  log_.info(request->previous.is_zero() ? "keygen_started" : "refresh_started",
            {{"who", who.uri()}, {"name", request->name}, {"ceremony", request->ceremony.hex()}});
  begin(*request, envelope, std::move(answer), std::move(there));
}

void Ceremonies::begin(const wire::KeygenRequest& request, const wire::Envelope& envelope, Answer answer,
                       std::weak_ptr<const void> there) {
  KeygenTerms terms;
  std::shared_ptr<const KeyShare> old;
  if (request.previous.is_zero()) {
    terms.ceremony = request.ceremony;
    terms.curve = Curve::find(request.curve);
    terms.threshold = request.threshold;
    terms.name = request.name;
    terms.group = request.group;
    for (auto id : request.members) terms.members.push_back({id, group_.member(id)->identity});
  } else {
    old = keys_.by_epoch(request.previous)->share;
    terms = refresh_terms(old->info, request.ceremony, request.group);
    // Links keep the order: whoever lacks one of these confirmations has it before the first message of the new
    // attempt. So if all have confirmed an earlier one, that one becomes active, and this one ends.
    for (const auto& [ceremony, share] : prepared_)
      if (share.info.previous == request.previous) show_to_members(share.info);
  }

  SessionHost::Session session;
  for (auto id : request.members)
    if (id != me_) session.peers.push_back(id);
  session.timeout = kCeremonyTimeout;
  // On a worker, which may outlive this object, but not the store.
  session.persist = [&store = store_](session::Machine& machine) -> Result<void, std::string> {
    const auto* share = static_cast<session::KeygenMachine&>(machine).prepared();
    if (share == nullptr) return fail(std::string("there is no share to make durable"));
    return store.save(*share);
  };
  // A time-out may come while the share is being written or the last confirmations are being checked.
  session.on_late_save = [this] { find_prepared(); };
  session.on_late_result = [this](session::Machine& machine) { complete(machine); };
  auto machine = std::make_shared<session::KeygenMachine>(std::move(terms), me_, identity_, std::move(old));
  session.on_late_verdict = [this, machine, sid = envelope.sid](const Abort& why) {
    log_.error("keygen_fault_found_late", {{"ceremony", sid.hex()}, {"reason", why.what()}});
    keep_evidence(*machine);
  };
  auto steps = std::make_shared<std::size_t>(0);
  session.on_step = [answer, envelope, steps] {
    const std::size_t number = (*steps)++;
    if (number < 5)
      answer(reply_to(envelope, wire::KeygenProgress{static_cast<std::uint8_t>(number), "step " + std::to_string(number + 1)}));
  };
  session.on_end = [this, envelope, answer](SessionHost::Ending ending) { ended(envelope, answer, std::move(ending)); };
  if (sessions_.open(envelope.sid, std::move(machine), std::move(session))) {
    running_.emplace(request.ceremony, Running{request.name, request.previous, request.members.size(), std::move(steps),
                                                 std::move(there)});
  } else {
    answer(reply_to(envelope, wire::Refusal{SignErrorCode::PolicyDenied, "the ceremony id is in use; start a new one"}));
  }
}

void Ceremonies::ended(const wire::Envelope& request, const Answer& answer, SessionHost::Ending ending) {
  const CeremonyId ceremony{request.sid.bytes};
  running_.erase(ceremony);
  wire::KeygenResult result;
  if (!ending.abort) {
    if (const auto info = complete(*ending.machine)) return answer(reply_to(request, good_result(*info)));
    result.fault = Fault::BadParameters;
    result.detail = "another key, or another epoch of it, has this name here by now";
    return answer(reply_to(request, result));
  }
  log_.error("keygen_failed", {{"ceremony", request.sid.hex()}, {"reason", ending.abort->what()}});
  find_prepared();
  // What failed may have been no more than a message to a peer that is gone.
  for (const auto& [epoch, key] : keys_.all())
    if (key->info().ceremony == ceremony) return answer(reply_to(request, good_result(key->info())));
  result.fault = ending.abort->fault;
  result.blame = ending.abort->blame;
  result.detail = ending.abort->detail;
  // After a time-out a step may still be running on the machine; only its own verdict carries evidence.
  if (ending.abort->blame.kind == Blame::Kind::Party) {
    const auto& evidence = static_cast<session::KeygenMachine&>(*ending.machine).evidence();
    if (evidence) result.evidence = wire::encode_evidence(*evidence);
    keep_evidence(*ending.machine);
  }
  answer(reply_to(request, result));
}

/// The administrator gets it, too, but may be gone by now.
void Ceremonies::keep_evidence(session::Machine& machine) {
  const auto& evidence = static_cast<session::KeygenMachine&>(machine).evidence();
  if (!evidence) return;
  if (auto kept = store_.keep_evidence(*evidence)) {
    log_.error("evidence_kept", {{"ceremony", evidence->terms.ceremony.hex()}, {"culprit", evidence->culprit},
                                 {"file", kept->string()}});
  } else {
    log_.error("evidence_not_kept", {{"reason", kept.error()}});
  }
}

/// Takes the confirmed share of a machine that is done into use. Nothing if its name is another key's.
std::optional<PublicKeyInfo> Ceremonies::complete(session::Machine& machine) {
  auto share = static_cast<session::KeygenMachine&>(machine).take_result();
  prepared_.erase(share.info.ceremony);  // put there if the result comes after the end of its session
  if (!name_is_free(share.info)) {
    set_aside(std::move(share));
    return std::nullopt;
  }
  if (auto saved = store_.save(share); !saved) {
    // The prepared share is durable; after a restart the confirmations come from the peers.
    log_.error("share_not_saved", {{"reason", saved.error()}});
  }
  PublicKeyInfo info = share.info;
  activate(std::move(share));
  return info;
}

/// A ceremony that ended after this member prepared its share may be confirmed by all, now or later.
void Ceremonies::find_prepared() {
  auto shares = store_.load();
  if (!shares) return log_.warn("shares_not_read", {{"reason", shares.error()}});
  for (auto& share : *shares) {
    const CeremonyId id = share.info.ceremony;
    if (running_.contains(id) || prepared_.contains(id) || keys_.by_epoch(share.info.epoch) != nullptr) continue;
    if (!confirmations_valid(share.info)) {
      if (!superseded(share.info)) show_to_members(share.info);
      prepared_.emplace(id, std::move(share));
    } else if (name_is_free(share.info)) {
      activate(std::move(share));
    } else {
      set_aside(std::move(share));
    }
  }
}

/// Whether no other key is active under the name of this one, but the epoch before it or after it.
bool Ceremonies::name_is_free(const PublicKeyInfo& info) {
  for (const auto& [epoch, key] : keys_.all()) {
    if (key->info().name != info.name || epoch == info.epoch) continue;
    if (key->info().key == info.key && (epoch == info.previous || key->info().previous == info.epoch)) continue;
    if (without_name_.insert(info.ceremony).second)
      log_.error("name_taken", {{"name", info.name}, {"key", info.key.hex()}, {"active", key->info().key.hex()},
                                {"action", "this key stays prepared and is not used"}});
    return false;
  }
  return true;
}

/// A confirmed share that came too late for its name stays prepared, on disk, too: with all confirmations there
/// a restart could not tell which of the two was active.
void Ceremonies::set_aside(KeyShare share) {
  std::erase_if(share.info.confirmations, [this](const auto& item) { return item.first != me_; });
  if (auto saved = store_.save(share); !saved) log_.error("share_not_saved", {{"reason", saved.error()}});
  const CeremonyId id = share.info.ceremony;
  prepared_.insert_or_assign(id, std::move(share));
}

void Ceremonies::activate(KeyShare share) {
  const PublicKeyInfo info = share.info;
  if (keys_.by_epoch(info.epoch) != nullptr) return;
  keys_.add(std::move(share));
  // No other successor of the same epoch is confirmed from here on.
  std::vector<CeremonyId> others;
  for (const auto& [ceremony, running] : running_)
    if (!info.previous.is_zero() && running.previous == info.previous && ceremony != info.ceremony)
      others.push_back(ceremony);
  for (const auto& ceremony : others)
    sessions_.abort(SessionId{ceremony.bytes}, {Fault::TimedOut, Blame::nobody(), "an earlier refresh has become active"});
  log_.info("key_active", {{"name", info.name}, {"key", info.key.hex()}, {"epoch", info.epoch.brief()},
                           {"threshold", info.threshold}});
  show_to_members(info);
  if (on_key) on_key(info.epoch);
}

bool Ceremonies::contested(const PublicKeyInfo& info) const {
  return !info.previous.is_zero() && std::any_of(prepared_.begin(), prepared_.end(), [&](const auto& item) {
    return item.second.info.previous == info.previous && item.second.info.epoch != info.epoch;
  });
}

/// Another successor of the same epoch is active here: nobody is helped to this one any more.
bool Ceremonies::superseded(const PublicKeyInfo& info) const {
  if (info.previous.is_zero()) return false;
  const auto* active = keys_.successor(info.previous);
  return active != nullptr && active->info().epoch != info.epoch;
}

void Ceremonies::show_to_members(const PublicKeyInfo& info) {
  for (const auto& member : info.members)
    if (member.id != me_ && mesh_.linked(member.id)) show_confirmations(info, member.id);
}

void Ceremonies::show_confirmations(const PublicKeyInfo& info, PartyId peer) {
  const auto show = [&](const IdentitySignature& confirmation) {
    mesh_.send({MessageType::KeygenRound5, SessionId{info.ceremony.bytes}, me_, peer,
                wire::encode(KeygenMsg5{confirmation})});
  };
  // My own comes first: a peer whose ceremony still runs takes the first one for mine, and drops the rest.
  if (const auto mine = info.confirmations.find(me_); mine != info.confirmations.end()) show(mine->second);
  for (const auto& [member, confirmation] : info.confirmations)
    if (member != me_) show(confirmation);
}

void Ceremonies::peer_up(PartyId peer) {
  for (const auto& [epoch, key] : keys_.all())
    if (key->info().member(peer) != nullptr) show_confirmations(key->info(), peer);
  for (const auto& [ceremony, share] : prepared_)
    if (share.info.member(peer) != nullptr && !superseded(share.info)) show_confirmations(share.info, peer);
}

void Ceremonies::end_abandoned() {
  std::vector<SessionId> abandoned;
  for (const auto& [ceremony, running] : running_)
    if (running.administrator.expired() && *running.steps < running.members) abandoned.push_back(SessionId{ceremony.bytes});
  for (const auto& sid : abandoned)
    sessions_.abort(sid, Abort{Fault::TimedOut, Blame::nobody(), "its administrator is gone, and not all members have begun"});
}

void Ceremonies::tick(Clock::time_point now) {
  end_abandoned();
  if (now < next_show_) return;
  next_show_ = now + kShowInterval;
  for (const auto& [ceremony, share] : prepared_)
    if (!superseded(share.info)) show_to_members(share.info);
  report_unfinished(now);
}

/// SPEC 1.6: one missing confirmation raises an alarm; the old epoch stays in use meanwhile.
void Ceremonies::report_unfinished(Clock::time_point now) {
  if (now < next_alarm_) return;
  for (const auto& [ceremony, share] : prepared_) {
    const auto& info = share.info;
    if (info.previous.is_zero() || keys_.by_epoch(info.previous) == nullptr || keys_.successor(info.previous) != nullptr)
      continue;
    next_alarm_ = now + kAlarmInterval;
    std::vector<PartyId> missing;
    for (const auto& member : info.members)
      if (!info.confirmations.contains(member.id)) missing.push_back(member.id);
    log_.error("refresh_unfinished", {{"name", info.name}, {"ceremony", ceremony.hex()}, {"not_confirmed_by", missing},
                                      {"action", "the old epoch stays in use; if this lasts, run quorate refresh again"}});
  }
}

void Ceremonies::on_message(wire::Envelope envelope, Clock::time_point now) {
  // By ceremony, not by session: whoever opens a set-up chooses its session id, and may choose this one.
  const CeremonyId ceremony{envelope.sid.bytes};
  if (envelope.type != MessageType::KeygenRound5 || running_.contains(ceremony))
    return sessions_.deliver(std::move(envelope));
  prepared_.contains(ceremony) ? collect(envelope) : answer_member(envelope, now);
}

/// SPEC 1.5: a member that shows a confirmation of an active key may lack those of others.
void Ceremonies::answer_member(const wire::Envelope& envelope, Clock::time_point now) {
  const CeremonyId ceremony{envelope.sid.bytes};
  for (const auto& [epoch, key] : keys_.all()) {
    if (key->info().ceremony != ceremony || key->info().member(envelope.from) == nullptr) continue;
    const auto [answered, first] = answered_.try_emplace({ceremony, envelope.from}, now);
    if (!first && now - answered->second < kAnswerInterval) return;
    answered->second = now;
    return show_confirmations(key->info(), envelope.from);
  }
}

void Ceremonies::collect(const wire::Envelope& envelope) {
  const auto found = prepared_.find(CeremonyId{envelope.sid.bytes});
  auto& info = found->second.info;
  auto message = wire::decode<KeygenMsg5>(envelope.payload, *info.curve);
  if (info.member(envelope.from) == nullptr || !message || !name_is_free(info)) return;
  // Members show all confirmations they hold, so that a single one cannot keep its own from somebody.
  const Digest digest = confirmation_digest(info);
  for (const auto& member : info.members)
    if (!info.confirmations.contains(member.id) && verify_identity(member.identity, digest, message->confirmation))
      info.confirmations[member.id] = message->confirmation;
  if (info.confirmations.size() < info.members.size() || !confirmations_valid(info)) return;
  if (auto saved = store_.save(found->second); !saved) {
    log_.error("share_not_saved", {{"reason", saved.error()}});
    return;
  }
  KeyShare share = std::move(found->second);
  prepared_.erase(found);
  activate(std::move(share));
}

}  // namespace quorate::signerd
