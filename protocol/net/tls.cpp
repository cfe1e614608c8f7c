#include "protocol/net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fstream>
#include <vector>

#include "protocol/base/ct.h"
#include "protocol/wire/codec.h"

namespace quorate::net {
namespace {

constexpr std::string_view kScheme = "quorate:";
constexpr std::size_t kMaxFile = 1 << 20;

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;

/// Errors of ours must not be found by the application in its thread's queue, nor the other way round.
class ErrorScope {
 public:
  ErrorScope() { ERR_set_mark(); }
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
  ~ErrorScope() { ERR_pop_to_mark(); }
};

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

/// One library context per process, never freed: SSL objects of leaked states may outlive everything.
OSSL_LIB_CTX* own_library() {
  static OSSL_LIB_CTX* const context = [] {
    OSSL_LIB_CTX* made = OSSL_LIB_CTX_new();
    if (made != nullptr && OSSL_PROVIDER_load(made, "default") == nullptr) {
      OSSL_LIB_CTX_free(made);
      made = nullptr;
    }
    return made;
  }();
  return context;
}

std::string_view role_word(wire::Role role) {
  switch (role) {
    case wire::Role::Signer: return "signer";
    case wire::Role::Frontend: return "frontend";
    case wire::Role::Coordinator: return "coordinator";
    case wire::Role::Admin: return "admin";
  }
  return "unknown";
}

BioPtr memory_bio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Never asks a terminal for a pass phrase.
int no_passphrase(char*, int, int, void*) { return -1; }

/// All certificates of a PEM text, other blocks skipped.
Result<std::vector<X509Ptr>, std::string> read_certificates(std::string_view pem) {
  std::vector<X509Ptr> found;
  BioPtr bio = memory_bio(pem);
  while (bio) {
    X509* certificate = X509_new_ex(own_library(), nullptr);
    if (certificate == nullptr) return fail(std::string("out of memory"));
    X509Ptr holder(certificate);
    if (PEM_read_bio_X509(bio.get(), &certificate, no_passphrase, nullptr) == nullptr) {
      (void)holder.release();  // freed and set to null by a failed d2i, untouched when no block was left
      X509_free(certificate);
      const unsigned long code = ERR_peek_last_error();
      if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) break;
      return fail("a damaged certificate (" + openssl_reason() + ")");
    }
    found.push_back(std::move(holder));
  }
  if (found.empty()) return fail(std::string("no certificate in it"));
  return found;
}

std::string time_text(const ASN1_TIME* time) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || ASN1_TIME_print(bio.get(), time) != 1) return "?";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Result<std::string, TlsError> read_file(const std::string& path, const char* what) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(TlsError{std::string(what) + " " + path + ": " + std::strerror(errno != 0 ? errno : EIO)});
  std::string text;
  char block[4096];
  while (in.read(block, sizeof block) || in.gcount() > 0) {
    text.append(block, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxFile) return fail(TlsError{std::string(what) + " " + path + ": larger than 1 MiB"});
  }
  ct::wipe(block, sizeof block);
  if (text.empty()) return fail(TlsError{std::string(what) + " " + path + ": empty or not a readable file"});
  return text;
}

bool common_settings(SSL_CTX* ctx, const std::vector<X509Ptr>& chain, EVP_PKEY* key,
                     const std::vector<X509Ptr>& trusted) {
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(ctx, 4);
  SSL_CTX_set_security_level(ctx, 2);
  SSL_CTX_set_quiet_shutdown(ctx, 0);
  SSL_CTX_set_max_cert_list(ctx, 32 * 1024);
  // An openssl.cnf of the machine may have set other versions and lists through its system default.
  if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 || SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
      SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1 ||
      SSL_CTX_set1_sigalgs_list(ctx,
                                "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:"
                                "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512") != 1) {
    return false;
  }
  if (SSL_CTX_use_certificate(ctx, chain.front().get()) != 1) return false;
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(ctx, chain[i].get()) != 1) return false;
  }
  if (SSL_CTX_use_PrivateKey(ctx, key) != 1) return false;
  X509_STORE* store = SSL_CTX_get_cert_store(ctx);
  for (const X509Ptr& ca : trusted) {
    if (X509_STORE_add_cert(store, ca.get()) != 1) return false;
  }
  return true;
}

}  // namespace

std::string PeerIdentity::uri() const {
  return std::string(kScheme) + cluster + "/" + std::string(role_word(role)) + "/" +
         (role == wire::Role::Signer ? std::to_string(signer) : name);
}

std::string PeerIdentity::str() const {
  return std::string(role_word(role)) + " " + (role == wire::Role::Signer ? std::to_string(signer) : name);
}

Result<PeerIdentity, TlsError> parse_identity_uri(std::string_view uri) {
  const auto bad = [&](const char* why) {
    return fail(TlsError{"\"" + std::string(uri.substr(0, 200)) + "\": " + why});
  };
  if (!uri.starts_with(kScheme)) return bad("does not begin with quorate:");
  std::string_view rest = uri.substr(kScheme.size());
  const std::size_t first = rest.find('/');
  const std::size_t second = first == rest.npos ? rest.npos : rest.find('/', first + 1);
  if (second == rest.npos) return bad("is not quorate:<cluster>/<role>/<name>");
  PeerIdentity identity;
  identity.cluster = rest.substr(0, first);
  const std::string_view role = rest.substr(first + 1, second - first - 1);
  const std::string_view name = rest.substr(second + 1);
  if (!wire::valid_name(identity.cluster)) return bad("has no proper cluster name (1 to 64 of A-Z a-z 0-9 . _ - :)");
  if (role == "signer") {
    unsigned id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || end != name.data() + name.size() || name.starts_with('0') || id < 1 ||
        id > kMaxParties) {
      return bad("has no signer id from 1 to 16");
    }
    identity.role = wire::Role::Signer;
    identity.signer = static_cast<PartyId>(id);
    return identity;
  }
  if (role == "frontend") {
    identity.role = wire::Role::Frontend;
  } else if (role == "coordinator") {
    identity.role = wire::Role::Coordinator;
  } else if (role == "admin") {
    identity.role = wire::Role::Admin;
  } else {
    return bad("has a role other than signer, frontend, coordinator, admin");
  }
  if (!wire::valid_name(name)) return bad("has no proper name (1 to 64 of A-Z a-z 0-9 . _ - :)");
  identity.name = name;
  return identity;
}

Result<PeerIdentity, TlsError> identity_of(X509* certificate) {
  if (certificate == nullptr) return fail(TlsError{"no certificate was shown"});
  ErrorScope errors;
  int position = -1;
  std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &position, nullptr)));
  if (!names) {
    return fail(TlsError{position == -1 ? "the certificate has no subject alternative name quorate:..."
                                        : "the certificate's subject alternative names are damaged or given twice"});
  }
  std::vector<std::string> ours;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* entry = sk_GENERAL_NAME_value(names.get(), i);
    if (entry->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = entry->d.uniformResourceIdentifier;
    const std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                          static_cast<std::size_t>(ASN1_STRING_length(text)));
    if (uri.starts_with(kScheme)) ours.push_back(uri);
  }
  if (ours.empty()) return fail(TlsError{"the certificate has no subject alternative name quorate:..."});
  if (ours.size() > 1) return fail(TlsError{"the certificate has " + std::to_string(ours.size()) + " quorate: names"});
  auto parsed = parse_identity_uri(ours.front());
  if (!parsed) return fail(TlsError{"the certificate's name " + parsed.error().detail});
  return parsed;
}

struct TlsIdentity::State {
  PeerIdentity self;
  std::int64_t not_after = 0;
  SslCtxPtr client, server;
};

/// What the three texts are called in errors.
struct TlsIdentity::Names {
  std::string certificate = "certificate", key = "private key", trusted_ca = "trusted CA";
};

Result<TlsIdentity, TlsError> TlsIdentity::from_files(const std::string& certificate, const std::string& key,
                                                      const std::string& trusted_ca) {
  auto certificate_text = read_file(certificate, "certificate");
  if (!certificate_text) return fail(certificate_text.error());
  auto ca_text = read_file(trusted_ca, "trusted CA");
  if (!ca_text) return fail(ca_text.error());
  auto key_text = read_file(key, "private key");
  if (!key_text) return fail(key_text.error());
  auto built = build(*certificate_text, *key_text, *ca_text,
                     {"certificate " + certificate, "private key " + key, "trusted CA " + trusted_ca});
  ct::wipe(key_text->data(), key_text->size());
  return built;
}

Result<TlsIdentity, TlsError> TlsIdentity::from_pem(std::string_view certificate, std::string_view key,
                                                    std::string_view trusted_ca) {
  return build(certificate, key, trusted_ca, {});
}

Result<TlsIdentity, TlsError> TlsIdentity::build(std::string_view certificate, std::string_view key,
                                                 std::string_view trusted_ca, const Names& names) {
  ErrorScope errors;
  if (own_library() == nullptr) return fail(TlsError{"OpenSSL's default provider cannot be loaded"});
  auto chain = read_certificates(certificate);
  if (!chain) return fail(TlsError{names.certificate + ": " + chain.error()});
  auto trusted = read_certificates(trusted_ca);
  if (!trusted) return fail(TlsError{names.trusted_ca + ": " + trusted.error()});

  BioPtr key_bio = memory_bio(key);
  PkeyPtr private_key(PEM_read_bio_PrivateKey_ex(key_bio.get(), nullptr, no_passphrase, nullptr, own_library(), nullptr));
  if (!private_key) {
    return fail(TlsError{names.key + ": no usable private key (" + openssl_reason() + "); encrypted keys are not supported"});
  }
  X509* leaf = chain->front().get();
  if (X509_check_private_key(leaf, private_key.get()) != 1) {
    return fail(TlsError{names.key + " does not belong to " + names.certificate});
  }
  if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0) {
    return fail(TlsError{names.certificate + ": expired on " + time_text(X509_get0_notAfter(leaf))});
  }
  if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0) {
    return fail(TlsError{names.certificate + ": not valid before " + time_text(X509_get0_notBefore(leaf))});
  }
  auto self = identity_of(leaf);
  if (!self) return fail(TlsError{names.certificate + ": " + self.error().detail});

  auto state = std::make_shared<State>();
  state->self = std::move(*self);
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) == 1) state->not_after = timegm(&end);
  state->client.reset(SSL_CTX_new_ex(own_library(), nullptr, TLS_client_method()));
  state->server.reset(SSL_CTX_new_ex(own_library(), nullptr, TLS_server_method()));
  for (SSL_CTX* ctx : {state->client.get(), state->server.get()}) {
    if (ctx == nullptr || !common_settings(ctx, *chain, private_key.get(), *trusted)) {
      return fail(TlsError{names.certificate + ": OpenSSL does not accept it (" + openssl_reason() + ")"});
    }
  }
  // The certificate request names the CAs, so that a client with several certificates could choose.
  for (const X509Ptr& ca : *trusted) (void)SSL_CTX_add_client_CA(state->server.get(), ca.get());
  TlsIdentity identity;
  identity.state_ = std::move(state);
  return identity;
}

const PeerIdentity& TlsIdentity::self() const {
  static const PeerIdentity nobody;
  return state_ ? state_->self : nobody;
}
std::int64_t TlsIdentity::not_after() const { return state_ ? state_->not_after : 0; }
SSL_CTX* TlsIdentity::client() const { return state_ ? state_->client.get() : nullptr; }
SSL_CTX* TlsIdentity::server() const { return state_ ? state_->server.get() : nullptr; }

}  // namespace quorate::net
