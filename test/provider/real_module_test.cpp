#include <dirent.h>
#include <elf.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <functional>

#include "test/provider/library.h"
#include "test/sim/test_pki.h"

/// The module as it is installed, without a cluster: nobody listens where its signers should be.
namespace quorate::test {
namespace {

/// Names of defined symbols that others can link with.
std::vector<std::string> exported_symbols(const std::string& path) {
  const std::string file = read_text_file(path);
  const auto at = [&]<class T>(std::size_t offset, T) {
    T out{};
    if (offset + sizeof out <= file.size()) std::memcpy(&out, file.data() + offset, sizeof out);
    return out;
  };
  const auto header = at(0, Elf64_Ehdr{});
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const auto section = at(header.e_shoff + i * header.e_shentsize, Elf64_Shdr{});
    if (section.sh_type != SHT_DYNSYM) continue;
    const auto strings = at(header.e_shoff + section.sh_link * header.e_shentsize, Elf64_Shdr{});
    for (std::size_t s = 1; s < section.sh_size / sizeof(Elf64_Sym); ++s) {
      const auto symbol = at(section.sh_offset + s * sizeof(Elf64_Sym), Elf64_Sym{});
      if (symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS)
        names.emplace_back(file.c_str() + strings.sh_offset + symbol.st_name);
    }
  }
  return names;
}

std::size_t open_sockets() {
  std::size_t n = 0;
  DIR* dir = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(dir)) {
    char target[64] = {};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (readlink(path.c_str(), target, sizeof target - 1) > 0 && std::strncmp(target, "socket:", 7) == 0) ++n;
  }
  closedir(dir);
  return n;
}

class RealModule : public testing::Test {
 protected:
  RealModule() { write_identity("quorate:test/frontend/web-1"); }

  void write_identity(const std::string& uri) {
    config_ = write_config(dir_, key_, "provider.log", 300);
    const Issued issued = ca_.issue(uri);
    dir_.write("frontend.crt", issued.certificate);
    dir_.write("frontend.key", issued.key);
    dir_.write("ca.crt", ca_.certificate());
  }
  Library library() { return Library({.module = QUORATE_MODULE, .provider_json = config_, .extra = {}}, dir_); }

  TempDir dir_;
  TestKey key_;
  TestCa ca_;
  std::string config_;
};

TEST(RealModuleFile, exports_its_entry_point_and_nothing_else) {
  EXPECT_EQ(exported_symbols(QUORATE_MODULE), std::vector<std::string>{"OSSL_provider_init"});
}

TEST_F(RealModule, loads_keys_without_a_connection_or_a_thread) {
  const Library library = this->library();
  const auto sockets = open_sockets();
  const Pkey key = library.load_pem(key_.pem());
  ASSERT_NE(key, nullptr) << testing::PrintToString(drain_errors());
  EXPECT_TRUE(queue_is_empty());
  EXPECT_EQ(open_sockets(), sockets);
  std::size_t threads = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++threads;
  EXPECT_EQ(threads, 1u);
  EXPECT_EQ(X509_check_private_key(self_signed(key_).get(), key.get()), 1);
}

TEST_F(RealModule, size_query_opens_no_connection) {
  const Library library = this->library();
  const Pkey key = library.load_pem(key_.pem());
  const auto sockets = open_sockets();
  const MdCtx ctx(EVP_MD_CTX_new());
  const Bytes content = tls13_content();
  std::size_t size = 0;
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library.get(), nullptr, key.get(), nullptr), 1);
  EXPECT_EQ(EVP_DigestSign(ctx.get(), nullptr, &size, content.data(), content.size()), 1);
  EXPECT_EQ(size, 72u);
  EXPECT_EQ(open_sockets(), sockets);
}

TEST_F(RealModule, fails_with_quorum_insufficient_within_its_deadline) {
  const Library library = this->library();
  const Pkey key = library.load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(digest_sign(library.get(), key.get(), "SHA256", tls13_content()));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3)) << "the deadline is 300 ms";
    EXPECT_TRUE(failed_with("QuorumInsufficient"));
  }
  EXPECT_NE(dir_.read("provider.log").find("QuorumInsufficient"), std::string::npos);
}

TEST_F(RealModule, a_forked_worker_gets_its_answer_too) {
  const Library library = this->library();
  const Pkey key = library.load_pem(key_.pem());
  (void)digest_sign(library.get(), key.get(), "SHA256", tls13_content());  // connections and a thread in the parent
  ERR_clear_error();
  const pid_t child = fork();
  if (child == 0) {
    const bool signed_anyway = digest_sign(library.get(), key.get(), "SHA256", tls13_content()).has_value();
    _exit(!signed_anyway && failed_with("QuorumInsufficient") ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

/// In an ASYNC job; whether it came to its end without a pause.
bool ends_in_one_go(const std::function<void()>& work) {
  const auto run = [](void* argument) {
    (**static_cast<const std::function<void()>**>(argument))();
    return 1;
  };
  ASYNC_WAIT_CTX* const wait = ASYNC_WAIT_CTX_new();
  ASYNC_JOB* job = nullptr;
  int result = 0;
  const auto* argument = &work;
  const int end = ASYNC_start_job(&job, wait, &result, run, &argument, sizeof argument);
  ASYNC_WAIT_CTX_free(wait);
  return end == ASYNC_FINISH;
}

TEST_F(RealModule, a_job_that_cannot_pause_for_want_of_descriptors_waits_no_more_than_any_thread) {
  if (ASYNC_is_capable() == 0) return;
  const Library library = this->library();
  const Pkey key = library.load_pem(key_.pem());
  const auto signs = [&] { return digest_sign(library.get(), key.get(), "SHA256", tls13_content()).has_value(); };
  EXPECT_FALSE(signs());  // it is known now that no signer is there
  std::chrono::steady_clock::duration spent{};
  const bool ended = ends_in_one_go([&] {
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(signs());
    spent = std::chrono::steady_clock::now() - begin;
    setrlimit(RLIMIT_NOFILE, &before);
  });
  EXPECT_TRUE(ended) << "it did pause";
  EXPECT_LT(spent, std::chrono::milliseconds(1500)) << "ten deadlines of 300 ms";
  ERR_clear_error();
}

TEST_F(RealModule, refuses_unknown_content_without_a_connection) {
  const Library library = this->library();
  const Pkey key = library.load_pem(key_.pem());
  const auto sockets = open_sockets();
  EXPECT_FALSE(digest_sign(library.get(), key.get(), "SHA256", as_bytes("hello")));
  EXPECT_TRUE(failed_with("ContentRefused"));
  EXPECT_EQ(open_sockets(), sockets);
}

TEST_F(RealModule, refuses_an_identity_of_another_cluster_and_a_key_that_does_not_fit) {
  write_identity("quorate:elsewhere/frontend/web-1");
  {
    const Library library = this->library();
    EXPECT_EQ(library.load_pem(key_.pem()), nullptr);
    EXPECT_TRUE(failed_with("ConfigInvalid", "elsewhere"));
  }
  write_identity("quorate:test/frontend/web-1");
  dir_.write("frontend.key", key_.private_pem());
  const Library library = this->library();
  EXPECT_EQ(library.load_pem(key_.pem()), nullptr);
  EXPECT_TRUE(failed_with("ConfigInvalid", "tls: "));
}

TEST_F(RealModule, is_loaded_and_unloaded_many_times) {
  for (int i = 0; i < 10; ++i) {
    const Library library = this->library();
    const Pkey key = library.load_pem(key_.pem());
    ASSERT_NE(key, nullptr);
    if (i == 5) (void)digest_sign(library.get(), key.get(), "SHA256", tls13_content());
    ERR_clear_error();
  }
}

TEST_F(RealModule, a_key_may_be_freed_after_its_library_context) {
  auto library = std::make_unique<Library>(LibraryOptions{.module = QUORATE_MODULE, .provider_json = config_, .extra = {}}, dir_);
  Pkey key = library->load_pem(key_.pem());
  ASSERT_NE(key, nullptr);
  (void)digest_sign(library->get(), key.get(), "SHA256", tls13_content());
  ERR_clear_error();
  library.reset();
  key.reset();
}

}  // namespace
}  // namespace quorate::test
