#include <gtest/gtest.h>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

using sim::KeygenDriver;
using Hooks = KeygenDriver::Hooks;
constexpr PartyId kCheat = 2;
constexpr PartyId kHonest[] = {1, 3};

/// A dealer with a polynomial of its own choice, which keeps to the protocol otherwise: it commits to what it
/// opens, proves under the right sid and echoes what the honest members saw.
class RogueDealer {
 public:
  RogueDealer(KeygenDriver& driver, std::vector<Scalar> coefficients)
      : driver_(driver), secrets_(std::move(coefficients)) {
    for (const auto& secret : secrets_) points_.push_back(Point::mul_base(secret));
    opening_.fill(7);
  }

  Hooks hooks() {
    Hooks hooks;
    hooks.round1 = [this](PartyId to, Inbox<KeygenMsg1>& inbox) {
      if (to == kCheat) return;
      auto& message = inbox.at(kCheat);
      message.commitment = keygen_commitment(driver_.terms, kCheat, message.nonce, points_, opening_);
      driver_.sign_as(kCheat, to, 1, message);
      for (const auto& [id, other] : inbox) nonces_[id] = other.nonce;
    };
    hooks.round2 = [this](PartyId to, Inbox<KeygenMsg2>& inbox) {
      if (to == kCheat) return;
      auto& message = inbox.at(kCheat);
      message.echo = inbox.at(to == 1 ? 3 : 1).echo;
      message.coefficients = points_;
      message.opening = opening_;
      message.proofs.clear();
      sim::SeededRng rng(3);
      const auto sid = keygen_sid(driver_.terms, nonces_);
      for (std::size_t k = 0; k < secrets_.size(); ++k)
        message.proofs.push_back(prove_knowledge(kCoefficientProof,
                                                 coefficient_binding(driver_.terms, sid, kCheat, k),
                                                 SecretScalar(secrets_[k]), points_[k], rng));
      if (tamper) tamper(message, inbox.at(to == 1 ? 3 : 1));
      driver_.sign_as(kCheat, to, 2, message);
    };
    return hooks;
  }

  std::function<void(KeygenMsg2&, const KeygenMsg2& honest)> tamper;

 private:
  KeygenDriver& driver_;
  std::vector<Scalar> secrets_;
  std::vector<Point> points_;
  std::array<std::uint8_t, 32> opening_{};
  std::map<PartyId, Digest> nonces_;
};

Scalar small(const Curve& curve, std::uint64_t value) { return Scalar(curve, value); }

void expect_named(const KeygenDriver& driver, const KeygenDriver::Outcome& outcome, Fault fault) {
  for (auto id : kHonest) {
    ASSERT_FALSE(outcome.at(id));
    const auto& abort = outcome.at(id).error();
    EXPECT_EQ(abort.abort.fault, fault) << abort.abort.what();
    EXPECT_EQ(abort.abort.blame, Blame::on(kCheat));
    ASSERT_TRUE(abort.evidence);
    EXPECT_EQ(abort.evidence->culprit, kCheat);
    EXPECT_TRUE(verify_evidence(*abort.evidence, driver.terms.members));
  }
}

TEST(KeygenRogueDealer, passes_round_2_as_long_as_it_keeps_to_the_rules) {
  KeygenDriver driver(Curve::p256(), {1, 2, 3}, 2, 1);
  RogueDealer dealer(driver, {small(Curve::p256(), 5), small(Curve::p256(), 6)});
  const auto outcome = driver.run(dealer.hooks());
  // Its own program saw other messages and stops at the echoes; the honest ones wait for its round 3.
  for (auto id : kHonest) EXPECT_EQ(outcome.at(id).error().abort.fault, Fault::TimedOut);
  EXPECT_EQ(outcome.at(kCheat).error().abort.fault, Fault::EchoMismatch);
}

TEST(KeygenRogueDealer, bans_a_committed_polynomial_of_another_degree) {
  for (std::size_t size : {1, 3, 16}) {
    KeygenDriver driver(Curve::p256(), {1, 2, 3}, 2, 1);
    RogueDealer dealer(driver, std::vector<Scalar>(size, small(Curve::p256(), 9)));
    expect_named(driver, driver.run(dealer.hooks()), Fault::Malformed);
  }
}

TEST(KeygenRogueDealer, bans_a_zero_coefficient) {
  Curve::allow_toy();
  for (std::size_t k : {0, 1}) {
    KeygenDriver driver(Curve::toy(), {1, 2, 3}, 2, 1);
    std::vector<Scalar> coefficients{small(Curve::toy(), 3), small(Curve::toy(), 4)};
    coefficients[k] = Scalar(Curve::toy());
    RogueDealer dealer(driver, coefficients);
    expect_named(driver, driver.run(dealer.hooks()), Fault::Infinity);
  }
}

TEST(KeygenRogueDealer, bans_a_coefficient_it_cannot_know) {
  for (std::size_t k : {0, 1}) {
    KeygenDriver driver(Curve::p256(), {1, 2, 3}, 2, 1);
    RogueDealer dealer(driver, {small(Curve::p256(), 5), small(Curve::p256(), 6)});
    dealer.tamper = [k](KeygenMsg2& mine, const KeygenMsg2& honest) { mine.proofs[k] = honest.proofs[k]; };
    expect_named(driver, driver.run(dealer.hooks()), Fault::BadProof);
  }
}

TEST(KeygenRogueDealer, bans_a_proof_of_one_coefficient_used_for_another) {
  KeygenDriver driver(Curve::p256(), {1, 2, 3}, 2, 1);
  RogueDealer dealer(driver, {small(Curve::p256(), 5), small(Curve::p256(), 5)});
  dealer.tamper = [](KeygenMsg2& mine, const KeygenMsg2&) { mine.proofs[1] = mine.proofs[0]; };
  expect_named(driver, driver.run(dealer.hooks()), Fault::BadProof);
}

TEST(KeygenRogueDealer, bans_a_copied_commitment_and_opening) {
  KeygenDriver driver(Curve::p256(), {1, 2, 3}, 2, 1);
  KeygenMsg1 commitment;
  KeygenMsg2 opening;
  Hooks hooks;
  hooks.round1 = [&](PartyId to, Inbox<KeygenMsg1>& inbox) {  // 2 repeats 3's nonce and commitment as its own
    if (to == 1) commitment = inbox.at(3);
    if (to == kCheat) return;
    inbox.at(kCheat) = commitment;
    driver.sign_as(kCheat, to, 1, inbox.at(kCheat));
  };
  hooks.round2 = [&](PartyId to, Inbox<KeygenMsg2>& inbox) {
    if (to == 1) opening = inbox.at(3);
    if (to == kCheat) return;
    inbox.at(kCheat) = opening;
    driver.sign_as(kCheat, to, 2, inbox.at(kCheat));
  };
  expect_named(driver, driver.run(hooks), Fault::CommitmentMismatch);
}

/// Two ceremonies of the same members with the same randomness: same polynomials, other sid.
class KeygenReplay : public testing::Test {
 protected:
  KeygenReplay() { old_.terms.ceremony.bytes[0] ^= 1; }
  void SetUp() override {
    Hooks hooks;
    hooks.round1 = [this](PartyId to, auto& inbox) {
      if (to == 1) said1_ = inbox;
    };
    hooks.round2 = [this](PartyId to, auto& inbox) {
      if (to == 1) said2_ = inbox;
    };
    hooks.round3 = [this](PartyId to, auto& inbox) {
      if (to == 1) said3_ = inbox;
    };
    hooks.round4 = [this](PartyId to, auto& inbox) {
      if (to == 1) said4_ = inbox;
    };
    hooks.round5 = [this](PartyId to, auto& inbox) {
      if (to == 1) said5_ = inbox;
    };
    const auto outcome = old_.run(hooks);
    ASSERT_TRUE(outcome.at(1));
    old_key_ = outcome.at(1)->info.key;
    old_epoch_ = outcome.at(1)->info.epoch;
  }
  void expect(const Hooks& hooks, Fault fault, Blame blame) {
    const auto outcome = now_.run(hooks);
    ASSERT_FALSE(outcome.at(1));
    EXPECT_EQ(outcome.at(1).error().abort.fault, fault);
    EXPECT_EQ(outcome.at(1).error().abort.blame, blame);
    const auto& evidence = outcome.at(1).error().evidence;
    EXPECT_EQ(evidence.has_value(), fault != Fault::BadSignature);
    if (evidence) {
      EXPECT_TRUE(verify_evidence(*evidence, now_.terms.members));
    }
  }

  KeygenDriver old_{Curve::p256(), {1, 2, 3}, 2, 4}, now_{Curve::p256(), {1, 2, 3}, 2, 4};
  Inbox<KeygenMsg1> said1_;
  Inbox<KeygenMsg2> said2_;
  Inbox<KeygenMsg3> said3_;
  Inbox<KeygenMsg4> said4_;
  Inbox<KeygenMsg5> said5_;
  KeyId old_key_;
  EpochId old_epoch_;
};

TEST_F(KeygenReplay, one_ceremony_repeated_under_another_id_makes_another_epoch) {
  const auto outcome = now_.run();
  ASSERT_TRUE(outcome.at(1));
  EXPECT_EQ(outcome.at(1)->info.key, old_key_);
  EXPECT_NE(outcome.at(1)->info.epoch, old_epoch_);
}

TEST_F(KeygenReplay, rejects_messages_of_another_ceremony) {
  Hooks hooks;
  hooks.round1 = [&](PartyId to, auto& inbox) {
    if (to == 1) inbox.at(kCheat) = said1_.at(kCheat);
  };
  expect(hooks, Fault::BadSignature, Blame::nobody());
}

TEST_F(KeygenReplay, rejects_openings_of_another_ceremony) {
  Hooks hooks;
  hooks.round2 = [&](PartyId to, auto& inbox) {
    if (to == 1) inbox.at(kCheat) = said2_.at(kCheat);
  };
  expect(hooks, Fault::BadSignature, Blame::nobody());
}

TEST_F(KeygenReplay, rejects_shares_of_another_ceremony) {
  Hooks hooks;
  hooks.round3 = [&](PartyId to, auto& inbox) {
    if (to == 1) inbox.at(kCheat) = said3_.at(kCheat);
  };
  expect(hooks, Fault::BadSignature, Blame::nobody());
}

TEST_F(KeygenReplay, rejects_results_of_another_ceremony) {
  Hooks hooks;
  hooks.round4 = [&](PartyId to, auto& inbox) {
    if (to == 1) inbox.at(kCheat) = said4_.at(kCheat);
  };
  expect(hooks, Fault::BadSignature, Blame::nobody());
}

TEST_F(KeygenReplay, rejects_confirmations_of_another_ceremony) {
  Hooks hooks;
  hooks.round5 = [&](PartyId to, auto& inbox) {
    if (to == 1) inbox.at(kCheat) = said5_.at(kCheat);
  };
  expect(hooks, Fault::BadSignature, Blame::on(kCheat));
}

TEST_F(KeygenReplay, bans_proofs_of_another_session_for_the_same_coefficients) {
  Hooks hooks;
  hooks.round2 = [&](PartyId to, auto& inbox) {
    if (to != 1) return;
    EXPECT_EQ(inbox.at(kCheat).coefficients, said2_.at(kCheat).coefficients);
    inbox.at(kCheat).proofs = said2_.at(kCheat).proofs;
    now_.sign_as(kCheat, to, 2, inbox.at(kCheat));
  };
  expect(hooks, Fault::BadProof, Blame::on(kCheat));
}

TEST_F(KeygenReplay, bans_a_proof_of_another_session_for_the_same_share) {
  Hooks hooks;
  hooks.round4 = [&](PartyId to, auto& inbox) {
    if (to != 1) return;
    EXPECT_TRUE(inbox.at(kCheat).share_point == said4_.at(kCheat).share_point);
    inbox.at(kCheat).proof = said4_.at(kCheat).proof;
    now_.sign_as(kCheat, to, 4, inbox.at(kCheat));
  };
  expect(hooks, Fault::BadProof, Blame::on(kCheat));
}

}  // namespace
}  // namespace quorate
