// Refresh (SPEC 1.6): new shares of the same key. Everything that key generation checks it checks by the same
// code; here stands what is different.
#include <gtest/gtest.h>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

using sim::first;
using sim::KeygenDriver;
using sim::subsets;
using Hooks = KeygenDriver::Hooks;
using Outcome = KeygenDriver::Outcome;
constexpr PartyId kCheat = 2;

/// sum lambda_i(Q) x_i G, with each member's share taken from where `from` says.
template <class From>
Point interpolate(const Quorum& quorum, From from) {
  const auto& curve = from(quorum[0]).x_i.curve();
  Scalar x(curve);
  for (auto id : quorum) x = x + lagrange_at_zero(curve, quorum, id) * declassify(from(id).x_i);
  return Point::mul_base(x);
}

void expect_refreshed(const Outcome& before, const Outcome& after, const KeygenTerms& terms) {
  const auto ids = terms.ids();
  for (auto id : ids) ASSERT_TRUE(after.at(id)) << after.at(id).error().abort.what();
  const auto &old = before.at(ids[0])->info, &info = after.at(ids[0])->info;
  EXPECT_TRUE(consistent(info));
  EXPECT_TRUE(confirmations_valid(info));
  EXPECT_TRUE(info.X == old.X);
  EXPECT_EQ(info.key, old.key);
  EXPECT_EQ(info.name, old.name);
  EXPECT_EQ(info.threshold, old.threshold);
  EXPECT_EQ(info.members, old.members);
  EXPECT_EQ(info.previous, old.epoch);
  EXPECT_NE(info.epoch, old.epoch);
  EXPECT_EQ(info.ceremony, terms.ceremony);
  for (auto id : ids) {
    EXPECT_EQ(after.at(id)->info.epoch, info.epoch);
    EXPECT_TRUE(Point::mul_base(after.at(id)->x_i) == info.share_points.at(id));
    EXPECT_TRUE(info.curve->is_toy() || !(declassify(after.at(id)->x_i) == declassify(before.at(id)->x_i)));
  }
  for (const auto& quorum : subsets(ids, info.threshold)) {
    EXPECT_TRUE(interpolate(quorum, [&](PartyId id) -> const KeyShare& { return *after.at(id); }) == info.X);
    if (info.curve->is_toy()) continue;
    // One share of the old epoch spoils the sum, and so does one of the new among old ones.
    for (auto odd : quorum) {
      EXPECT_FALSE(interpolate(quorum, [&](PartyId id) -> const KeyShare& {
                     return id == odd ? *before.at(id) : *after.at(id);
                   }) == info.X);
      EXPECT_FALSE(interpolate(quorum, [&](PartyId id) -> const KeyShare& {
                     return id == odd ? *after.at(id) : *before.at(id);
                   }) == info.X);
    }
  }
}

TEST(Refresh, every_threshold_of_up_to_five_members) {
  for (std::size_t n = 2; n <= 5; ++n)
    for (std::size_t t = 2; t <= n; ++t) {
      SCOPED_TRACE(std::to_string(t) + " of " + std::to_string(n));
      KeygenDriver driver(Curve::p256(), first(n), t, 10 * n + t);
      const auto key = driver.run();
      driver.refresh(key, 1);
      const auto once = driver.run();
      expect_refreshed(key, once, driver.terms);
      driver.refresh(once, 2);
      expect_refreshed(once, driver.run(), driver.terms);
    }
}

TEST(Refresh, p384_and_ids_that_are_not_consecutive) {
  KeygenDriver driver(Curve::p384(), {2, 7, 11, 16}, 3, 3);
  const auto key = driver.run();
  driver.refresh(key, 1);
  expect_refreshed(key, driver.run(), driver.terms);
}

TEST(Refresh, the_toy_curve_meets_shares_that_are_zero) {
  Curve::allow_toy();
  std::size_t zero_shares = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    KeygenDriver driver(Curve::toy(), first(2 + seed % 3), 2 + seed % 2 * (seed % 3 > 0), seed);
    const auto key = driver.run();
    if (!key.at(1)) continue;
    driver.refresh(key, seed);
    const auto outcome = driver.run();
    expect_refreshed(key, outcome, driver.terms);
    for (const auto& [id, point] : outcome.at(1)->info.share_points) zero_shares += point.is_infinity();
  }
  EXPECT_GT(zero_shares, 0u);
}

TEST(Refresh, the_constant_coefficient_is_not_sent) {
  KeygenDriver driver(Curve::p256(), first(4), 3, 1);
  const auto key = driver.run();
  driver.refresh(key, 1);
  Hooks hooks;
  hooks.round2 = [](PartyId, auto& inbox) {
    for (const auto& [from, message] : inbox) {
      EXPECT_EQ(message.coefficients.size(), 2u);
      EXPECT_EQ(message.proofs.size(), 2u);
    }
  };
  expect_refreshed(key, driver.run(hooks), driver.terms);
}

/// Member 2 of three, or of four with T = 3, cheats; the others have to say the documented thing.
class RefreshCheat : public testing::Test {
 protected:
  RefreshCheat() : driver_(Curve::p256(), first(4), 3, 1), key_(driver_.run()) { driver_.refresh(key_, 1); }

  template <class Msg>
  KeygenDriver::Hook<Msg> changed(std::uint8_t round, std::function<void(Msg&)> change, bool resign = true) {
    return [this, round, change, resign](PartyId to, Inbox<Msg>& inbox) {
      if (to == kCheat) return;
      change(inbox.at(kCheat));
      if (resign) driver_.sign_as(kCheat, to, round, inbox.at(kCheat));
    };
  }
  void expect(const Hooks& hooks, Fault fault, const Blame& blame) {
    const auto outcome = driver_.run(hooks);
    for (PartyId id : Quorum{1, 3, 4}) {
      const auto& result = outcome.at(id);
      ASSERT_FALSE(result) << int{id};
      const auto& [abort, evidence, seen] = result.error();
      EXPECT_EQ(abort.fault, fault) << abort.what();
      EXPECT_EQ(abort.blame, blame) << abort.what();
      ASSERT_EQ(evidence.has_value(), blame.kind == Blame::Kind::Party && fault != Fault::BadSignature);
      if (!evidence) continue;
      EXPECT_TRUE(verify_evidence(*evidence, driver_.terms.members));
      judge(*evidence);
    }
  }
  /// The same statements under other terms prove nothing, whoever reads them.
  void judge(const KeygenEvidence& evidence) {
    const std::vector<std::function<void(KeygenTerms&)>> changes{
        [](auto& t) { t.old.reset(); },
        [](auto& t) { t.old->id.bytes[0] ^= 1; },
        [](auto& t) { t.old->previous.bytes[0] ^= 1; },
        [](auto& t) { t.old->ceremony.bytes[0] ^= 1; },
        [](auto& t) { t.old->X += Point::generator(Curve::p256()); },
        [](auto& t) { t.old->X = Point(); },
        [](auto& t) { t.old->share_points.at(2) += Point::generator(Curve::p256()); },
        [](auto& t) { t.old->share_points.erase(2); },
        [](auto& t) { t.old->share_points.at(1) = Point(); },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
      auto other = evidence;
      changes[i](other.terms);
      EXPECT_FALSE(verify_evidence(other, other.terms.members)) << i;
    }
  }

  KeygenDriver driver_;
  Outcome key_;
};

TEST_F(RefreshCheat, bans_every_altered_field_of_round_2) {
  const auto on_cheat = Blame::on(kCheat);
  const auto generator = Point::generator(Curve::p256());
  const std::vector<std::pair<std::function<void(KeygenMsg2&)>, Fault>> changes{
      {[&](auto& m) { m.coefficients[0] += generator; }, Fault::CommitmentMismatch},
      {[&](auto& m) { m.coefficients[1] += generator; }, Fault::CommitmentMismatch},
      {[&](auto& m) { m.opening[3] ^= 1; }, Fault::CommitmentMismatch},
      {[&](auto& m) { m.proofs[0].commitment += generator; }, Fault::BadProof},
      {[&](auto& m) { m.proofs[1].response = m.proofs[1].response.negate(); }, Fault::BadProof},
      {[&](auto& m) { std::swap(m.proofs[0], m.proofs[1]); }, Fault::BadProof},
  };
  for (const auto& [change, fault] : changes) {
    Hooks hooks;
    hooks.round2 = changed<KeygenMsg2>(2, change);
    expect(hooks, fault, on_cheat);
    hooks.round2 = changed<KeygenMsg2>(2, change, false);
    expect(hooks, Fault::BadSignature, Blame::nobody());
  }
  Hooks hooks;
  hooks.round2 = changed<KeygenMsg2>(2, [](auto& m) { m.echo.bytes[0] ^= 1; });
  expect(hooks, Fault::EchoMismatch, Blame::nobody());
}

TEST_F(RefreshCheat, rejects_lists_of_any_length_but_one_less_than_the_threshold) {
  for (std::size_t count : {0, 1, 3, 4}) {
    for (bool points : {true, false}) {
      Hooks hooks;
      hooks.round2 = changed<KeygenMsg2>(2, [count, points](auto& m) {
        points ? m.coefficients.resize(count, Point::generator(Curve::p256()))
               : m.proofs.resize(count, m.proofs.front());
      });
      expect(hooks, Fault::Malformed, Blame::on(kCheat));
    }
  }
}

TEST_F(RefreshCheat, bans_every_altered_field_of_rounds_1_3_4_and_5) {
  const auto on_cheat = Blame::on(kCheat);
  const auto generator = Point::generator(Curve::p256());
  const auto run1 = [&](std::function<void(KeygenMsg1&)> change) {
    Hooks hooks;
    hooks.round1 = changed<KeygenMsg1>(1, std::move(change));
    expect(hooks, Fault::EchoMismatch, Blame::nobody());
  };
  run1([](auto& m) { m.nonce.bytes[0] ^= 1; });
  run1([](auto& m) { m.commitment.bytes[0] ^= 1; });
  const auto run3 = [&](std::function<void(KeygenMsg3&)> change, Fault fault, const Blame& blame) {
    Hooks hooks;
    hooks.round3 = changed<KeygenMsg3>(3, std::move(change));
    expect(hooks, fault, blame);
  };
  run3([](auto& m) { m.echo.bytes[0] ^= 1; }, Fault::EchoMismatch, Blame::nobody());
  run3([](auto& m) { m.share[30] ^= 1; }, Fault::BadShare, on_cheat);
  run3([](auto& m) { m.share.assign(32, 0); }, Fault::BadShare, on_cheat);
  run3([](auto& m) { m.share.assign(32, 0xff); }, Fault::Malformed, on_cheat);
  const auto run4 = [&](std::function<void(KeygenMsg4&)> change, Fault fault) {
    Hooks hooks;
    hooks.round4 = changed<KeygenMsg4>(4, std::move(change));
    expect(hooks, fault, on_cheat);
  };
  run4([&](auto& m) { m.share_point += generator; }, Fault::KeyMismatch);
  run4([&](auto& m) { m.share_point = key_.at(1)->info.share_points.at(kCheat); }, Fault::KeyMismatch);
  run4([&](auto& m) { m.public_key += generator; }, Fault::KeyMismatch);
  run4([&](auto& m) { m.proof.response = m.proof.response.negate(); }, Fault::BadProof);
  Hooks hooks;
  hooks.round5 = [](PartyId to, auto& inbox) {
    if (to != kCheat) inbox.at(kCheat).confirmation[0] ^= 1;
  };
  expect(hooks, Fault::BadSignature, on_cheat);
}

TEST_F(RefreshCheat, bans_a_dealer_whose_constant_is_not_zero) {
  // The same constant for everybody: consistent shares, that would move the key.
  Hooks hooks;
  hooks.round3 = changed<KeygenMsg3>(3, [](auto& m) {
    const auto moved = *SecretScalar::decode(Curve::p256(), m.share) + Scalar(Curve::p256(), 1);
    moved.encode(m.share);
  });
  expect(hooks, Fault::BadShare, Blame::on(kCheat));
}

TEST_F(RefreshCheat, no_message_of_a_key_generation_or_of_another_refresh_is_taken) {
  const auto refresh = driver_.terms;
  auto generation = refresh, other = refresh;
  generation.old.reset();
  other.old->id.bytes[5] ^= 1;
  for (const auto& foreign : {generation, other}) {
    Hooks hooks;
    const auto hook = [&](auto round) {
      return [this, &foreign, refresh, round](PartyId to, auto& inbox) {
        if (to == kCheat) return;
        driver_.terms = foreign;
        driver_.sign_as(kCheat, to, round, inbox.at(kCheat));
        driver_.terms = refresh;
      };
    };
    for (std::uint8_t round = 1; round <= 4; ++round) {
      hooks = {};
      if (round == 1) hooks.round1 = hook(round);
      if (round == 2) hooks.round2 = hook(round);
      if (round == 3) hooks.round3 = hook(round);
      if (round == 4) hooks.round4 = hook(round);
      expect(hooks, Fault::BadSignature, Blame::nobody());
    }
  }
}

TEST_F(RefreshCheat, terms_that_differ_in_the_old_epoch_make_another_session) {
  std::map<PartyId, Digest> nonces{{1, {}}, {2, {}}};
  auto other = driver_.terms;
  other.old->id.bytes[5] ^= 1;
  auto none = driver_.terms;
  none.old.reset();
  EXPECT_NE(keygen_sid(driver_.terms, nonces), keygen_sid(other, nonces));
  EXPECT_NE(keygen_sid(driver_.terms, nonces), keygen_sid(none, nonces));
}

TEST_F(RefreshCheat, nobody_starts_on_a_flawed_old_epoch_or_with_another_share) {
  const auto refused = [&](KeygenTerms terms, const KeyShare* old) {
    const auto result = KeygenRound1::start(std::move(terms), 1, driver_.identities.at(1), *driver_.rngs.at(1), old);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().abort.fault, Fault::BadParameters);
    EXPECT_EQ(result.error().abort.blame, Blame::nobody());
  };
  auto& mine = *key_.at(1);
  refused(driver_.terms, nullptr);
  refused(driver_.terms, &*key_.at(2));
  auto terms = driver_.terms;
  terms.old.reset();
  refused(terms, &mine);
  terms = driver_.terms;
  terms.old->id.bytes[0] ^= 1;
  refused(terms, &mine);
  terms = driver_.terms;
  terms.ceremony = terms.old->ceremony;
  refused(terms, &mine);
  terms = driver_.terms;
  terms.threshold = 2;
  refused(terms, &mine);
  KeyShare other{mine.info, 1, mine.x_i + Scalar(Curve::p256(), 1)};
  refused(driver_.terms, &other);
}

}  // namespace
}  // namespace quorate
