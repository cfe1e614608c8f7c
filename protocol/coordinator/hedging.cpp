#include <algorithm>

#include "protocol/coordinator/coordinator.h"

namespace quorate::coordinator {

namespace {

/// The signers of a fan-out that nobody waits for any more are watched no longer than this, or not at all.
constexpr Time kLongestWatch = std::chrono::seconds(1);

}  // namespace

bool Coordinator::in_progress(const Request& request) const {
  return std::any_of(request.live.begin(), request.live.end(),
                     [&](const SessionId& sid) { return !attempts_.at(sid).overdue; });
}

/// When the answers are later than nearly all that came from these signers so far, but before they are given
/// up: as long as the slowest one's p99, and never so short that a hiccup of the machine would do.
Time Coordinator::hedge_delay(const Quorum& quorum) const {
  Time slowest{};
  for (auto id : quorum) slowest = std::max(slowest, signers_[id].latency.p99());
  return std::max(config_.hedge_floor, slowest);
}

/// It keeps us waiting longer than it nearly ever did.
bool Coordinator::tardy(PartyId id) const {
  const Time since = signers_[id].unanswered_since;
  return since != kNever && now_ - since >= hedge_delay({id});
}

/// The request joins those that wait, for a quorum without the signers that keep it waiting. The first full
/// set of answers wins. Once per request, and only as far as the budget goes: it is paid when a lease is there.
void Coordinator::hedge(Request& request, const Attempt& slow) {
  request.hedged = true;
  if (config_.hedge_percent == 0 || !hedge_budget_.enough() || request.attempts >= config_.max_attempts) return;
  for (auto id : slow.missing()) {
    auto& until = request.avoid.signer_until[id];
    until = std::max(until, slow.overdue_at);
  }
  KeyState& key = keys_.at(request.job.key);
  key.waiting.insert(request.handle);
  key.dirty = true;
}

/// The request has ended, this fan-out of it has not. Its signers still owe an answer: only so a signer that is
/// always overtaken by another quorum is found out.
void Coordinator::watch(Attempt& attempt, const SessionId& sid) {
  if (attempt.overdue || attempt.missing().empty() || attempt.overdue_at > now_ + kLongestWatch ||
      watched_.size() >= config_.max_in_flight) {
    release(attempt);
    attempts_.erase(sid);
    return;
  }
  attempt.request = 0;
  watched_.insert({attempt.overdue_at, sid});
  wake_at(attempt.overdue_at);
}

void Coordinator::unwatch(const SessionId& sid) {
  Attempt& attempt = attempts_.at(sid);
  watched_.erase({attempt.overdue_at, sid});
  release(attempt);
  attempts_.erase(sid);
}

void Coordinator::watch_timers() {
  while (!watched_.empty() && watched_.begin()->first <= now_) {
    const SessionId sid = watched_.begin()->second;
    for (auto id : attempts_.at(sid).missing()) {
      signers_[id].breaker.failed(now_, config_);
      signers_[id].unanswered_since = kNever;
      wake_at(signers_[id].breaker.retry_at());
    }
    unwatch(sid);
  }
  if (!watched_.empty()) wake_at(watched_.begin()->first);
}

}  // namespace quorate::coordinator
