#include <algorithm>

#include "protocol/coordinator/coordinator.h"

namespace quorate::coordinator {

namespace {

bool contains(const Quorum& quorum, PartyId id) { return std::binary_search(quorum.begin(), quorum.end(), id); }

}  // namespace

void Coordinator::link_up(Time now, PartyId id, const Digest& instance) {
  advance(now);
  if (!is_signer(id)) return;
  SignerState& signer = signers_[id];
  if (signer.up()) disconnect(id);
  if (!signer.instance.is_zero() && signer.instance != instance) restarted(id);
  signer.instance = instance;
  signer.link = SignerState::Link::Up;
  signer.breaker.reset();
  signer.unanswered_since = kNever;
  signer.busy_until = kLongAgo;
  signer.status_sent = kLongAgo;
  for (auto& [key_id, key] : keys_) key.warm_until = kLongAgo;
  mark_all();
  status_timers();
  settle();
}

void Coordinator::link_down(Time now, PartyId id) {
  advance(now);
  if (!is_signer(id)) return;
  if (signers_[id].up()) disconnect(id);
  signers_[id].link = SignerState::Link::Down;
  status_timers();  // something is missing now: the others are asked more often
  settle();
}

void Coordinator::quarantine(Time now, const std::set<PartyId>& signers) {
  advance(now);
  for (PartyId id = 1; id <= kMaxParties; ++id) signers_[id].quarantined = signers.contains(id);
  for (auto& [key_id, key] : keys_) {
    for (auto& [quorum, state] : key.quorums)
      if (obstacle(key, state, signers_, now_) == Obstacle::Quarantined) drop_leases(key, state, true);
    key.warm_until = kLongAgo;
  }
  mark_all();
  status_timers();
  settle();
}

/// Everything that depended on the link: requests go elsewhere at once, leases of its quorums go back to
/// leaders that can still be reached.
void Coordinator::disconnect(PartyId id) {
  SignerState& signer = signers_[id];
  signer.link = SignerState::Link::Down;
  signer.status_request.reset();
  signer.status_heard = false;

  for (auto it = orders_.begin(); it != orders_.end();) {
    const Order& order = it->second;
    if (order.leader != id) {
      ++it;
      continue;
    }
    if (auto* state = keys_.at(order.key).find(order.quorum, order.stamp); state != nullptr && !order.overdue)
      state->asked -= order.count;
    it = orders_.erase(it);
  }
  for (auto& [key_id, key] : keys_) {
    for (auto& [quorum, state] : key.quorums)
      if (contains(quorum, id)) drop_leases(key, state, true);
    key.warm_until = kLongAgo;
  }
  std::vector<SessionId> cut;
  for (const auto& [sid, attempt] : attempts_)
    if (attempt.member(id) && !attempt.answered(id)) cut.push_back(sid);
  for (const auto& sid : cut) {
    const auto it = attempts_.find(sid);
    if (it == attempts_.end()) continue;  // the request of the one before may have ended with it
    if (it->second.request == 0) {
      unwatch(sid);
    } else {
      attempt_failed(sid, AttemptFailure::LinkLost, id, "the link to signer " + std::to_string(id) + " was lost");
    }
  }
  mark_all();
}

/// A new process has none of the presignatures of the old one, and its peers drop theirs.
void Coordinator::restarted(PartyId id) {
  for (auto& [key_id, key] : keys_) {
    for (auto& [quorum, state] : key.quorums)
      if (contains(quorum, id)) drop_leases(key, state, false);
    lose(key_id, forget(key, id));
  }
}

/// What the signer says of the key contradicts what was believed: believe nothing until it has told anew.
/// Its peers are asked too, as an epoch changes for all of them.
void Coordinator::mistaken(KeyState& key, PartyId id) {
  lose(key.info.id, forget(key, id));
  for (auto& signer : signers_) signer.status_wanted = signer.status_wanted || signer.up();
  key.dirty = true;
  status_timers();
}

void Coordinator::on_status(Time now, PartyId from, const SessionId& request, const wire::StatusReply& reply) {
  advance(now);
  if (!is_signer(from) || signers_[from].status_request != request) {
    ++counters_.late;
    settle();
    return;
  }
  SignerState& signer = signers_[from];
  signer.status_request.reset();
  if (reply.signer != from) {
    ++counters_.malformed;
    settle();
    return;
  }
  // No sign of health: whoever can tell its status may still be unable to sign in time.
  signer.latency.add(now_ - signer.status_sent);
  signer.status_heard = true;
  if (reply.instance != signer.instance) {
    restarted(from);
    signer.instance = reply.instance;
  }
  for (auto& [id, key] : keys_) {
    if (!key.views.contains(from)) key.warm_until = kLongAgo;  // what is kept warm was chosen without it
    const auto status = std::find_if(reply.keys.begin(), reply.keys.end(),
                                     [&, &key_id = id](const wire::KeyStatus& s) { return s.key == key_id; });
    if (status == reply.keys.end()) {
      lose(id, forget(key, from));
    } else if (const auto lost = learn(key, from, *status, next_stamp_)) {
      lose(id, *lost);
    } else {
      ++counters_.malformed;
      lose(id, forget(key, from));
    }
  }
  mark_all();
  status_timers();  // what was just learnt may be a reason to ask more often
  settle();
}

void Coordinator::status_timers() {
  const bool eager = std::any_of(keys_.begin(), keys_.end(), [&](const auto& entry) {
                       return look_at(entry.second, signers_, config_, now_).problem.has_value();
                     });
  const Time interval = eager ? config_.eager_status_interval : config_.status_interval;
  const auto due = [&](const SignerState& signer) {
    if (signer.status_sent == kLongAgo) return now_;
    // Whoever has not answered the last one is not pressed.
    if (signer.status_request) return signer.status_sent + config_.status_interval;
    return signer.status_sent + (signer.status_wanted ? std::min(interval, config_.back_off) : interval);
  };
  for (PartyId id = 1; id <= kMaxParties; ++id) {
    SignerState& signer = signers_[id];
    if (!signer.up()) continue;
    if (due(signer) <= now_) {
      if (signer.status_request) signer.breaker.failed(now_, config_);
      signer.status_request = rng_.make_id<SessionId>();
      signer.status_sent = now_;
      signer.status_wanted = false;
      send(id, *signer.status_request, wire::StatusRequest{});
    }
    wake_at(due(signer));
  }
}

void Coordinator::mark_all() {
  for (auto& [id, key] : keys_) key.dirty = true;
}

}  // namespace quorate::coordinator
