#include <gtest/gtest.h>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

using sim::KeygenDriver;
using Hooks = KeygenDriver::Hooks;
constexpr PartyId kCheat = 2, kVictim = 3;

/// One way to cheat of each kind of evidence, and the evidence that member 1 gets out of it.
struct Cheat {
  const char* name;
  Fault fault;
  std::function<void(const KeygenDriver&, Hooks&)> play;
};

template <class Msg, class Change>
KeygenDriver::Hook<Msg> signed_change(const KeygenDriver& driver, std::uint8_t round, Change change) {
  return [&driver, round, change](PartyId to, Inbox<Msg>& inbox) {
    if (to == kCheat) return;
    change(inbox.at(kCheat));
    driver.sign_as(kCheat, to, round, inbox.at(kCheat));
  };
}

const Cheat kCheats[] = {
    {"Malformed", Fault::Malformed,
     [](auto& d, auto& h) {
       h.round2 = signed_change<KeygenMsg2>(d, 2, [](auto& m) { m.proofs.pop_back(); });
     }},
    {"CommitmentMismatch", Fault::CommitmentMismatch,
     [](auto& d, auto& h) {
       h.round2 = signed_change<KeygenMsg2>(d, 2, [](auto& m) { m.opening[0] ^= 1; });
     }},
    {"BadProof2", Fault::BadProof,
     [](auto& d, auto& h) {
       h.round2 = signed_change<KeygenMsg2>(d, 2, [](auto& m) { std::swap(m.proofs[0], m.proofs[1]); });
     }},
    {"BadShare", Fault::BadShare,
     [](auto& d, auto& h) { h.round3 = signed_change<KeygenMsg3>(d, 3, [](auto& m) { m.share[30] ^= 1; }); }},
    {"KeyMismatch", Fault::KeyMismatch,
     [](auto& d, auto& h) {
       h.round4 = signed_change<KeygenMsg4>(d, 4, [](auto& m) { m.share_point += m.public_key; });
     }},
    {"BadProof4", Fault::BadProof, [](auto& d, auto& h) {
       h.round4 =
           signed_change<KeygenMsg4>(d, 4, [](auto& m) { m.proof.response = m.proof.response.negate(); });
     }}};

class KeygenFraming : public testing::TestWithParam<Cheat> {
 protected:
  void SetUp() override {
    Hooks hooks;
    GetParam().play(driver_, hooks);
    auto outcome = driver_.run(hooks);
    ASSERT_FALSE(outcome.at(1));
    ASSERT_TRUE(outcome.at(1).error().evidence);
    good_ = *outcome.at(1).error().evidence;
    ASSERT_TRUE(verify_evidence(good_, driver_.terms.members));
    ASSERT_EQ(good_.culprit, kCheat);
    ASSERT_EQ(good_.fault, GetParam().fault);
    bad_ = good_;
  }
  void expect_refused(const std::string& what) {
    EXPECT_FALSE(verify_evidence(bad_, driver_.terms.members)) << what;
    bad_ = good_;
  }

  KeygenDriver driver_{Curve::p256(), {1, 2, 3}, 2, 1};
  KeygenEvidence good_, bad_;
};

TEST_P(KeygenFraming, rejects_evidence_against_anybody_else) {
  for (PartyId other : {PartyId{0}, PartyId{1}, kVictim, PartyId{4}}) {
    bad_.culprit = other;
    expect_refused("culprit " + std::to_string(other));
    bad_.culprit = other;  // and with the culprit's statements handed on as the other's
    for (auto& statement : bad_.statements)
      if (statement.sender == kCheat) statement.sender = other;
    expect_refused("sender " + std::to_string(other));
  }
}

TEST_P(KeygenFraming, rejects_statements_of_the_victim_that_the_cheat_signs_itself) {
  bad_.culprit = kVictim;
  for (auto& statement : bad_.statements) {
    if (statement.sender != kCheat) continue;
    statement.sender = kVictim;
    if (statement.receiver == kVictim) statement.receiver = 1;
    statement.signature = driver_.identities.at(kCheat).sign(statement_digest(driver_.terms, statement));
  }
  expect_refused("signed by the cheat");
}

TEST_P(KeygenFraming, rejects_another_fault) {
  for (int fault = 0; fault <= static_cast<int>(Fault::TimedOut) + 1; ++fault) {
    if (static_cast<Fault>(fault) == good_.fault) continue;
    bad_.fault = static_cast<Fault>(fault);
    expect_refused("fault " + std::to_string(fault));
  }
}

TEST_P(KeygenFraming, rejects_an_altered_statement) {
  for (std::size_t at = 0; at < good_.statements.size(); ++at) {
    const auto which = "statement " + std::to_string(at);
    for (std::size_t byte = 0; byte < good_.statements[at].body.size(); byte += 5) {
      bad_.statements[at].body[byte] ^= 0x20;
      expect_refused(which + " byte " + std::to_string(byte));
    }
    bad_.statements[at].body.push_back(0);
    expect_refused(which + " longer");
    bad_.statements[at].body.pop_back();
    expect_refused(which + " shorter");
    for (std::size_t byte = 0; byte < 64; byte += 9) {
      bad_.statements[at].signature[byte] ^= 1;
      expect_refused(which + " signature");
    }
    for (int round : {0, 1, 2, 3, 4, 5, 255}) {
      if (round == good_.statements[at].round) continue;
      bad_.statements[at].round = static_cast<std::uint8_t>(round);
      expect_refused(which + " round " + std::to_string(round));
    }
    for (int receiver = 0; receiver <= 4; ++receiver) {
      if (receiver == good_.statements[at].receiver) continue;
      bad_.statements[at].receiver = static_cast<PartyId>(receiver);
      expect_refused(which + " receiver " + std::to_string(receiver));
    }
  }
}

TEST_P(KeygenFraming, rejects_statements_missing_doubled_or_out_of_order) {
  for (std::size_t at = 0; at < good_.statements.size(); ++at) {
    bad_.statements.erase(bad_.statements.begin() + static_cast<std::ptrdiff_t>(at));
    expect_refused("without " + std::to_string(at));
    bad_.statements.push_back(good_.statements[at]);
    expect_refused("twice " + std::to_string(at));
    if (at == 0) continue;
    std::swap(bad_.statements[at - 1], bad_.statements[at]);
    expect_refused("swapped " + std::to_string(at));
  }
  bad_.statements.clear();
  expect_refused("empty");
  bad_.statements.assign(kMaxEvidenceStatements + 1, good_.statements[0]);
  expect_refused("endless");
}

TEST_P(KeygenFraming, rejects_other_terms_and_another_group) {
  const std::vector<std::function<void(KeygenTerms&)>> changes{
      [](auto& t) { t.ceremony.bytes[0] ^= 1; },
      [](auto& t) { t.ceremony = {}; },
      [](auto& t) { t.curve = &Curve::p384(); },
      [](auto& t) { t.curve = nullptr; },
      [](auto& t) { t.threshold = 3; },
      [](auto& t) { t.threshold = 0; },
      [](auto& t) { t.name += "x"; },
      [](auto& t) { t.group.bytes[0] ^= 1; },
      [](auto& t) { t.members.pop_back(); },
      [](auto& t) { t.members.clear(); },
      [](auto& t) { t.members[0].identity.bytes[0] ^= 1; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i](bad_.terms);
    EXPECT_FALSE(verify_evidence(bad_, bad_.terms.members)) << i;  // even for who believes in these members
    expect_refused("terms " + std::to_string(i));
  }
  auto strangers = driver_.terms.members;
  strangers[0].identity.bytes[0] ^= 1;
  EXPECT_FALSE(verify_evidence(good_, strangers));
  EXPECT_FALSE(verify_evidence(good_, {}));
}

INSTANTIATE_TEST_SUITE_P(All, KeygenFraming, testing::ValuesIn(kCheats),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace quorate
