#include "protocol/net/io_thread.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <thread>

#include "protocol/net/sign_client.h"
#include "test/sim/fake_signers.h"

namespace quorate::net::test {
namespace {

using quorate::test::FakeSigners;
using quorate::test::verifies;

long threads() {
  struct stat info {};
  return stat("/proc/self/task", &info) == 0 ? static_cast<long>(info.st_nlink) - 2 : -1;
}

/// Conditions that are to hold in a child, whose assertions nobody would see: its exit status is the number
/// of the first that did not. What a child of its own returned counts tenfold.
class Steps {
 public:
  bool operator()(bool condition) {
    if (failed_ == 0) {
      ++step_;
      if (!condition) failed_ = step_;
    }
    return condition;
  }
  void of_child(int status) {
    if (status != 0 && failed_ == 0) failed_ = 10 * status;
  }
  [[nodiscard]] int failed() const { return failed_; }

 private:
  int step_ = 0, failed_ = 0;
};

/// Runs something in a forked child: the number of its first false condition, 0 if all were true.
int in_child(const std::function<void(Steps&)>& what) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(30);
    Steps steps;
    what(steps);
    _exit(std::min(steps.failed(), 255));
  }
  int status = -1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/// As a server does to its worker: no new thread, and a user without the right to lift that.
bool confine() {
  const rlimit none{0, 0};
  return setrlimit(RLIMIT_NPROC, &none) == 0 && setgid(65534) == 0 && setuid(65534) == 0;
}

/// A thread that says how many signals it would take.
int signals_taken(IoThread& thread) {
  std::atomic<int> taken{-1};
  const int error = thread.start([&] {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    int open = 0;
    for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM})
      open += sigismember(&blocked, signal) == 1 ? 0 : 1;
    taken = open;
  });
  if (error != 0) return -error;
  thread.join();
  return taken;
}

TEST(IoThread, takes_no_signal_and_says_where_it_runs) {
  IoThread thread;
  EXPECT_EQ(signals_taken(thread), 0);
  EXPECT_FALSE(thread.joinable());
  std::atomic<bool> inside{false};
  ASSERT_EQ(thread.start([&] { inside = thread.is_current(); }), 0);
  EXPECT_FALSE(thread.is_current());
  thread.join();
  EXPECT_TRUE(inside);
}

TEST(IoThread, no_thread_is_started_in_children_unless_asked_for) {
  EXPECT_EQ(in_child([](Steps& holds) { holds(threads() == 1); }), 0);
}

TEST(IoThread, a_spare_serves_where_no_thread_can_be_had) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(in_child([](Steps& holds) {
              const auto asked = IoThread::spare_in_children();
              holds(threads() == 1);
              holds.of_child(in_child([](Steps& worker) {
                worker(threads() == 2);
                worker(confine());
                IoThread first, second;
                worker(signals_taken(first) == 0);
                worker(signals_taken(second) == -EAGAIN);  // the one spare is gone
                worker(threads() == 1);
              }));
            }),
            0);
}

TEST(IoThread, a_spare_that_nobody_needs_does_its_idle_work_once_and_waits_on) {
  EXPECT_EQ(in_child([](Steps& holds) {
              std::atomic<int> done{0};
              const auto asked = IoThread::spare_in_children([&] { ++done; });
              holds.of_child(in_child([&](Steps& worker) {
                worker(done == 0);
                for (int i = 0; i < 500 && done == 0; ++i) usleep(10'000);
                usleep(300'000);
                worker(done == 1);
                IoThread thread;
                worker(signals_taken(thread) == 0);
                worker(threads() == 1);
              }));
              holds.of_child(in_child([&](Steps& worker) {
                IoThread thread;
                worker(signals_taken(thread) == 0);
                usleep(400'000);
                worker(done == 0);
              }));
              holds(done == 0);
            }),
            0);
}

TEST(IoThread, no_idle_work_of_somebody_who_is_gone) {
  EXPECT_EQ(in_child([](Steps& holds) {
              std::atomic<int> first{0}, second{0};
              auto gone = IoThread::spare_in_children([&] { ++first; });
              const auto stays = IoThread::spare_in_children([&] { ++second; });
              gone.reset();
              holds.of_child(in_child([&](Steps& worker) {
                for (int i = 0; i < 500 && second == 0; ++i) usleep(10'000);
                worker(first == 0 && second == 1);
              }));
            }),
            0);
}

TEST(IoThread, a_client_is_connected_before_its_first_signature) {
  FakeSigners signers;
  SignClientConfig config = signers.config();
  config.thread_at_fork = true;
  EXPECT_EQ(in_child([&](Steps& holds) {
              SignClient client(config);
              client.add_key(signers.key());
              holds.of_child(in_child([&](Steps& worker) {
                worker(client.readiness(signers.key().id).state == Readiness::Unknown);
                const auto ready = [&] { return client.readiness(signers.key().id).state == Readiness::Ready; };
                for (int i = 0; i < 1000 && !ready(); ++i) usleep(10'000);
                worker(ready());
                worker(threads() == 2);
              }));
            }),
            0);
}

TEST(IoThread, a_daemon_that_forks_twice_has_a_spare_in_both) {
  EXPECT_EQ(in_child([](Steps& holds) {
              const auto asked = IoThread::spare_in_children();
              holds.of_child(in_child([](Steps& daemon) {
                daemon(threads() == 2);
                daemon.of_child(in_child([](Steps& worker) { worker(threads() == 2); }));
              }));
            }),
            0);
}

TEST(IoThread, no_spare_in_the_child_of_a_process_with_another_thread) {
  EXPECT_EQ(in_child([](Steps& holds) {
              const auto asked = IoThread::spare_in_children();
              std::atomic<bool> stop{false};
              std::thread other([&] {
                while (!stop) std::this_thread::yield();
              });
              holds.of_child(in_child([](Steps& child) { child(threads() == 1); }));
              stop = true;
              other.join();
            }),
            0);
}

TEST(IoThread, no_spare_after_the_last_who_asked_is_gone) {
  EXPECT_EQ(in_child([](Steps& holds) {
              { const auto asked = IoThread::spare_in_children(); }
              holds.of_child(in_child([](Steps& child) { child(threads() == 1); }));
            }),
            0);
}

/// HAProxy's master and worker: the key is loaded in the first process, the worker may start no thread.
TEST(IoThread, a_client_signs_through_it_and_its_own_children_start_nothing) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  FakeSigners signers;
  SignClientConfig config = signers.config();
  config.thread_at_fork = true;
  const auto signs = [&](SignClient& client) {
    const Bytes content(40, 7);
    constexpr auto kDigest = wire::DigestAlgorithm::Sha256;
    auto signature =
        client.sign(signers.key().id, wire::Context::Tls13ServerCertificateVerify, kDigest, content);
    return signature && verifies(signers.key(), kDigest, content, signature->r, signature->s);
  };
  EXPECT_EQ(in_child([&](Steps& holds) {
              SignClient client(config);
              client.add_key(signers.key());
              holds.of_child(in_child([&](Steps& worker) {
                worker(confine());
                worker(!client.inline_io());
                worker(signs(client));
                worker(threads() == 2);
              }));
              holds.of_child(in_child([&](Steps& worker) {
                worker(signs(client));
                worker(threads() == 2);
                worker.of_child(in_child([](Steps& cgi) { cgi(threads() == 1); }));
                worker(signs(client));
              }));
            }),
            0);
}

}  // namespace
}  // namespace quorate::net::test
