#include <openssl/async.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "protocol/net/evidence_file.h"
#include "test/provider/library.h"
#include "test/sim/fake_signers.h"

/// The module as it is installed, with three signers behind it that hold shares and speak the real
/// protocol over loopback.
namespace quorate::test {
namespace {

using SslCtx = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;

using Clock = std::chrono::steady_clock;

bool has_io_thread() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    if (read_text_file(task.path() / "comm").starts_with("quorate")) return true;
  return false;
}

/// Looked at when libcrypto is about to take itself apart. What is registered last is called first: this program's
/// check comes after what the module, which is loaded later, does there.
bool ending = false;
const int registered = OPENSSL_atexit([] {
  if (ending) _exit(has_io_thread() ? 3 : 0);
});

class Cluster : public testing::Test {
 protected:
  /// `keys`: of provider.json, with commas after them.
  explicit Cluster(const std::string& keys = "")
      : file_(make_key_file(signers_.key().point, "test")),
        library_({.module = QUORATE_MODULE, .provider_json = write_json(2000, keys), .extra = {}}, dir_),
        key_(library_.load_pem(encode_key_file_pem(file_))) {
    EXPECT_NE(key_, nullptr) << testing::PrintToString(drain_errors());
    const unsigned char* in = file_.spki.data();
    public_.reset(d2i_PUBKEY(nullptr, &in, static_cast<long>(file_.spki.size())));
  }

  std::string write_json(int deadline_ms, const std::string& keys) {
    const Issued identity = signers_.ca().issue("quorate:test/frontend/web-1");
    dir_.write("frontend.crt", identity.certificate);
    dir_.write("frontend.key", identity.key);
    dir_.write("ca.crt", signers_.ca().certificate());
    std::filesystem::create_directory(dir_.path("evidence"));
    std::string list;
    for (PartyId id = 1; id <= 3; ++id)
      list += (id == 1 ? "" : ", ") + std::string(R"({"id": )") + std::to_string(id) + R"(, "address": "127.0.0.1:)" +
              std::to_string(signers_.port(id)) + R"(", "identity": ")" + signers_.identity(id).hex() + "\"}";
    return dir_.write("provider.json", R"({"cluster": "test", "signers": [)" + list +
                                           R"(], "tls": {"certificate": "frontend.crt", "key": "frontend.key", "ca": "ca.crt"}, )" +
                                           R"("deadline_ms": )" + std::to_string(deadline_ms) + ", " + keys +
                                           R"("log": {"file": "provider.log", "level": "debug"}, "evidence": "evidence"})");
  }
  bool signs(std::uint8_t fill = 7) {
    const auto signature = digest_sign(library_.get(), key_.get(), "SHA256", tls13_content(fill));
    return signature && digest_verify(nullptr, public_.get(), "SHA256", tls13_content(fill), *signature);
  }
  std::string log() { return dir_.read("provider.log"); }
  bool accepted() {
    const MdCtx ctx(EVP_MD_CTX_new());
    const bool ok = EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library_.get(), nullptr, key_.get(), nullptr) == 1;
    if (!ok) reason_ = testing::PrintToString(drain_errors());
    return ok;
  }
  /// Until it holds, or for so long.
  static bool soon(const std::function<bool()>& what, std::chrono::milliseconds within = std::chrono::seconds(10)) {
    const auto until = Clock::now() + within;
    while (Clock::now() < until) {
      if (what()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return what();
  }

  /// A certificate for the threshold key, signed by an ordinary one.
  Certificate certificate() {
    const TestKey issuer;
    Certificate cert = self_signed(issuer);
    X509_set_pubkey(cert.get(), public_.get());
    EXPECT_GT(X509_sign(cert.get(), issuer.pair.get(), EVP_sha256()), 0);
    return cert;
  }
  SslCtx server(X509* cert) {
    SslCtx ctx(SSL_CTX_new_ex(library_.get(), nullptr, TLS_server_method()));
    EXPECT_EQ(SSL_CTX_use_certificate(ctx.get(), cert), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(ctx.get(), key_.get()), 1);
    return ctx;
  }

  TempDir dir_;
  FakeSigners signers_;
  KeyFile file_;
  Library library_;
  Pkey key_, public_;
  std::string reason_;
};

struct Pair {
  Ssl client, server;
};
Pair connect(SSL_CTX* client, SSL_CTX* server) {
  Pair pair{Ssl(SSL_new(client)), Ssl(SSL_new(server))};
  BIO *one = nullptr, *other = nullptr;
  BIO_new_bio_pair(&one, 0, &other, 0);
  SSL_set_bio(pair.client.get(), one, one);
  SSL_set_bio(pair.server.get(), other, other);
  SSL_set_connect_state(pair.client.get());
  SSL_set_accept_state(pair.server.get());
  return pair;
}

TEST_F(Cluster, signs_and_leaves_the_queue_clean) {
  EXPECT_TRUE(signs()) << log();
  EXPECT_TRUE(queue_is_empty());
  for (std::uint8_t i = 0; i < 20; ++i) EXPECT_TRUE(signs(i));
  EXPECT_TRUE(queue_is_empty());
}

TEST_F(Cluster, keeps_evidence_against_a_signer_that_lies_and_leaves_it_out) {
  signers_.set_lying(2, true);
  for (int i = 0; i < 400 && log().find("confirmed=\"yes\"") == std::string::npos; ++i)
    EXPECT_TRUE(signs(static_cast<std::uint8_t>(i))) << log();
  EXPECT_NE(log().find("signer 2 gave a wrong partial signature confirmed=\"yes\"; evidence in "), std::string::npos) << log();
  std::size_t files = 0;
  Identities pinned;
  for (PartyId id = 1; id <= 3; ++id) pinned[id] = signers_.identity(id);
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path("evidence"))) {
    ++files;
    const auto file = net::load_evidence(entry.path());
    ASSERT_TRUE(file) << file.error();
    const auto culprit = verify(std::get<BlameEvidence>(file->evidence), pinned, signers_.key().id);
    ASSERT_TRUE(culprit) << culprit.error();
    EXPECT_EQ(*culprit, 2);
  }
  EXPECT_GE(files, 1u);
  EXPECT_TRUE(signs());
  const auto before = signers_.partials(2);
  for (std::uint8_t i = 0; i < 20; ++i) EXPECT_TRUE(signs(i));
  EXPECT_EQ(signers_.partials(2), before);
}

TEST_F(Cluster, serves_both_versions_of_tls) {
  const Certificate cert = certificate();
  const SslCtx server = this->server(cert.get());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const SslCtx client(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_max_proto_version(client.get(), version);
    Pair pair = connect(client.get(), server.get());
    bool through = false;
    for (int turn = 0; turn < 20 && !through; ++turn) {
      const int a = SSL_do_handshake(pair.client.get()), b = SSL_do_handshake(pair.server.get());
      through = a == 1 && b == 1;
    }
    EXPECT_TRUE(through) << testing::PrintToString(drain_errors()) << log();
    ERR_clear_error();
  }
}

TEST_F(Cluster, survives_the_loss_of_one_signer_and_of_one_liar) {
  ASSERT_TRUE(signs());
  signers_.kill(2);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(signs()) << i << testing::PrintToString(drain_errors());
  signers_.restart(2);
  signers_.set_lying(1, true);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(signs()) << i << testing::PrintToString(drain_errors()) << log();
}

TEST_F(Cluster, says_quorum_insufficient_and_recovers_by_itself) {
  ASSERT_TRUE(signs());
  signers_.kill(1);
  signers_.kill(3);
  bool failed = false;
  for (int i = 0; i < 5 && !failed; ++i) failed = !signs();
  EXPECT_TRUE(failed);
  EXPECT_TRUE(failed_with("QuorumInsufficient"));
  signers_.restart(1);
  bool recovered = false;
  for (int i = 0; i < 100 && !recovered; ++i) {
    recovered = signs();
    if (!recovered) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(recovered) << log();
  ERR_clear_error();
}

/// Calls that fail and do so sooner than anybody could have waited for: `out of` 20.
template <class Signs>
int refused_at_once(Signs signs) {
  int count = 0;
  for (int i = 0; i < 20; ++i) {
    const auto begun = Clock::now();
    if (!signs() && Clock::now() - begun < std::chrono::milliseconds(40)) ++count;  // the shortest wait is a back-off of 50 ms
    ERR_clear_error();
  }
  return count;
}

struct ClusterFail : Cluster {
  ClusterFail() : Cluster(R"("unavailable": "fail", )") {}
};
TEST_F(ClusterFail, fails_at_once_without_a_quorum_names_who_is_missing_and_recovers_without_having_failed_first) {
  ASSERT_TRUE(signs()) << log();
  signers_.kill(1);
  signers_.kill(3);
  ASSERT_TRUE(soon([&] { return !signs(); }));
  ERR_clear_error();
  EXPECT_GE(refused_at_once([&] { return signs(); }), 18);
  EXPECT_FALSE(signs());
  EXPECT_TRUE(failed_with("QuorumInsufficient", "1 of 2 signers reachable (signer 2 up; signers 1, 3 down); failed at once"));
  signers_.restart(1);
  EXPECT_TRUE(soon([&] { return signers_.links(1) > 0; })) << "dialled anew with nobody asking";
  EXPECT_TRUE(soon([&] { return signs(); })) << log();
  ERR_clear_error();
}

struct ClusterRetry : Cluster {
  ClusterRetry() : Cluster(R"("unavailable": "retry", )") {}
};
TEST_F(ClusterRetry, waits_its_share_and_no_more) {
  ASSERT_TRUE(signs()) << log();
  for (PartyId id = 1; id <= 3; ++id) signers_.kill(id);
  ASSERT_TRUE(soon([&] { return !signs(); }));
  ERR_clear_error();
  EXPECT_GE(refused_at_once([&] { return signs(); }), 15);
  EXPECT_TRUE(soon([&] { return !signs() && failed_with("QuorumInsufficient", "0 of 2 signers reachable (signers 1, 2, 3 down); failed at once, as "); }));
  for (PartyId id = 1; id <= 3; ++id) signers_.restart(id);
  EXPECT_TRUE(soon([&] { return signs(); })) << log();
  ERR_clear_error();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs()) << i << log();
}

TEST_F(ClusterRetry, a_request_that_waits_is_signed_when_the_signers_come_back_within_its_deadline) {
  ASSERT_TRUE(signs()) << log();
  for (PartyId id = 1; id <= 3; ++id) signers_.kill(id);
  bool good = false;
  // A thread of its own has not waited for anything yet.
  std::thread waiting([&] { good = signs(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  for (PartyId id = 1; id <= 3; ++id) signers_.restart(id);
  waiting.join();
  EXPECT_TRUE(good) << log();
}

TEST_F(ClusterRetry, silent_signers_that_look_ready_cost_three_requests_and_then_trials) {
  ASSERT_TRUE(signs()) << log();
  for (PartyId id = 1; id <= 3; ++id) signers_.set_silent(id, true);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(signs());
  ERR_clear_error();
  EXPECT_GE(refused_at_once([&] { return signs(); }), 18) << log();
  for (PartyId id = 1; id <= 3; ++id) signers_.set_silent(id, false);
  EXPECT_TRUE(soon([&] { return signs(); })) << log();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs()) << i << log();
  ERR_clear_error();
}

struct ClusterDecline : Cluster {
  ClusterDecline() : Cluster(R"("unavailable": "decline", )") {}
};
TEST_F(ClusterDecline, accepts_what_is_unknown_and_what_is_ready) {
  EXPECT_TRUE(accepted());
  EXPECT_TRUE(signs()) << log();
  EXPECT_TRUE(accepted());
}

TEST_F(ClusterDecline, declines_without_a_quorum_and_accepts_again_with_nobody_having_failed) {
  ASSERT_TRUE(signs()) << log();
  signers_.kill(1);
  signers_.kill(2);
  ASSERT_TRUE(soon([&] { return !accepted(); })) << log();
  EXPECT_NE(reason_.find("QuorumInsufficient"), std::string::npos) << reason_;
  EXPECT_NE(reason_.find("declined: 1 of 2 signers reachable (signer 3 up; signers 1, 2 down)"), std::string::npos) << reason_;
  EXPECT_GE(refused_at_once([&] { return accepted(); }), 18) << "it never waits";
  const auto partials = signers_.partials(3);
  signers_.restart(1);
  EXPECT_TRUE(soon([&] { return accepted(); })) << log();
  EXPECT_EQ(signers_.partials(3), partials) << "known without a request";
  EXPECT_TRUE(signs()) << log();
  EXPECT_NE(log().find("no longer declined"), std::string::npos);
}

TEST_F(ClusterDecline, a_forked_worker_learns_of_lost_signers_by_its_own_links) {
  ASSERT_TRUE(signs()) << log();
  for (PartyId id = 1; id <= 3; ++id) signers_.kill(id);
  ASSERT_TRUE(soon([&] { return !accepted(); })) << log();
  const pid_t pid = fork();
  if (pid == 0) {
    // Nothing is known here yet, whatever the parent knew; asking is what begins the links.
    _exit(soon([&] { return !accepted(); }) ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << log();
}

/// As a server's worker that has changed its user and may start no thread. Needs root, and another user to become.
TEST_F(ClusterDecline, without_a_thread_readiness_is_followed_by_asking_alone) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become a user with a limit";
  for (PartyId id = 1; id <= 3; ++id) signers_.kill(id);
  int gone[2], back[2];
  ASSERT_EQ(pipe(gone), 0);
  ASSERT_EQ(pipe(back), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0 || setuid(65534) != 0) _exit(10);
    if (!soon([&] { return !accepted(); })) _exit(2);
    char byte = 0;
    if (write(gone[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) _exit(3);
    if (!soon([&] { return accepted(); })) _exit(4);
    _exit(signs() && accepted() ? 0 : 5);
  }
  close(gone[1]);
  char byte = 0;
  EXPECT_EQ(read(gone[0], &byte, 1), 1);
  for (PartyId id = 1; id <= 3; ++id) signers_.restart(id);
  EXPECT_EQ(write(back[1], &byte, 1), 1);
  int status = -1;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << log();
  EXPECT_NE(log().find("callers run the I/O themselves"), std::string::npos) << "there was a thread after all";
  for (const int fd : {gone[0], back[0], back[1]}) close(fd);
}

TEST_F(Cluster, serves_many_threads) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (std::uint8_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) good += signs(t) ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 40) << log();
}

TEST_F(Cluster, workers_sign_with_a_key_that_the_first_process_loaded) {
  for (const bool used_before_fork : {false, true}) {
    if (used_before_fork) {
      ASSERT_TRUE(signs());
    }
    std::vector<pid_t> workers;
    for (std::uint8_t w = 0; w < 2; ++w) {
      const pid_t pid = fork();
      if (pid == 0) {
        bool good = true;
        for (std::uint8_t i = 0; i < 5; ++i) good = signs(static_cast<std::uint8_t>(10 * w + i)) && good;
        _exit(good ? 0 : 1);
      }
      workers.push_back(pid);
    }
    for (const pid_t pid : workers) {
      int status = 1;
      ASSERT_EQ(waitpid(pid, &status, 0), pid);
      EXPECT_EQ(status, 0) << log();
    }
  }
  EXPECT_TRUE(signs()) << "the first process goes on with its own connections";
}

TEST_F(Cluster, its_thread_has_ended_before_libcrypto_takes_itself_apart) {
  ASSERT_EQ(registered, 1);
  const pid_t pid = fork();
  if (pid == 0) {
    if (!signs() || !soon(has_io_thread)) _exit(2);
    ending = true;
    OPENSSL_cleanup();
    _exit(4);
  }
  int status = 1;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Cluster, pauses_async_jobs) {
  if (ASYNC_is_capable() == 0) return;
  ASSERT_TRUE(signs());
  const Certificate cert = certificate();
  const SslCtx server = this->server(cert.get()), client(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_mode(server.get(), SSL_MODE_ASYNC);
  // A signature that is there before the job could pause is no fault, and on a busy machine not rare.
  constexpr std::size_t kConnections = 10, kRounds = 20;
  std::size_t paused = 0;
  for (std::size_t round = 0; round < kRounds && paused == 0; ++round) {
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < kConnections; ++i) pairs.push_back(connect(client.get(), server.get()));
    std::vector<bool> through(kConnections);
    std::size_t done = 0;
    for (int turn = 0; turn < 500 && done < kConnections; ++turn) {
      std::vector<pollfd> waiting;
      for (std::size_t i = 0; i < kConnections; ++i) {
        if (through[i]) continue;
        ERR_clear_error();
        SSL_do_handshake(pairs[i].client.get());
        ERR_clear_error();
        const int result = SSL_do_handshake(pairs[i].server.get());
        if (result == 1 && SSL_is_init_finished(pairs[i].client.get()) == 1) {
          through[i] = true;
          ++done;
        } else if (result != 1 && SSL_get_error(pairs[i].server.get(), result) == SSL_ERROR_WANT_ASYNC) {
          ++paused;
          OSSL_ASYNC_FD fd = -1;
          std::size_t count = 1;
          SSL_get_all_async_fds(pairs[i].server.get(), &fd, &count);
          waiting.push_back({fd, POLLIN, 0});
        }
      }
      if (!waiting.empty()) poll(waiting.data(), waiting.size(), 100);
    }
    ASSERT_EQ(done, kConnections) << testing::PrintToString(drain_errors()) << log();
  }
  EXPECT_GT(paused, 0u) << "in " << kRounds * kConnections << " handshakes";
  ERR_clear_error();
}

}  // namespace
}  // namespace quorate::test
