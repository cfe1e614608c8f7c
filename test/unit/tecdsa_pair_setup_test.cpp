#include "protocol/tecdsa/pair_setup.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

using sim::SeededRng;

/// Two signers, and a man in the middle who may change what signer 3 sends to signer 8.
struct Link {
  explicit Link(const Curve& curve, std::uint64_t seed = 1)
      : curve(&curve), rng_a(seed, "a"), rng_b(seed, "b") {
    binding_a.curve = curve.id();
    binding_a.key.bytes.fill(0x0a);
    binding_a.epoch.bytes.fill(0x0b);
    binding_b = binding_a;
    sid_a.bytes.fill(0x0c);
    sid_b = sid_a;
  }

  const Curve* curve;
  SeededRng rng_a, rng_b;
  Binding binding_a, binding_b;
  SessionId sid_a, sid_b;
  PartyId a = 3, b = 8;
  std::function<void(ot::SetupMsg1&)> tamper1 = [](auto&) {};
  std::function<void(ot::SetupMsg2&)> tamper2 = [](auto&) {};
  std::function<void(ot::SetupMsg3&)> tamper3 = [](auto&) {};
  ot::SetupMsg1 last1;
  ot::SetupMsg2 last2;
  ot::SetupMsg3 last3;

  std::optional<ot::PairState> state_a, state_b;
  std::optional<Abort> abort_a, abort_b;

  /// Runs until either side stops; both finish their own step of the round first.
  void go() {
    auto a1 = SetupRound1::start(*curve, binding_a, sid_a, a, b, rng_a);
    auto b1 = SetupRound1::start(*curve, binding_b, sid_b, b, a, rng_b);
    if (!keep_both(a1, b1)) return;
    last1 = a1->message;
    tamper1(a1->message);
    auto a2 = std::move(a1->next).next(b1->message, rng_a);
    auto b2 = std::move(b1->next).next(a1->message, rng_b);
    if (!keep_both(a2, b2)) return;
    last2 = a2->message;
    tamper2(a2->message);
    auto a3 = std::move(a2->next).next(b2->message, rng_a);
    auto b3 = std::move(b2->next).next(a2->message, rng_b);
    if (!keep_both(a3, b3)) return;
    last3 = a3->message;
    tamper3(a3->message);
    auto a4 = std::move(a3->next).next(b3->message);
    auto b4 = std::move(b3->next).next(a3->message);
    if (keep(a4, abort_a)) state_a = std::move(*a4);
    if (keep(b4, abort_b)) state_b = std::move(*b4);
  }

 private:
  template <class R>
  static bool keep(const R& result, std::optional<Abort>& abort) {
    if (!result) abort = result.error();
    return result.has_value();
  }
  template <class R>
  bool keep_both(const R& of_a, const R& of_b) {
    const bool a_goes_on = keep(of_a, abort_a), b_goes_on = keep(of_b, abort_b);
    return a_goes_on && b_goes_on;
  }
};

std::uint64_t bit_of(const ot::Block& bits, std::size_t j) { return (bits[j / 8] >> (j % 8)) & 1; }

std::size_t delta(const ot::PuncturedLeaves& leaves, std::size_t tree) {
  std::size_t out = 0;
  for (std::size_t b = 0; b < ot::kTreeDepth; ++b)
    out |= bit_of(leaves.nabla.reveal(), ot::kTreeDepth * tree + b) << b;
  return out;
}

void expect_fit(const ot::AllLeaves& all, const ot::PuncturedLeaves& punctured) {
  ASSERT_EQ(all.leaves.size(), ot::kTrees * ot::kLeaves);
  ASSERT_EQ(punctured.leaves.size(), ot::kTrees * ot::kLeaves);
  for (std::size_t i = 0; i < ot::kTrees; ++i)
    for (std::size_t x = 0; x < ot::kLeaves; ++x) {
      const auto at = i * ot::kLeaves + x;
      if (x == delta(punctured, i)) {
        EXPECT_EQ(punctured.leaves.reveal()[at], ot::Block{});
        EXPECT_NE(all.leaves.reveal()[at], ot::Block{});
      } else {
        EXPECT_EQ(punctured.leaves.reveal()[at], all.leaves.reveal()[at]) << i << "/" << x;
      }
    }
}

void expect_fault(const std::optional<Abort>& abort, Fault fault, PartyId me, PartyId peer) {
  ASSERT_TRUE(abort.has_value());
  EXPECT_EQ(abort->fault, fault) << abort->what();
  EXPECT_EQ(abort->blame, Blame::pair(me, peer)) << abort->what();
}

Bytes seed_of(const ot::PairState& state) {
  const auto seed = state.zero_seed.reveal();
  return {seed.begin(), seed.end()};
}

class PairSetupOn : public testing::TestWithParam<const Curve*> {};

TEST_P(PairSetupOn, BothSidesEndWithFittingHalves) {
  for (const bool swapped : {false, true}) {
    Link link(*GetParam());
    if (swapped) std::swap(link.a, link.b);
    link.go();
    ASSERT_TRUE(link.state_a && link.state_b);
    const auto &a = *link.state_a, &b = *link.state_b;
    EXPECT_EQ(a.id, b.id);
    EXPECT_FALSE(a.id.is_zero());
    EXPECT_EQ(a.me, link.a);
    EXPECT_EQ(a.peer, link.b);
    EXPECT_EQ(b.me, link.b);
    EXPECT_EQ(b.peer, link.a);
    expect_fit(a.as_receiver, b.as_sender);
    expect_fit(b.as_receiver, a.as_sender);
    EXPECT_NE(a.as_sender.nabla.reveal(), b.as_sender.nabla.reveal());
    EXPECT_EQ(seed_of(a), seed_of(b));
    EXPECT_EQ(a.zero_seed.size(), 32U);
    if (GetParam()->id() == CurveId::P384) break;  // once is enough, it is slow
  }
}

INSTANTIATE_TEST_SUITE_P(Curves, PairSetupOn, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& on) {
                           return on.param->is_toy()                ? "toy"
                                  : on.param->id() == CurveId::P256 ? "p256"
                                                                    : "p384";
                         });

// On the toy curve points at infinity are met all the time; none of them may stop an honest run.
TEST(PairSetup, NeverFailsBetweenHonestSignersOnTheToyCurve) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Link link(Curve::toy(), seed);
    link.go();
    ASSERT_TRUE(link.state_a && link.state_b) << seed;
    EXPECT_EQ(link.state_a->id, link.state_b->id);
  }
}

TEST(PairSetup, EverySetUpHasFreshNablaSeedIdAndLeaves) {
  Link one(Curve::p256(), 1), two(Curve::p256(), 2);
  one.go();
  two.go();
  ASSERT_TRUE(one.state_a && two.state_a);
  EXPECT_NE(one.state_a->id, two.state_a->id);
  EXPECT_NE(one.state_a->as_sender.nabla.reveal(), two.state_a->as_sender.nabla.reveal());
  EXPECT_NE(seed_of(*one.state_a), seed_of(*two.state_a));
  for (std::size_t i = 0; i < ot::kTrees * ot::kLeaves; ++i)
    EXPECT_NE(one.state_a->as_receiver.leaves.reveal()[i], two.state_a->as_receiver.leaves.reveal()[i]);
}

TEST(PairSetup, OneSidesFreshMessageSufficesForAFreshId) {
  Link earlier(Curve::p256(), 1);
  earlier.go();
  ASSERT_TRUE(earlier.state_b.has_value());
  // Signer 3's first message is replayed; 8 starts anew under the same open sid.
  SeededRng rng(99);
  auto start = SetupRound1::start(Curve::p256(), earlier.binding_b, earlier.sid_b, earlier.b, earlier.a, rng);
  ASSERT_TRUE(start.has_value());
  auto next = std::move(start->next).next(earlier.last1, rng);
  ASSERT_TRUE(next.has_value());
  EXPECT_NE(next->next.id(), earlier.state_b->id);
}

TEST(PairSetup, IsReproducibleFromItsSeeds) {
  Link one(Curve::p256(), 5), two(Curve::p256(), 5);
  one.go();
  two.go();
  ASSERT_TRUE(one.state_a && two.state_a);
  EXPECT_EQ(one.state_a->id, two.state_a->id);
  EXPECT_EQ(one.state_a->as_sender.nabla.reveal(), two.state_a->as_sender.nabla.reveal());
  EXPECT_TRUE(one.last3.b == two.last3.b);
  EXPECT_EQ(one.last3.check_root, two.last3.check_root);
}

TEST(PairSetup, RejectsBadParameters) {
  const auto& curve = Curve::p256();
  const Binding good{.curve = CurveId::P256}, foreign{.curve = CurveId::P384};
  SeededRng rng(1);
  const auto fault = [&](const Binding& binding, PartyId me, PartyId peer) {
    auto result = SetupRound1::start(curve, binding, {}, me, peer, rng);
    return result ? std::nullopt : std::optional(result.error());
  };
  EXPECT_FALSE(fault(good, 1, 16).has_value());
  for (const auto& abort : {fault(good, 1, 1), fault(good, 0, 1), fault(good, 1, 0), fault(good, 1, 17),
                            fault(good, 17, 1), fault(foreign, 1, 2)}) {
    ASSERT_TRUE(abort.has_value());
    EXPECT_EQ(abort->fault, Fault::BadParameters);
    EXPECT_EQ(abort->blame, Blame::nobody());
  }
}

// Sides that do not mean the same thing by "this set-up" both notice, and neither has a state.
TEST(PairSetup, DisagreementOnTheBindingFailsOnBothSides) {
  using Change = std::function<void(Link&)>;
  const std::pair<const char*, Change> changes[] = {
      {"open sid", [](Link& l) { l.sid_b.bytes[0] ^= 1; }},
      {"key", [](Link& l) { l.binding_b.key.bytes[31] ^= 1; }},
      {"epoch", [](Link& l) { l.binding_b.epoch.bytes[15] ^= 1; }},
      {"nonce on the way", [](Link& l) { l.tamper1 = [](ot::SetupMsg1& m) { m.nonce.bytes[9] ^= 1; }; }},
      {"dh on the way",
       [](Link& l) { l.tamper1 = [](ot::SetupMsg1& m) { m.dh += Point::generator(m.dh.curve()); }; }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    Link link(Curve::p256());
    change(link);
    link.go();
    expect_fault(link.abort_a, Fault::PprfCheck, 3, 8);
    expect_fault(link.abort_b, Fault::PprfCheck, 8, 3);
    EXPECT_FALSE(link.state_a || link.state_b);
  }
}

TEST(PairSetup, OnlyKeyEpochAndCurveOfTheBindingAreTaken) {
  Link link(Curve::p256());
  link.binding_b.sid.bytes.fill(0xee);
  link.binding_b.from = 4;
  link.binding_b.instance = 77;
  link.go();
  EXPECT_TRUE(link.state_a && link.state_b);
}

TEST(PairSetup, RejectsInfinityAsDhShare) {
  for (const Curve* curve : {&Curve::p256(), &Curve::toy()}) {
    Link link(*curve);
    link.tamper1 = [&](ot::SetupMsg1& m) { m.dh = Point(*curve); };
    link.go();
    expect_fault(link.abort_b, Fault::Infinity, 8, 3);
  }
}

TEST(PairSetup, RejectsDhShareOfAnotherCurve) {
  for (const Point& foreign : {Point::generator(Curve::p384()), Point()}) {
    Link link(Curve::p256());
    link.tamper1 = [&](ot::SetupMsg1& m) { m.dh = foreign; };
    link.go();
    expect_fault(link.abort_b, Fault::Malformed, 8, 3);
  }
}

TEST(PairSetup, RejectsItsOwnFirstMessageMirrored) {
  SeededRng rng(1);
  auto start = SetupRound1::start(Curve::p256(), {.curve = CurveId::P256}, {}, 1, 2, rng);
  ASSERT_TRUE(start.has_value());
  auto next = std::move(start->next).next(start->message, rng);
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().fault, Fault::Malformed);
  EXPECT_EQ(next.error().blame, Blame::pair(1, 2));
}

// Signer 8 answers a changed r in good faith; signer 3, whose r it was, cannot use the answer.
TEST(PairSetup, ChangedRIsCaughtByItsSender) {
  for (std::size_t slot : {0, 1})
    for (std::size_t at : {0, 127}) {
      Link link(Curve::p256());
      link.tamper2 = [&](ot::SetupMsg2& m) { m.r[at][slot] += Point::generator(Curve::p256()); };
      link.go();
      expect_fault(link.abort_a, Fault::PprfCheck, 3, 8);
      EXPECT_TRUE(link.state_b.has_value());
    }
}

TEST(PairSetup, RejectsMisshapenR) {
  using Change = std::function<void(ot::SetupMsg2&)>;
  const Change malformed[] = {
      [](ot::SetupMsg2& m) { m.r.pop_back(); }, [](ot::SetupMsg2& m) { m.r.push_back(m.r[0]); },
      [](ot::SetupMsg2& m) { m.r.clear(); }, [](ot::SetupMsg2& m) { m.r[1][0] = Point(); },
      [](ot::SetupMsg2& m) { m.r[1][0] = Point::generator(Curve::p384()); }};
  for (const auto& change : malformed) {
    Link link(Curve::p256());
    link.tamper2 = change;
    link.go();
    expect_fault(link.abort_b, Fault::Malformed, 8, 3);
  }
  Link link(Curve::p256());
  link.tamper2 = [](ot::SetupMsg2& m) { m.r[1][1] = Point(Curve::p256()); };
  link.go();
  expect_fault(link.abort_b, Fault::Infinity, 8, 3);
}

TEST(PairSetup, EveryChangedFieldOfTheThirdMessageIsCaught) {
  using Change = std::function<void(ot::SetupMsg3&)>;
  const std::pair<const char*, Change> changes[] = {
      {"B_0", [](ot::SetupMsg3& m) { m.b[0][0] += Point::generator(Curve::p256()); }},
      {"B_1", [](ot::SetupMsg3& m) { m.b[127][1] += Point::generator(Curve::p256()); }},
      {"B swapped", [](ot::SetupMsg3& m) { std::swap(m.b[3][0], m.b[3][1]); }},
      {"B of two instances swapped", [](ot::SetupMsg3& m) { std::swap(m.b[3], m.b[99]); }},
      {"t~", [](ot::SetupMsg3& m) { m.check_sum[0][31] ^= 1; }},
      {"s~", [](ot::SetupMsg3& m) { m.check_root[ot::kTrees - 1][0] ^= 1; }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    Link link(Curve::p256());
    link.tamper3 = change;
    link.go();
    expect_fault(link.abort_b, Fault::PprfCheck, 8, 3);
    EXPECT_TRUE(link.state_a.has_value());
  }
}

// A sender that changes one t bets on a bit of Nabla: half of the bets fail, and end the set-up; a won
// one leaves correct halves. Both outcomes, over all trees, exactly as Nabla says.
TEST(PairSetup, ChangedTIsCaughtExactlyIfItIsTheReceiversSide) {
  if (ot::kTreeDepth == 1) GTEST_SKIP() << "no t at depth 1";
  std::size_t caught = 0;
  for (std::size_t tree = 0; tree < 8; ++tree) {
    Link honest(Curve::toy(), 11), link(Curve::toy(), 11);
    honest.go();
    ASSERT_TRUE(honest.state_b.has_value());
    const std::size_t level = 1;
    const auto nabla_bit = delta(honest.state_b->as_sender, tree) >> (ot::kTreeDepth - 1 - level) & 1;
    link.tamper3 = [&](ot::SetupMsg3& m) { m.t[tree * (ot::kTreeDepth - 1)][0][3] ^= 1; };
    link.go();
    if (nabla_bit == 1) {  // choice 0
      expect_fault(link.abort_b, Fault::PprfCheck, 8, 3);
      ++caught;
    } else {
      ASSERT_TRUE(link.state_b.has_value());
      expect_fit(link.state_a->as_receiver, link.state_b->as_sender);
    }
  }
  EXPECT_GT(caught, 0U);
  EXPECT_LT(caught, 8U);
}

TEST(PairSetup, BothChangedTOfALevelAreAlwaysCaught) {
  for (std::size_t at = 0; at < ot::kTrees * (ot::kTreeDepth - 1); at += 7) {
    Link link(Curve::toy(), at);
    link.tamper3 = [&](ot::SetupMsg3& m) {
      m.t[at][0][0] ^= 1;
      m.t[at][1][0] ^= 1;
    };
    link.go();
    expect_fault(link.abort_b, Fault::PprfCheck, 8, 3);
  }
}

TEST(PairSetup, RejectsMisshapenThirdMessage) {
  using Change = std::function<void(ot::SetupMsg3&)>;
  const std::pair<Fault, Change> changes[] = {
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.b.pop_back(); }},
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.b.push_back(m.b[0]); }},
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.b[0][0] = Point(); }},
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.t.emplace_back(); }},
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.check_sum.pop_back(); }},
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.check_sum.emplace_back(); }},
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.check_root.pop_back(); }},
      {Fault::Malformed, [](ot::SetupMsg3& m) { m.check_root.emplace_back(); }},
      {Fault::Infinity, [](ot::SetupMsg3& m) { m.b[5][0] = Point(Curve::p256()); }},
  };
  for (const auto& [fault, change] : changes) {
    Link link(Curve::p256());
    link.tamper3 = change;
    link.go();
    expect_fault(link.abort_b, fault, 8, 3);
  }
}

TEST(PairSetup, MessagesOfAnEarlierSetUpAreCaught) {
  Link earlier(Curve::p256(), 1);
  earlier.go();
  Link second(Curve::p256(), 2), third(Curve::p256(), 3);
  second.tamper2 = [&](ot::SetupMsg2& m) { m = earlier.last2; };
  second.go();
  expect_fault(second.abort_a, Fault::PprfCheck, 3, 8);
  third.tamper3 = [&](ot::SetupMsg3& m) { m = earlier.last3; };
  third.go();
  expect_fault(third.abort_b, Fault::PprfCheck, 8, 3);
}

TEST(PairSetup, ThirdPartyInTheMiddleOfTheIdsIsCaught) {
  // 3 believes that it talks to 8, 9 answers: the ids are hashed everywhere.
  SeededRng rng_a(1, "a"), rng_b(1, "b");
  const Binding binding{.curve = CurveId::P256};
  auto a1 = SetupRound1::start(Curve::p256(), binding, {}, 3, 8, rng_a);
  auto b1 = SetupRound1::start(Curve::p256(), binding, {}, 9, 3, rng_b);
  auto a2 = std::move(a1->next).next(b1->message, rng_a);
  auto b2 = std::move(b1->next).next(a1->message, rng_b);
  EXPECT_NE(a2->next.id(), b2->next.id());
  auto a3 = std::move(a2->next).next(b2->message, rng_a);
  auto b3 = std::move(b2->next).next(a2->message, rng_b);
  auto a4 = std::move(a3->next).next(b3->message);
  auto b4 = std::move(b3->next).next(a3->message);
  ASSERT_FALSE(a4.has_value() || b4.has_value());
  EXPECT_EQ(a4.error().fault, Fault::PprfCheck);
  EXPECT_EQ(b4.error().fault, Fault::PprfCheck);
}

// A step consumes its round: on an lvalue it does not compile, and rounds cannot be copied.
template <class Round, class Msg>
concept SteppableTwice = requires(Round& round, const Msg& msg, Rng& rng) {
  round.next(msg, rng);
};
template <class Round, class Msg>
concept LastSteppableTwice = requires(Round& round, const Msg& msg) {
  round.next(msg);
};
static_assert(!SteppableTwice<SetupRound1, ot::SetupMsg1>);
static_assert(!SteppableTwice<SetupRound2, ot::SetupMsg2>);
static_assert(!LastSteppableTwice<SetupRound3, ot::SetupMsg3>);
static_assert(!std::is_copy_constructible_v<SetupRound1> && !std::is_copy_constructible_v<SetupRound2> &&
              !std::is_copy_constructible_v<SetupRound3>);

}  // namespace
}  // namespace quorate
