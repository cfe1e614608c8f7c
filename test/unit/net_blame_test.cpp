#include <gmock/gmock.h>

#include <mutex>
#include <thread>

#include "protocol/coordinator/investigation.h"
#include "protocol/wire/blame_codec.h"
#include "test/sim/fake_signers.h"
#include "test/unit/eventually.h"

namespace quorate::net::test {
namespace {

using quorate::test::eventually;
using quorate::test::FakeSigners;
using testing::HasSubstr;

constexpr PartyId kCheat = 2;

class NetBlameTest : public testing::Test {
 protected:
  std::unique_ptr<SignClient> client() {
    auto config = signers_.config();
    config.on_blame = [this](const coordinator::Verdict& verdict) {
      const std::lock_guard lock(mutex_);
      verdicts_.push_back(verdict);
    };
    auto c = std::make_unique<SignClient>(std::move(config));
    c->add_key(signers_.key());
    c->warm_up();
    return c;
  }
  bool signs(SignClient& c) {
    const Bytes content{'n', static_cast<std::uint8_t>(++number_), static_cast<std::uint8_t>(number_ >> 8)};
    const auto signature = c.sign(signers_.key().id, wire::Context::Tls13ServerCertificateVerify, wire::DigestAlgorithm::Sha256, content);
    return signature && quorate::test::verifies(signers_.key(), wire::DigestAlgorithm::Sha256, content, signature->r, signature->s);
  }
  std::vector<coordinator::Verdict> verdicts() {
    const std::lock_guard lock(mutex_);
    return verdicts_;
  }
  bool proven(PartyId id) {
    for (const auto& verdict : verdicts())
      for (const auto& p : verdict.proven)
        if (p.signer == id) return true;
    return false;
  }
  bool suspected(PartyId id) {
    for (const auto& verdict : verdicts())
      for (const auto& s : verdict.suspected)
        if (s.signer == id) return s.certain;
    return false;
  }
  /// Signs until something is known; no signature may fail meanwhile.
  bool signs_until(SignClient& c, const std::function<bool()>& done) {
    return eventually([&] {
      EXPECT_TRUE(signs(c));
      return done();
    });
  }
  Identities pinned() {
    Identities out;
    for (PartyId id = 1; id <= 3; ++id) out[id] = signers_.identity(id);
    return out;
  }

  FakeSigners signers_;
  std::mutex mutex_;
  std::vector<coordinator::Verdict> verdicts_;
  unsigned number_ = 0;
};

TEST_F(NetBlameTest, ALiarIsProvenReportedAndNotAskedAgain) {
  auto c = client();
  signers_.set_lying(kCheat, true);
  ASSERT_TRUE(signs_until(*c, [&] { return proven(kCheat); }));
  for (PartyId other : {PartyId{1}, PartyId{3}}) {
    ASSERT_TRUE(eventually([&] { return !signers_.notices(other).empty(); })) << "signer " << int{other};
    const auto evidence = wire::decode_blame(signers_.notices(other).front());
    ASSERT_TRUE(evidence);
    const auto named = verify(*evidence, pinned(), signers_.key().id);
    EXPECT_TRUE(named && *named == kCheat);
  }
  EXPECT_TRUE(signers_.notices(kCheat).empty());
  EXPECT_TRUE(signs(*c));  // what was under way is over
  const auto before = signers_.partials(kCheat);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs(*c));
  EXPECT_EQ(signers_.partials(kCheat), before);
  EXPECT_FALSE(proven(1) || proven(3));
}

TEST_F(NetBlameTest, ALiarThatDoesNotConfirmIsKeptOutAfterFewRequestsAndReportedToNobody) {
  auto c = client();
  signers_.set_lying(kCheat, true);
  signers_.set_denying(kCheat, true);
  ASSERT_TRUE(signs_until(*c, [&] { return suspected(kCheat); }));
  EXPECT_TRUE(signs(*c));
  const auto before = signers_.partials(kCheat);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs(*c));
  EXPECT_EQ(signers_.partials(kCheat), before);
  // Once, or once for each quorum that it is in, if the second failed before the first was explained.
  EXPECT_GE(signers_.confirms(kCheat), 1u);
  EXPECT_LE(signers_.confirms(kCheat), 2u);
  EXPECT_FALSE(proven(kCheat));
  for (PartyId id = 1; id <= 3; ++id) EXPECT_TRUE(signers_.notices(id).empty());
}

TEST_F(NetBlameTest, EvidenceThatASignerHoldsIsVerifiedAndActedUpon) {
  {
    auto first = client();
    signers_.set_lying(kCheat, true);
    ASSERT_TRUE(signs_until(*first, [&] { return proven(kCheat); }));
    ASSERT_TRUE(eventually([&] { return !signers_.notices(1).empty(); }));
  }
  const Bytes evidence = signers_.notices(1).front();
  signers_.set_lying(kCheat, false);  // honest again: only the list speaks against it
  verdicts_.clear();
  signers_.set_quarantine(3, 77, kCheat, evidence);
  auto c = client();
  ASSERT_TRUE(signs_until(*c, [&] { return proven(kCheat); }));
  EXPECT_THAT(verdicts().front().note, HasSubstr("reported by signer 3"));
  EXPECT_TRUE(signs(*c));
  const auto before = signers_.partials(kCheat);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs(*c));
  EXPECT_EQ(signers_.partials(kCheat), before);
}

TEST_F(NetBlameTest, ACheatThatClaimsTwoEpochsIsKeptOutAllTheSame) {
  {
    auto first = client();
    signers_.set_lying(kCheat, true);
    ASSERT_TRUE(signs_until(*first, [&] { return proven(kCheat); }));
    ASSERT_TRUE(eventually([&] { return !signers_.notices(1).empty(); }));
  }
  const Bytes evidence = signers_.notices(1).front();
  signers_.set_lying(kCheat, false);  // gives no other reason to avoid it
  signers_.set_quarantine(3, 77, kCheat, evidence);
  for (const bool chatty : {false, true}) {
    signers_.set_chatty(kCheat, chatty);
    signers_.set_ambiguous(kCheat, !chatty);
    verdicts_.clear();
    auto c = client();
    ASSERT_TRUE(signs_until(*c, [&] { return proven(kCheat); }));
    const auto asked = signers_.statuses(kCheat);
    ASSERT_TRUE(signs_until(*c, [&] { return signers_.statuses(kCheat) > asked + 1; }));
    const auto before = signers_.partials(kCheat);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs(*c));
    EXPECT_EQ(signers_.partials(kCheat), before) << (chatty ? "by a status that nobody asked for" : "within one status");
  }
}

TEST_F(NetBlameTest, AListWithoutProofFramesNobody) {
  {
    auto first = client();
    signers_.set_lying(kCheat, true);
    ASSERT_TRUE(signs_until(*first, [&] { return proven(kCheat); }));
    ASSERT_TRUE(eventually([&] { return !signers_.notices(1).empty(); }));
  }
  auto evidence = *wire::decode_blame(signers_.notices(1).front());
  signers_.set_lying(kCheat, false);
  verdicts_.clear();
  auto& partial = std::get<BadPartialEvidence>(evidence);
  ++partial.partial.content.front();
  signers_.set_quarantine(3, 77, kCheat, wire::encode_blame(evidence));
  signers_.set_quarantine(1, 78, kCheat, Bytes(200, 0xee));
  signers_.set_quarantine(kCheat, 79, 1, signers_.notices(1).front());  // about signer 2, entered under signer 1
  auto c = client();
  const auto before = signers_.partials(kCheat);
  ASSERT_TRUE(signs_until(*c, [&] { return signers_.partials(kCheat) > before + 5 || proven(kCheat); }));
  EXPECT_FALSE(proven(1) || proven(3));
}

}  // namespace
}  // namespace quorate::net::test
