#include "signerd/pair_setups.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "protocol/net/system_rng.h"
#include "protocol/session/setup_machine.h"
#include "protocol/wire/setup_codec.h"

namespace quorate::signerd {

using wire::MessageType;

namespace {
/// At most one set-up a pair and epoch in this time: each costs tens of milliseconds.
constexpr std::chrono::milliseconds kSetupInterval{1000};
/// The longest pause of an opener whose peer refuses, as one does that has no such key yet.
constexpr std::chrono::milliseconds kLongestWait{30'000};
constexpr std::chrono::seconds kSetupTimeout{20};
}  // namespace

PairSetups::PairSetups(PartyId me, KeyRing& keys, SessionHost& sessions, Disputes& disputes, const Log& log,
                       MeshView mesh)
    : me_(me), keys_(keys), sessions_(sessions), disputes_(disputes), log_(log), mesh_(std::move(mesh)) {}

void PairSetups::peer_up(PartyId peer, bool new_process, Clock::time_point now) {
  if (new_process) {
    std::erase_if(states_, [&](const auto& item) { return item.first.peer == peer; });
    // What others say of their set-ups with it stays: they may have heard of its new process before this signer, and
    // say it once. It counts when the peer itself has said the same.
    std::erase_if(announced_, [&](const auto& item) {
      const auto& [epoch, who, with] = item.first;
      return who == peer || (who == me_ && with == peer);
    });
  }
  for (const auto& [pair, state] : states_)
    mesh_.send({MessageType::SetupReady, {}, me_, peer, wire::encode(wire::SetupReady{pair.epoch, pair.peer, state->id})});
  // A link that was lost may have cut a set-up in two: both sides make a new one.
  for (auto& [epoch, key] : keys_.all()) open(*key, peer, now);
}

void PairSetups::peer_down(PartyId peer) {
  std::erase_if(announced_, [&](const auto& item) { return std::get<1>(item.first) == peer; });
}

void PairSetups::key_added(const EpochId& epoch) {
  auto* key = keys_.by_epoch(epoch);
  for (const auto& member : key->info().members) {
    open(*key, member.id, Clock::now());
    // Whoever opens may have been refused so far: now it is worth asking again.
    if (member.id < me_)
      mesh_.send({MessageType::SetupReady, {}, me_, member.id, wire::encode(wire::SetupReady{epoch, member.id, {}})});
  }
}

void PairSetups::forget(const EpochId& epoch) {
  std::vector<SessionId> sessions;
  for (const auto& [pair, sid] : running_)
    if (pair.epoch == epoch) sessions.push_back(sid);
  for (const auto& sid : sessions) sessions_.abort(sid, Abort{Fault::TimedOut, Blame::nobody(), "its epoch is over"});
  const auto of_epoch = [&](const auto& item) { return item.first.epoch == epoch; };
  std::erase_if(states_, of_epoch);
  std::erase_if(pace_, of_epoch);
  std::erase_if(announced_, [&](const auto& item) { return std::get<0>(item.first) == epoch; });
}

void PairSetups::tick(Clock::time_point now) {
  for (auto& [epoch, key] : keys_.all())
    for (const auto& member : key->info().members)
      if (!agreed(epoch, me_, member.id)) open(*key, member.id, now);
}

void PairSetups::open(ActiveKey& key, PartyId peer, Clock::time_point now) {
  const EpochId& epoch = key.info().epoch;
  const Pair pair{epoch, peer};
  if (key.stage == Stage::Fading || peer <= me_ || key.info().member(peer) == nullptr || !mesh_.linked(peer)) return;  // the lower id opens
  if (running_.contains(pair) || shunned(peer)) return;
  auto& pace = pace_[pair];
  if (pace.last && now < *pace.last + std::max(pace.wait, kSetupInterval)) return;
  pace.last = now;
  net::SystemRng rng;
  run(key, peer, rng.make_id<SessionId>(), std::nullopt);
}

void PairSetups::run(ActiveKey& key, PartyId peer, const SessionId& sid, std::optional<wire::Envelope> opening) {
  const EpochId epoch = key.info().epoch;
  running_[{epoch, peer}] = sid;
  SessionHost::Session session;
  session.peers = {peer};
  session.epoch = epoch;
  session.timeout = kSetupTimeout;
  session.on_end = [this, epoch, peer](SessionHost::Ending ending) { ended(epoch, peer, std::move(ending)); };
  session.on_late_verdict = [this, epoch, peer](const Abort& why) { destroy(epoch, peer, why); };
  auto machine = std::make_shared<session::SetupMachine>(*key.info().curve, key.info().key, epoch, sid, me_, peer);
  if (!sessions_.open(sid, std::move(machine), std::move(session))) {
    running_.erase({epoch, peer});
    return;
  }
  if (opening) sessions_.deliver(std::move(*opening));
}

void PairSetups::ended(const EpochId& epoch, PartyId peer, SessionHost::Ending ending) {
  const auto running = running_.find({epoch, peer});
  const SessionId sid = running == running_.end() ? SessionId{} : running->second;
  if (running != running_.end()) running_.erase(running);
  const nlohmann::ordered_json fields{{"peer", peer}, {"epoch", epoch.brief()}};
  if (!ending.abort) {
    auto state = std::make_shared<const ot::PairState>(
        static_cast<session::SetupMachine&>(*ending.machine).take_result());
    const SetupId id = state->id;
    states_[{epoch, peer}] = std::move(state);
    pace_[{epoch, peer}].wait = {};
    log_.info("setup_done", fields);
    announce(epoch, peer, id);
    return;
  }
  auto more = fields;
  more["reason"] = ending.abort->what();
  if (ending.abort->blame.kind == Blame::Kind::Pair) {
    destroy(epoch, peer, *ending.abort);
    mesh_.send({MessageType::SetupAbort, sid, me_, peer, wire::encode_abort(ending.abort->fault)});
  } else {
    log_.warn("setup_failed", more);
  }
}

void PairSetups::announce(const EpochId& epoch, PartyId peer, const SetupId& setup) {
  announced_[{epoch, me_, peer}] = setup;
  const auto* key = keys_.by_epoch(epoch);
  if (key == nullptr) return;
  const Bytes payload = wire::encode(wire::SetupReady{epoch, peer, setup});
  for (const auto& member : key->info().members)
    if (member.id != me_) mesh_.send({MessageType::SetupReady, {}, me_, member.id, payload});
  if (on_change) on_change();
}

void PairSetups::destroy(const EpochId& epoch, PartyId peer, const Abort& why) {
  std::vector<EpochId> epochs{epoch};  // the pair works together no more, whatever the key
  for (const auto& [other, key] : keys_.all())
    if (other != epoch && key->info().member(peer) != nullptr) epochs.push_back(other);
  std::erase_if(states_, [&](const auto& item) { return item.first.peer == peer; });
  if (auto written = disputes_.add_pair(epoch, me_, peer, why); !written) {
    // Going on would let the peer try again after a restart: better no signer than that one.
    throw std::runtime_error("stopping: a dispute with signer " + std::to_string(peer) +
                             " cannot be written down: " + written.error());
  }
  log_.error("dispute", {{"peer", peer}, {"epoch", epoch.brief()}, {"reason", why.what()}});
  for (const auto& each : epochs) {
    sessions_.abort_with(peer, each, "dispute with signer " + std::to_string(peer));
    announce(each, peer, SetupId{});
  }
  if (on_dispute) on_dispute(epoch, peer, why.fault);
}

void PairSetups::leave_out(PartyId peer) {
  if (peer == me_) return states_.clear();
  std::erase_if(states_, [&](const auto& item) { return item.first.peer == peer; });
  for (const auto& [epoch, key] : keys_.all())
    if (key->info().member(peer) != nullptr) announce(epoch, peer, SetupId{});
}

bool PairSetups::shunned(PartyId peer) const {
  return keys_.quarantined(peer) || keys_.quarantined(me_) || disputes_.pair_blocked(me_, peer);
}

void PairSetups::on_message(wire::Envelope envelope, Clock::time_point now) {
  if (envelope.type == MessageType::SetupReady) {
    auto ready = wire::decode<wire::SetupReady>(envelope.payload);
    const auto* key = ready ? keys_.by_epoch(ready->epoch) : nullptr;
    if (key == nullptr || key->info().member(envelope.from) == nullptr || key->info().member(ready->peer) == nullptr)
      return;
    pace_[{ready->epoch, envelope.from}].wait = {};  // it has this key
    auto& known = announced_[{ready->epoch, envelope.from, ready->peer}];
    if (std::exchange(known, ready->setup) == ready->setup) return;
    if (on_change) on_change();
    return;
  }
  if (envelope.type == MessageType::SetupOpen) return on_open(envelope, now);
  if (envelope.type == MessageType::SetupAbort) return on_abort(envelope);
  sessions_.deliver(std::move(envelope));
}

void PairSetups::on_open(const wire::Envelope& envelope, Clock::time_point now) {
  auto open = wire::decode<wire::SetupOpen>(envelope.payload);
  if (!open || envelope.from >= me_) return;
  // "Not now", so that the opener need not wait for its time-out: it tries again in a second.
  const auto refuse = [&] {
    mesh_.send({MessageType::SetupAbort, envelope.sid, me_, envelope.from, wire::encode_abort(Fault::BadParameters)});
  };
  auto* key = keys_.by_epoch(open->epoch);
  if (key == nullptr || key->stage == Stage::Fading) return refuse();  // the opener has seen the last confirmation before this signer
  if (key->info().key != open->key || key->info().curve->id() != open->curve ||
      key->info().member(envelope.from) == nullptr)
    return;
  const Pair pair{open->epoch, envelope.from};
  if (sessions_.has(envelope.sid) || shunned(envelope.from)) return;
  auto& pace = pace_[pair];
  if (pace.last && now < *pace.last + kSetupInterval / 2) return refuse();
  pace.last = now;
  if (const auto running = running_.find(pair); running != running_.end())
    sessions_.abort(SessionId(running->second), Abort{Fault::TimedOut, Blame::nobody(), "replaced by a newer set-up"});
  states_.erase(pair);
  run(*key, envelope.from, envelope.sid, envelope);
}

void PairSetups::on_abort(const wire::Envelope& envelope) {
  auto fault = wire::decode_abort(envelope.payload);
  if (!fault) return;
  for (const auto& [pair, sid] : running_) {
    if (pair.peer != envelope.from || sid != envelope.sid) continue;
    if (*fault == Fault::BadParameters) {
      auto& pace = pace_[pair];
      pace.wait = std::clamp(pace.wait * 2, kSetupInterval, kLongestWait);
    }
    // These two are no verdict on what this signer sent (SPEC 3.5), any other is.
    const bool dispute = *fault != Fault::TimedOut && *fault != Fault::BadParameters;
    return sessions_.abort(SessionId(sid),
                           Abort{dispute ? *fault : Fault::TimedOut,
                                 dispute ? Blame::pair(me_, envelope.from) : Blame::nobody(),
                                 "signer " + std::to_string(envelope.from) + " ended the set-up: " +
                                     std::string(name(*fault))});
  }
}

std::shared_ptr<const ot::PairState> PairSetups::state(const EpochId& epoch, PartyId peer) const {
  const auto found = states_.find({epoch, peer});
  return found == states_.end() ? nullptr : found->second;
}

std::optional<SetupId> PairSetups::agreed(const EpochId& epoch, PartyId a, PartyId b) const {
  const auto one = announced_.find({epoch, a, b}), two = announced_.find({epoch, b, a});
  if (one == announced_.end() || two == announced_.end() || one->second != two->second || one->second.is_zero())
    return std::nullopt;
  return one->second;
}

bool PairSetups::active_at_all(const PublicKeyInfo& info) const {
  return std::all_of(info.members.begin(), info.members.end(), [&](const auto& member) {
    if (member.id == me_ || keys_.quarantined(member.id)) return true;
    const auto said = announced_.lower_bound({info.epoch, member.id, kNobody});
    return said != announced_.end() && std::get<0>(said->first) == info.epoch && std::get<1>(said->first) == member.id;
  });
}

std::optional<std::vector<SetupId>> PairSetups::agreed(const EpochId& epoch, const Quorum& quorum) const {
  std::vector<SetupId> out;
  for (std::size_t i = 0; i < quorum.size(); ++i) {
    for (std::size_t j = i + 1; j < quorum.size(); ++j) {
      const auto id = agreed(epoch, quorum[i], quorum[j]);
      if (!id) return std::nullopt;
      out.push_back(*id);
    }
  }
  return out;
}

}  // namespace quorate::signerd
