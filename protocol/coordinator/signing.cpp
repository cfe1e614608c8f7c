#include <algorithm>

#include "protocol/coordinator/coordinator.h"

namespace quorate::coordinator {

/// One presignature, one message to each of T signers. From here on the presignature is spent.
void Coordinator::launch(KeyState& key, Request& request, QuorumState& state) {
  const bool hedge = in_progress(request);
  if (hedge && !hedge_budget_.spend()) {
    key.waiting.erase(request.handle);
    arm(request);
    return;
  }
  const auto lease = state.leases.take(now_);
  if (!lease) return;
  ledger_.spend(lease->id, request.subject);
  counters_.hedged += hedge;
  fan_out(key, request, {lease->id, state.quorum, state.epoch}, &state).hedge = hedge;
}

/// `state`: of the quorum, if it is an active one.
Attempt& Coordinator::fan_out(KeyState& key, Request& request, const Assignment& assignment, QuorumState* state) {
  const Quorum& quorum = assignment.quorum;
  key.waiting.erase(request.handle);
  request.job.hint.reset();
  ++counters_.attempts;
  if (request.attempts++ > 0) ++counters_.retried;

  const Time remaining = request.job.deadline - now_;
  const auto sid = rng_.make_id<SessionId>();
  Attempt& attempt = attempts_[sid];
  attempt.request = request.handle;
  attempt.key = key.info.id;
  attempt.curve = key.info.curve;
  attempt.quorum = quorum;
  attempt.epoch = assignment.epoch;
  attempt.presignature = assignment.presignature;
  attempt.started = now_;
  attempt.overdue_at = now_ + attempt_timeout(quorum, remaining, key.quorums.size() > 1);
  attempt.hedge_at = now_ + hedge_delay(quorum);
  request.live.push_back(sid);
  if (state != nullptr) {
    attempt.leader = state->leader;
    attempt.quorum_stamp = state->stamp;
    // The leader's reply brings the next leases along.
    const std::size_t target = lease_target(key, quorum), held = state->leases.usable(now_) + state->asked;
    if (held < target && now_ >= state->not_before())
      attempt.lease_asked = std::min({target - held, room_ahead(*state), std::size_t{config_.max_lease}});
    state->asked += attempt.lease_asked;
    ++state->in_flight;
  }

  wire::SignRequest message;
  message.presignature = assignment.presignature;
  message.quorum = quorum;
  message.key = key.info.id;
  message.epoch = assignment.epoch;
  message.context = request.job.context;
  message.digest = request.job.digest;
  message.content = request.job.content;
  message.deadline_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(whole_ms(remaining), 1, 0xffffffff));
  message.frontend = request.job.frontend;
  actions_.emplace_back(Assigned{request.handle, assignment});
  for (auto id : quorum) {
    if (signers_[id].breaker.begin(now_)) attempt.trials.push_back(id);
    ++signers_[id].in_flight;
    signers_[id].asked(now_);
    message.lease = id == attempt.leader ? static_cast<std::uint16_t>(attempt.lease_asked) : std::uint16_t{0};
    send(id, sid, message);
  }
  arm(request);
  return attempt;
}

/// max(floor, 3 x p99 of the slowest member). If there is another quorum it gets its chance within half of
/// what remains; the floor is never cut.
Time Coordinator::attempt_timeout(const Quorum& quorum, Time remaining, bool others) const {
  Time slowest{};
  for (auto id : quorum) slowest = std::max(slowest, signers_[id].latency.p99());
  const Time wait = slowest * config_.attempt_p99_factor;
  return std::max(config_.attempt_floor, others ? std::min(wait, remaining / 2) : wait);
}

void Coordinator::on_sign_reply(Time now, PartyId from, const SessionId& sid, const wire::SignReply& reply) {
  advance(now);
  const auto it = attempts_.find(sid);
  if (it == attempts_.end()) {
    ++counters_.late;
  } else if (Attempt& attempt = it->second; !attempt.member(from)) {
    ++counters_.malformed;
  } else if (attempt.answered(from)) {
    ++counters_.duplicate;
  } else {
    --signers_[from].in_flight;
    signers_[from].answered(now_ - attempt.started);
    KeyState& key = keys_.at(attempt.key);
    if (from == attempt.leader) {
      const std::size_t asked = std::exchange(attempt.lease_asked, 0);
      if (auto* state = key.find(attempt.quorum, attempt.quorum_stamp); state != nullptr && asked > 0) {
        state->asked -= asked;
        accept_leases(key, *state, reply.lease, asked, attempt.started);
      }
    }
    if (attempt.request == 0) {
      ++counters_.late;
      attempt.replies.push_back({from, {}, {}, {}});
      if (attempt.missing().empty()) unwatch(sid);
    } else if (const auto failure = collect(attempt, from, reply)) {
      // The one who sent nonsense counts as having answered: its place in the accounts is settled above.
      if (!attempt.answered(from)) attempt.replies.push_back({from, {}, {}, {}});
      attempt_failed(sid, *failure, from, *failure == AttemptFailure::BadReply
                                              ? "signer " + std::to_string(from) + " answered for something else"
                                              : "quorum " + to_string(attempt.quorum) +
                                                    " does not agree on the presignature's public part");
    } else if (attempt.replies.size() == attempt.quorum.size()) {
      complete(attempt, sid);
    }
  }
  settle();
}

void Coordinator::complete(Attempt& attempt, const SessionId& sid) {
  KeyState& key = keys_.at(attempt.key);
  Request& request = requests_.at(attempt.request);
  const auto signature = conclude(attempt, key.info.X, request.m);
  if (!signature) {
    attempt_failed(sid, signature.error(), kNobody,
                   "the partial signatures of quorum " + to_string(attempt.quorum) + " do not add up");
    return;
  }
  for (auto id : attempt.quorum) signers_[id].suspicions = 0;
  if (auto* state = key.find(attempt.quorum, attempt.quorum_stamp)) {
    state->consumed = 0;
    state->misfits.succeeded();
  }
  counters_.hedges_won += attempt.hedge;
  finish(request, SignResult{signature->r, signature->s, attempt.quorum, attempt.presignature, request.attempts,
                             now_ - request.submitted});
}

/// Another quorum is tried beside this attempt; if its answers come after all, they still count.
void Coordinator::overdue(Attempt& attempt, Request& request) {
  attempt.overdue = true;
  for (auto id : attempt.missing()) {
    signers_[id].breaker.failed(now_, config_);
    signers_[id].unanswered_since = kNever;
    request.avoid.signer_until[id] = now_ + config_.back_off;
    wake_at(signers_[id].breaker.retry_at());
  }
  request.last_failure = "quorum " + to_string(attempt.quorum) + ": no answer from " + signers_text(attempt.missing()) +
                         " in " + std::to_string(whole_ms(now_ - attempt.started)) + " ms";
  request.last_refusal.reset();
  if (!in_progress(request)) wait_again(request);
}

/// The end of an attempt without a signature: its presignature stays spent, its request goes elsewhere.
/// `by` is who caused it as far as that can be seen from here; kNobody for BadSum and Inconsistent, where
/// finding out takes the records (SPEC 6.4).
void Coordinator::attempt_failed(const SessionId& sid, AttemptFailure failure, PartyId by, const std::string& text) {
  Attempt attempt = std::move(attempts_.at(sid));
  attempts_.erase(sid);
  release(attempt);
  KeyState& key = keys_.at(attempt.key);
  Request& request = requests_.at(attempt.request);
  std::erase(request.live, sid);
  request.last_failure = text;
  if (failure != AttemptFailure::Refused) request.last_refusal.reset();

  const bool suspicious = failure != AttemptFailure::Refused && failure != AttemptFailure::LinkLost;
  if (suspicious) {
    ++counters_.suspicions;
    if (failure == AttemptFailure::BadReply) {
      signers_[by].suspect(now_, config_);
    } else {
      for (auto id : attempt.quorum) signers_[id].suspect(now_, config_);
    }
    if (auto* state = key.find(attempt.quorum, attempt.quorum_stamp)) state->suspect_until = now_ + config_.suspect_for;
    request.avoid.add(attempt.quorum, now_ + config_.back_off);
    key.warm_until = kLongAgo;
    std::erase_if(attempt.replies, [](const PartialReply& r) { return !r.s.valid(); });
    actions_.emplace_back(Suspicion{failure, attempt.key, attempt.epoch, attempt.quorum, attempt.presignature,
                                    request.job.context, request.job.digest, request.job.content,
                                    std::move(attempt.replies)});
  }
  // Unless it has its successor already.
  if (in_progress(request)) {
    arm(request);
  } else {
    wait_again(request);
  }
}

void Coordinator::on_refusal(Time now, PartyId from, const SessionId& sid, const wire::Refusal& refusal) {
  advance(now);
  if (auto attempt = attempts_.find(sid); attempt != attempts_.end()) {
    if (!attempt->second.member(from)) {
      ++counters_.malformed;
    } else if (attempt->second.answered(from)) {
      ++counters_.duplicate;
    } else if (attempt->second.request == 0) {
      ++counters_.late;
      unwatch(sid);
    } else {
      refused(attempt->second, sid, from, refusal);
    }
  } else if (auto order = orders_.find(sid); order != orders_.end()) {
    if (order->second.leader == from) {
      order_failed(sid, refusal);
    } else {
      ++counters_.malformed;
    }
  } else if (is_signer(from) && signers_[from].status_request == sid) {
    // It speaks to us but has nothing to tell: it holds none of our keys.
    signers_[from].status_request.reset();
    signers_[from].status_heard = true;
    for (auto& [id, key] : keys_) lose(id, forget(key, from));
    mark_all();
  } else {
    ++counters_.late;
  }
  settle();
}

void Coordinator::refused(Attempt& attempt, const SessionId& sid, PartyId by, const wire::Refusal& refusal) {
  SignerState& signer = signers_[by];
  KeyState& key = keys_.at(attempt.key);
  Request& request = requests_.at(attempt.request);
  const Time later = now_ + config_.back_off;
  const std::string reason = one_line(refusal.reason);
  const std::string text = "signer " + std::to_string(by) + ": " + std::string(name(refusal.code)) +
                           (reason.empty() ? "" : " (" + reason + ")");
  signer.latency.add(now_ - attempt.started);
  signer.unanswered_since = kNever;
  request.last_refusal = refusal.code;

  // Whoever keeps turning requests away is asked less and less, like one who does not answer.
  switch (refusal.code) {
    case SignErrorCode::PolicyDenied:
      // One signer's word is no verdict: a corrupt one must not be able to deny what the others would sign.
      request.denied.insert(by);
      if (std::any_of(key.quorums.begin(), key.quorums.end(), [&](const auto& other) {
            return std::none_of(other.first.begin(), other.first.end(),
                                [&](PartyId id) { return request.denied.contains(id); });
          })) {
        request.avoid.signer_until[by] = request.job.deadline;
        signer.breaker.failed(now_, config_);
        break;
      }
      finish(request, fail(SignError{SignErrorCode::PolicyDenied,
                                     "signer " + std::to_string(by) + ": " +
                                         (reason.empty() ? "no reason given" : reason)}));
      return;
    case SignErrorCode::PresignatureConsumed:
      // Another coordinator was faster: the next id will do. Again and again means that the members have
      // dropped what the leader still gives out. What a front end made up says nothing about anybody.
      if (attempt.hinted) break;
      if (auto* state = key.find(attempt.quorum, attempt.quorum_stamp)) {
        // The signer that says so is well; what is wrong is with the presignatures of this quorum.
        if (++state->consumed > 1) {
          request.avoid.add(attempt.quorum, later);
          state->misfits.failed(now_, config_);
          wake_at(state->misfits.retry_at());
        }
        if (state->consumed > 2) {
          drop_leases(key, *state, false);
          state->dry_until = later;
          wake_at(later);
        }
      }
      break;
    case SignErrorCode::EpochMismatch:
    case SignErrorCode::KeyUnknown:
      request.avoid.signer_until[by] = later;
      signer.breaker.failed(now_, config_);
      mistaken(key, by);
      break;
    case SignErrorCode::Overloaded:
      signer.busy_until = later;
      signer.breaker.failed(now_, config_);
      wake_at(later);
      break;
    case SignErrorCode::SignerQuarantined:
      if (auto* state = key.find(attempt.quorum, attempt.quorum_stamp)) state->suspect_until = now_ + config_.suspect_for;
      request.avoid.add(attempt.quorum, later);
      break;
    case SignErrorCode::QuorumInsufficient:
    case SignErrorCode::PrecomputeDepleted:
    case SignErrorCode::DeadlineExceeded:
      signer.breaker.failed(now_, config_);
      request.avoid.add(attempt.quorum, later);
      break;
  }
  attempt_failed(sid, AttemptFailure::Refused, by, text);
}

/// Takes an attempt out of the accounts.
void Coordinator::release(Attempt& attempt) {
  for (auto id : attempt.missing()) {
    --signers_[id].in_flight;
    if (std::find(attempt.trials.begin(), attempt.trials.end(), id) != attempt.trials.end())
      signers_[id].breaker.undecided();
  }
  if (auto* state = keys_.at(attempt.key).find(attempt.quorum, attempt.quorum_stamp)) {
    --state->in_flight;
    state->asked -= std::exchange(attempt.lease_asked, 0);
  }
}

}  // namespace quorate::coordinator
