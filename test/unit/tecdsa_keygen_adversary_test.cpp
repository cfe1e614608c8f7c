#include <gtest/gtest.h>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

using sim::KeygenDriver;
using Hooks = KeygenDriver::Hooks;
constexpr PartyId kCheat = 2;
constexpr PartyId kHonest[] = {1, 3};

const Point& generator() {
  static const Point point = Point::generator(Curve::p256());
  return point;
}

/// Member 2 of three changes what it sends; 1 and 3 are honest and have to say the documented thing.
class KeygenCheat : public testing::Test {
 protected:
  static KeygenDriver driver(std::uint64_t seed = 1) { return {Curve::p256(), {1, 2, 3}, 2, seed}; }

  /// Changes member 2's message towards everybody and signs it anew, or leaves the signature that no longer
  /// fits.
  template <class Msg, class Change>
  static KeygenDriver::Hook<Msg> changed(const KeygenDriver& driver, std::uint8_t round, Change change,
                                         bool resign) {
    return [&driver, round, change, resign](PartyId to, Inbox<Msg>& inbox) {
      if (to == kCheat) return;
      change(inbox.at(kCheat), inbox, to);
      if (resign) driver.sign_as(kCheat, to, round, inbox.at(kCheat));
    };
  }

  static void expect_abort(const KeygenDriver& driver, const KeygenDriver::Outcome& outcome, PartyId id,
                           Fault fault, const Blame& blame) {
    const auto& result = outcome.at(id);
    ASSERT_FALSE(result) << "member " << int{id} << " has a key";
    const auto& [abort, evidence, seen] = result.error();
    EXPECT_EQ(abort.fault, fault) << abort.what();
    EXPECT_EQ(abort.blame, blame) << abort.what();
    EXPECT_EQ(!seen.empty(), fault == Fault::EchoMismatch);
    ASSERT_EQ(evidence.has_value(), blame.kind == Blame::Kind::Party && fault != Fault::BadSignature);
    if (!evidence) return;
    EXPECT_EQ(evidence->culprit, blame.party);
    EXPECT_EQ(evidence->fault, fault);
    EXPECT_TRUE(verify_evidence(*evidence, driver.terms.members));
    auto others = driver.terms.members;
    others[1].identity.bytes[0] ^= 1;
    EXPECT_FALSE(verify_evidence(*evidence, others));
  }
  static void expect_aborts(const KeygenDriver& driver, const KeygenDriver::Outcome& outcome, Fault fault,
                            const Blame& blame) {
    for (auto id : kHonest) expect_abort(driver, outcome, id, fault, blame);
  }

  /// One field of one message: signed by the cheat it gives the fault; with the old signature nobody is
  /// blamed.
  template <auto kHook, class Msg, class Change>
  static void expect_fault(std::uint8_t round, Change change, Fault fault, const Blame& blame) {
    auto d = driver();
    Hooks hooks;
    hooks.*kHook = changed<Msg>(d, round, change, true);
    expect_aborts(d, d.run(hooks), fault, blame);

    auto forged = driver();
    hooks.*kHook = changed<Msg>(forged, round, change, false);
    expect_aborts(forged, forged.run(hooks), Fault::BadSignature, Blame::nobody());
  }
  template <class Change>
  static void round1(Change change, Fault fault, Blame blame = Blame::on(kCheat)) {
    expect_fault<&Hooks::round1, KeygenMsg1>(1, change, fault, blame);
  }
  template <class Change>
  static void round2(Change change, Fault fault, Blame blame = Blame::on(kCheat)) {
    expect_fault<&Hooks::round2, KeygenMsg2>(2, change, fault, blame);
  }
  template <class Change>
  static void round3(Change change, Fault fault, Blame blame = Blame::on(kCheat)) {
    expect_fault<&Hooks::round3, KeygenMsg3>(3, change, fault, blame);
  }
  template <class Change>
  static void round4(Change change, Fault fault, Blame blame = Blame::on(kCheat)) {
    expect_fault<&Hooks::round4, KeygenMsg4>(4, change, fault, blame);
  }

  /// A change of round 1 by a cheat that also lies about what it saw: its echo is copied from an honest
  /// member.
  template <class Change>
  static void round1_with_echo(Change change, Fault fault) {
    auto d = driver();
    Hooks hooks;
    hooks.round1 = changed<KeygenMsg1>(d, 1, change, true);
    hooks.round2 = changed<KeygenMsg2>(
        d, 2, [](auto& m, auto& inbox, PartyId to) { m.echo = inbox.at(to == 1 ? 3 : 1).echo; }, true);
    expect_aborts(d, d.run(hooks), fault, Blame::on(kCheat));
  }
};

TEST_F(KeygenCheat, bans_every_altered_field_of_round_1) {
  const auto nonce = [](auto& m, auto&, PartyId) { m.nonce.bytes[7] ^= 1; };
  const auto commitment = [](auto& m, auto&, PartyId) { m.commitment.bytes[7] ^= 1; };
  round1(nonce, Fault::EchoMismatch, Blame::nobody());
  round1(commitment, Fault::EchoMismatch, Blame::nobody());
  round1_with_echo(nonce, Fault::CommitmentMismatch);
  round1_with_echo(commitment, Fault::CommitmentMismatch);
}

TEST_F(KeygenCheat, bans_every_altered_field_of_round_2) {
  round2([](auto& m, auto&, PartyId) { m.echo.bytes[0] ^= 1; }, Fault::EchoMismatch, Blame::nobody());
  for (std::size_t k = 0; k < 2; ++k) {
    round2([k](auto& m, auto&, PartyId) { m.coefficients[k] += generator(); }, Fault::CommitmentMismatch);
    round2([k](auto& m, auto&, PartyId) { m.proofs[k].commitment += generator(); }, Fault::BadProof);
    round2([k](auto& m, auto&,
               PartyId) { m.proofs[k].response = m.proofs[k].response + Scalar(Curve::p256(), 1); },
           Fault::BadProof);
  }
  round2([](auto& m, auto&, PartyId) { std::swap(m.coefficients[0], m.coefficients[1]); },
         Fault::CommitmentMismatch);
  round2([](auto& m, auto&, PartyId) { m.opening[31] ^= 0x80; }, Fault::CommitmentMismatch);
  round2([](auto& m, auto&, PartyId) { std::swap(m.proofs[0], m.proofs[1]); }, Fault::BadProof);
  round2([](auto& m, auto& inbox, PartyId to) { m.proofs = inbox.at(to == 1 ? 3 : 1).proofs; },
         Fault::BadProof);
}

TEST_F(KeygenCheat, rejects_lists_of_round_2_that_are_not_of_the_thresholds_length) {
  round2([](auto& m, auto&, PartyId) { m.coefficients.pop_back(); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.coefficients.push_back(generator()); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.coefficients.clear(); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.proofs.pop_back(); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.proofs.push_back(m.proofs[0]); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.proofs.clear(); }, Fault::Malformed);
}

TEST_F(KeygenCheat, rejects_points_and_scalars_of_no_curve_or_another) {
  round2([](auto& m, auto&, PartyId) { m.coefficients[1] = Point(); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.coefficients[1] = Point(Curve::p256()); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.coefficients[1] = Point::generator(Curve::p384()); },
         Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.proofs[0].commitment = Point(); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.proofs[0].response = Scalar(); }, Fault::Malformed);
  round2([](auto& m, auto&, PartyId) { m.proofs[0].response = Scalar(Curve::p384(), 5); }, Fault::Malformed);
  round4([](auto& m, auto&, PartyId) { m.share_point = Point(Curve::p256()); }, Fault::Malformed);
  round4([](auto& m, auto&, PartyId) { m.public_key = Point(); }, Fault::Malformed);
  round4([](auto& m, auto&, PartyId) { m.public_key = Point::generator(Curve::p384()); }, Fault::Malformed);
  round4([](auto& m, auto&, PartyId) { m.proof.response = Scalar(); }, Fault::Malformed);
}

TEST_F(KeygenCheat, bans_every_altered_field_of_round_3) {
  round3([](auto& m, auto&, PartyId) { m.echo.bytes[31] ^= 1; }, Fault::EchoMismatch, Blame::nobody());
  for (std::size_t at : {1, 16, 31})
    round3([at](auto& m, auto&, PartyId) { m.share[at] ^= 1; }, Fault::BadShare);
  round3([](auto& m, auto& inbox, PartyId to) { m.share = inbox.at(to == 1 ? 3 : 1).share; },
         Fault::BadShare);
  round3([](auto& m, auto&, PartyId) { m.share.assign(32, 0); }, Fault::BadShare);
  round3([](auto& m, auto&, PartyId) { m.share.assign(32, 0xff); }, Fault::Malformed);
  round3([](auto& m, auto&, PartyId) { m.share.pop_back(); }, Fault::Malformed);
  round3([](auto& m, auto&, PartyId) { m.share.push_back(0); }, Fault::Malformed);
  round3([](auto& m, auto&, PartyId) { m.share.clear(); }, Fault::Malformed);
}

TEST_F(KeygenCheat, bans_every_altered_field_of_round_4) {
  round4([](auto& m, auto&, PartyId) { m.share_point += generator(); }, Fault::KeyMismatch);
  round4([](auto& m, auto&, PartyId) { m.public_key += generator(); }, Fault::KeyMismatch);
  round4([](auto& m, auto&, PartyId) { m.proof.commitment += generator(); }, Fault::BadProof);
  round4([](auto& m, auto&, PartyId) { m.proof.response = m.proof.response.negate(); }, Fault::BadProof);
  round4([](auto& m, auto& inbox, PartyId to) { m.proof = inbox.at(to == 1 ? 3 : 1).proof; },
         Fault::BadProof);
}

TEST_F(KeygenCheat, bans_an_altered_or_foreign_confirmation_of_round_5) {
  const std::vector<std::function<void(KeygenMsg5&, Inbox<KeygenMsg5>&, PartyId)>> changes{
      [](auto& m, auto&, PartyId) { m.confirmation[0] ^= 1; },
      [](auto& m, auto&, PartyId) { m.confirmation = {}; },
      [](auto& m, auto& inbox, PartyId to) { m.confirmation = inbox.at(to == 1 ? 3 : 1).confirmation; },
  };
  for (const auto& change : changes) {
    auto d = driver();
    Hooks hooks;
    hooks.round5 = [&](PartyId to, auto& inbox) {
      if (to != kCheat) change(inbox.at(kCheat), inbox, to);
    };
    expect_aborts(d, d.run(hooks), Fault::BadSignature, Blame::on(kCheat));
  }
}

TEST_F(KeygenCheat, a_bad_share_for_one_member_is_seen_by_that_member_alone) {
  auto d = driver();
  Hooks hooks;
  hooks.round3 = [&](PartyId to, auto& inbox) {
    if (to != 3) return;
    inbox.at(kCheat).share[20] ^= 4;
    d.sign_as(kCheat, 3, 3, inbox.at(kCheat));
  };
  const auto outcome = d.run(hooks);
  expect_abort(d, outcome, 3, Fault::BadShare, Blame::on(kCheat));
  expect_abort(d, outcome, 1, Fault::TimedOut, Blame::nobody());
}

TEST_F(KeygenCheat, rejects_missing_foreign_and_self_addressed_messages_in_every_round) {
  const auto without = [](PartyId, auto& inbox) { inbox.erase(kCheat); };
  const auto stranger = [](PartyId, auto& inbox) {
    auto message = inbox.begin()->second;
    inbox.emplace(4, message);
  };
  const auto replaced = [](PartyId, auto& inbox) {
    auto message = inbox.begin()->second;
    inbox.erase(inbox.begin());
    inbox.emplace(9, message);
  };
  const auto own = [](PartyId to, auto& inbox) {
    auto message = inbox.begin()->second;
    inbox.emplace(to, message);
  };
  const auto own_instead = [](PartyId to, auto& inbox) {
    auto message = inbox.begin()->second;
    inbox.erase(inbox.begin());
    inbox.emplace(to, message);
  };
  const auto check = [&](auto hook) {
    for (int round = 1; round <= 5; ++round) {
      SCOPED_TRACE(round);
      auto d = driver();
      Hooks hooks;
      if (round == 1) hooks.round1 = hook;
      if (round == 2) hooks.round2 = hook;
      if (round == 3) hooks.round3 = hook;
      if (round == 4) hooks.round4 = hook;
      if (round == 5) hooks.round5 = hook;
      expect_aborts(d, d.run(hooks), Fault::Unexpected, Blame::nobody());
    }
  };
  check(without);
  check(stranger);
  check(replaced);
  check(own);
  check(own_instead);
}

TEST_F(KeygenCheat, rejects_a_message_meant_for_another_member_or_said_by_another) {
  auto d = driver();
  Hooks hooks;
  hooks.round3 = [&](PartyId to,
                     auto& inbox) {  // 2's message to `to` as if it had been signed for the other one
    if (to != kCheat) d.sign_as(kCheat, to == 1 ? 3 : 1, 3, inbox.at(kCheat));
  };
  expect_aborts(d, d.run(hooks), Fault::BadSignature, Blame::nobody());

  for (int round = 1; round <= 4; ++round) {
    auto other = driver();
    const auto impersonate = [](PartyId to, auto& inbox) {
      if (to != kCheat) inbox.at(kCheat) = inbox.at(to == 1 ? 3 : 1);
    };
    hooks = {};
    if (round == 1) hooks.round1 = impersonate;
    if (round == 2) hooks.round2 = impersonate;
    if (round == 3) hooks.round3 = impersonate;
    if (round == 4) hooks.round4 = impersonate;
    expect_aborts(other, other.run(hooks), Fault::BadSignature, Blame::nobody());
  }
}

TEST_F(KeygenCheat, rejects_members_that_were_told_other_terms) {
  const std::vector<std::function<void(KeygenTerms&)>> changes{
      [](auto& t) { t.ceremony.bytes[0] ^= 1; }, [](auto& t) { t.curve = &Curve::p384(); },
      [](auto& t) { t.threshold = 3; },          [](auto& t) { t.name = "another key"; },
      [](auto& t) { t.group.bytes[0] ^= 1; },    [](auto& t) { t.members.pop_back(); },
      [](auto& t) { t.members[2].id = 4; },      [](auto& t) { t.members[0].identity.bytes[0] ^= 1; },
  };
  for (const auto& change : changes) {
    auto d = driver(), misled = driver();
    change(misled.terms);
    Hooks hooks;
    hooks.round1 = changed<KeygenMsg1>(
        misled, 1, [](auto&, auto&, PartyId) {}, true);
    expect_aborts(d, d.run(hooks), Fault::BadSignature, Blame::nobody());
  }
}

}  // namespace
}  // namespace quorate
