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
    if (confirmations_valid(share.info)) {
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
  return {};
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
  for (const auto& [epoch, key] : const_cast<KeyRing&>(keys_).all())
    if (key->info().name == request.name) return denied("there is a key named '" + request.name + "' already");
  return std::nullopt;
}

void Ceremonies::on_request(const net::PeerIdentity& who, const wire::Envelope& envelope, Answer answer) {
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
  log_.info("keygen_started", {{"who", who.uri()}, {"name", request->name}, {"ceremony", request->ceremony.hex()}});
  begin(*request, envelope, std::move(answer));
}

void Ceremonies::begin(const wire::KeygenRequest& request, const wire::Envelope& envelope, Answer answer) {
  KeygenTerms terms;
  terms.ceremony = request.ceremony;
  terms.curve = Curve::find(request.curve);
  terms.threshold = request.threshold;
  terms.name = request.name;
  terms.group = request.group;
  for (auto id : request.members) terms.members.push_back({id, group_.member(id)->identity});

  SessionHost::Session session;
  for (auto id : request.members)
    if (id != me_) session.peers.push_back(id);
  session.timeout = kCeremonyTimeout;
  session.persist = [this](session::Machine& machine) -> Result<void, std::string> {
    const auto* share = static_cast<session::KeygenMachine&>(machine).prepared();
    if (share == nullptr) return fail(std::string("there is no share to make durable"));
    return store_.save(*share);
  };
  auto round = std::make_shared<std::uint8_t>(0);
  session.on_step = [answer, envelope, round] {
    const std::uint8_t number = (*round)++;
    if (number < 5)
      answer(reply_to(envelope, wire::KeygenProgress{number, "step " + std::to_string(number + 1)}));
  };
  session.on_end = [this, envelope, answer](SessionHost::Ending ending) { ended(envelope, answer, std::move(ending)); };
  auto machine = std::make_shared<session::KeygenMachine>(std::move(terms), me_, identity_);
  if (!sessions_.open(envelope.sid, std::move(machine), std::move(session)))
    answer(reply_to(envelope, wire::Refusal{SignErrorCode::PolicyDenied, "the ceremony id is in use; start a new one"}));
}

void Ceremonies::ended(const wire::Envelope& request, const Answer& answer, SessionHost::Ending ending) {
  if (ending.abort) {
    wire::KeygenResult result;
    result.fault = ending.abort->fault;
    result.blame = ending.abort->blame;
    result.detail = ending.abort->detail;
    // After a time-out a step may still be running on the machine; only its own verdict carries evidence.
    if (ending.abort->blame.kind == Blame::Kind::Party) {
      const auto& evidence = static_cast<session::KeygenMachine&>(*ending.machine).evidence();
      if (evidence) result.evidence = wire::encode_evidence(*evidence);
    }
    log_.error("keygen_failed", {{"ceremony", request.sid.hex()}, {"reason", ending.abort->what()}});
    find_prepared();
    return answer(reply_to(request, result));
  }
  auto share = static_cast<session::KeygenMachine&>(*ending.machine).take_result();
  auto saved = store_.save(share);
  if (!saved) {
    // The prepared share is durable; after a restart the confirmations come from the peers.
    log_.error("share_not_saved", {{"reason", saved.error()}});
  }
  const auto result = good_result(share.info);
  activate(std::move(share));
  answer(reply_to(request, result));
}

/// A ceremony that ended after this member prepared its share may yet be confirmed by all.
void Ceremonies::find_prepared() {
  auto shares = store_.load();
  if (!shares) return log_.warn("shares_not_read", {{"reason", shares.error()}});
  for (auto& share : *shares) {
    if (confirmations_valid(share.info)) continue;
    for (const auto& member : share.info.members)
      if (member.id != me_ && mesh_.linked(member.id)) show_confirmations(share.info, member.id);
    const CeremonyId id = share.info.ceremony;
    prepared_.try_emplace(id, std::move(share));
  }
}

void Ceremonies::activate(KeyShare share) {
  const PublicKeyInfo info = share.info;
  keys_.add(std::move(share));
  log_.info("key_active", {{"name", info.name}, {"key", info.key.hex()}, {"epoch", info.epoch.brief()},
                           {"threshold", info.threshold}});
  for (const auto& member : info.members)
    if (member.id != me_ && mesh_.linked(member.id)) show_confirmations(info, member.id);
  if (on_key) on_key(info.epoch);
}

void Ceremonies::show_confirmations(const PublicKeyInfo& info, PartyId peer) {
  for (const auto& [member, confirmation] : info.confirmations)
    mesh_.send({MessageType::KeygenRound5, SessionId{info.ceremony.bytes}, me_, peer,
                wire::encode(KeygenMsg5{confirmation})});
}

void Ceremonies::peer_up(PartyId peer) {
  for (const auto& [epoch, key] : keys_.all())
    if (key->info().member(peer) != nullptr) show_confirmations(key->info(), peer);
  for (const auto& [ceremony, share] : prepared_)
    if (share.info.member(peer) != nullptr) show_confirmations(share.info, peer);
}

void Ceremonies::on_message(const wire::Envelope& envelope) {
  if (envelope.type == MessageType::KeygenRound5 && !sessions_.has(envelope.sid)) return collect(envelope);
  sessions_.deliver(envelope);
}

void Ceremonies::collect(const wire::Envelope& envelope) {
  const auto found = prepared_.find(CeremonyId{envelope.sid.bytes});
  if (found == prepared_.end()) return;
  auto& info = found->second.info;
  auto message = wire::decode<KeygenMsg5>(envelope.payload, *info.curve);
  if (info.member(envelope.from) == nullptr || !message) return;
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
