#include <gtest/gtest.h>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

using sim::KeygenDriver;
using Hooks = KeygenDriver::Hooks;
constexpr PartyId kCheat = 2;

/// What everybody said to everybody, as a member that keeps all of it could show it: by round, sender and
/// receiver.
using Record = std::map<std::tuple<int, PartyId, PartyId>, KeygenStatement>;

template <class Msg>
KeygenDriver::Hook<Msg> recorded(Record& record, std::uint8_t round, KeygenDriver::Hook<Msg> inner = {}) {
  return [&record, round, inner](PartyId to, Inbox<Msg>& inbox) {
    if (inner) inner(to, inbox);
    for (const auto& [from, message] : inbox)
      record[{round, from, to}] = {round, from, keygen_receiver(round, to), encode_body(message),
                                   message.signature};
  };
}

Hooks recorded(Record& record, const Hooks& inner = {}) {
  return {recorded<KeygenMsg1>(record, 1, inner.round1),
          recorded<KeygenMsg2>(record, 2, inner.round2),
          recorded<KeygenMsg3>(record, 3, inner.round3),
          recorded<KeygenMsg4>(record, 4, inner.round4),
          {}};
}

/// Everybody's broadcast of one round as `seen_by` received it; what it said itself as another received that.
std::vector<KeygenStatement> broadcasts(const Record& record, const KeygenDriver& driver, int round,
                                        PartyId seen_by) {
  std::vector<KeygenStatement> out;
  const auto ids = driver.terms.ids();
  for (auto id : ids)
    out.push_back(record.at({round, id, id != seen_by ? seen_by : id == ids[0] ? ids[1] : ids[0]}));
  return out;
}

/// The statements that evidence of a fault against `culprit` would show, as `seen_by` can put them together.
std::vector<KeygenStatement> statements_for(const Record& record, const KeygenDriver& driver, int shape,
                                            PartyId culprit, PartyId seen_by) {
  const auto said = [&](int round) { return record.at({round, culprit, seen_by}); };
  auto out = broadcasts(record, driver, 1, seen_by);
  switch (shape) {
    case 0:
      return {said(1)};
    case 1:
      return {said(2)};
    case 2:
      return {said(3)};
    case 3:
      return {said(4)};
    case 4:
      return {said(1), said(2)};
    case 5:
      return {said(2), said(3)};
    case 6:
      out.push_back(said(2));
      return out;
    default:
      for (auto& statement : broadcasts(record, driver, 2, seen_by)) out.push_back(statement);
      out.push_back(said(3));
      out.push_back(said(4));
      return out;
  }
}
constexpr int kShapes = 8;
constexpr Fault kFaults[] = {
    Fault::Equivocation, Fault::Malformed,   Fault::CommitmentMismatch, Fault::Infinity,     Fault::BadShare,
    Fault::BadProof,     Fault::KeyMismatch, Fault::EchoMismatch,       Fault::BadSignature, Fault::TimedOut};

class KeygenEvidenceTest : public testing::Test {
 protected:
  KeygenDriver driver_{Curve::p256(), {1, 2, 3}, 2, 1};
  Record record_;

  /// 2 says something else to 3 than to 1.
  template <class Msg, class Change>
  KeygenDriver::Hook<Msg> two_faced(std::uint8_t round, Change change) {
    return [this, round, change](PartyId to, Inbox<Msg>& inbox) {
      if (to != 3) return;
      change(inbox.at(kCheat));
      driver_.sign_as(kCheat, to, round, inbox.at(kCheat));
    };
  }

  void expect_equivocation_named(const KeygenDriver::Outcome& outcome, int round) {
    for (PartyId id : driver_.terms.ids()) {
      const auto& abort = outcome.at(id).error();
      EXPECT_EQ(abort.abort.fault, Fault::EchoMismatch) << abort.abort.what();
      EXPECT_EQ(abort.abort.blame, Blame::nobody());
      EXPECT_FALSE(abort.evidence);
      ASSERT_EQ(abort.seen.size(), 3u);
      for (const auto& statement : abort.seen) EXPECT_EQ(statement.round, round);
    }
    const auto& seen_1 = outcome.at(1).error().seen;
    const auto& seen_3 = outcome.at(3).error().seen;
    for (const auto& [mine, theirs] : {std::pair{seen_1, seen_3}, std::pair{seen_3, seen_1}}) {
      const auto evidence = find_equivocation(driver_.terms, mine, theirs);
      ASSERT_TRUE(evidence);
      EXPECT_EQ(evidence->culprit, kCheat);
      EXPECT_EQ(evidence->fault, Fault::Equivocation);
      EXPECT_TRUE(verify_evidence(*evidence, driver_.terms.members));
    }
    EXPECT_FALSE(find_equivocation(driver_.terms, seen_1, seen_1));
  }
};

TEST_F(KeygenEvidenceTest, names_who_broadcast_two_commitments_and_nobody_for_the_proofs_that_fail_of_it) {
  Hooks hooks;
  hooks.round1 = two_faced<KeygenMsg1>(1, [](auto& m) { m.nonce.bytes[0] ^= 1; });
  expect_equivocation_named(driver_.run(hooks), 1);  // sids differ, so no proof would verify at 3
}

TEST_F(KeygenEvidenceTest, names_who_broadcast_two_openings) {
  Hooks hooks;
  hooks.round2 = two_faced<KeygenMsg2>(2, [](auto& m) { m.opening[0] ^= 1; });
  auto outcome = driver_.run(recorded(record_, hooks));
  // An opening that is wrong in itself is caught at once by the one who sees it.
  EXPECT_EQ(outcome.at(3).error().abort.fault, Fault::CommitmentMismatch);
  EXPECT_EQ(outcome.at(3).error().abort.blame, Blame::on(kCheat));
  const auto evidence = find_equivocation(driver_.terms, broadcasts(record_, driver_, 2, 1),
                                          broadcasts(record_, driver_, 2, 3));
  ASSERT_TRUE(evidence);
  EXPECT_TRUE(verify_evidence(*evidence, driver_.terms.members));
}

TEST_F(KeygenEvidenceTest, names_who_broadcast_two_openings_that_are_both_valid) {
  // The toy curve's proofs are guessed quickly: another (A, z) that verifies makes a second valid opening.
  Curve::allow_toy();
  driver_ = KeygenDriver(Curve::toy(), {1, 2, 3}, 2, 3);
  std::map<PartyId, Digest> nonces;
  Hooks hooks;
  hooks.round1 = [&](PartyId, auto& inbox) {
    for (const auto& [id, message] : inbox) nonces[id] = message.nonce;
  };
  hooks.round2 = two_faced<KeygenMsg2>(2, [&](auto& m) {
    const auto sid = keygen_sid(driver_.terms, nonces);
    const auto good = m.proofs[0];
    auto& proof = m.proofs[0];
    do {
      proof.commitment += Point::generator(Curve::toy());
      for (std::uint64_t z = 0; z < 256 && check_proofs(driver_.terms, sid, kCheat, m); ++z)
        proof.response = Scalar(Curve::toy(), z);
    } while (check_proofs(driver_.terms, sid, kCheat, m) || proof.commitment == good.commitment);
  });
  expect_equivocation_named(driver_.run(hooks), 2);
}

TEST_F(KeygenEvidenceTest, finds_two_results_of_round_4_too) {
  Hooks hooks;
  hooks.round4 = two_faced<KeygenMsg4>(4, [](auto& m) { m.proof.response = m.proof.response.negate(); });
  const auto outcome = driver_.run(recorded(record_, hooks));
  EXPECT_EQ(outcome.at(3).error().abort.blame, Blame::on(kCheat));
  const auto evidence = find_equivocation(driver_.terms, broadcasts(record_, driver_, 4, 1),
                                          broadcasts(record_, driver_, 4, 3));
  ASSERT_TRUE(evidence);
  EXPECT_EQ(evidence->culprit, kCheat);
  EXPECT_TRUE(verify_evidence(*evidence, driver_.terms.members));
}

TEST_F(KeygenEvidenceTest, a_lie_about_the_echo_names_nobody) {
  Hooks hooks;
  hooks.round2 = [&](PartyId to, auto& inbox) {
    if (to == kCheat) return;
    inbox.at(kCheat).echo.bytes[0] ^= 1;
    driver_.sign_as(kCheat, to, 2, inbox.at(kCheat));
  };
  const auto outcome = driver_.run(hooks);
  for (PartyId id : std::vector<PartyId>{1, 3})
    EXPECT_EQ(outcome.at(id).error().abort.blame, Blame::nobody());
  EXPECT_FALSE(find_equivocation(driver_.terms, outcome.at(1).error().seen, outcome.at(3).error().seen));
}

TEST_F(KeygenEvidenceTest, finds_no_equivocation_in_forged_or_foreign_statements) {
  ASSERT_TRUE(driver_.run(recorded(record_)).at(1));
  const auto mine = broadcasts(record_, driver_, 1, 1);
  for (std::size_t at = 0; at < mine.size(); ++at) {
    auto theirs = mine;
    theirs[at].body[5] ^= 1;  // altered, the signature no longer fits
    EXPECT_FALSE(find_equivocation(driver_.terms, mine, theirs));
    theirs[at].signature = driver_.identities.at(kCheat).sign(statement_digest(driver_.terms, theirs[at]));
    EXPECT_EQ(find_equivocation(driver_.terms, mine, theirs).has_value(), theirs[at].sender == kCheat);
    auto elsewhere = driver_.terms;
    elsewhere.ceremony.bytes[0] ^= 1;
    theirs = mine;
    theirs[at].body[5] ^= 1;
    theirs[at].signature =
        driver_.identities.at(theirs[at].sender).sign(statement_digest(elsewhere, theirs[at]));
    EXPECT_FALSE(find_equivocation(driver_.terms, mine, theirs));
  }
}

TEST_F(KeygenEvidenceTest, nothing_that_honest_members_say_convicts_any_of_them) {
  ASSERT_TRUE(driver_.run(recorded(record_)).at(1));
  for (PartyId culprit : driver_.terms.ids())
    for (PartyId seen_by : driver_.terms.ids())
      for (int shape = 0; culprit != seen_by && shape < kShapes; ++shape)
        for (auto fault : kFaults) {
          const KeygenEvidence evidence{driver_.terms, fault, culprit,
                                        statements_for(record_, driver_, shape, culprit, seen_by)};
          EXPECT_FALSE(verify_evidence(evidence, driver_.terms.members)) << name(fault) << " shape " << shape;
        }
  for (const auto& [a, one] : record_)
    for (const auto& [b, other] : record_)
      EXPECT_FALSE(verify_evidence({driver_.terms, Fault::Equivocation, one.sender, {one, other}},
                                   driver_.terms.members));
}

TEST_F(KeygenEvidenceTest, a_two_faced_member_cannot_frame_an_honest_one) {
  // 2 shows 3 another nonce, so that 1's proofs fail under 3's sid, and later another opening, so that 1's
  // result is wrong for it. Whatever it mixes out of all that was said, 1 and 3 are in the clear: their
  // echoes say what they saw. The honest members' steps are run as if they had not noticed, each with its own
  // view.
  Record other;
  auto twin = KeygenDriver(Curve::p256(), {1, 2, 3}, 2, 1);
  ASSERT_TRUE(driver_.run(recorded(record_)).at(1));
  Hooks hooks;
  hooks.round1 = [&](PartyId to, auto& inbox) {
    if (to == kCheat) return;
    inbox.at(kCheat).nonce.bytes[0] ^= 1;
    twin.sign_as(kCheat, to, 1, inbox.at(kCheat));
  };
  twin.run(recorded(other, hooks));
  auto mixed = record_;
  for (PartyId to : std::vector<PartyId>{1, 3}) mixed[{1, kCheat, to}] = other.at({1, kCheat, to});
  for (PartyId culprit : std::vector<PartyId>{1, 3})
    for (int shape = 0; shape < kShapes; ++shape)
      for (auto fault : kFaults) {
        const auto seen_by = static_cast<PartyId>(4 - culprit);
        EXPECT_FALSE(verify_evidence(
            {driver_.terms, fault, culprit, statements_for(mixed, driver_, shape, culprit, seen_by)},
            driver_.terms.members));
      }

  // The same with an opening of round 2 that differs from what 1 and 3 have echoed in round 3.
  mixed = record_;
  const auto opened = decode_body<KeygenMsg2>(Curve::p256(), 2, record_.at({2, kCheat, 1}).body);
  ASSERT_TRUE(opened);
  auto changed = *opened;
  changed.coefficients[0] += Point::generator(Curve::p256());
  driver_.sign_as(kCheat, kNobody, 2, changed);
  for (PartyId to : std::vector<PartyId>{1, 3})
    mixed[{2, kCheat, to}] = {2, kCheat, kNobody, encode_body(changed), changed.signature};
  for (PartyId culprit : std::vector<PartyId>{1, 3})
    for (auto fault : {Fault::KeyMismatch, Fault::BadProof}) {
      const auto seen_by = static_cast<PartyId>(4 - culprit);
      EXPECT_FALSE(verify_evidence(
          {driver_.terms, fault, culprit, statements_for(mixed, driver_, 7, culprit, seen_by)},
          driver_.terms.members));
    }
}

}  // namespace
}  // namespace quorate
