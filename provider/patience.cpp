#include "provider/patience.h"

#include <algorithm>

namespace quorate::provider {
namespace {

using Time = Patience::Time;
using Span = Patience::Span;

Time::rep number(Time time) { return time.time_since_epoch().count(); }

/// Failures that say nothing of whether the cluster can sign are left out: it has answered.
bool says_unavailable(SignErrorCode why) {
  switch (why) {
    case SignErrorCode::QuorumInsufficient:
    case SignErrorCode::PrecomputeDepleted:
    case SignErrorCode::DeadlineExceeded:
    case SignErrorCode::SignerQuarantined:
    case SignErrorCode::PresignatureConsumed:
    case SignErrorCode::EpochMismatch:
    case SignErrorCode::Overloaded: return true;
    case SignErrorCode::PolicyDenied:
    case SignErrorCode::KeyUnknown: return false;
  }
  return true;
}

/// Versions of different processes differ in their upper half; 0 is of none.
std::uint64_t process_of(std::uint64_t version) { return version >> 32; }

/// One caller at a time gets past: true for who moves the time on.
bool due(std::atomic<Time::rep>& when, Time now, Span until_next) {
  Time::rep known = when;
  return number(now) >= known && when.compare_exchange_strong(known, number(now + until_next));
}

}  // namespace

Span WaitBudget::owed(Time now) const {
  return std::max(Span::zero(), owed_ - (now - std::min(now, as_of_)) / kEarnedIn);
}

Span WaitBudget::left(Time now, Span burst) const { return std::max(Span::zero(), burst - owed(now)); }

void WaitBudget::use(Time now, Span waited, Span burst) {
  // Nothing was earned while it waited.
  const Time begun = now - waited;
  owed_ = std::min(owed(begun) + waited, std::max(burst, owed(begun)));
  as_of_ = now;
}

Span Patience::burst() const { return std::min(settings_.deadline, kLongestTrial); }

/// Long enough for a signature, as far as is known.
Span Patience::trial() const {
  const Span::rep usual = usual_;
  return usual < 0 ? burst() : std::min(burst(), std::max<Span>(kShortTrial, 2 * Span(usual)));
}

Span Patience::refuse() {
  ++refused_;
  return Span::zero();
}

Span Patience::allow(Time now, const net::KeyReadiness& known, Caller caller, const WaitBudget& budget) {
  if (known.can_sign) {
    if (!doubted(known) || (!caller.blocks && settings_.policy == Unavailable::Retry)) return settings_.deadline;
    if (number(now) < next_trial_) return refuse();
    return trial();
  }
  if (settings_.policy == Unavailable::Fail) {
    // Where an I/O thread keeps what is known up to date there is nothing to be found out by waiting.
    const Span probe = std::min({settings_.back_off, settings_.deadline, budget.left(now, burst())});
    const bool affordable = probe >= std::min(settings_.back_off, burst());
    if (caller.runs_io && affordable && due(next_probe_, now, settings_.back_off)) return probe;
    return refuse();
  }
  if (!caller.blocks) return settings_.deadline;
  const Span left = std::min(settings_.deadline, budget.left(now, burst()));
  return left >= std::min(settings_.back_off, burst()) ? left : refuse();
}

void Patience::succeeded(Span took) {
  failures_ = 0;
  const Span::rep known = usual_;  // two at a time lose one of them: no harm
  usual_ = std::max(took.count(), known - known / 16);
}

void Patience::failed(Time now, const net::KeyReadiness& known, SignErrorCode why, Span waited, Caller caller,
                      WaitBudget& budget) {
  if (!says_unavailable(why)) return;
  if (caller.blocks) budget.use(now, waited, burst());
  failing_version_ = known.version;
  ++failures_;
  next_trial_ = number(now + std::min(waited, trial()) * (WaitBudget::kEarnedIn - 1));
}

bool Patience::declines(Time now, const net::KeyReadiness& known) {
  if (settings_.policy != Unavailable::Decline) return false;
  const bool shallow = known.can_sign && known.state == net::Readiness::NotReady;
  if (!shallow) shallow_since_ = 0;
  if (!known.can_sign) {
    gone_version_ = known.version;
    gone_at_ = number(now);
    return true;
  }
  if (known.state == net::Readiness::Unknown && process_of(known.version) == process_of(gone_version_) &&
      number(now) - gone_at_ < std::chrono::duration_cast<Time::duration>(kUndecided).count())
    return true;
  if (doubted(known) && number(now) < next_trial_) return true;
  if (!shallow) return false;
  Time::rep first = 0;
  if (shallow_since_.compare_exchange_strong(first, number(now))) return false;
  return number(now) - first >= std::chrono::duration_cast<Time::duration>(kSettling).count();
}

}  // namespace quorate::provider
