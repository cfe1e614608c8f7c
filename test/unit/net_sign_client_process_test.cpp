// The client in the process that uses it: its thread, forks, confinement, small stacks, and its own end.
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

#include "test/unit/net_sign_client_fixture.h"

namespace quorate::net::test {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace quorate::net::test
