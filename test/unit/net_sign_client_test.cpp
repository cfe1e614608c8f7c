#include "protocol/net/sign_client.h"

#include <gmock/gmock.h>

#include <dirent.h>
#include <openssl/async.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "protocol/wire/admin_codec.h"
#include "protocol/wire/online_codec.h"
#include "test/sim/fake_signers.h"

namespace quorate::net::test {
namespace {

using quorate::test::FakeSigners;
using quorate::test::verifies;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr auto kContext = wire::Context::Tls13ServerCertificateVerify;
constexpr auto kDigest = wire::DigestAlgorithm::Sha256;

Bytes content_of(const std::string& text) { return {as_bytes(text).begin(), as_bytes(text).end()}; }

bool eventually(const std::function<bool()>& done) {
  const auto end = steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

std::size_t entries(const char* folder) {
  std::size_t n = 0;
  DIR* dir = opendir(folder);
  while (readdir(dir) != nullptr) ++n;
  closedir(dir);
  return n;
}

std::size_t open_sockets() {
  std::size_t n = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat info {};
    if (fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode)) ++n;
  }
  return n;
}

/// Thread ids of this process whose name is quorate-io.
std::vector<std::string> io_threads() {
  std::vector<std::string> found;
  DIR* dir = opendir("/proc/self/task");
  while (const dirent* entry = readdir(dir)) {
    std::string name;
    std::getline(std::ifstream(std::string("/proc/self/task/") + entry->d_name + "/comm"), name);
    if (name == "quorate-io") found.emplace_back(entry->d_name);
  }
  closedir(dir);
  return found;
}

/// Runs something in a forked child; its exit status is 0 if it returned true.
int in_child(const std::function<bool()>& what) {
  const pid_t pid = fork();
  if (pid == 0) _exit(what() ? 0 : 1);
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

class SignClientTest : public testing::Test {
 public:
  bool signs(SignClient& client, const std::string& text) {
    const Bytes content = content_of(text);
    auto signature = client.sign(signers_.key().id, kContext, kDigest, content);
    last_ = signature ? "ok" : signature.error().what();
    return signature && verifies(signers_.key(), kDigest, content, signature->r, signature->s) && !signature->s.is_high();
  }

 protected:
  std::unique_ptr<SignClient> client(SignClientConfig config) {
    auto made = std::make_unique<SignClient>(std::move(config));
    made->add_key(signers_.key());
    return made;
  }
  std::unique_ptr<SignClient> client() { return client(signers_.config()); }

  FakeSigners signers_;
  std::string last_;
};

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

TEST_F(SignClientTest, TheConstructorStartsNothing) {
  const auto config = signers_.config();
  const auto threads = entries("/proc/self/task"), files = entries("/proc/self/fd");
  auto c = client(config);
  EXPECT_EQ(c->readiness(signers_.key().id).state, Readiness::Unknown);
  EXPECT_EQ(entries("/proc/self/task"), threads);
  EXPECT_EQ(entries("/proc/self/fd"), files);
  c.reset();
  EXPECT_EQ(entries("/proc/self/task"), threads);
}

TEST_F(SignClientTest, TheIoThreadTakesNoSignal) {
  auto c = client();
  ASSERT_TRUE(signs(*c, "x")) << last_;
  std::vector<std::string> threads;
  ASSERT_TRUE(eventually([&] { return (threads = io_threads()).size() == 1; }));
  std::ifstream status("/proc/self/task/" + threads[0] + "/status");
  std::string line, blocked;
  while (std::getline(status, line)) {
    if (line.starts_with("SigBlk:")) blocked = line;
  }
  // All but KILL, STOP and the two that glibc keeps for itself.
  EXPECT_EQ(blocked, "SigBlk:\tfffffffe7ffbfeff");
  c.reset();
  EXPECT_TRUE(io_threads().empty());
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

TEST_F(SignClientTest, AForkedChildUsesConnectionsOfItsOwn) {
  auto c = client();
  ASSERT_TRUE(signs(*c, "parent before")) << last_;
  const auto links = signers_.links(1);
  EXPECT_EQ(in_child([&] {
              for (int i = 0; i < 5; ++i) {
                if (!signs(*c, "child")) return false;
              }
              return io_threads().size() == 1;
            }),
            0);
  ASSERT_TRUE(eventually([&] { return signers_.links(1) == links; }));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(signs(*c, "parent after")) << last_;
  EXPECT_EQ(signers_.links(1), links);
}

TEST_F(SignClientTest, ConnectionsOfTheParentAreClosedInAChildAtOnce) {
  const auto before = open_sockets();
  auto c = client();
  ASSERT_TRUE(signs(*c, "parent")) << last_;
  ASSERT_TRUE(eventually([&] { return signers_.links(1) + signers_.links(2) + signers_.links(3) == 3; }));
  ASSERT_EQ(open_sockets(), before + 6);  // the signers' ends are in this process too, and guarded likewise
  EXPECT_EQ(in_child([&] { return open_sockets() == before; }), 0);
  EXPECT_TRUE(signs(*c, "parent after")) << last_;
}

TEST_F(SignClientTest, AChildMayDestroyTheClientAndExit) {
  auto c = client();
  ASSERT_TRUE(signs(*c, "parent")) << last_;
  EXPECT_EQ(in_child([&] {
              c.reset();
              return true;
            }),
            0);
  EXPECT_TRUE(signs(*c, "parent after")) << last_;
}

/// What HAProxy does to its worker: chroot, another user, no new threads. Certificates were read before.
TEST_F(SignClientTest, SignsInlineWhereNoThreadCanBeHadAndNoFileCanBeOpened) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto c = client();
  const auto confined = [&](const std::function<bool()>& what) {
    return in_child([&] {
      const rlimit none{0, 0};
      if (chroot("/proc/self/fdinfo") != 0 || chdir("/") != 0) return false;
      if (setrlimit(RLIMIT_NPROC, &none) != 0 || setuid(65534) != 0) return false;
      return what();
    });
  };
  EXPECT_EQ(confined([&] {
              if (!c->inline_io()) return false;
              for (int i = 0; i < 20; ++i) {
                if (!signs(*c, "inline " + std::to_string(i))) return false;
              }
              return true;
            }),
            0);
  // Readiness is learnt by polling alone.
  EXPECT_EQ(confined([&] {
              c->warm_up();
              return eventually([&] { return c->readiness(signers_.key().id).state == Readiness::Ready; });
            }),
            0);
}

/// Threads that exist already share the inline I/O: one runs it, the others wait and take over.
TEST_F(SignClientTest, ThreadsShareTheInlineIo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto c = client();
  EXPECT_EQ(in_child([&] {
              std::atomic<bool> go{false};
              std::atomic<int> good{0};
              std::vector<std::thread> threads;
              for (int t = 0; t < 4; ++t) {
                threads.emplace_back([&, t] {
                  while (!go) std::this_thread::yield();
                  for (int i = 0; i < 25; ++i) {
                    const Bytes content = content_of(std::to_string(t) + "/" + std::to_string(i));
                    auto signature = c->sign(signers_.key().id, kContext, kDigest, content);
                    if (signature && verifies(signers_.key(), kDigest, content, signature->r, signature->s)) ++good;
                  }
                });
              }
              const rlimit none{0, 0};
              if (setrlimit(RLIMIT_NPROC, &none) != 0 || setuid(65534) != 0) return false;
              go = true;
              for (auto& thread : threads) thread.join();
              return c->inline_io() && good == 100;
            }),
            0);
}

TEST_F(SignClientTest, DestroyingTheClientEndsRequestsThatWait) {
  auto config = signers_.config();
  config.deadline = std::chrono::seconds(60);
  for (PartyId id = 1; id <= 3; ++id) signers_.set_silent(id, true);
  auto c = client(config);
  c->warm_up();
  std::promise<std::string> asynchronous;
  c->sign_async(signers_.key().id, kContext, kDigest, content_of("a"), [&](Result<SignedContent, SignError> result) {
    asynchronous.set_value(result ? "signed" : result.error().what());
  });
  // The blocking caller keeps a share of its own in the client's state.
  SignClient* raw = c.get();
  std::atomic<bool> started{false};
  auto blocking = std::async(std::launch::async, [&, raw] {
    started = true;
    auto result = raw->sign(signers_.key().id, kContext, kDigest, content_of("b"));
    return result ? std::string("signed") : result.error().what();
  });
  ASSERT_TRUE(eventually([&] { return started.load() && signers_.links(3) == 1; }));
  std::this_thread::sleep_for(milliseconds(50));  // let it get into its wait
  const auto start = steady_clock::now();
  c.reset();
  EXPECT_THAT(blocking.get(), HasSubstr("shutting down"));
  EXPECT_THAT(asynchronous.get_future().get(), HasSubstr("shutting down"));
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
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

TEST_F(SignClientTest, ACallbackMayDestroyTheClient) {
  auto c = client();
  std::promise<bool> signed_there;
  c->sign_async(signers_.key().id, kContext, kDigest, content_of("last"), [&](Result<SignedContent, SignError> result) {
    c.reset();
    signed_there.set_value(result.has_value());
  });
  EXPECT_TRUE(signed_there.get_future().get());
  EXPECT_TRUE(eventually([] { return io_threads().empty(); }));
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

/// HAProxy's ssl-mode-async calls the provider on a stack of 32 KiB; TLS handshakes from a cold start included.
TEST_F(SignClientTest, SignsInsideAnAsyncJobWithItsSmallStack) {
  ASSERT_EQ(ASYNC_init_thread(2, 0), 1);
  auto c = client();
  struct Argument {
    SignClientTest* test;
    SignClient* client;
  } argument{this, c.get()};
  ASYNC_JOB* job = nullptr;
  ASYNC_WAIT_CTX* wait = ASYNC_WAIT_CTX_new();
  int result = 0;
  const auto work = [](void* at) -> int {
    const auto* a = static_cast<Argument*>(at);
    if (ASYNC_get_current_job() == nullptr) return 2;
    return a->test->signs(*a->client, "inside a job") ? 1 : 0;
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ASYNC_start_job(&job, wait, &result, work, &argument, sizeof argument), ASYNC_FINISH);
    EXPECT_EQ(result, 1) << last_;
  }
  ASYNC_WAIT_CTX_free(wait);
  ASYNC_cleanup_thread();
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
