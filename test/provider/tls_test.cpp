#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <tuple>

#include "test/provider/library.h"

/// Whole TLS handshakes in memory, with the module's key on one side.
namespace quorate::test {
namespace {

using SslCtx = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;

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

/// One turn of both sides; true when both are through.
bool step(Pair& pair) {
  const int a = SSL_do_handshake(pair.client.get()), b = SSL_do_handshake(pair.server.get());
  return a == 1 && b == 1;
}
bool failed(SSL* ssl) {
  const int error = SSL_get_error(ssl, -1);
  return error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL;
}
bool handshake(Pair& pair) {
  for (int turn = 0; turn < 50; ++turn) {
    if (step(pair)) return true;
    if (SSL_get_shutdown(pair.client.get()) != 0) return false;
    if (ERR_peek_error() != 0 && (failed(pair.client.get()) || failed(pair.server.get()))) return false;
  }
  return false;
}

SslCtx client_ctx(X509* trusted) {
  SslCtx ctx(SSL_CTX_new(TLS_client_method()));
  X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx.get()), trusted);
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  return ctx;
}
SslCtx server_ctx(const Library& library, X509* certificate, EVP_PKEY* key) {
  SslCtx ctx(SSL_CTX_new_ex(library.get(), nullptr, TLS_server_method()));
  EXPECT_NE(ctx, nullptr) << testing::PrintToString(drain_errors());
  EXPECT_EQ(SSL_CTX_use_certificate(ctx.get(), certificate), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(ctx.get(), key), 1);
  EXPECT_EQ(SSL_CTX_check_private_key(ctx.get()), 1);
  return ctx;
}

/// Version, group, key's curve, and whether default is activated first, after us, or not at all.
enum class Order { DefaultFirst, DefaultAfter, DefaultForgotten };
class Handshake : public testing::TestWithParam<std::tuple<int, const char*, const char*, Order>> {};

TEST_P(Handshake, goes_through_in_every_order_of_providers) {
  const auto [version, group, curve, order] = GetParam();
  const TempDir dir;
  const TestKey key(curve);
  const Library library({.module = QUORATE_FAKE_MODULE, .provider_json = write_config(dir, key),
                         .activate_default = order != Order::DefaultForgotten,
                         .default_first = order != Order::DefaultAfter, .extra = {}}, dir);
  const Pkey loaded = library.load_pem(key.pem());
  ASSERT_NE(loaded, nullptr);
  const Certificate cert = self_signed(key);
  const SslCtx server = server_ctx(library, cert.get(), loaded.get()), client = client_ctx(cert.get());
  SSL_CTX_set_min_proto_version(client.get(), version);
  SSL_CTX_set_max_proto_version(client.get(), version);
  // In TLS 1.2 the list also has to hold the certificate's curve.
  const std::string groups = std::string(group) == curve ? group : std::string(group) + ":" + curve;
  ASSERT_EQ(SSL_CTX_set1_groups_list(client.get(), groups.c_str()), 1);
  Pair pair = connect(client.get(), server.get());
  EXPECT_TRUE(handshake(pair)) << testing::PrintToString(drain_errors());
  EXPECT_EQ(SSL_version(pair.client.get()), version);
  EXPECT_EQ(SSL_get_verify_result(pair.client.get()), X509_V_OK);
  EVP_PKEY* share = nullptr;
  ASSERT_EQ(SSL_get_peer_tmp_key(pair.client.get(), &share), 1);
  EXPECT_EQ(EVP_PKEY_get_bits(share), std::string(group) == "X25519" ? 253 : std::stoi(group + 2));
  EVP_PKEY_free(share);
  EXPECT_NE(dir.read("provider.log").find(version == TLS1_3_VERSION ? "tls13-server" : "tls12-server"), std::string::npos);
  ERR_clear_error();
}
INSTANTIATE_TEST_SUITE_P(
    Tls, Handshake,
    testing::Combine(testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                     testing::Values("P-256", "P-384", "P-521", "X25519"), testing::Values("P-256", "P-384"),
                     testing::Values(Order::DefaultFirst, Order::DefaultAfter, Order::DefaultForgotten)));

class Tls : public testing::Test {
 protected:
  explicit Tls(const char* cluster = "test")
      : key_("P-256", cluster),
        library_({.module = QUORATE_FAKE_MODULE, .provider_json = write_config(dir_, key_), .extra = {}}, dir_),
        loaded_(library_.load_pem(key_.pem())),
        cert_(self_signed(key_)) {}

  TempDir dir_;
  TestKey key_;
  Library library_;
  Pkey loaded_;
  Certificate cert_;
};

TEST_F(Tls, signs_as_a_client_too) {
  const TestKey server_key;
  const Certificate server_cert = self_signed(server_key);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const SslCtx server(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(server.get(), server_cert.get());
    SSL_CTX_use_PrivateKey(server.get(), server_key.pair.get());
    SSL_CTX_set_max_proto_version(server.get(), version);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(server.get()), cert_.get());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    const SslCtx client(SSL_CTX_new_ex(library_.get(), nullptr, TLS_client_method()));
    SSL_CTX_use_certificate(client.get(), cert_.get());
    SSL_CTX_use_PrivateKey(client.get(), loaded_.get());
    Pair pair = connect(client.get(), server.get());
    EXPECT_TRUE(handshake(pair)) << testing::PrintToString(drain_errors());
    EXPECT_EQ(SSL_get_verify_result(pair.server.get()), X509_V_OK);
    ERR_clear_error();
  }
  const std::string log = dir_.read("provider.log");
  EXPECT_NE(log.find("fake sign tls12-client-certificate-verify"), std::string::npos);
  EXPECT_NE(log.find("fake sign tls13-client-certificate-verify"), std::string::npos);
}

struct TlsWithoutQuorum : Tls {
  TlsWithoutQuorum() : Tls("down") {}
};
TEST_F(TlsWithoutQuorum, fails_cleanly_with_the_reason_in_the_servers_queue) {
  const SslCtx server = server_ctx(library_, cert_.get(), loaded_.get()), client = client_ctx(cert_.get());
  Pair pair = connect(client.get(), server.get());
  SSL_do_handshake(pair.client.get());
  ERR_clear_error();
  EXPECT_NE(SSL_do_handshake(pair.server.get()), 1);
  EXPECT_TRUE(failed_with("QuorumInsufficient", "1 of 2 signers reachable"));
  for (int turn = 0; turn < 5; ++turn) SSL_do_handshake(pair.client.get());
  EXPECT_NE(SSL_is_init_finished(pair.client.get()), 1);
  ERR_clear_error();
}

/// A second certificate, ordinary and of another kind.
struct TlsDeclined : Tls {
  TlsDeclined() : Tls("declined"), rsa_(EVP_RSA_gen(2048)), other_(X509_new()) {
    ASN1_INTEGER_set(X509_get_serialNumber(other_.get()), 2);
    X509_gmtime_adj(X509_getm_notBefore(other_.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(other_.get()), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(other_.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("other"), -1, -1, 0);
    X509_set_issuer_name(other_.get(), X509_get_subject_name(other_.get()));
    X509_set_pubkey(other_.get(), rsa_.get());
    EXPECT_GT(X509_sign(other_.get(), rsa_.get(), EVP_sha256()), 0);
  }
  SslCtx server(bool threshold_first) {
    SslCtx ctx(SSL_CTX_new_ex(library_.get(), nullptr, TLS_server_method()));
    const auto use = [&](X509* cert, EVP_PKEY* key) {
      EXPECT_EQ(SSL_CTX_use_certificate(ctx.get(), cert), 1);
      EXPECT_EQ(SSL_CTX_use_PrivateKey(ctx.get(), key), 1);
    };
    if (threshold_first) use(cert_.get(), loaded_.get());
    use(other_.get(), rsa_.get());
    if (!threshold_first) use(cert_.get(), loaded_.get());
    return ctx;
  }
  Pkey rsa_;
  Certificate other_;
};
TEST_F(TlsDeclined, tls13_takes_the_other_certificate_silently_in_either_order) {
  for (const bool threshold_first : {true, false}) {
    const SslCtx server = this->server(threshold_first), client = client_ctx(other_.get());
    Pair pair = connect(client.get(), server.get());
    ASSERT_TRUE(handshake(pair)) << testing::PrintToString(drain_errors());
    const Certificate shown(SSL_get1_peer_certificate(pair.client.get()));
    EXPECT_EQ(X509_cmp(shown.get(), other_.get()), 0);
    EXPECT_TRUE(queue_is_empty());
  }
  const std::string log = dir_.read("provider.log");
  EXPECT_EQ(log.find("fake sign"), std::string::npos) << "nobody was asked";
  EXPECT_NE(log.find("declined, so that the server takes its other certificate: QuorumInsufficient: 0 of 2"), std::string::npos);
}
TEST_F(TlsDeclined, fails_cleanly_with_no_other_certificate) {
  const SslCtx server = server_ctx(library_, cert_.get(), loaded_.get()), client = client_ctx(cert_.get());
  Pair pair = connect(client.get(), server.get());
  EXPECT_FALSE(handshake(pair));
  ERR_clear_error();
}
TEST_F(TlsDeclined, an_ordinary_caller_reads_the_reason_in_the_queue) {
  EXPECT_FALSE(digest_sign(library_.get(), loaded_.get(), "SHA256", tls13_content()));
  EXPECT_TRUE(failed_with("QuorumInsufficient", "declined: 0 of 2 signers reachable"));
}

struct TlsAsync : Tls {
  TlsAsync() : Tls("slow") {}
};
TEST_F(TlsAsync, pauses_the_job_and_serves_others_meanwhile) {
  if (ASYNC_is_capable() == 0) return;
  const SslCtx server = server_ctx(library_, cert_.get(), loaded_.get()), client = client_ctx(cert_.get());
  SSL_CTX_set_mode(server.get(), SSL_MODE_ASYNC);
  constexpr std::size_t kConnections = 8;
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < kConnections; ++i) pairs.push_back(connect(client.get(), server.get()));
  std::size_t done = 0, most_paused = 0;
  std::vector<bool> through(kConnections);
  for (int turn = 0; turn < 2000 && done < kConnections; ++turn) {
    std::size_t paused = 0;
    std::vector<pollfd> waiting;
    for (std::size_t i = 0; i < kConnections; ++i) {
      if (through[i]) continue;
      ERR_clear_error();
      SSL_do_handshake(pairs[i].client.get());
      ERR_clear_error();
      const int result = SSL_do_handshake(pairs[i].server.get());
      EXPECT_TRUE(queue_is_empty());
      if (result == 1 && SSL_is_init_finished(pairs[i].client.get()) == 1) {
        through[i] = true;
        ++done;
      } else if (result != 1 && SSL_get_error(pairs[i].server.get(), result) == SSL_ERROR_WANT_ASYNC) {
        ++paused;
        std::size_t count = 0;
        ASSERT_EQ(SSL_get_all_async_fds(pairs[i].server.get(), nullptr, &count), 1);
        ASSERT_EQ(count, 1u) << "one descriptor a connection";
        OSSL_ASYNC_FD fd = -1;
        SSL_get_all_async_fds(pairs[i].server.get(), &fd, &count);
        waiting.push_back({fd, POLLIN, 0});
      }
    }
    most_paused = std::max(most_paused, paused);
    if (paused > 0 && turn % 2 == 1) poll(waiting.data(), waiting.size(), 20);  // every other turn resumes too early
  }
  EXPECT_EQ(done, kConnections);
  EXPECT_EQ(most_paused, kConnections) << "all of them wait at once in one thread";
}

/// HAProxy deletes from its poll set what the connection still has, and aborts if it never saw it.
struct TlsPromptAsync : Tls {
  TlsPromptAsync() : Tls("prompt") {}
};
TEST_F(TlsPromptAsync, a_job_that_never_paused_leaves_no_descriptor_behind) {
  if (ASYNC_is_capable() == 0) return;
  const SslCtx server = server_ctx(library_, cert_.get(), loaded_.get()), client = client_ctx(cert_.get());
  SSL_CTX_set_mode(server.get(), SSL_MODE_ASYNC);
  Pair pair = connect(client.get(), server.get());
  EXPECT_TRUE(handshake(pair)) << testing::PrintToString(drain_errors());
  std::size_t count = 99;
  EXPECT_EQ(SSL_get_all_async_fds(pair.server.get(), nullptr, &count), 1);
  EXPECT_EQ(count, 0u);
}

}  // namespace
}  // namespace quorate::test
