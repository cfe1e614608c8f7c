// A front end and its tier of coordinators over real loopback TLS: the client's side of workflow.md, failure D.
#include <gmock/gmock.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "test/sim/fake_coordinators.h"
#include "test/sim/fake_signers.h"
#include "test/unit/eventually.h"

namespace quorate::net::test {
namespace {

using quorate::test::eventually;
using quorate::test::FakeCoordinators;
using quorate::test::verifies;
using Behaviour = FakeCoordinators::Behaviour;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr auto kContext = wire::Context::Tls13ServerCertificateVerify;
constexpr auto kDigest = wire::DigestAlgorithm::Sha256;

class TierClientTest : public testing::Test {
 protected:
  std::unique_ptr<SignClient> client(SignClientConfig config) {
    auto made = std::make_unique<SignClient>(std::move(config));
    made->add_key(tier_.key());
    made->warm_up();
    return made;
  }
  /// Linked to both, so that either may be the first choice.
  std::unique_ptr<SignClient> client() {
    auto made = client(tier_.config());
    EXPECT_TRUE(eventually([&] { return tier_.links(0) == 1 && tier_.links(1) == 1 && ready(*made); }));
    return made;
  }
  bool ready(SignClient& client) { return client.readiness(tier_.key().id).state == Readiness::Ready; }
  Result<SignedContent, SignError> sign(SignClient& client, const std::string& text,
                                        std::optional<milliseconds> deadline = std::nullopt) {
    return client.sign(tier_.key().id, kContext, kDigest, as_bytes(text), deadline);
  }
  bool good(const Result<SignedContent, SignError>& result, const std::string& text) {
    return result && verifies(tier_.key(), kDigest, as_bytes(text), result->r, result->s) && !result->s.is_high();
  }
  /// The first coordinator that is asked behaves so, the other one well: both orders are tried.
  void each_bad(Behaviour behaviour, const std::function<void(std::size_t bad)>& check) {
    for (std::size_t bad = 0; bad < 2; ++bad) {
      auto c = client();
      tier_.behave(bad, behaviour);
      const auto before = tier_.asked(bad).size();
      // With load spread over both, the bad one is asked first within two requests.
      for (int i = 0; i < 2; ++i) {
        const std::string text = "content " + std::to_string(i);
        const auto result = sign(*c, text);
        ASSERT_TRUE(good(result, text)) << (result ? "not good" : result.error().what());
      }
      EXPECT_GT(tier_.asked(bad).size(), before);
      check(bad);
      tier_.behave(bad, Behaviour::Good);
    }
  }

  FakeCoordinators tier_;
};

TEST_F(TierClientTest, SignsThroughTheTierAndSpreadsTheLoad) {
  auto c = client();
  for (int i = 0; i < 20; ++i) {
    const auto result = sign(*c, "m" + std::to_string(i));
    ASSERT_TRUE(good(result, "m" + std::to_string(i)));
    EXPECT_EQ(result->quorum, (Quorum{1, 3}));
  }
  EXPECT_GE(tier_.asked(0).size(), 5u);
  EXPECT_GE(tier_.asked(1).size(), 5u);
  const auto asked = tier_.asked(0).front().request;
  EXPECT_EQ(asked.key, tier_.key().id);
  EXPECT_EQ(asked.context, kContext);
  EXPECT_EQ(asked.nonce_policy, wire::NoncePolicy::Fresh);
  EXPECT_GT(asked.deadline_ms, 0u);
  EXPECT_LE(asked.deadline_ms, 2000u);
}

TEST_F(TierClientTest, SignsFromAColdStart) {
  auto c = std::make_unique<SignClient>(tier_.config());
  c->add_key(tier_.key());
  EXPECT_TRUE(good(sign(*c, "cold"), "cold"));
}

TEST_F(TierClientTest, ATimeOutGoesToTheSecondWithTheSameIdAndTheHint) {
  each_bad(Behaviour::AssignsOnly, [&](std::size_t bad) {
    // One of the two requests went to both, under one id, with what the silent one had assigned.
    bool found = false;
    for (const auto& a : tier_.asked(bad))
      for (const auto& b : tier_.asked(1 - bad))
        if (a.sid == b.sid) {
          EXPECT_EQ(a.request.content, b.request.content);
          EXPECT_NE(a.request.hint.has_value(), b.request.hint.has_value());
          if (!b.request.hint) continue;  // from when the other one was bad
          found = true;
          EXPECT_EQ(b.request.hint->quorum, (Quorum{1, 3}));
          EXPECT_LE(b.request.deadline_ms, a.request.deadline_ms);
        }
    EXPECT_TRUE(found);
    EXPECT_TRUE(eventually([&] { return !tier_.withdrawn(bad).empty(); })) << "it was not told that nobody waits";
  });
}

TEST_F(TierClientTest, ASilentCoordinatorCostsATimeOutAndNoHint) {
  each_bad(Behaviour::Silent, [&](std::size_t bad) {
    for (const auto& b : tier_.asked(1 - bad)) EXPECT_FALSE(b.request.hint);
  });
}

TEST_F(TierClientTest, ALyingCoordinatorIsNotBelievedAndTheOtherOneIsUsed) {
  for (const auto lie : {Behaviour::Lying, Behaviour::HighS, Behaviour::OtherContent}) each_bad(lie, [](std::size_t) {});
}

TEST_F(TierClientTest, AfterALieTheOtherOneIsAskedFirst) {
  auto c = client();
  tier_.behave(0, Behaviour::Lying);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(good(sign(*c, "x"), "x"));
  const auto lied = tier_.asked(0).size();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(good(sign(*c, "x"), "x"));
  EXPECT_EQ(tier_.asked(0).size(), lied);
}

TEST_F(TierClientTest, WhenAllLieNothingLeaves) {
  auto c = client();
  tier_.behave(0, Behaviour::Lying);
  tier_.behave(1, Behaviour::OtherContent);
  const auto result = sign(*c, "x");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().detail, HasSubstr("does not verify"));
}

TEST_F(TierClientTest, GarbledRepliesCostTheLink) { each_bad(Behaviour::Garbling, [](std::size_t) {}); }

TEST_F(TierClientTest, AnOverloadedCoordinatorIsLeftAloneAndTwoOfThemAreAPromptError) {
  each_bad(Behaviour::Refusing, [](std::size_t) {});
  auto c = client();
  tier_.behave(0, Behaviour::Refusing);
  tier_.behave(1, Behaviour::Refusing);
  const auto began = steady_clock::now();
  const auto result = sign(*c, "x", milliseconds(30'000));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, SignErrorCode::Overloaded);
  EXPECT_LT(steady_clock::now() - began, milliseconds(15'000)) << "it waited for the deadline";
}

TEST_F(TierClientTest, OneRequestOnBothCoordinatorsHasOneResult) {
  auto c = client();
  tier_.behave(0, Behaviour::Late);
  tier_.behave(1, Behaviour::Late);
  std::atomic<int> results = 0;
  std::atomic<bool> valid = true;
  const std::string text = "once";
  c->sign_async(tier_.key().id, kContext, kDigest, as_bytes(text), [&](Result<SignedContent, SignError> result) {
    valid = valid && good(result, text);
    ++results;
  });
  ASSERT_TRUE(eventually([&] { return tier_.asked(0).size() == 1 && tier_.asked(1).size() == 1; }));
  EXPECT_EQ(tier_.asked(0)[0].sid, tier_.asked(1)[0].sid);
  tier_.release(0);
  tier_.release(1);
  ASSERT_TRUE(eventually([&] { return results > 0; }));
  tier_.behave(0, Behaviour::Good);
  tier_.behave(1, Behaviour::Good);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(good(sign(*c, "later"), "later"));
  EXPECT_EQ(results, 1);
  EXPECT_TRUE(valid);
}

TEST_F(TierClientTest, ACoordinatorThatDiesInMidRequestIsATimeOutAtOnce) {
  auto config = tier_.config();
  auto c = client();
  tier_.behave(0, Behaviour::AssignsOnly);
  tier_.behave(1, Behaviour::AssignsOnly);
  auto pending = std::async(std::launch::async, [&] { return sign(*c, "dies", milliseconds(10'000)); });
  ASSERT_TRUE(eventually([&] { return !tier_.asked(0).empty() && !tier_.asked(1).empty(); }));
  // Both have it and neither answers. One dies and comes back well: it is asked again.
  tier_.behave(0, Behaviour::Good);
  tier_.restart(0);
  const auto result = pending.get();
  EXPECT_TRUE(good(result, "dies")) << (result ? "not good" : result.error().what());
}

TEST_F(TierClientTest, WithoutAnyCoordinatorTheErrorNamesThemAndTheyAreUsedAgainWhenTheyAreBack) {
  auto c = client();
  tier_.kill(0);
  tier_.kill(1);
  ASSERT_TRUE(eventually([&] { return c->readiness(tier_.key().id).state == Readiness::NotReady; }));
  EXPECT_FALSE(c->readiness(tier_.key().id).can_sign);
  const auto result = sign(*c, "x", milliseconds(100));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, SignErrorCode::QuorumInsufficient);
  EXPECT_THAT(result.error().detail, HasSubstr("c1 is down"));
  EXPECT_THAT(result.error().detail, HasSubstr("c2 is down"));
  tier_.restart(1);
  ASSERT_TRUE(eventually([&] { return ready(*c); })) << "readiness has latched off";
  EXPECT_TRUE(good(sign(*c, "back"), "back"));
}

TEST_F(TierClientTest, ReadinessIsPulledAndFollows) {
  auto c = client();
  wire::ReadinessReply no;
  no.state = wire::ReadinessState::NotReady;
  no.reason = SignErrorCode::PrecomputeDepleted;
  no.signers_up = 2;
  wire::ReadinessReply yes = no;
  yes.state = wire::ReadinessState::Ready;
  yes.can_sign = true;
  tier_.set_readiness(0, no);
  EXPECT_TRUE(ready(*c));
  tier_.set_readiness(1, no);
  ASSERT_TRUE(eventually([&] { return c->readiness(tier_.key().id).state == Readiness::NotReady; }));
  EXPECT_EQ(c->readiness(tier_.key().id).reason, SignErrorCode::PrecomputeDepleted);
  EXPECT_EQ(c->readiness(tier_.key().id).signers_up, 2u);
  tier_.set_readiness(0, yes);
  EXPECT_TRUE(eventually([&] { return ready(*c); }));
}

TEST_F(TierClientTest, TalksToNobodyButTheCoordinatorOfThatNameInItsCluster) {
  for (const auto* uri : {"quorate:test/coordinator/c9", "quorate:test/frontend/c1", "quorate:test/signer/1",
                          "quorate:other/coordinator/c1", "quorate:test/admin/c1"}) {
    tier_.kill(1);
    tier_.set_identity(0, uri);
    tier_.restart(0);
    auto c = client(tier_.config());
    const auto asked = tier_.asked(0).size();
    EXPECT_FALSE(sign(*c, "x", milliseconds(150))) << uri;
    EXPECT_EQ(tier_.asked(0).size(), asked) << uri;
  }
}

TEST_F(TierClientTest, KeysThatWereNotAddedAndContentsTooLongAreRefusedHere) {
  auto c = client();
  KeyId unknown;
  unknown.bytes.fill(9);
  auto result = c->sign(unknown, kContext, kDigest, as_bytes("x"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, SignErrorCode::KeyUnknown);
  const Bytes long_one(wire::kMaxContent + 1);
  result = c->sign(tier_.key().id, kContext, kDigest, long_one);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, SignErrorCode::PolicyDenied);
  EXPECT_TRUE(tier_.asked(0).empty());
  EXPECT_TRUE(tier_.asked(1).empty());
}

TEST_F(TierClientTest, SignersCannotBeAskedThroughTheTier) {
  auto c = client();
  const auto status = c->status(milliseconds(100));
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().detail, HasSubstr("talks to coordinators"));
  const auto asked = c->request(1, wire::MessageType::StatusRequest, Bytes(32), [](wire::Envelope) { return false; },
                                milliseconds(100));
  ASSERT_FALSE(asked);
  EXPECT_THAT(asked.error().detail, HasSubstr("talks to coordinators"));
}

TEST_F(TierClientTest, AForkedChildMakesItsOwnLinks) {
  auto c = client();
  ASSERT_TRUE(good(sign(*c, "parent"), "parent"));
  const pid_t pid = fork();
  if (pid == 0) _exit(good(sign(*c, "child"), "child") ? 0 : 1);
  int status = -1;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(good(sign(*c, "parent again"), "parent again"));
}

TEST_F(TierClientTest, WaitersAreToldWhenTheClientGoes) {
  auto c = client();
  tier_.behave(0, Behaviour::Silent);
  tier_.behave(1, Behaviour::Silent);
  std::promise<bool> told;
  c->sign_async(tier_.key().id, kContext, kDigest, as_bytes("x"),
                [&](const Result<SignedContent, SignError>& result) { told.set_value(result.has_value()); });
  c.reset();
  EXPECT_FALSE(told.get_future().get());
}

}  // namespace
}  // namespace quorate::net::test
