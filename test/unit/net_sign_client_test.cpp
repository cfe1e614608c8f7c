// A front end that asks signers directly: signatures, signers that fail or lie, readiness, status, requests.
#include <gmock/gmock.h>

#include <atomic>
#include <future>

#include "protocol/wire/admin_codec.h"
#include "protocol/wire/online_codec.h"
#include "test/unit/net_sign_client_fixture.h"

namespace quorate::net::test {
namespace {

using testing::HasSubstr;

TEST_F(SignClientTest, SignsFromAColdStart) {
  auto c = client();
  const Bytes content = content_of("hello");
  auto signature = c->sign(signers_.key().id, kContext, kDigest, content);
  ASSERT_TRUE(signature) << signature.error().what();
  EXPECT_TRUE(verifies(signers_.key(), kDigest, content, signature->r, signature->s));
  EXPECT_EQ(signature->quorum.size(), 2u);
  EXPECT_GT(signature->took.count(), 0);
  EXPECT_FALSE(c->inline_io());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(signs(*c, "message " + std::to_string(i))) << last_;
}

TEST_F(SignClientTest, ManyThreadsAtOnce) {
  auto c = client();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const Bytes content = content_of(std::to_string(t) + "/" + std::to_string(i));
        auto signature = c->sign(signers_.key().id, kContext, kDigest, content);
        if (signature && verifies(signers_.key(), kDigest, content, signature->r, signature->s)) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST_F(SignClientTest, UnknownKeysAndEmptyContentsAreRefused) {
  auto c = client();
  KeyId unknown;
  unknown.bytes.fill(9);
  auto result = c->sign(unknown, kContext, kDigest, content_of("x"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, SignErrorCode::KeyUnknown);
  EXPECT_FALSE(c->sign(signers_.key().id, kContext, kDigest, {}));
  EXPECT_FALSE(c->sign(signers_.key().id, kContext, kDigest, Bytes(wire::kMaxContent + 1)));
  EXPECT_TRUE(signs(*c, "still works")) << last_;
}

TEST_F(SignClientTest, AKeyMayBeAddedLater) {
  auto c = std::make_unique<SignClient>(signers_.config());
  EXPECT_FALSE(signs(*c, "too early"));
  EXPECT_THAT(last_, HasSubstr("KeyUnknown"));
  c->add_key(signers_.key());
  EXPECT_TRUE(signs(*c, "now")) << last_;
}

TEST_F(SignClientTest, OneKilledSignerIsNotNoticed) {
  auto c = client();
  ASSERT_TRUE(signs(*c, "before")) << last_;
  for (const PartyId victim : {PartyId{2}, PartyId{1}}) {
    signers_.kill(victim);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(signs(*c, "without " + std::to_string(victim))) << last_;
    signers_.restart(victim);
    ASSERT_TRUE(eventually([&] { return signers_.links(victim) == 1; }));
  }
}

TEST_F(SignClientTest, WithoutAQuorumItFailsWithinTheDeadlineAndRecovers) {
  auto config = signers_.config();
  config.deadline = milliseconds(300);
  auto c = client(config);
  ASSERT_TRUE(signs(*c, "before")) << last_;
  signers_.kill(1);
  signers_.kill(2);
  const auto start = steady_clock::now();
  EXPECT_FALSE(signs(*c, "alone"));
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_THAT(last_, testing::AnyOf(HasSubstr("QuorumInsufficient"), HasSubstr("DeadlineExceeded")));
  ASSERT_TRUE(eventually([&] { return c->readiness(signers_.key().id).state == Readiness::NotReady; }));
  EXPECT_EQ(c->readiness(signers_.key().id).reason, SignErrorCode::QuorumInsufficient);
  signers_.restart(1);
  ASSERT_TRUE(eventually([&] { return c->readiness(signers_.key().id).state == Readiness::Ready; }));
  EXPECT_TRUE(eventually([&] { return signs(*c, "again"); })) << last_;
}

TEST_F(SignClientTest, SilentSignersCostNoMoreThanTheDeadline) {
  auto config = signers_.config();
  config.deadline = milliseconds(200);
  auto c = client(config);
  for (PartyId id = 1; id <= 3; ++id) signers_.set_silent(id, true);
  const auto start = steady_clock::now();
  EXPECT_FALSE(signs(*c, "nobody answers"));
  EXPECT_GE(steady_clock::now() - start, milliseconds(190));
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(SignClientTest, ReadinessFollowsThePools) {
  signers_.set_pool(0);
  auto c = client();
  c->warm_up();
  ASSERT_TRUE(eventually([&] { return c->readiness(signers_.key().id).state == Readiness::NotReady; }));
  EXPECT_EQ(c->readiness(signers_.key().id).reason, SignErrorCode::PrecomputeDepleted);
  EXPECT_EQ(c->readiness(signers_.key().id).signers_up, 3u);
  signers_.set_pool(100);
  EXPECT_TRUE(eventually([&] { return c->readiness(signers_.key().id).state == Readiness::Ready; }));
}

TEST_F(SignClientTest, ALyingSignerCostsNoSignature) {
  auto c = client();
  ASSERT_TRUE(signs(*c, "before")) << last_;
  signers_.set_lying(2, true);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(signs(*c, "lie " + std::to_string(i))) << last_;
}

TEST_F(SignClientTest, ASignerThatTalksNonsenseLosesItsLinkAndCostsNoSignature) {
  auto config = signers_.config();
  std::mutex mutex;
  std::string log;
  config.log = [&](int, std::string_view text) {
    const std::lock_guard lock(mutex);
    log.append(text).append("\n");
  };
  auto c = client(config);
  signers_.set_garbling(2, true);
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(signs(*c, "noise " + std::to_string(i))) << last_;
  c.reset();
  EXPECT_GT(signers_.partials(2), 0u);
  EXPECT_THAT(log, HasSubstr("malformed reply: SignReply"));
}

TEST_F(SignClientTest, AnImpostorWithACertificateButWithoutTheIdentityKeyIsNotTalkedTo) {
  auto config = signers_.config();
  config.deadline = milliseconds(300);
  for (auto& signer : config.signers) signer.identity = signers_.identity(static_cast<PartyId>(signer.id % 3 + 1));
  auto c = client(config);
  EXPECT_FALSE(signs(*c, "to impostors"));
  for (PartyId id = 1; id <= 3; ++id) EXPECT_EQ(signers_.partials(id), 0u);
}

TEST_F(SignClientTest, AsynchronousRequestsAreAnsweredOnceEach) {
  auto c = client();
  std::atomic<int> good{0}, all{0};
  for (int i = 0; i < 50; ++i) {
    const Bytes content = content_of("async " + std::to_string(i));
    c->sign_async(signers_.key().id, kContext, kDigest, content, [&, content](Result<SignedContent, SignError> result) {
      if (result && verifies(signers_.key(), kDigest, content, result->r, result->s)) ++good;
      ++all;
    });
  }
  ASSERT_TRUE(eventually([&] { return all == 50; }));
  EXPECT_EQ(good, 50);
}

/// Blocking callers run the I/O themselves; a request that nobody waits for must not starve among them,
/// nor after the last of them has left.
TEST_F(SignClientTest, BlockingAndAsynchronousRequestsMix) {
  auto c = client();
  std::atomic<int> asynchronous{0}, blocking{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const Bytes content = content_of(std::to_string(t) + "/" + std::to_string(i));
        c->sign_async(signers_.key().id, kContext, kDigest, content,
                      [&](Result<SignedContent, SignError> result) { asynchronous += result ? 1 : 1000; });
        blocking += c->sign(signers_.key().id, kContext, kDigest, content) ? 1 : 1000;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(blocking, 60);
  EXPECT_TRUE(eventually([&] { return asynchronous == 60; })) << asynchronous;
}

TEST_F(SignClientTest, StatusAsksEverybodyAndReportsWhoAnswered) {
  auto c = client();
  auto replies = c->status(milliseconds(3000));
  ASSERT_TRUE(replies) << replies.error().what();
  ASSERT_EQ(replies->size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ((*replies)[i].signer, i + 1);
  EXPECT_EQ((*replies)[0].keys.at(0).key, signers_.key().id);
  signers_.kill(2);
  replies = c->status(milliseconds(300));
  ASSERT_TRUE(replies);
  EXPECT_EQ(replies->size(), 2u);
  signers_.kill(1);
  signers_.kill(3);
  replies = c->status(milliseconds(200));
  ASSERT_FALSE(replies);
  EXPECT_THAT(replies.error().detail, testing::AnyOf(HasSubstr("signer 1 is not reachable"), HasSubstr("signer 1 was lost")));
}

TEST_F(SignClientTest, ARequestDeliversRepliesInOrder) {
  auto c = client();
  wire::KeygenRequest request;
  request.ceremony.bytes.fill(5);
  request.threshold = 2;
  request.name = "web";
  request.members = {1, 2, 3};
  SessionId sid;
  sid.bytes.fill(5);
  std::vector<wire::MessageType> seen;
  auto result = c->request(2, wire::MessageType::KeygenRequest, sid, wire::encode(request),
                           [&](wire::Envelope reply) {
                             EXPECT_EQ(reply.from, 2);
                             EXPECT_EQ(reply.sid, sid);
                             seen.push_back(reply.type);
                             return reply.type != wire::MessageType::KeygenResult;
                           },
                           milliseconds(3000));
  ASSERT_TRUE(result.has_value()) << result.error().what();
  EXPECT_THAT(seen, testing::ElementsAre(wire::MessageType::KeygenProgress, wire::MessageType::KeygenProgress,
                                         wire::MessageType::KeygenResult));
  // The same again: nothing of the first one is left over.
  seen.clear();
  result = c->request(2, wire::MessageType::KeygenRequest, sid, wire::encode(request),
                      [&](const wire::Envelope& reply) {
                        seen.push_back(reply.type);
                        return seen.size() < 3;
                      },
                      milliseconds(3000));
  EXPECT_TRUE(result.has_value());
}

TEST_F(SignClientTest, ARequestEndsWithTheRefusalTheLostLinkOrTheTime) {
  auto c = client();
  const auto ask = [&](PartyId id, milliseconds limit) {
    wire::SignRequest request{{{}, 0}, {1, 2}, signers_.key().id, {}, kContext, kDigest, content_of("x"), 100, 0, {}};
    return c->request(id, wire::MessageType::SignRequest, wire::encode(request), [](const wire::Envelope&) { return true; },
                      limit);
  };
  auto result = ask(1, milliseconds(3000));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, SignErrorCode::PresignatureConsumed);
  signers_.set_silent(1, true);
  result = ask(1, milliseconds(100));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, SignErrorCode::DeadlineExceeded);
  auto lost = std::async(std::launch::async, [&] { return ask(1, milliseconds(5000)); });
  std::this_thread::sleep_for(milliseconds(50));
  signers_.kill(1);
  result = lost.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().detail, testing::AnyOf(HasSubstr("was lost"), HasSubstr("not reachable")));
  EXPECT_FALSE(ask(9, milliseconds(100)).has_value());
}

TEST(SignClientConfigTest, UnusableConfigurationsFailWithoutHarm) {
  SignClientConfig config;
  config.cluster = "test";
  config.deadline = milliseconds(100);
  config.signers = {{1, "name.invalid", 1, {}}, {1, "127.0.0.1", 1, {}}, {77, "127.0.0.1", 1, {}}};
  SignClient client(std::move(config));
  KeyId key;
  EXPECT_FALSE(client.sign(key, kContext, kDigest, content_of("x")));
  EXPECT_FALSE(client.status(milliseconds(50)));
}

}  // namespace
}  // namespace quorate::net::test
