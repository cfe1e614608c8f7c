#include "provider/engine.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "test/provider/library.h"
#include "test/sim/test_pki.h"

/// What signs behind the module, by itself. No signer is there.
namespace quorate::test {
namespace {

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    const std::string path = write_config(dir_, key_);
    const TestCa ca;
    const Issued issued = ca.issue("quorate:test/frontend/web-1");
    dir_.write("frontend.crt", issued.certificate);
    dir_.write("frontend.key", issued.key);
    dir_.write("ca.crt", ca.certificate());
    engine_ = std::move(*provider::Engine::open(std::move(*provider::load_config(path))));
  }
  std::string fails() {
    auto signature =
        engine_->sign(key_.file, wire::Context::Tls13ServerCertificateVerify, wire::DigestAlgorithm::Sha256, tls13_content());
    return signature ? "" : signature.error().detail;
  }

  TempDir dir_;
  TestKey key_;
  std::shared_ptr<provider::Engine> engine_;
};

TEST_F(EngineTest, nothing_is_signed_after_it_was_closed_however_often) {
  engine_->add_key(key_.file);
  EXPECT_THAT(fails(), testing::AnyOf(testing::HasSubstr("signers reachable"), testing::HasSubstr("no signature in time")));
  for (int i = 0; i < 2; ++i) {
    engine_->close();
    EXPECT_EQ(fails(), "the provider is being shut down");
  }
  engine_->add_key(key_.file);
}

/// The key was not added, so that nothing but the engine's own ways to its client are taken.
TEST_F(EngineTest, a_child_signs_and_closes_whatever_its_parents_threads_did_when_it_was_forked) {
  std::atomic<bool> enough{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      while (!enough) (void)fails();
    });
  int status = 0;
  for (int i = 0; i < 500 && status == 0; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(10);
      if (fails() != "the key was not loaded") _exit(1);
      engine_->close();
      _exit(0);
    }
    EXPECT_EQ(waitpid(child, &status, 0), child);
  }
  enough = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(status, 0);
}

/// What a thread of the parent held when it was forked is held for ever; the thread that does the I/O must not live
/// on into the end of the process all the same.
TEST_F(EngineTest, a_childs_thread_ends_though_its_parent_was_signing) {
  engine_->add_key(key_.file);
  std::thread signs([&] { (void)fails(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it waits for its deadline
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    (void)fails();
    const auto threads = [] {
      return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
    };
    if (threads() != 2) _exit(2);
    engine_->close();
    for (int i = 0; i < 500 && threads() != 1; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    _exit(threads() == 1 ? 0 : 1);
  }
  signs.join();
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace quorate::test
