#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "test/provider/library.h"

/// Signing through EVP, with the fake engine behind the module: what reaches the cluster, what is refused
/// before it, and what the application is told.
namespace quorate::test {
namespace {

using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;

class Signing : public testing::Test {
 protected:
  explicit Signing(const char* cluster = "test", const char* curve = "P-256")
      : key_(curve, cluster),
        library_({.module = QUORATE_FAKE_MODULE, .provider_json = write_config(dir_, key_), .extra = {}}, dir_),
        loaded_(library_.load_pem(key_.pem())) {
    EXPECT_NE(loaded_, nullptr);
  }
  void TearDown() override { EXPECT_TRUE(queue_is_empty()); }

  /// How many times the cluster was asked.
  std::size_t asked() {
    const std::string log = dir_.read("provider.log");
    std::size_t n = 0;
    for (auto at = log.find("fake sign"); at != std::string::npos; at = log.find("fake sign", at + 1)) ++n;
    return n;
  }
  std::optional<Bytes> sign(const char* digest, ByteView content) {
    return digest_sign(library_.get(), loaded_.get(), digest, content);
  }
  bool verified(const char* digest, ByteView content, ByteView signature) {
    return digest_verify(nullptr, key_.pair.get(), digest, content, signature);
  }

  TempDir dir_;
  TestKey key_;
  Library library_;
  Pkey loaded_;
};

TEST_F(Signing, signs_a_handshake_and_leaves_the_queue_clean) {
  ERR_put_error(ERR_LIB_USER, 0, 7, __FILE__, __LINE__);  // the application's own
  const auto signature = sign("SHA256", tls13_content());
  ASSERT_TRUE(signature);
  EXPECT_EQ(ERR_GET_REASON(ERR_get_error()), 7);
  EXPECT_TRUE(verified("SHA256", tls13_content(), *signature));
  EXPECT_EQ(asked(), 1u);
}

TEST_F(Signing, understands_every_name_of_a_digest) {
  for (const char* name : {"SHA256", "sha256", "SHA2-256", "SHA-256", static_cast<const char*>(nullptr)}) {
    const auto signature = sign(name, tls13_content());
    ASSERT_TRUE(signature) << (name == nullptr ? "none" : name) << testing::PrintToString(drain_errors());
    EXPECT_TRUE(verified("SHA256", tls13_content(), *signature));
  }
}

TEST_F(Signing, refuses_other_digests_at_init) {
  for (const char* name : {"SHA1", "MD5", "SHA224", "SHA3-256", "SHA512-256"}) {
    const MdCtx ctx(EVP_MD_CTX_new());
    EXPECT_NE(EVP_DigestSignInit_ex(ctx.get(), nullptr, name, library_.get(), nullptr, loaded_.get(), nullptr), 1) << name;
    EXPECT_TRUE(failed_with("DigestUnsupported", name)) << name;
  }
  EXPECT_EQ(asked(), 0u);
}

TEST_F(Signing, size_query_does_not_ask_the_cluster) {
  const MdCtx ctx(EVP_MD_CTX_new());
  const Bytes content = tls13_content();
  std::size_t size = 0;
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library_.get(), nullptr, loaded_.get(), nullptr), 1);
  EXPECT_EQ(EVP_DigestSign(ctx.get(), nullptr, &size, content.data(), content.size()), 1);
  EXPECT_EQ(size, 72u);
  EXPECT_EQ(EVP_DigestSignUpdate(ctx.get(), content.data(), content.size()), 1);
  EXPECT_EQ(EVP_DigestSignFinal(ctx.get(), nullptr, &size), 1);
  EXPECT_EQ(size, 72u);
  EXPECT_EQ(asked(), 0u);
}

TEST_F(Signing, refuses_a_buffer_that_may_be_too_small_before_asking) {
  const MdCtx ctx(EVP_MD_CTX_new());
  const Bytes content = tls13_content();
  Bytes out(71);
  std::size_t size = out.size();
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library_.get(), nullptr, loaded_.get(), nullptr), 1);
  EXPECT_NE(EVP_DigestSign(ctx.get(), out.data(), &size, content.data(), content.size()), 1);
  EXPECT_TRUE(failed_with("BufferTooSmall"));
  EXPECT_EQ(asked(), 0u);
}

TEST_F(Signing, refuses_a_bare_digest_with_the_reason) {
  EVP_PKEY_CTX* ctx = EVP_PKEY_CTX_new_from_pkey(library_.get(), loaded_.get(), nullptr);
  ASSERT_EQ(EVP_PKEY_sign_init(ctx), 1);
  const Bytes digest(32, 1);
  Bytes out(128);
  std::size_t size = out.size();
  EXPECT_NE(EVP_PKEY_sign(ctx, out.data(), &size, digest.data(), digest.size()), 1);
  EXPECT_TRUE(failed_with("BareDigestRefused", "EVP_DigestSign"));
  EVP_PKEY_CTX_free(ctx);
  EXPECT_FALSE(sign("SHA256", digest));
  EXPECT_TRUE(failed_with("ContentRefused", "bare digest"));
  EXPECT_EQ(asked(), 0u);
}

TEST_F(Signing, refuses_content_that_is_nothing_known_before_asking) {
  EXPECT_FALSE(sign("SHA256", as_bytes("a contract, signed in the server's name without its knowledge")));
  EXPECT_TRUE(failed_with("ContentRefused", "neither a TLS handshake"));
  EXPECT_FALSE(sign("SHA256", Bytes(70000)));
  EXPECT_TRUE(failed_with("ContentRefused", "65536"));
  EXPECT_FALSE(sign("SHA384", tls13_content()));
  EXPECT_TRUE(failed_with("ContentRefused", "TLS 1.3 signs with SHA256 on P-256"));
  EXPECT_EQ(asked(), 0u);
}

TEST_F(Signing, collects_updates_and_copies) {
  const Bytes content = tls13_content();
  const MdCtx ctx(EVP_MD_CTX_new()), copy(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library_.get(), nullptr, loaded_.get(), nullptr), 1);
  for (std::uint8_t byte : content) ASSERT_EQ(EVP_DigestSignUpdate(ctx.get(), &byte, 1), 1);
  ASSERT_EQ(EVP_MD_CTX_copy_ex(copy.get(), ctx.get()), 1);
  for (EVP_MD_CTX* each : {copy.get(), ctx.get()}) {
    std::size_t size = 0;
    ASSERT_EQ(EVP_DigestSignFinal(each, nullptr, &size), 1);
    Bytes signature(size);
    ASSERT_EQ(EVP_DigestSignFinal(each, signature.data(), &size), 1) << testing::PrintToString(drain_errors());
    signature.resize(size);
    EXPECT_TRUE(verified("SHA256", content, signature));
  }
}

TEST_F(Signing, stops_collecting_at_64_kib) {
  const MdCtx ctx(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library_.get(), nullptr, loaded_.get(), nullptr), 1);
  const Bytes part(65536, 0x20);
  EXPECT_EQ(EVP_DigestSignUpdate(ctx.get(), part.data(), part.size()), 1);
  EXPECT_EQ(EVP_DigestSignUpdate(ctx.get(), part.data(), 1), 0);
  EXPECT_TRUE(failed_with("ContentRefused", "65536"));
}

TEST_F(Signing, makes_a_certificate_request) {
  const Request request(X509_REQ_new_ex(library_.get(), nullptr));
  X509_REQ_set_pubkey(request.get(), loaded_.get());
  ASSERT_GT(X509_REQ_sign(request.get(), loaded_.get(), EVP_sha384()), 0) << testing::PrintToString(drain_errors());
  EXPECT_EQ(X509_REQ_verify(request.get(), key_.pair.get()), 1);
  EXPECT_EQ(X509_REQ_get_signature_nid(request.get()), NID_ecdsa_with_SHA384);
  EXPECT_NE(dir_.read("provider.log").find("fake sign pkcs10-certification-request SHA384"), std::string::npos);
  const TestKey other;
  const Request theirs(X509_REQ_new_ex(library_.get(), nullptr));
  X509_REQ_set_pubkey(theirs.get(), other.pair.get());
  EXPECT_LE(X509_REQ_sign(theirs.get(), loaded_.get(), EVP_sha256()), 0);
  EXPECT_TRUE(failed_with("ContentRefused", "another public key"));
}

TEST_F(Signing, makes_a_certificate) {
  const Certificate cert = self_signed(key_);
  ASSERT_GT(X509_sign(cert.get(), loaded_.get(), EVP_sha512()), 0) << testing::PrintToString(drain_errors());
  EXPECT_EQ(X509_verify(cert.get(), key_.pair.get()), 1);
  EXPECT_NE(dir_.read("provider.log").find("fake sign x509-tbs-certificate SHA512"), std::string::npos);
}

TEST_F(Signing, verifies_through_the_default_provider) {
  const auto signature = sign("SHA256", tls13_content());
  ASSERT_TRUE(signature);
  EXPECT_TRUE(digest_verify(library_.get(), loaded_.get(), "SHA256", tls13_content(), *signature));
  EXPECT_TRUE(queue_is_empty());
  EXPECT_FALSE(digest_verify(library_.get(), loaded_.get(), "SHA256", tls13_content(1), *signature));
  EXPECT_FALSE(digest_verify(library_.get(), loaded_.get(), "SHA256", tls13_content(), Bytes(70)));
  ERR_clear_error();

  Bytes digest(32);
  EVP_Digest(tls13_content().data(), tls13_content().size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  EVP_PKEY_CTX* ctx = EVP_PKEY_CTX_new_from_pkey(library_.get(), loaded_.get(), nullptr);
  ASSERT_EQ(EVP_PKEY_verify_init(ctx), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
  EXPECT_EQ(EVP_PKEY_verify(ctx, signature->data(), signature->size(), digest.data(), digest.size()), 1);
  digest[0] ^= 1;
  EXPECT_NE(EVP_PKEY_verify(ctx, signature->data(), signature->size(), digest.data(), digest.size()), 1);
  EVP_PKEY_CTX_free(ctx);
  ERR_clear_error();
}

TEST_F(Signing, digest_cannot_be_swapped_under_way) {
  const MdCtx ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* pctx = nullptr;
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), &pctx, "SHA256", library_.get(), nullptr, loaded_.get(), nullptr), 1);
  char other[] = "SHA512", same[] = "sha2-256";
  OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, other, 6), OSSL_PARAM_END};
  EXPECT_NE(EVP_PKEY_CTX_set_params(pctx, params), 1);
  EXPECT_TRUE(failed_with("ParameterUnsupported"));
  params[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, same, 0);
  EXPECT_EQ(EVP_PKEY_CTX_set_params(pctx, params), 1);
}

TEST_F(Signing, works_from_many_threads) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (std::uint8_t t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto signature = sign("SHA256", tls13_content(t));
        if (signature && verified("SHA256", tls13_content(t), *signature)) ++good;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 120);
}

TEST_F(Signing, works_in_a_forked_worker) {
  const pid_t child = fork();
  if (child == 0) {
    const auto signature = sign("SHA256", tls13_content());
    _exit(signature && verified("SHA256", tls13_content(), *signature) ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(sign("SHA256", tls13_content()));
}

struct SigningP384 : Signing {
  SigningP384() : Signing("test", "P-384") {}
};
TEST_F(SigningP384, uses_the_curves_own_digest) {
  const auto signature = sign(nullptr, tls13_content());
  ASSERT_TRUE(signature);
  EXPECT_TRUE(verified("SHA384", tls13_content(), *signature));
  EXPECT_FALSE(sign("SHA256", tls13_content()));
  EXPECT_TRUE(failed_with("ContentRefused", "SHA384 on P-384"));
}

struct SigningWithoutQuorum : Signing {
  SigningWithoutQuorum() : Signing("down") {}
};
TEST_F(SigningWithoutQuorum, tells_the_clusters_reason_in_queue_and_log) {
  const MdCtx ctx(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", library_.get(), nullptr, loaded_.get(), nullptr), 1)
      << "the usability probe of libssl says yes";
  EXPECT_FALSE(sign("SHA256", tls13_content()));
  const unsigned long code = ERR_peek_error();
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  EXPECT_NE(std::string(text).find(":quorate::QuorumInsufficient"), std::string::npos) << text;
  EXPECT_TRUE(failed_with("QuorumInsufficient", "1 of 2 signers reachable"));
  const std::string log = dir_.read("provider.log");
  EXPECT_NE(log.find("warning: key " + key_.file.key.brief() +
                     ": tls13-server-certificate-verify not signed: QuorumInsufficient: 1 of 2 signers reachable"),
            std::string::npos)
      << log;
}

struct SigningThatThrows : Signing {
  SigningThatThrows() : Signing("throws") {}
};
TEST_F(SigningThatThrows, nothing_is_thrown_into_openssl) {
  EXPECT_FALSE(sign("SHA256", tls13_content()));
  EXPECT_TRUE(failed_with("InternalError", "thrown on purpose"));
}

}  // namespace
}  // namespace quorate::test
