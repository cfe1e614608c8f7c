#include "provider/patience.h"

#include <gtest/gtest.h>

namespace quorate::provider {
namespace {

using namespace std::chrono_literals;
using Span = Patience::Span;

constexpr Patience::Caller kThread{.blocks = true, .runs_io = false}, kInline{.blocks = true, .runs_io = true},
    kJob{.blocks = false, .runs_io = false};

net::KeyReadiness unknown() { return {}; }
net::KeyReadiness ready(std::uint64_t version = 7) {
  net::KeyReadiness out;
  out.state = net::Readiness::Ready;
  out.version = version;
  return out;
}
net::KeyReadiness shallow() {
  net::KeyReadiness out = ready(8);
  out.state = net::Readiness::NotReady;
  out.reason = SignErrorCode::PrecomputeDepleted;
  return out;
}
net::KeyReadiness gone(std::uint64_t version = 9) {
  net::KeyReadiness out = ready(version);
  out.state = net::Readiness::NotReady;
  out.can_sign = false;
  return out;
}

// ---- WaitBudget ----

TEST(WaitBudget, gives_the_whole_burst_to_a_thread_that_has_not_waited) {
  const WaitBudget budget;
  EXPECT_EQ(budget.left(WaitBudget::Time() + 1s, 200ms), 200ms);
}

TEST(WaitBudget, earns_a_fifth_of_the_time_back) {
  WaitBudget budget;
  const auto start = WaitBudget::Time() + 100s;
  budget.use(start + 200ms, 200ms, 200ms);
  EXPECT_EQ(budget.left(start + 200ms, 200ms), 0ms);
  EXPECT_EQ(budget.left(start + 450ms, 200ms), 50ms);
  EXPECT_EQ(budget.left(start + 1200ms, 200ms), 200ms);
  EXPECT_EQ(budget.left(start + 100s, 200ms), 200ms) << "never more than the burst";
}

TEST(WaitBudget, owes_no_more_than_one_burst) {
  WaitBudget budget;
  const auto start = WaitBudget::Time() + 100s;
  budget.use(start + 60s, 60s, 500ms);
  EXPECT_EQ(budget.left(start + 60s, 500ms), 0ms);
  EXPECT_EQ(budget.left(start + 62500ms, 500ms), 500ms);
}

TEST(WaitBudget, a_smaller_burst_does_not_forgive_what_a_larger_one_used) {
  WaitBudget budget;
  const auto start = WaitBudget::Time() + 100s;
  budget.use(start + 500ms, 500ms, 500ms);
  budget.use(start + 510ms, 10ms, 50ms);
  EXPECT_EQ(budget.left(start + 510ms, 500ms), 0ms);
}

TEST(WaitBudget, a_clock_that_stands_still_or_goes_back_earns_nothing) {
  WaitBudget budget;
  const auto now = WaitBudget::Time() + 100s;
  budget.use(now, 200ms, 200ms);
  EXPECT_EQ(budget.left(now - 10s, 200ms), 0ms);
}

// ---- Patience ----

/// A thread that asks for one signature after the other from a cluster that gives none, for so long; the time it
/// spent waiting.
struct Spent {
  Span waited{};
  int refused = 0, tried = 0;
};
Spent spend(Patience& patience, WaitBudget& budget, const net::KeyReadiness& known, Patience::Caller caller, Span total,
            Patience::Time now = Patience::Time() + 1000s) {
  Spent out;
  const auto end = now + total;
  while (now < end) {
    const Span allowed = patience.allow(now, known, caller, budget);
    if (allowed == Span::zero()) {
      ++out.refused;
      now += 1ms;  // other work
      continue;
    }
    ++out.tried;
    now += allowed;
    out.waited += allowed;
    patience.failed(now, known, SignErrorCode::QuorumInsufficient, allowed, caller, budget);
  }
  return out;
}

class PatienceTest : public testing::Test {
 protected:
  static Patience::Settings with(Unavailable policy) { return {policy, 50ms, 200ms}; }
  Patience::Time now_ = Patience::Time() + 1000s;
  WaitBudget budget_;
};

TEST_F(PatienceTest, the_whole_deadline_at_a_cold_start_and_when_ready_or_merely_shallow) {
  for (const auto policy : {Unavailable::Retry, Unavailable::Fail, Unavailable::Decline}) {
    Patience patience(with(policy));
    for (const auto& known : {unknown(), ready(), shallow()})
      for (const auto caller : {kThread, kInline, kJob}) EXPECT_EQ(patience.allow(now_, known, caller, budget_), 200ms);
    EXPECT_EQ(patience.refused(), 0u);
  }
}

TEST_F(PatienceTest, one_failure_or_two_are_no_reason_to_refuse) {
  Patience patience(with(Unavailable::Retry));
  for (unsigned i = 0; i + 1 < Patience::kDoubtedAfter; ++i)
    patience.failed(now_, ready(), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget_);
  EXPECT_EQ(patience.allow(now_, ready(), kThread, budget_), 200ms);
}

TEST_F(PatienceTest, retry_blocks_a_thread_for_a_fifth_of_its_time_when_nothing_can_sign) {
  for (const auto policy : {Unavailable::Retry, Unavailable::Decline}) {
    Patience patience(with(policy));
    WaitBudget budget;
    const Spent spent = spend(patience, budget, gone(), kThread, 60s);
    EXPECT_LE(spent.waited, 12s + 200ms) << "a fifth, and the burst it began with";
    EXPECT_GE(spent.waited, 9s) << "it goes on trying";
    EXPECT_GT(spent.refused, 1000);
    EXPECT_EQ(patience.refused(), static_cast<std::uint64_t>(spent.refused));
  }
}

TEST_F(PatienceTest, the_first_request_waits_its_deadline_and_the_next_ones_are_refused) {
  Patience patience(with(Unavailable::Retry));
  EXPECT_EQ(patience.allow(now_, gone(), kThread, budget_), 200ms);
  patience.failed(now_ + 200ms, gone(), SignErrorCode::QuorumInsufficient, 200ms, kThread, budget_);
  EXPECT_EQ(patience.allow(now_ + 201ms, gone(), kThread, budget_), 0ms);
  EXPECT_EQ(patience.allow(now_ + 449ms, gone(), kThread, budget_), 0ms) << "not worth waiting for less than a back-off";
  EXPECT_EQ(patience.allow(now_ + 450ms, gone(), kThread, budget_), 50ms);
}

TEST_F(PatienceTest, another_thread_has_a_budget_of_its_own) {
  Patience patience(with(Unavailable::Retry));
  patience.failed(now_, gone(), SignErrorCode::QuorumInsufficient, 200ms, kThread, budget_);
  EXPECT_EQ(patience.allow(now_, gone(), kThread, budget_), 0ms);
  const WaitBudget other;
  EXPECT_EQ(patience.allow(now_, gone(), kThread, other), 200ms);
}

TEST_F(PatienceTest, signs_as_soon_as_what_is_known_changes_whatever_went_before) {
  for (const auto policy : {Unavailable::Retry, Unavailable::Fail, Unavailable::Decline}) {
    Patience patience(with(policy));
    (void)spend(patience, budget_, gone(9), kThread, 60s, now_);
    EXPECT_EQ(patience.allow(now_ + 60s, ready(10), kThread, budget_), 200ms);
    EXPECT_FALSE(patience.declines(now_ + 60s, ready(10)));
    (void)spend(patience, budget_, ready(10), kThread, 60s, now_ + 60s);
    EXPECT_EQ(patience.allow(now_ + 120s, ready(11), kThread, budget_), 200ms);
    EXPECT_FALSE(patience.declines(now_ + 120s, ready(11)));
  }
}

TEST_F(PatienceTest, fail_never_waits_for_what_is_known_to_be_impossible) {
  Patience patience(with(Unavailable::Fail));
  for (const auto caller : {kThread, kJob}) {
    const Spent spent = spend(patience, budget_, gone(), caller, 10s);
    EXPECT_EQ(spent.waited, 0ms);
    EXPECT_EQ(spent.tried, 0);
  }
}

TEST_F(PatienceTest, fail_without_an_io_thread_probes_within_the_budget) {
  Patience patience(with(Unavailable::Fail));
  const Spent spent = spend(patience, budget_, gone(), kInline, 60s, now_);
  EXPECT_GT(spent.tried, 50) << "or nobody would ever see the signers come back";
  EXPECT_LE(spent.waited, 12s + 200ms);
}

TEST_F(PatienceTest, fail_without_an_io_thread_lets_one_thread_probe_at_a_time) {
  Patience patience(with(Unavailable::Fail));
  const WaitBudget other;
  EXPECT_EQ(patience.allow(now_, gone(), kInline, budget_), 50ms);
  EXPECT_EQ(patience.allow(now_ + 10ms, gone(), kInline, other), 0ms);
  EXPECT_EQ(patience.allow(now_ + 50ms, gone(), kInline, other), 50ms);
}

TEST_F(PatienceTest, an_asynchronous_job_blocks_nobody_and_may_retry) {
  Patience patience(with(Unavailable::Retry));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(patience.allow(now_, gone(), kJob, budget_), 200ms);
    patience.failed(now_, gone(), SignErrorCode::QuorumInsufficient, 200ms, kJob, budget_);
    EXPECT_EQ(patience.allow(now_, ready(9), kJob, budget_), 200ms);
  }
  EXPECT_EQ(budget_.left(now_, 200ms), 200ms) << "no thread has waited";
}

TEST_F(PatienceTest, hanging_signers_that_look_ready_cost_a_fifth_of_the_time_too) {
  for (const auto policy : {Unavailable::Retry, Unavailable::Fail, Unavailable::Decline}) {
    Patience patience(with(policy));
    WaitBudget budget;
    const Spent spent = spend(patience, budget, ready(), kThread, 60s);
    EXPECT_LE(spent.waited, 12s + Patience::kDoubtedAfter * Span(200ms));
    EXPECT_GE(spent.tried, 55) << "a trial every second";
  }
}

TEST_F(PatienceTest, a_long_deadline_shortens_trials_and_not_the_time_to_recover) {
  Patience patience({Unavailable::Retry, 50ms, 60s});
  for (unsigned i = 0; i < Patience::kDoubtedAfter; ++i)
    patience.failed(now_, ready(), SignErrorCode::DeadlineExceeded, 60s, kThread, budget_);
  EXPECT_EQ(patience.allow(now_ + 1999ms, ready(), kThread, budget_), 0ms);
  EXPECT_EQ(patience.allow(now_ + 2000ms, ready(), kThread, budget_), Patience::kLongestTrial);
}

TEST_F(PatienceTest, one_signature_ends_the_doubts) {
  Patience patience(with(Unavailable::Decline));
  for (unsigned i = 0; i < Patience::kDoubtedAfter; ++i)
    patience.failed(now_, ready(), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget_);
  EXPECT_TRUE(patience.doubted(ready()));
  EXPECT_EQ(patience.allow(now_, ready(), kThread, budget_), 0ms);
  EXPECT_TRUE(patience.declines(now_, ready()));
  patience.succeeded(200ms);
  EXPECT_FALSE(patience.doubted(ready()));
  EXPECT_EQ(patience.allow(now_, ready(), kThread, budget_), 200ms);
  EXPECT_FALSE(patience.declines(now_, ready()));
}

TEST_F(PatienceTest, where_signatures_were_quick_there_is_a_trial_every_half_second) {
  for (const auto policy : {Unavailable::Retry, Unavailable::Fail, Unavailable::Decline}) {
    Patience patience(with(policy));
    WaitBudget budget;
    patience.succeeded(3ms);
    for (unsigned i = 0; i < Patience::kDoubtedAfter; ++i)
      patience.failed(now_, ready(), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget);
    EXPECT_EQ(patience.allow(now_ + 399ms, ready(), kThread, budget), 0ms);
    EXPECT_EQ(patience.allow(now_ + 400ms, ready(), kThread, budget), Patience::kShortTrial)
        << "also after requests that had their whole deadline";
    const Spent spent = spend(patience, budget, ready(), kThread, 60s, now_ + 400ms);
    EXPECT_GE(spent.tried, 118);
    EXPECT_LE(spent.waited, 12s + 200ms);
    patience.succeeded(3ms);
    EXPECT_EQ(patience.allow(now_ + 61s, ready(), kThread, budget), 200ms) << "one signature ends it at once";
  }
}

TEST_F(PatienceTest, where_signatures_take_long_trials_do_too) {
  Patience patience(with(Unavailable::Retry));
  patience.succeeded(80ms);
  const auto trial = [&] {
    patience.failed(now_, ready(), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget_);
    return patience.allow(now_ + 10s, ready(), kThread, budget_);
  };
  for (unsigned i = 0; i + 1 < Patience::kDoubtedAfter; ++i) EXPECT_EQ(trial(), 200ms);
  EXPECT_EQ(trial(), 160ms) << "or it could never succeed";
  // A slow one is forgotten after many quick ones.
  for (int i = 0; i < 100; ++i) patience.succeeded(1ms);
  for (unsigned i = 0; i + 1 < Patience::kDoubtedAfter; ++i) EXPECT_EQ(trial(), 200ms);
  EXPECT_EQ(trial(), 100ms);
}

TEST_F(PatienceTest, refusals_by_policy_are_an_answer_and_raise_no_doubts) {
  Patience patience(with(Unavailable::Retry));
  for (int i = 0; i < 10; ++i) {
    patience.failed(now_, ready(), SignErrorCode::PolicyDenied, 5ms, kThread, budget_);
    patience.failed(now_, ready(), SignErrorCode::KeyUnknown, 5ms, kThread, budget_);
  }
  EXPECT_FALSE(patience.doubted(ready()));
  EXPECT_EQ(budget_.left(now_, 200ms), 200ms);
}

TEST_F(PatienceTest, only_decline_declines) {
  for (const auto policy : {Unavailable::Retry, Unavailable::Fail}) {
    Patience patience(with(policy));
    EXPECT_FALSE(patience.declines(now_, gone()));
    EXPECT_FALSE(patience.declines(now_ + 1s, shallow()));
    EXPECT_FALSE(patience.declines(now_ + 2s, shallow()));
  }
}

TEST_F(PatienceTest, declines_what_cannot_be_signed_at_once_and_what_is_unknown_never) {
  Patience patience(with(Unavailable::Decline));
  EXPECT_FALSE(patience.declines(now_, unknown()));
  EXPECT_FALSE(patience.declines(now_ + 10s, unknown()));
  EXPECT_TRUE(patience.declines(now_ + 10s, gone()));
  EXPECT_FALSE(patience.declines(now_ + 10s, ready()));
}

TEST_F(PatienceTest, signers_that_come_back_are_declined_until_they_have_told_their_state_but_not_for_ever) {
  constexpr std::uint64_t kProcess = std::uint64_t{1000} << 32;
  net::KeyReadiness undecided = unknown();
  undecided.version = kProcess | 3;
  Patience patience(with(Unavailable::Decline));
  EXPECT_FALSE(patience.declines(now_, undecided)) << "nothing else was known before";
  EXPECT_TRUE(patience.declines(now_, gone(kProcess | 2)));
  EXPECT_TRUE(patience.declines(now_ + 1s, undecided));
  EXPECT_TRUE(patience.declines(now_ + 4999ms, undecided));
  EXPECT_FALSE(patience.declines(now_ + 5s, undecided)) << "nothing latches";
  EXPECT_FALSE(patience.declines(now_ + 1s, ready(kProcess | 4)));
  undecided.version = (std::uint64_t{1001} << 32) | 3;
  EXPECT_FALSE(patience.declines(now_ + 1s, undecided)) << "what a child's parent knew is nothing to it";
}

TEST_F(PatienceTest, declines_for_shallow_pools_only_when_they_stay_shallow) {
  Patience patience(with(Unavailable::Decline));
  EXPECT_FALSE(patience.declines(now_, shallow()));
  EXPECT_FALSE(patience.declines(now_ + 19ms, shallow())) << "the second call of the same handshake";
  EXPECT_TRUE(patience.declines(now_ + 20ms, shallow()));
  EXPECT_FALSE(patience.declines(now_ + 30ms, ready()));
  EXPECT_FALSE(patience.declines(now_ + 60ms, shallow())) << "shallow anew";
  EXPECT_TRUE(patience.declines(now_ + 80ms, shallow()));
}

TEST_F(PatienceTest, declining_uses_up_nothing) {
  Patience patience(with(Unavailable::Decline));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(patience.declines(now_, gone()));
  EXPECT_EQ(patience.refused(), 0u);
  EXPECT_EQ(patience.allow(now_, gone(), kThread, budget_), 200ms)
      << "signers that went away between the two calls of a handshake get their chance";
}

TEST_F(PatienceTest, declines_hanging_signers_between_trials) {
  Patience patience(with(Unavailable::Decline));
  for (unsigned i = 0; i < Patience::kDoubtedAfter; ++i)
    patience.failed(now_, ready(), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget_);
  EXPECT_TRUE(patience.declines(now_ + 799ms, ready()));
  EXPECT_FALSE(patience.declines(now_ + 800ms, ready()));
}

TEST_F(PatienceTest, a_child_gets_its_first_chance_whatever_its_parent_has_seen) {
  // A child has versions of its own, whatever memory it inherited.
  Patience patience(with(Unavailable::Decline));
  for (unsigned i = 0; i < Patience::kDoubtedAfter; ++i)
    patience.failed(now_, ready(std::uint64_t{1000} << 32 | 2), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget_);
  const auto child = ready(std::uint64_t{1001} << 32 | 2);
  EXPECT_EQ(patience.allow(now_, child, kThread, budget_), 200ms);
  EXPECT_FALSE(patience.declines(now_, child));
}

TEST_F(PatienceTest, signers_that_come_and_go_and_never_sign_get_one_trial_each_time) {
  Patience patience(with(Unavailable::Retry));
  std::uint64_t version = 10;
  for (unsigned i = 0; i < Patience::kDoubtedAfter; ++i)
    patience.failed(now_, ready(version), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget_);
  for (int i = 0; i < 10; ++i) {
    ++version;
    EXPECT_EQ(patience.allow(now_, ready(version), kThread, budget_), 200ms);
    patience.failed(now_, ready(version), SignErrorCode::DeadlineExceeded, 200ms, kThread, budget_);
    EXPECT_EQ(patience.allow(now_, ready(version), kThread, budget_), 0ms);
  }
}

}  // namespace
}  // namespace quorate::provider
