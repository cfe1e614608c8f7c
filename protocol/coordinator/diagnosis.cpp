#include "protocol/coordinator/diagnosis.h"

#include <algorithm>

#include "protocol/coordinator/on_demand.h"

namespace quorate::coordinator {

namespace {

struct Population {
  std::vector<PartyId> up, down, waiting, quarantined;  ///< waiting: link not decided yet; each in one of them
  std::size_t threshold = 0;
};

Population population(const KeyState& key, const Signers& signers, const CoordinatorConfig& config) {
  Population out;
  std::set<PartyId> all(config.signers.begin(), config.signers.end());
  // What most say: wherever the honest ones can sign by themselves they are more than the others. Nor are there
  // signers to be waited for because one says so; whoever is not configured never comes.
  std::map<std::size_t, std::size_t> votes;
  for (const auto& [id, view] : key.views) {
    if (config.signers.empty()) all.insert(view.members.begin(), view.members.end());
    ++votes[view.threshold];
  }
  std::size_t most = 0;
  for (const auto& [threshold, count] : votes) {
    if (count >= most) out.threshold = threshold;
    most = std::max(most, count);
  }
  for (PartyId id = 1; id <= kMaxParties; ++id)
    if (signers[id].link != SignerState::Link::Unknown) all.insert(id);
  for (auto id : all) {
    if (signers[id].quarantined) {
      out.quarantined.push_back(id);
      continue;
    }
    switch (signers[id].link) {
      case SignerState::Link::Up: out.up.push_back(id); break;
      case SignerState::Link::Down: out.down.push_back(id); break;
      case SignerState::Link::Unknown: out.waiting.push_back(id); break;
    }
  }
  return out;
}

/// "1 of 2 signers reachable (signer 1 up; signers 2, 3 down)"
std::string reach_text(const Population& p) {
  std::string who;
  const auto add = [&](const std::vector<PartyId>& ids, const char* state) {
    if (ids.empty()) return;
    who += (who.empty() ? "" : "; ") + signers_text(ids) + state;
  };
  add(p.up, " up");
  add(p.down, " down");
  add(p.waiting, " not connected yet");
  add(p.quarantined, " quarantined");
  std::string out = std::to_string(p.up.size());
  if (p.threshold != 0) out += " of " + std::to_string(p.threshold);
  out += p.threshold == 0 && p.up.size() == 1 ? " signer reachable" : " signers reachable";
  if (!who.empty()) out += " (" + who + ")";
  return out;
}

struct Tally {
  std::size_t usable = 0, busy = 0, epochs_differ = 0, asked = 0;
  std::uint64_t depth = 0;
  std::vector<const QuorumState*> quorums;  ///< usable
};

Tally tally(const KeyState& key, const Signers& signers, const CoordinatorConfig& config, Time now) {
  Tally out;
  for (const auto& [quorum, state] : key.quorums) {
    switch (obstacle(key, state, signers, now)) {
      case Obstacle::Unreachable:
      case Obstacle::Quarantined: break;
      case Obstacle::EpochsDiffer: ++out.epochs_differ; break;
      case Obstacle::Busy: ++out.busy; break;
      case Obstacle::None:
        ++out.usable;
        out.depth += state.available + state.leases.usable(now);
        // An order with a leader that has just said it has none is no prospect.
        if (now - state.dry_until > config.status_interval) out.asked += state.asked;
        out.quorums.push_back(&state);
        break;
    }
  }
  return out;
}

/// "no presignatures in the pools of 1,2 (target 64), 2,3 (target 64) and 4 more"
std::string empty_pools_text(const std::vector<const QuorumState*>& quorums) {
  constexpr std::size_t kShown = 6;
  std::string out = quorums.size() == 1 ? "no presignatures in the pool of " : "no presignatures in the pools of ";
  for (std::size_t i = 0; i < quorums.size() && i < kShown; ++i) {
    out += (i == 0 ? "" : ", ") + to_string(quorums[i]->quorum);
    out += " (leader " + std::to_string(quorums[i]->leader) + ", " +
           (quorums[i]->on_demand ? "being activated" : "target " + std::to_string(quorums[i]->target)) + ")";
  }
  if (quorums.size() > kShown) out += " and " + std::to_string(quorums.size() - kShown) + " more";
  return out;
}

/// Why the key is not ready, though a request might do: nothing if it is.
std::optional<SignError> shortcoming(const KeyState& key, const Tally& pools, const Signers& signers, Time now) {
  std::string slow, shallow;
  for (const auto* state : pools.quorums) {
    if (blocked(key, *state, signers, now)) {
      slow += (slow.empty() ? "" : "; ") + to_string(state->quorum);
      continue;
    }
    const std::uint32_t least = std::max(1u, std::min(state->min, state->target));
    if (state->available >= least) return std::nullopt;
    shallow += (shallow.empty() ? "" : ", ") + to_string(state->quorum) + " has " +
               std::to_string(state->available) + " of " + std::to_string(least);
  }
  if (!shallow.empty())
    return SignError{SignErrorCode::PrecomputeDepleted, "the pools are below their minimum (" + shallow + ")"};
  return SignError{SignErrorCode::QuorumInsufficient, "every quorum has a signer that does not answer in time or "
                                                      "will not sign (" + slow + ")"};
}

std::string epochs_text(const KeyState& key) {
  std::string out;
  for (const auto& [id, view] : key.views)
    out += (out.empty() ? "" : ", ") + std::to_string(id) + ": " + view.epoch.brief();
  return out;
}

/// "after 2 attempts in 200 ms"
std::string effort_text(const Request& request, Time now) {
  return std::to_string(request.attempts) + (request.attempts == 1 ? " attempt in " : " attempts in ") +
         std::to_string(whole_ms(now - request.submitted)) + " ms";
}

}  // namespace

Outlook look_at(const KeyState& key, const Signers& signers, const CoordinatorConfig& config, Time now) {
  const Population who = population(key, signers, config);
  const Tally pools = tally(key, signers, config, now);
  Outlook out;
  out.signers_up = who.up.size();
  out.threshold = who.threshold;
  out.pool_depth = pools.depth;
  out.may_change = !who.waiting.empty();
  bool all_heard = !who.up.empty();
  for (auto id : who.up) {
    if (!signers[id].status_heard) {
      out.may_change = true;
      all_heard = false;
    }
  }
  // With these many signers down no answer that is still to come can help.
  if (who.threshold != 0 && who.up.size() + who.waiting.size() < who.threshold) out.may_change = false;

  if (pools.usable > 0) {
    if (pools.depth == 0 && pools.asked == 0) {
      const QuorumState& one = *pools.quorums.front();
      const bool denied = std::all_of(pools.quorums.begin(), pools.quorums.end(),
                                      [&](const auto* state) { return now < state->denied_until; });
      out.problem = denied ? SignError{one.denial_code, "signer " + std::to_string(one.leader) + ": " + one.denial}
                           : SignError{SignErrorCode::PrecomputeDepleted, empty_pools_text(pools.quorums)};
      out.can_sign = out.may_change || quorum_on_demand(key, signers, now).has_value();
    }
    out.unready = shortcoming(key, pools, signers, now);
    return out;
  }
  out.can_sign = out.may_change;
  if (pools.busy > 0) {
    out.problem = SignError{SignErrorCode::Overloaded, "every reachable quorum has a signer that is overloaded; " +
                                                           reach_text(who)};
  } else if (key.views.empty() && all_heard) {
    out.problem = SignError{SignErrorCode::KeyUnknown, "key " + key.info.id.brief() + " is held by none of " +
                                                           signers_text(who.up)};
  } else if (pools.epochs_differ > 0) {
    out.problem = SignError{SignErrorCode::EpochMismatch,
                            "signers are in different epochs (" + epochs_text(key) + "); " + reach_text(who)};
  } else if (who.threshold != 0 && who.up.size() < who.threshold &&
             who.up.size() + who.quarantined.size() >= who.threshold) {
    out.problem = SignError{SignErrorCode::SignerQuarantined, reach_text(who)};
  } else {
    std::string text = reach_text(who);
    if (who.threshold == 0) {
      text += "; threshold not learnt yet";
    } else if (who.up.size() >= who.threshold) {
      text += ", but no active quorum among them";
      if (const auto other = quorum_on_demand(key, signers, now)) {
        text += "; " + to_string(*other) + " can be activated";
        out.can_sign = true;
      }
    }
    out.problem = SignError{SignErrorCode::QuorumInsufficient, text};
  }
  return out;
}

Readiness readiness_of(const Outlook& outlook) {
  Readiness out;
  out.signers_up = outlook.signers_up;
  out.threshold = outlook.threshold;
  out.pool_depth = outlook.pool_depth;
  out.can_sign = outlook.can_sign;
  if (!outlook.problem && !outlook.unready) {
    out.state = Readiness::State::Ready;
    out.detail = std::to_string(outlook.signers_up) + " signers up, " + std::to_string(outlook.pool_depth) +
                 " presignatures ready";
    return out;
  }
  const SignError& why = outlook.problem ? *outlook.problem : *outlook.unready;
  out.state = outlook.may_change ? Readiness::State::Unknown : Readiness::State::NotReady;
  out.reason = why.code;
  out.detail = why.detail;
  return out;
}

std::optional<SignError> denied_everywhere(const KeyState& key, const Signers& signers, const CoordinatorConfig& config,
                                           Time now) {
  const Tally pools = tally(key, signers, config, now);
  if (pools.quorums.empty() && pools.busy > 0) {
    Outlook outlook = look_at(key, signers, config, now);
    return outlook.may_change ? std::nullopt : std::move(outlook.problem);
  }
  if (pools.quorums.empty() || pools.busy > 0) return std::nullopt;
  for (const auto* state : pools.quorums)
    if (now >= state->denied_until || state->leases.usable(now) > 0 ||
        state->denial_code != SignErrorCode::PolicyDenied)
      return std::nullopt;
  const QuorumState& one = *pools.quorums.front();
  return SignError{SignErrorCode::PolicyDenied, "signer " + std::to_string(one.leader) + ": " + one.denial};
}

SignError why_waiting(const KeyState& key, const Signers& signers, const CoordinatorConfig& config,
                      const Request& request, Time now) {
  const std::string effort =
      request.attempts == 0 ? "" : "; " + effort_text(request, now) + ", last: " + request.last_failure;
  if (request.attempts >= config.max_attempts)
    return {request.last_refusal.value_or(SignErrorCode::QuorumInsufficient),
            effort_text(request, now) + ", last: " + request.last_failure};
  const Outlook outlook = look_at(key, signers, config, now);
  if (outlook.problem) {
    // Enough signers are there: what they said tells more than that no quorum is left.
    const bool unavailing = outlook.problem->code == SignErrorCode::QuorumInsufficient && outlook.threshold != 0 &&
                            outlook.signers_up >= outlook.threshold;
    return {unavailing ? request.last_refusal.value_or(outlook.problem->code) : outlook.problem->code,
            outlook.problem->detail + effort};
  }

  const Tally pools = tally(key, signers, config, now);
  for (const auto* state : pools.quorums)
    if (state->asked > 0 && request.attempts == 0)
      return {SignErrorCode::DeadlineExceeded,
              std::to_string(whole_ms(now - request.submitted)) + " ms passed; signer " +
                  std::to_string(state->leader) + " has not answered the request for presignatures of quorum " +
                  to_string(state->quorum)};
  if (request.attempts == 0)
    return {SignErrorCode::DeadlineExceeded, std::to_string(whole_ms(now - request.submitted)) +
                                                 " ms passed before a presignature could be had"};
  const SignErrorCode code = request.last_refusal.value_or(
      now >= request.job.deadline ? SignErrorCode::DeadlineExceeded : SignErrorCode::QuorumInsufficient);
  return {code, effort_text(request, now) + ", last: " + request.last_failure};
}

SignError why_unanswered(const Request& request, const Attempt& attempt, Time now) {
  std::string text = effort_text(request, now) + "; quorum " + to_string(attempt.quorum) + ": no answer from " +
                     signers_text(attempt.missing());
  if (!request.last_failure.empty()) text += "; before that: " + request.last_failure;
  return {SignErrorCode::DeadlineExceeded, text};
}

}  // namespace quorate::coordinator
