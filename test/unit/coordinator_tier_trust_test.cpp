// What a coordinator's refusals, lies and silence cost it, and what is made of its word about readiness.
#include <gmock/gmock.h>

#include "test/unit/coordinator_tier_fixture.h"

namespace quorate::coordinator::test {
namespace {

using testing::HasSubstr;

TEST_F(TierTest, ARefusalGoesToTheOthersAndTheLastOnesReasonIsTold) {
  all_up();
  const auto handle = submit();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(sends.size(), static_cast<std::size_t>(i + 1));
    EXPECT_TRUE(fails.empty());
    tier.on_refusal(now, last_to(), handle, error(SignErrorCode::Overloaded));
    collect();
  }
  // At once, not at the deadline.
  ASSERT_EQ(fails.size(), 1u);
  EXPECT_EQ(fails[0].error.code, SignErrorCode::Overloaded);
  EXPECT_THAT(fails[0].error.detail, HasSubstr("coordinator c"));
  EXPECT_THAT(fails[0].error.detail, HasSubstr("because"));
}

TEST_F(TierTest, ACoordinatorThatRefusedIsNotTheNextOnesFirstChoice) {
  all_up();
  const auto handle = submit();
  const auto busy = last_to();
  tier.on_refusal(now, busy, handle, error(SignErrorCode::Overloaded));
  collect();
  tier.on_signature(now, last_to(), handle);
  for (int i = 0; i < 6; ++i) {
    const auto next = submit();
    EXPECT_NE(last_to(), busy);
    tier.on_signature(now, last_to(), next);
  }
  pass(milliseconds(60));
  std::set<std::size_t> seen;
  for (int i = 0; i < 6; ++i) {
    const auto next = submit();
    seen.insert(last_to());
    tier.on_signature(now, last_to(), next);
  }
  EXPECT_TRUE(seen.contains(busy));
}

TEST_F(TierTest, AFalseSignatureIsNoAnswerAndItsAssignmentNoHint) {
  all_up();
  const auto handle = submit();
  const auto liar = last_to();
  tier.on_assigned(now, liar, handle, assignment(9));
  tier.on_lie(now, liar, handle);
  collect();
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_NE(last_to(), liar);
  EXPECT_FALSE(sends[1].hint);
  EXPECT_FALSE(tier.expects(liar, handle));
  EXPECT_TRUE(tier.expects(last_to(), handle));
  EXPECT_FALSE(tier.on_signature(now, liar, handle)) << "whoever lied is not believed afterwards";
  EXPECT_TRUE(tier.on_signature(now, last_to(), handle));
  pass(seconds(20));
  for (int i = 0; i < 9; ++i) {
    const auto next = submit();
    EXPECT_NE(last_to(), liar);
    tier.on_signature(now, last_to(), next);
  }
}

TEST_F(TierTest, WhenEverybodyLiesTheRequestFails) {
  all_up();
  const auto handle = submit();
  for (int i = 0; i < 3; ++i) {
    tier.on_lie(now, last_to(), handle);
    collect();
  }
  ASSERT_EQ(fails.size(), 1u);
  EXPECT_THAT(fails[0].error.detail, HasSubstr("does not verify"));
}

TEST_F(TierTest, ASilentCoordinatorIsTriedAgainByOneRequestAtATimeAfterAGrowingPause) {
  all_up();
  const std::size_t silent = 0;
  std::vector<Time> tries;
  std::size_t open_at_once = 0;
  for (int i = 0; i < 4000; ++i) {
    std::vector<RequestHandle> burst{submit(), submit()};
    std::size_t to_silent = 0;
    for (std::size_t k = sends.size() - 2; k < sends.size(); ++k) to_silent += sends[k].to == silent;
    open_at_once = std::max(open_at_once, to_silent);
    if (to_silent > 0) tries.push_back(now);
    const auto answered = sends.size();
    pass(milliseconds(30));
    for (const auto handle : burst)
      for (std::size_t k = answered - 2; k < sends.size(); ++k)
        if (sends[k].request == handle && sends[k].to != silent && tier.on_signature(now, sends[k].to, handle)) break;
    collect();
  }
  EXPECT_TRUE(fails.empty());
  // 120 s: doubling from 50 ms to 5 s and then every 5 s.
  EXPECT_GE(tries.size(), 20u);
  EXPECT_LE(tries.size(), 45u);
  EXPECT_LE(open_at_once, 1u);
  // It answers again: it is one of three at once.
  pass(seconds(6));
  int back = 0;
  for (int i = 0; i < 9; ++i) {
    const auto handle = submit();
    back += last_to() == silent;
    tier.on_signature(now, last_to(), handle);
  }
  EXPECT_EQ(back, 3);
}

TEST_F(TierTest, TheOneCoordinatorThatIsLeftIsAskedWhateverItDidBefore) {
  tier.link_up(now, 2);
  for (int i = 0; i < 5; ++i) {
    const auto handle = submit(milliseconds(50));
    EXPECT_EQ(last_to(), 2u);
    pass(milliseconds(50));
    EXPECT_EQ(fails.size(), static_cast<std::size_t>(i + 1));
    EXPECT_FALSE(tier.on_signature(now, 2, handle));
  }
  const auto handle = submit();
  EXPECT_EQ(sends.size(), 6u);
  EXPECT_TRUE(tier.on_signature(now, 2, handle));
}

TEST_F(TierTest, AMissLongAfterTheLastOneIsAFirstOne) {
  all_up(2);
  // One request; coordinator 0 lets it wait, 1 signs. True: it was 0 that was asked first.
  const auto asks_the_slow_one = [&] {
    const auto handle = submit();
    const bool slow = last_to() == 0;
    if (slow) pass(milliseconds(26));
    EXPECT_EQ(last_to(), 1u);
    EXPECT_TRUE(tier.on_signature(now, 1, handle));
    return slow;
  };
  const auto until_missed = [&] {
    int asked = 0;
    while (!asks_the_slow_one() && ++asked < 10) pass(milliseconds(1));
    EXPECT_LT(asked, 10);
  };
  for (int i = 0; i < 5; ++i) {
    until_missed();
    pass(seconds(3));
  }
  pass(seconds(20));
  until_missed();
  pass(milliseconds(60));
  until_missed();  // the first pause was over: it is as good as any
}

class TierReadiness : public TierTest {
 protected:
  TierReadiness() : TierTest(2) {}
  Readiness::State state() const { return tier.readiness(now, key).state; }
  void says(std::size_t from, Readiness::State what, SignErrorCode reason = SignErrorCode::PrecomputeDepleted) {
    Readiness readiness;
    readiness.state = what;
    readiness.reason = reason;
    readiness.can_sign = what != Readiness::State::NotReady;
    tier.on_readiness(now, from, key, readiness);
  }
  KeyId key;
};

TEST_F(TierReadiness, IsReadyIfOneIsAndNotReadyIfNobodyCanBe) {
  EXPECT_EQ(state(), Readiness::State::Unknown);
  tier.link_down(now, 0, "x");
  EXPECT_EQ(state(), Readiness::State::Unknown);
  tier.link_down(now, 1, "y");
  EXPECT_EQ(state(), Readiness::State::NotReady);
  EXPECT_FALSE(tier.readiness(now, key).can_sign);
  EXPECT_THAT(tier.readiness(now, key).detail, HasSubstr("c1 is down (y)"));
  all_up(2);
  EXPECT_EQ(state(), Readiness::State::Unknown);
  says(0, Readiness::State::NotReady);
  EXPECT_EQ(state(), Readiness::State::Unknown);
  says(1, Readiness::State::NotReady);
  EXPECT_EQ(state(), Readiness::State::NotReady);
  EXPECT_EQ(tier.readiness(now, key).reason, SignErrorCode::PrecomputeDepleted);
  says(0, Readiness::State::Ready);
  EXPECT_EQ(state(), Readiness::State::Ready);
}

TEST_F(TierReadiness, ALiarIsNotBelieved) {
  all_up(2);
  const auto handle = submit();
  const auto liar = last_to();
  tier.on_lie(now, liar, handle);
  says(liar, Readiness::State::Ready);
  says(1 - liar, Readiness::State::NotReady);
  EXPECT_EQ(state(), Readiness::State::NotReady);
  // Without anybody else it is not known.
  tier.link_down(now, 1 - liar, "x");
  EXPECT_EQ(state(), Readiness::State::Unknown);
}

TEST_F(TierReadiness, WhoRefusesEverythingIsNotReadyWhateverItSays) {
  all_up(1);
  tier.link_down(now, 1, "x");
  says(0, Readiness::State::Ready);
  for (unsigned i = 0; i < TierConfig{}.refusals; ++i) {
    EXPECT_EQ(state(), Readiness::State::Ready) << i;
    tier.on_refusal(now, 0, submit(), error(SignErrorCode::Overloaded));
    collect();
    says(0, Readiness::State::Ready);
  }
  EXPECT_EQ(state(), Readiness::State::NotReady);
  EXPECT_EQ(tier.readiness(now, key).reason, SignErrorCode::Overloaded);
  EXPECT_TRUE(tier.readiness(now, key).can_sign);
  // Nothing latches: after a moment a request finds out, and one signature is enough.
  pass(milliseconds(500));
  EXPECT_EQ(state(), Readiness::State::Ready);
  tier.on_refusal(now, 0, submit(), error(SignErrorCode::Overloaded));
  EXPECT_EQ(state(), Readiness::State::NotReady);
  EXPECT_TRUE(tier.on_signature(now, 0, submit()));
  EXPECT_EQ(state(), Readiness::State::Ready);
  // Who is believed beside it is what counts.
  for (unsigned i = 0; i < TierConfig{}.refusals; ++i) tier.on_refusal(now, 0, submit(), error(SignErrorCode::Overloaded));
  tier.link_up(now, 1);
  says(1, Readiness::State::Ready);
  EXPECT_EQ(state(), Readiness::State::Ready);
}

TEST_F(TierReadiness, NeverLatches) {
  all_up(2);
  says(0, Readiness::State::NotReady);
  says(1, Readiness::State::NotReady);
  EXPECT_EQ(state(), Readiness::State::NotReady);
  // Nothing was heard for a while: unknown counts as ready, and one request finds out.
  now += seconds(4);
  EXPECT_EQ(state(), Readiness::State::Unknown);
  says(0, Readiness::State::Ready);
  EXPECT_EQ(state(), Readiness::State::Ready);
  // What was heard over a link that is gone does not count.
  tier.link_down(now, 0, "x");
  EXPECT_EQ(state(), Readiness::State::Unknown);
}

}  // namespace
}  // namespace quorate::coordinator::test
