#include <gtest/gtest.h>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

using sim::first;
using sim::KeygenDriver;
using sim::subsets;

/// sum lambda_i(Q) x_i: the private key, which only a test ever sees.
Scalar interpolate(const KeygenDriver::Outcome& outcome, const Quorum& quorum) {
  const auto& curve = outcome.at(quorum[0])->x_i.curve();
  Scalar x(curve);
  for (auto id : quorum) x = x + lagrange_at_zero(curve, quorum, id) * declassify(outcome.at(id)->x_i);
  return x;
}

void expect_same(const PublicKeyInfo& a, const PublicKeyInfo& b) {
  EXPECT_EQ(a.curve, b.curve);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.previous, b.previous);
  EXPECT_EQ(a.ceremony, b.ceremony);
  EXPECT_EQ(a.sid, b.sid);
  EXPECT_EQ(a.threshold, b.threshold);
  EXPECT_EQ(a.members, b.members);
  EXPECT_TRUE(a.X == b.X);
  EXPECT_EQ(a.share_points, b.share_points);
  EXPECT_EQ(a.confirmations, b.confirmations);
}

/// Every property of a finished key: all members hold the same public part, which stands on its own, their
/// shares fit it, and every T of them make up the private key while fewer do not.
void expect_key(const KeygenDriver& driver, const KeygenDriver::Outcome& outcome) {
  const auto ids = driver.terms.ids();
  for (auto id : ids) ASSERT_TRUE(outcome.at(id)) << outcome.at(id).error().abort.what();
  const auto& info = outcome.at(ids[0])->info;
  EXPECT_TRUE(consistent(info));
  EXPECT_TRUE(confirmations_valid(info));
  EXPECT_EQ(info.key, key_id_of(info.X));
  EXPECT_EQ(info.threshold, driver.terms.threshold);
  EXPECT_EQ(info.members, driver.terms.members);
  EXPECT_EQ(info.name, driver.terms.name);
  EXPECT_TRUE(info.previous.is_zero());
  for (auto id : ids) {
    expect_same(outcome.at(id)->info, info);
    EXPECT_EQ(outcome.at(id)->me, id);
    EXPECT_TRUE(Point::mul_base(outcome.at(id)->x_i) == info.share_points.at(id));
  }
  for (const auto& quorum : subsets(ids, info.threshold))
    EXPECT_TRUE(Point::mul_base(interpolate(outcome, quorum)) == info.X);
  if (info.curve->is_toy()) return;
  for (const auto& few : subsets(ids, info.threshold - 1))
    EXPECT_FALSE(Point::mul_base(interpolate(outcome, few)) == info.X);
}

TEST(Keygen, every_threshold_of_up_to_five_members_on_p256) {
  for (std::size_t n = 2; n <= 5; ++n)
    for (std::size_t t = 2; t <= n; ++t) {
      SCOPED_TRACE(std::to_string(t) + " of " + std::to_string(n));
      KeygenDriver driver(Curve::p256(), first(n), t, 10 * n + t);
      expect_key(driver, driver.run());
    }
}

TEST(Keygen, p384) {
  for (auto [n, t] : {std::pair<std::size_t, std::size_t>{2, 2}, {3, 2}, {5, 3}}) {
    SCOPED_TRACE(std::to_string(t) + " of " + std::to_string(n));
    KeygenDriver driver(Curve::p384(), first(n), t, 7);
    expect_key(driver, driver.run());
  }
}

TEST(Keygen, sixteen_members) {
  KeygenDriver driver(Curve::p256(), first(16), 2, 1);
  expect_key(driver, driver.run());
}

TEST(Keygen, ids_need_not_be_consecutive) {
  KeygenDriver driver(Curve::p256(), {2, 7, 11, 16}, 3, 1);
  expect_key(driver, driver.run());
}

TEST(Keygen, toy_curve_meets_a_zero_key_and_zero_shares) {
  Curve::allow_toy();
  std::size_t zero_keys = 0, zero_shares = 0;
  for (std::uint64_t seed = 0; seed < 150 || (zero_keys == 0 && seed < 5000); ++seed) {
    SCOPED_TRACE(seed);
    KeygenDriver driver(Curve::toy(), first(2 + seed % 3), 2 + seed % 2 * (seed % 3 > 0), seed);
    const auto outcome = driver.run();
    if (outcome.at(1)) {
      expect_key(driver, outcome);
      for (const auto& [id, point] : outcome.at(1)->info.share_points) zero_shares += point.is_infinity();
      continue;
    }
    ++zero_keys;
    for (const auto& [id, result] : outcome) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().abort.fault, Fault::Infinity);
      EXPECT_EQ(result.error().abort.blame, Blame::nobody());
      EXPECT_FALSE(result.error().evidence);
    }
  }
  EXPECT_GT(zero_keys, 0u);
  EXPECT_GT(zero_shares, 0u);
}

TEST(Keygen, the_same_randomness_gives_the_same_key_bit_for_bit) {
  std::vector<Bytes> messages[2];
  PublicKeyInfo infos[2];
  Scalar shares[2];
  for (int time = 0; time < 2; ++time) {
    KeygenDriver driver(Curve::p256(), first(3), 2, 42);
    KeygenDriver::Hooks hooks;
    auto record = [&](PartyId, const auto& inbox) {
      for (const auto& [from, message] : inbox) {
        messages[time].push_back(encode_body(message));
        messages[time].emplace_back(message.signature.begin(), message.signature.end());
      }
    };
    hooks.round1 = record;
    hooks.round2 = record;
    hooks.round3 = record;
    hooks.round4 = record;
    auto outcome = driver.run(hooks);
    infos[time] = outcome.at(2)->info;
    shares[time] = declassify(outcome.at(2)->x_i);
  }
  EXPECT_EQ(messages[0].size(), 2u * 4 * 6);
  EXPECT_EQ(messages[0], messages[1]);
  expect_same(infos[0], infos[1]);
  EXPECT_TRUE(shares[0] == shares[1]);
}

/// Pins every hash, encoding and draw of randomness of keygen: whoever changes one of them changes the
/// protocol.
TEST(Keygen, golden_run) {
  struct Golden {
    const Curve& curve;
    const char *sid, *key, *epoch, *confirmation;
  };
  for (const auto& golden : {
           Golden{Curve::p256(), "ce2dacbd8b8d2e8ec33de0d08c9b78ffdb399506e49d7ad482631dbfe63de5c7",
                  "9559a34dde8ac2e268f64fc3c702d49b63a7e22b7783c48bb6933cc95f2f9520",
                  "97c65c5cdd5969d36cffe557a96fa8861356e227add483dae88dfd4e0305d56e",
                  "9bc5dce7b9b8799683814e071171b2db8252a65ea3f50aa0d8409e8edb835aa5"},
           Golden{Curve::p384(), "e0fc2a6e4e38a76aeba35508bcf1bacff13b5cafdac0be728a61757c87541b2a",
                  "ee950632758ffb8c6358bed03c62b2e7c924766b659e4adbcb229fbe508fd7fe",
                  "669003582f996037193b55f1ed9cfaa2bf2c0c460e3f4179ab07d316ce2ef366",
                  "0646d6365be3ecd1dd5ad32862235f99e292aec5f0e382a67e99fd07fb3d55cd"},
       }) {
    const auto shares = sim::make_key(golden.curve, 3, 2, 20);
    const auto& info = shares.at(1).info;
    EXPECT_EQ(info.sid.hex(), golden.sid);
    EXPECT_EQ(info.key.hex(), golden.key);
    EXPECT_EQ(info.epoch.hex(), golden.epoch);
    EXPECT_EQ(confirmation_digest(info).hex(), golden.confirmation);
  }
}

TEST(Keygen, other_randomness_or_another_ceremony_gives_another_key) {
  auto a = sim::make_key(Curve::p256(), 3, 2, 1), b = sim::make_key(Curve::p256(), 3, 2, 2);
  EXPECT_NE(a.at(1).info.key, b.at(1).info.key);
  EXPECT_NE(a.at(1).info.epoch, b.at(1).info.epoch);
  EXPECT_NE(a.at(1).info.sid, b.at(1).info.sid);
}

TEST(Keygen, what_must_be_durable_is_there_before_the_confirmation_leaves) {
  KeygenDriver driver(Curve::p256(), first(2), 2, 3);
  const auto& [a, b] =
      std::pair<const IdentityKey&, const IdentityKey&>(driver.identities.at(1), driver.identities.at(2));
  auto &rng_a = *driver.rngs.at(1), &rng_b = *driver.rngs.at(2);
  auto a1 = KeygenRound1::start(driver.terms, 1, a, rng_a),
       b1 = KeygenRound1::start(driver.terms, 2, b, rng_b);
  const auto towards = [](auto& sent, PartyId to, PartyId from) {
    return std::map{std::pair{from, sent->messages.at(to)}};
  };
  auto a2 = std::move(a1->next).next(towards(b1, 1, 2), a, rng_a),
       b2 = std::move(b1->next).next(towards(a1, 2, 1), b, rng_b);
  auto a3 = std::move(a2->next).next(towards(b2, 1, 2), a, rng_a),
       b3 = std::move(b2->next).next(towards(a2, 2, 1), b, rng_b);
  auto a4 = std::move(a3->next).next(towards(b3, 1, 2), a, rng_a),
       b4 = std::move(b3->next).next(towards(a3, 2, 1), b, rng_b);
  auto a5 = std::move(a4->next).next(towards(b4, 1, 2), a, rng_a),
       b5 = std::move(b4->next).next(towards(a4, 2, 1), b, rng_b);
  ASSERT_TRUE(a5 && b5);

  // Member 1 goes down here and comes back with what it had stored; the missing confirmation comes from
  // member 2.
  const auto& stored = a5->next.prepared();
  EXPECT_TRUE(consistent(stored.info));
  EXPECT_FALSE(confirmations_valid(stored.info));
  EXPECT_TRUE(Point::mul_base(stored.x_i) == stored.info.share_points.at(1));
  auto info = stored.info;
  info.confirmations.emplace(2, b5->messages.at(1).confirmation);
  EXPECT_TRUE(confirmations_valid(info));
}

TEST(Keygen, rounds_can_be_moved_but_not_copied) {
  static_assert(!std::is_copy_constructible_v<KeygenRound1> && std::is_move_constructible_v<KeygenRound1>);
  static_assert(!std::is_copy_constructible_v<KeygenRound2> && std::is_move_constructible_v<KeygenRound2>);
  static_assert(!std::is_copy_constructible_v<KeygenRound3> && std::is_move_constructible_v<KeygenRound3>);
  static_assert(!std::is_copy_constructible_v<KeygenRound4> && std::is_move_constructible_v<KeygenRound4>);
  static_assert(!std::is_copy_constructible_v<KeygenRound5> && std::is_move_constructible_v<KeygenRound5>);
}

class KeygenTermsTest : public testing::Test {
 protected:
  KeygenDriver driver_{Curve::p256(), {1, 2, 3}, 2, 5};

  void expect_refused(const KeygenTerms& terms, PartyId me = 1) {
    const auto result = KeygenRound1::start(terms, me, driver_.identities.at(1), *driver_.rngs.at(1));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().abort.fault, Fault::BadParameters);
    EXPECT_EQ(result.error().abort.blame, Blame::nobody());
  }
};

TEST_F(KeygenTermsTest, rejects_thresholds_out_of_range) {
  for (std::size_t t : {0, 1, 4, 17}) {
    auto terms = driver_.terms;
    terms.threshold = t;
    expect_refused(terms);
  }
}

TEST_F(KeygenTermsTest, rejects_member_lists_that_are_short_unsorted_or_repeat) {
  auto terms = driver_.terms;
  terms.members.resize(1);
  expect_refused(terms);
  terms = driver_.terms;
  std::swap(terms.members[0], terms.members[1]);
  expect_refused(terms);
  terms = driver_.terms;
  terms.members[1].id = 1;
  expect_refused(terms);
  terms = driver_.terms;
  terms.members[2].identity = terms.members[1].identity;
  expect_refused(terms);
  terms = driver_.terms;
  terms.members[0].id = 0;
  expect_refused(terms, 0);
  terms = driver_.terms;
  terms.members[2].id = 17;
  expect_refused(terms);
}

TEST_F(KeygenTermsTest, rejects_no_curve_no_ceremony_and_bad_names) {
  auto terms = driver_.terms;
  terms.curve = nullptr;
  expect_refused(terms);
  terms = driver_.terms;
  terms.ceremony = {};
  expect_refused(terms);
  terms = driver_.terms;
  terms.name.clear();
  expect_refused(terms);
  terms.name.assign(kMaxKeyName + 1, 'k');
  expect_refused(terms);
}

TEST_F(KeygenTermsTest, rejects_somebody_else_and_a_foreign_identity_key) {
  expect_refused(driver_.terms, 4);
  expect_refused(driver_.terms, 2);
}

}  // namespace
}  // namespace quorate
