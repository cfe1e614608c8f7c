#include "protocol/ot/base_ot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "protocol/base/ct.h"
#include "protocol/group/lanes.h"
#include "test/sim/seeded_rng.h"

namespace quorate::ot {
namespace {

using sim::SeededRng;

std::uint64_t bit_of(const Block& bits, std::size_t j) { return (bits[j / 8] >> (j % 8)) & 1; }

Binding binding_for(const Curve& curve) {
  Binding out{.curve = curve.id(), .from = 1, .to = 2};
  out.key.bytes.fill(0x11);
  out.epoch.bytes.fill(0x22);
  out.sid.bytes.fill(0x33);
  return out;
}

/// Both ends of one run, with everything that may be tampered with on the way.
struct OtRun {
  explicit OtRun(const Curve& c, std::uint64_t seed = 1)
      : curve(c), sender_binding(binding_for(c)), receiver_binding(binding_for(c)), rng(seed) {
    rng.fill(choices);
  }

  const Curve& curve;
  Binding sender_binding, receiver_binding;
  SeededRng rng;
  Block choices{};
  std::function<void(PointPairs&)> tamper_r = [](PointPairs&) {};
  std::function<void(PointPairs&)> tamper_b = [](PointPairs&) {};
  SecretVector<std::array<Block, 2>> sent;
  SecretVector<Block> received;
  PointPairs r, b;  ///< as they were sent

  /// The fault that ended it, if one did.
  std::optional<Abort> go() {
    auto [message, receiver] = BaseOtReceiver::choose(curve, receiver_binding, Secret<Block>(choices), rng);
    r = std::move(message);
    tamper_r(r);
    auto sender = base_ot_send(curve, sender_binding, r, rng);
    if (!sender) return sender.error();
    b = std::move(sender->b);
    tamper_b(b);
    auto keys = std::move(receiver).keys(b);
    if (!keys) return keys.error();
    sent = std::move(sender->keys);
    received = std::move(*keys);
    return std::nullopt;
  }

  [[nodiscard]] bool chosen_matches(std::size_t i) const {
    return received.reveal()[i] == sent.reveal()[i][bit_of(choices, i)];
  }
  [[nodiscard]] bool other_matches(std::size_t i) const {
    return received.reveal()[i] == sent.reveal()[i][1 ^ bit_of(choices, i)];
  }
  /// Every instance but one agrees, and that one agrees with neither key.
  void expect_only_broken(std::size_t broken) const {
    for (std::size_t i = 0; i < kLambdaC; ++i) {
      EXPECT_EQ(chosen_matches(i), i != broken) << i;
      EXPECT_FALSE(other_matches(i)) << i;
    }
  }
};

void expect_fault(const std::optional<Abort>& abort, Fault fault, Blame blame) {
  ASSERT_TRUE(abort.has_value());
  EXPECT_EQ(abort->fault, fault) << abort->what();
  EXPECT_EQ(abort->blame, blame) << abort->what();
}

const Blame kBySender = Blame::pair(1, 2);
const Blame kByReceiver = Blame::pair(2, 1);

class BaseOtOn : public testing::TestWithParam<const Curve*> {};

TEST_P(BaseOtOn, ReceiverGetsTheChosenKeyAndNotTheOther) {
  OtRun run(*GetParam());
  ASSERT_FALSE(run.go().has_value());
  ASSERT_EQ(run.received.size(), kLambdaC);
  for (std::size_t i = 0; i < kLambdaC; ++i) {
    EXPECT_TRUE(run.chosen_matches(i)) << i;
    EXPECT_FALSE(run.other_matches(i)) << i;
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(run.received.reveal()[i], run.received.reveal()[j]);
  }
}

TEST_P(BaseOtOn, EveryPointOfBothMessagesCanBeEncodedAndDecoded) {
  const Curve& curve = *GetParam();
  OtRun run(curve);
  const auto round_trip = [&](PointPairs& pairs) {
    ASSERT_EQ(pairs.size(), kLambdaC);
    for (auto& pair : pairs)
      for (auto& point : pair) {
        auto again = Point::decode(curve, point.encode());
        ASSERT_TRUE(again.has_value());
        EXPECT_TRUE(*again == point);
        point = *again;
      }
  };
  run.tamper_r = run.tamper_b = round_trip;
  ASSERT_FALSE(run.go().has_value());
  for (std::size_t i = 0; i < kLambdaC; ++i) EXPECT_TRUE(run.chosen_matches(i)) << i;
}

INSTANTIATE_TEST_SUITE_P(Curves, BaseOtOn, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& on) {
                           return on.param->is_toy()                ? "toy"
                                  : on.param->id() == CurveId::P256 ? "p256"
                                                                    : "p384";
                         });

TEST(BaseOt, WorksForAllZeroAndAllOneChoices) {
  for (const std::uint8_t pattern : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
    OtRun run(Curve::p256());
    run.choices.fill(pattern);
    ASSERT_FALSE(run.go().has_value());
    for (std::size_t i = 0; i < kLambdaC; ++i) EXPECT_TRUE(run.chosen_matches(i)) << i;
  }
}

TEST(BaseOt, IsReproducibleFromTheSeedAndFreshUnderAnother) {
  OtRun one(Curve::p256(), 7), same(Curve::p256(), 7), other(Curve::p256(), 8);
  other.choices = one.choices;
  for (auto* run : {&one, &same, &other}) ASSERT_FALSE(run->go().has_value());
  for (std::size_t i = 0; i < kLambdaC; ++i) {
    EXPECT_EQ(one.received.reveal()[i], same.received.reveal()[i]);
    EXPECT_NE(one.received.reveal()[i], other.received.reveal()[i]);
  }
}

/// Computes in these lanes while it lives. Those of a processor that has none are not asked for.
class InLanes {
 public:
  explicit InLanes(Lanes lanes) : before_(lanes_in_use()) { use_lanes(lanes); }
  InLanes(const InLanes&) = delete;
  InLanes& operator=(const InLanes&) = delete;
  ~InLanes() { use_lanes(before_); }
  static std::vector<Lanes> all() {
    std::vector<Lanes> out = {Lanes::None, Lanes::Portable};
    if (lanes_available()) out.push_back(Lanes::Ifma);
    return out;
  }

 private:
  Lanes before_;
};

TEST(BaseOt, IsTheSameInAllLanes) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384(), &Curve::toy()}) {
    std::unique_ptr<OtRun> first;
    for (const Lanes lanes : InLanes::all()) {
      const InLanes in(lanes);
      auto run = std::make_unique<OtRun>(*curve, 5);
      ASSERT_FALSE(run->go().has_value());
      if (!first) first = std::move(run);
      if (!run) continue;
      for (std::size_t i = 0; i < kLambdaC; ++i) {
        EXPECT_TRUE(run->r[i] == first->r[i] && run->b[i] == first->b[i]) << i;
        EXPECT_EQ(run->sent.reveal()[i], first->sent.reveal()[i]) << i;
        EXPECT_EQ(run->received.reveal()[i], first->received.reveal()[i]) << i;
      }
    }
  }
}

/// On the toy curve every point is infinity once in 241 times: sent, hashed, added and multiplied.
TEST(BaseOt, InfinityOnTheToyCurveIsAPointLikeAnyOther) {
  const auto infinite = [](const PointPairs& pairs) {
    return std::any_of(pairs.begin(), pairs.end(),
                       [](const auto& pair) { return pair[0].is_infinity() || pair[1].is_infinity(); });
  };
  bool in_r = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    OtRun run(Curve::toy(), seed);
    ASSERT_FALSE(run.go().has_value());
    in_r = in_r || infinite(run.r);
    for (std::size_t i = 0; i < kLambdaC; ++i) EXPECT_TRUE(run.chosen_matches(i)) << seed << " " << i;
  }
  EXPECT_TRUE(in_r);
}

TEST(BaseOt, NoKeyAgreesUnderAnyOtherBinding) {
  using Change = std::function<void(Binding&)>;
  const std::pair<const char*, Change> changes[] = {{"sid", [](Binding& b) { b.sid.bytes[31] ^= 1; }},
                                                    {"key", [](Binding& b) { b.key.bytes[0] ^= 0x80; }},
                                                    {"epoch", [](Binding& b) { b.epoch.bytes[7] ^= 2; }},
                                                    {"from", [](Binding& b) { b.from = 3; }},
                                                    {"to", [](Binding& b) { b.to = 3; }},
                                                    {"curve", [](Binding& b) { b.curve = CurveId::P384; }},
                                                    {"roles", [](Binding& b) { std::swap(b.from, b.to); }}};
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    OtRun run(Curve::p256());
    change(run.receiver_binding);
    ASSERT_FALSE(run.go().has_value());
    for (std::size_t i = 0; i < kLambdaC; ++i) {
      EXPECT_FALSE(run.chosen_matches(i)) << i;
      EXPECT_FALSE(run.other_matches(i)) << i;
    }
  }
}

// A changed point is no fault here: the keys of that one instance disagree, which the PPRF's check sees.
TEST(BaseOt, ChangedRBreaksExactlyItsInstanceWhicheverSlotItIs) {
  for (std::size_t slot : {0, 1})
    for (std::size_t instance : {0, 127}) {
      OtRun run(Curve::p256());
      run.tamper_r = [&](PointPairs& r) { r[instance][slot] += Point::generator(run.curve); };
      ASSERT_FALSE(run.go().has_value());
      run.expect_only_broken(instance);
    }
}

TEST(BaseOt, SwappedSlotsBreakTheInstance) {
  OtRun run(Curve::p256());
  run.tamper_r = [](PointPairs& r) { std::swap(r[5][0], r[5][1]); };
  ASSERT_FALSE(run.go().has_value());
  run.expect_only_broken(5);
}

TEST(BaseOt, SwappedInstancesBreakBoth) {
  OtRun run(Curve::p256());
  run.tamper_r = [](PointPairs& r) { std::swap(r[3], r[4]); };
  run.tamper_b = [](PointPairs& b) { std::swap(b[3], b[4]); };
  ASSERT_FALSE(run.go().has_value());
  for (std::size_t i = 0; i < kLambdaC; ++i) EXPECT_EQ(run.chosen_matches(i), i != 3 && i != 4) << i;
}

// The key is bound to both points, so that the outcome of a tampered B tells nothing of the choice.
TEST(BaseOt, ChangedBBreaksItsInstanceWhateverTheChoice) {
  for (std::size_t slot : {0, 1})
    for (const std::uint8_t pattern : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      OtRun run(Curve::p256());
      run.choices.fill(pattern);
      run.tamper_b = [&](PointPairs& b) { b[64][slot] += Point::generator(run.curve); };
      ASSERT_FALSE(run.go().has_value());
      run.expect_only_broken(64);
    }
}

TEST(BaseOt, SlotPointDependsOnEveryInput) {
  const auto& curve = Curve::p256();
  const auto other = Point::generator(curve).encode();
  const auto base = binding_for(curve);
  const auto point = base_ot_point(curve, base, 0, other);
  EXPECT_TRUE(point == base_ot_point(curve, base, 0, other));
  EXPECT_FALSE(point == base_ot_point(curve, base, 1, other));
  EXPECT_FALSE(point == base_ot_point(curve, base.at(1), 0, other));
  EXPECT_FALSE(point == base_ot_point(curve, base.towards(2, 1), 0, other));
  EXPECT_FALSE(point == base_ot_point(curve, base, 0, Point::generator(curve).negate().encode()));
}

TEST(BaseOt, SenderRejectsAWrongCount) {
  for (std::size_t count : {0UL, kLambdaC - 1, kLambdaC + 1}) {
    OtRun run(Curve::p256());
    run.tamper_r = [&](PointPairs& r) { r.resize(count, r[0]); };
    expect_fault(run.go(), Fault::Malformed, kBySender);
  }
}

TEST(BaseOt, ReceiverRejectsAWrongCount) {
  for (std::size_t count : {0UL, kLambdaC - 1, kLambdaC + 1}) {
    OtRun run(Curve::p256());
    run.tamper_b = [&](PointPairs& b) { b.resize(count, b[0]); };
    expect_fault(run.go(), Fault::Malformed, kByReceiver);
  }
}

TEST(BaseOt, RejectsPointsOfAnotherCurveOrOfNone) {
  for (const Point& foreign : {Point::generator(Curve::p384()), Point()}) {
    OtRun r(Curve::p256()), b(Curve::p256());
    r.tamper_r = [&](PointPairs& pairs) { pairs[127][1] = foreign; };
    b.tamper_b = [&](PointPairs& pairs) { pairs[127][1] = foreign; };
    expect_fault(r.go(), Fault::Malformed, kBySender);
    expect_fault(b.go(), Fault::Malformed, kByReceiver);
  }
}

TEST(BaseOt, RejectsInfinityInEitherMessageAndSlot) {
  for (std::size_t slot : {0, 1}) {
    OtRun r(Curve::p256()), b(Curve::p256());
    r.tamper_r = [&](PointPairs& pairs) { pairs[9][slot] = Point(Curve::p256()); };
    b.tamper_b = [&](PointPairs& pairs) { pairs[9][slot] = Point(Curve::p256()); };
    expect_fault(r.go(), Fault::Infinity, kBySender);
    expect_fault(b.go(), Fault::Infinity, kByReceiver);
  }
}

// With A_c neutral anybody would know rho_c. The receiver can arrange it: r_c = -Hpt(c, r_{1-c}).
TEST(BaseOt, SenderRejectsAnArrangedNeutralA) {
  for (const Lanes lanes : InLanes::all())
    for (std::size_t slot : {0, 1}) {
      const InLanes in(lanes);
      OtRun run(Curve::p256());
      run.tamper_r = [&](PointPairs& r) {
        const auto bound = run.sender_binding.at(77);
        r[77][slot] = base_ot_point(run.curve, bound, slot, r[77][1 - slot].encode()).negate();
      };
      expect_fault(run.go(), Fault::Infinity, kBySender);
    }
}

static_assert(!std::is_copy_constructible_v<BaseOtReceiver>);
static_assert(!std::is_copy_constructible_v<BaseOtSent>);

}  // namespace
}  // namespace quorate::ot
