#include <algorithm>
#include <cmath>

#include "protocol/coordinator/coordinator.h"

namespace quorate::coordinator {

namespace {

/// An unanswered order is remembered this long: a leader that was stopped for a while answers it then, and gets
/// back what it leases. Leases that come later are left to expire.
constexpr Time kOrderMemory = std::chrono::seconds(10);

}  // namespace

/// Serves waiting requests from leases in hand, in the order in which they came, and orders what is
/// missing: for those that still wait, and to keep the warm quorums stocked.
void Coordinator::pump(KeyState& key) {
  const bool idle = key.idle(now_, config_);
  if (!idle && now_ >= key.warm_until) {
    key.warm = warm_set(key, signers_, now_);
    key.warm_until = now_ + config_.status_interval;
    wake_at(key.warm_until);
  }

  demand(key);

  std::map<Quorum, std::size_t> claimed, wanted;
  const auto supply = [&](const std::vector<Option>& options) {
    const auto claim = [&](bool from_tardy) {
      return std::any_of(options.begin(), options.end(), [&](const Option& option) {
        if (tardy(option.state->leader) != from_tardy) return false;
        auto& n = claimed[option.state->quorum];
        return n < option.state->asked && ++n > 0;
      });
    };
    // What is owed by a leader who keeps us waiting is not waited for, if another one can be asked.
    if (claim(false)) return true;
    const QuorumState* least = nullptr;
    std::pair<bool, std::size_t> load;
    for (const auto& option : options) {
      const QuorumState& state = *option.state;
      const auto it = wanted.find(state.quorum);
      const std::size_t more = it == wanted.end() ? 0 : it->second;
      if (now_ < state.not_before() || more >= room(state)) continue;
      const std::pair here(tardy(state.leader), state.asked + more);
      if (least != nullptr && here >= load) continue;
      least = &state;
      load = here;
    }
    if ((least == nullptr || load.first) && claim(true)) return true;
    if (least == nullptr) return false;
    ++wanted[least->quorum];
    return true;
  };

  // Requests that avoid nobody share one list of options.
  std::optional<std::vector<Option>> common;
  bool exhausted = false;
  std::optional<std::optional<SignError>> denied;  // looked up once, if at all
  const std::vector<RequestHandle> queue(key.waiting.begin(), key.waiting.end());
  for (const auto handle : queue) {
    Request& request = requests_.at(handle);
    if (request.job.hint && take_up_hint(key, request)) continue;
    const bool free = request.avoid.next_end(now_) == kNever;
    if (free && exhausted) continue;
    std::vector<Option> own;
    if (free) {
      if (!common) common = best_options(key, signers_, request.avoid, now_);
    } else {
      own = best_options(key, signers_, request.avoid, now_);
    }
    const std::vector<Option>& options = free ? *common : own;
    if (QuorumState* state = choose_held(options, signers_, now_)) {
      launch(key, request, *state);
      // A signer on trial takes one request at a time.
      if (std::any_of(state->quorum.begin(), state->quorum.end(),
                      [&](PartyId id) { return !signers_[id].breaker.admits(now_); }))
        common.reset();
      continue;
    }
    if (options.empty()) {
      if (!request.live.empty()) continue;
      if (!denied) denied = denied_everywhere(key, signers_, config_, now_);
      if (!*denied) continue;
      // What a signer has told this very request says more.
      const bool told = (*denied)->code == SignErrorCode::Overloaded && request.last_refusal == SignErrorCode::Overloaded;
      finish(request, fail(told ? why_waiting(key, signers_, config_, request, now_) : **denied));
    } else if (!supply(options) && free) {
      exhausted = true;
    }
  }

  if (!idle) {
    for (const auto& quorum : key.warm) {
      const auto it = key.quorums.find(quorum);
      if (it == key.quorums.end() || now_ < it->second.not_before()) continue;
      const QuorumState& state = it->second;
      if (obstacle(key, state, signers_, now_) != Obstacle::None) continue;
      const std::size_t target = lease_target(key, quorum);
      const std::size_t have = state.leases.usable(now_) + state.asked;
      if (have < (target + 1) / 2)
        wanted[quorum] = std::max(wanted[quorum], std::min(target - have, room_ahead(state)));
    }
  }
  place_orders(key, wanted);
}

void Coordinator::place_orders(KeyState& key, const std::map<Quorum, std::size_t>& wanted) {
  for (const auto& [quorum, n] : wanted) {
    QuorumState& state = key.quorums.at(quorum);
    const std::size_t count = std::min({n, room(state), std::size_t{config_.max_lease}});
    if (count == 0) continue;
    const auto sid = rng_.make_id<SessionId>();
    const Time overdue_at = now_ + attempt_timeout({state.leader}, std::chrono::seconds(2), true);
    orders_[sid] = {key.info.id, quorum, state.epoch, state.leader, state.stamp, count, now_, overdue_at, false};
    state.asked += count;
    signers_[state.leader].asked(now_);
    wake_at(now_ + hedge_delay({state.leader}));
    if (state.on_demand) state.demanded_until = std::max(state.demanded_until, overdue_at + config_.status_interval);
    wake_at(overdue_at);
    send(state.leader, sid, wire::LeaseRequest{key.info.id, state.epoch, quorum, static_cast<std::uint16_t>(count)});
  }
}

/// How many more ids may be asked for: at most a quarter of the pool is held or asked for, but always one.
std::size_t Coordinator::room(const QuorumState& state) const {
  const std::size_t held = state.leases.usable(now_);
  const std::size_t limit = std::max<std::size_t>(1, (state.available + held) / config_.pool_share);
  return limit - std::min(limit, held + state.asked);
}

/// The same for ids that nobody waits for: none while a pool is below a quarter of its target, so that
/// what is left goes to whoever has a request at hand.
std::size_t Coordinator::room_ahead(const QuorumState& state) const {
  return state.available < state.target / config_.pool_share ? 0 : room(state);
}

/// What the own rate takes out of this quorum in a lease window, one at least; none for a quorum that is
/// not kept warm.
std::size_t Coordinator::lease_target(const KeyState& key, const Quorum& quorum) const {
  if (std::find(key.warm.begin(), key.warm.end(), quorum) == key.warm.end()) return 0;
  const double window = std::chrono::duration<double>(config_.lease_window).count();
  const double ids = std::ceil(key.rate.per_second(now_) * window / static_cast<double>(key.warm.size()));
  return static_cast<std::size_t>(std::clamp(ids, 1.0, static_cast<double>(config_.max_lease)));
}

void Coordinator::on_lease(Time now, PartyId from, const SessionId& sid, const wire::LeaseReply& reply) {
  advance(now);
  const auto it = orders_.find(sid);
  if (it == orders_.end()) {
    ++counters_.late;
  } else if (it->second.leader != from) {
    ++counters_.malformed;
  } else {
    const Order order = it->second;
    orders_.erase(it);
    signers_[from].answered(now_ - order.sent);
    KeyState& key = keys_.at(order.key);
    if (auto* state = key.find(order.quorum, order.stamp)) {
      if (!order.overdue) state->asked -= order.count;
      accept_leases(key, *state, reply, order.count, order.sent);
    } else {
      auto ids = reply.ids;
      if (ids.size() > order.count) ids.resize(order.count);
      counters_.leases_granted += ids.size();
      give_back(order.key, order.epoch, order.leader, std::move(ids));
    }
  }
  settle();
}

/// `sent`: when they were asked for. The leader's clock for them started later, so ours ends earlier.
void Coordinator::accept_leases(KeyState& key, QuorumState& state, const wire::LeaseReply& reply, std::size_t asked,
                                Time sent) {
  const Time life = std::chrono::milliseconds(reply.lifetime_ms);
  std::size_t granted = 0, usable = 0;
  std::vector<PresignatureId> late;
  for (const auto& id : reply.ids) {
    if (granted == asked || !ledger_.hold(id)) {
      ++counters_.leases_refused;
      continue;
    }
    ++granted;
    ++counters_.leases_granted;
    const Lease lease{id, sent + life / 5 * 4, sent + life};
    if (lease.let_go <= now_) {
      ledger_.release(id);
      late.push_back(id);
      continue;
    }
    ++usable;
    state.leases.add(lease);
    wake_at(lease.let_go);
  }
  state.available = reply.available;
  state.denied_until = state.silent_until = kLongAgo;
  // Leases that are over when they come are none: asked for again at once, they would be for ever.
  state.dry_until = usable == 0 ? now_ + config_.back_off : kLongAgo;
  if (usable == 0) wake_at(state.dry_until);
  key.dirty = true;
  let_go(key.info.id, state.epoch, state.leader, state.leases.take_stale(now_), true);
  // At the leader they have only begun, if it was the leader that took so long.
  if (!late.empty()) give_back(key.info.id, state.epoch, state.leader, std::move(late));
  // Nobody is left to use them, or they cannot be used.
  const Obstacle here = obstacle(key, state, signers_, now_);
  if (key.idle(now_, config_) || here == Obstacle::Unreachable || here == Obstacle::Quarantined)
    drop_leases(key, state, true);
}

void Coordinator::give_back(const KeyId& key, const EpochId& epoch, PartyId leader, std::vector<PresignatureId> ids) {
  if (!signers_[leader].up()) {
    counters_.leases_discarded += ids.size();
    return;
  }
  counters_.leases_returned += ids.size();
  for (std::size_t at = 0; at < ids.size(); at += config_.max_lease) {
    const auto end = std::min(ids.size(), at + config_.max_lease);
    wire::LeaseReturn message{key, epoch, {}};
    message.ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(end));
    send(leader, rng_.make_id<SessionId>(), std::move(message));
  }
}

/// useful: the presignatures still exist, somebody else may have them.
void Coordinator::let_go(const KeyId& key, const EpochId& epoch, PartyId leader, const std::vector<Lease>& leases,
                         bool useful) {
  std::vector<PresignatureId> back;
  for (const auto& lease : leases) {
    ledger_.release(lease.id);
    if (useful && now_ < lease.expires) {
      back.push_back(lease.id);
    } else {
      ++counters_.leases_discarded;
    }
  }
  if (!back.empty()) give_back(key, epoch, leader, std::move(back));
}

void Coordinator::drop_leases(KeyState& key, QuorumState& state, bool useful) {
  let_go(key.info.id, state.epoch, state.leader, state.leases.take_all(), useful);
}

void Coordinator::lose(const KeyId& key, const std::vector<LostQuorum>& lost) {
  for (const auto& quorum : lost) let_go(key, quorum.epoch, quorum.leader, quorum.leases, quorum.same_epoch);
}

void Coordinator::order_failed(const SessionId& sid, const wire::Refusal& refusal) {
  const Order order = orders_.at(sid);
  orders_.erase(sid);
  KeyState& key = keys_.at(order.key);
  SignerState& leader = signers_[order.leader];
  leader.answered(now_ - order.sent);
  key.dirty = true;
  QuorumState* state = key.find(order.quorum, order.stamp);
  if (state != nullptr && !order.overdue) state->asked -= order.count;

  const Time later = now_ + config_.back_off;
  switch (refusal.code) {
    case SignErrorCode::PolicyDenied:
      if (state != nullptr) {
        state->denied_until = now_ + config_.denied_for;
        state->denial = one_line(refusal.reason);
        state->denial_code = refusal.code;
        wake_at(state->denied_until);
      }
      return;
    case SignErrorCode::KeyUnknown:
    case SignErrorCode::EpochMismatch:
      mistaken(key, order.leader);
      return;
    case SignErrorCode::Overloaded:
      leader.busy_until = later;
      break;
    case SignErrorCode::SignerQuarantined:
    case SignErrorCode::QuorumInsufficient:
      // It will not lead this quorum, or cannot: another one has to do.
      if (state != nullptr && (state->on_demand || refusal.code == SignErrorCode::SignerQuarantined)) {
        state->denied_until = now_ + config_.denied_for;
        state->denial = one_line(refusal.reason);
        state->denial_code = refusal.code;
        wake_at(state->denied_until);
        return;
      }
      [[fallthrough]];
    case SignErrorCode::DeadlineExceeded:
    case SignErrorCode::PresignatureConsumed:
      if (state != nullptr) state->silent_until = later;
      break;
    case SignErrorCode::PrecomputeDepleted:
      if (state != nullptr) {
        state->available = 0;
        state->dry_until = later;
      }
      break;
  }
  wake_at(later);
}

void Coordinator::lease_timers() {
  for (auto it = orders_.begin(); it != orders_.end();) {
    Order& order = it->second;
    if (!order.overdue && order.overdue_at <= now_) {
      order.overdue = true;
      KeyState& key = keys_.at(order.key);
      key.dirty = true;
      signers_[order.leader].breaker.failed(now_, config_);
      signers_[order.leader].unanswered_since = kNever;
      if (auto* state = key.find(order.quorum, order.stamp)) {
        state->asked -= order.count;
        state->silent_until = now_ + config_.back_off;
      }
    }
    const Time end = std::max(order.overdue_at, order.sent + kOrderMemory);
    if (end <= now_) {
      it = orders_.erase(it);
      continue;
    }
    wake_at(order.overdue ? end : order.overdue_at);
    ++it;
  }

  const auto later = [&](Time t) {
    if (t > now_) wake_at(t);
  };
  for (auto& [id, key] : keys_) {
    const bool idle = key.idle(now_, config_);
    for (auto& [quorum, state] : key.quorums) {
      let_go(id, state.epoch, state.leader, idle ? state.leases.take_all() : state.leases.take_stale(now_), true);
      later(state.leases.next_let_go());
      // Whether or not anybody waits: who comes before then may.
      later(state.dry_until);
      later(state.denied_until);
      later(state.silent_until);
      later(state.suspect_until);
    }
    if (idle) continue;
    key.dirty = true;
    later(key.warm_until);
    later(key.last_submit + config_.idle_after);
    for (const auto& signer : signers_) {
      later(signer.busy_until);
      later(signer.breaker.retry_at());
    }
  }
}

}  // namespace quorate::coordinator
