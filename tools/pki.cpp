#include "tools/pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "protocol/net/system_rng.h"
#include "signerd/durable_file.h"

namespace quorate::tools {

namespace {

template <auto Free>
struct Call {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Call<EVP_PKEY_free>>;
using Request = std::unique_ptr<X509_REQ, Call<X509_REQ_free>>;
using Certificate = std::unique_ptr<X509, Call<X509_free>>;
using Memory = std::unique_ptr<BIO, Call<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Call<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Call<GENERAL_NAMES_free>>;

constexpr std::size_t kMaxPem = 64 * 1024;

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "OpenSSL gives no reason" : text;
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<Memory, std::string> open_pem(const std::filesystem::path& path) {
  auto text = signerd::read_file(path, kMaxPem);
  if (!text) return fail(text.error());
  Memory memory(BIO_new(BIO_s_mem()));
  BIO_write(memory.get(), text->data(), static_cast<int>(text->size()));
  ct::wipe(text->data(), text->size());
  return memory;
}

Key new_key() { return Key(EVP_EC_gen("P-256")); }

Result<void, std::string> write_private(const std::filesystem::path& path, EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail("cannot encode a private key: " + openssl_reason());
  std::string text = text_of(memory.get());
  auto written = write_new(path, text, 0600);
  ct::wipe(text.data(), text.size());
  return written;
}

Extension uri_extension(const std::string& uri) {
  const std::string value = "URI:" + uri;
  return Extension(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, value.c_str()));
}

bool add(X509* certificate, X509V3_CTX* context, int nid, const char* value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

void set_subject(X509_NAME* name, const std::string& common) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
}

bool set_serial_and_dates(X509* certificate, int days) {
  std::array<std::uint8_t, 16> serial{};
  net::SystemRng().fill(serial);
  serial[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, Call<BN_free>> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -300) != nullptr &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, nullptr) != nullptr;
}

Result<Request, std::string> load_request(const std::filesystem::path& path) {
  auto memory = open_pem(path);
  if (!memory) return fail(memory.error());
  Request request(PEM_read_bio_X509_REQ(memory->get(), nullptr, nullptr, nullptr));
  if (!request) return fail(path.string() + ": is no certificate request in PEM (" + openssl_reason() + ")");
  if (X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())) != 1)
    return fail(path.string() + ": its signature is wrong; was it changed on the way?");
  return request;
}

Result<SignedRequest, std::string> inspect(const Request& request, const std::filesystem::path& path) {
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request.get());
  const Names names(static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  std::optional<net::PeerIdentity> who;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier)),
                          static_cast<std::size_t>(ASN1_STRING_length(name->d.uniformResourceIdentifier)));
    if (!uri.starts_with("quorate:")) continue;
    auto parsed = net::parse_identity_uri(uri);
    if (!parsed) return fail(path.string() + ": " + parsed.error().detail);
    if (who) return fail(path.string() + ": asks for two identities");
    who = *parsed;
  }
  if (!who) return fail(path.string() + ": asks for no quorate: identity; make it with 'quorate init'");
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request.get()), &der);
  Digest digest;
  EVP_Digest(der, static_cast<std::size_t>(size), digest.bytes.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return SignedRequest{*who, digest.hex()};
}

}  // namespace

Result<void, std::string> write_new(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  if (std::filesystem::exists(path)) return fail(path.string() + " exists already; it is not overwritten");
  return signerd::write_durably(path, as_bytes(text), static_cast<mode_t>(mode));
}

Result<void, std::string> make_request(const std::filesystem::path& key_file, const std::filesystem::path& csr_file,
                                       const net::PeerIdentity& who) {
  const Key key = new_key();
  const Request request(X509_REQ_new());
  set_subject(X509_REQ_get_subject_name(request.get()), who.str());
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  sk_X509_EXTENSION_push(extensions, uri_extension(who.uri()).release());
  const bool good = key && X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
                    X509_REQ_add_extensions(request.get(), extensions) == 1 &&
                    X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  if (!good) return fail("cannot make a certificate request: " + openssl_reason());
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(memory.get(), request.get());
  if (auto written = write_private(key_file, key.get()); !written) return written;
  return write_new(csr_file, text_of(memory.get()), 0644);
}

Result<void, std::string> make_ca(const std::filesystem::path& directory, const std::string& cluster) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail("cannot create " + directory.string() + ": " + error.message());
  const Key key = new_key();
  const Certificate certificate(X509_new());
  set_subject(X509_get_subject_name(certificate.get()), "Quorate cluster " + cluster);
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate.get(), certificate.get(), nullptr, nullptr, 0);
  const bool good = key && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    set_serial_and_dates(certificate.get(), 3650) &&
                    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) == 1 &&
                    X509_set_pubkey(certificate.get(), key.get()) == 1 &&
                    add(certificate.get(), &context, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add(certificate.get(), &context, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add(certificate.get(), &context, NID_subject_key_identifier, "hash") &&
                    X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  if (!good) return fail("cannot make a certificate authority: " + openssl_reason());
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate.get());
  if (auto written = write_private(directory / "ca.key", key.get()); !written) return written;
  return write_new(directory / "ca.crt", text_of(memory.get()), 0644);
}

Result<SignedRequest, std::string> inspect_request(const std::filesystem::path& csr_file) {
  auto request = load_request(csr_file);
  if (!request) return fail(request.error());
  return inspect(*request, csr_file);
}

Result<SignedRequest, std::string> sign_request(const std::filesystem::path& directory,
                                                const std::filesystem::path& csr_file,
                                                const std::filesystem::path& certificate_file, int days) {
  auto request = load_request(csr_file);
  if (!request) return fail(request.error());
  auto inspected = inspect(*request, csr_file);
  if (!inspected) return fail(inspected.error());
  auto key_memory = open_pem(directory / "ca.key");
  auto ca_memory = open_pem(directory / "ca.crt");
  if (!key_memory) return fail(key_memory.error() + "; make a CA with 'quorate ca init'");
  if (!ca_memory) return fail(ca_memory.error());
  const Key key(PEM_read_bio_PrivateKey(key_memory->get(), nullptr, nullptr, nullptr));
  const Certificate ca(PEM_read_bio_X509(ca_memory->get(), nullptr, nullptr, nullptr));
  if (!key || !ca) return fail((directory / "ca.key").string() + " or ca.crt does not parse: " + openssl_reason());

  const Certificate certificate(X509_new());
  set_subject(X509_get_subject_name(certificate.get()), inspected->who.str());
  X509V3_CTX context;
  X509V3_set_ctx(&context, ca.get(), certificate.get(), nullptr, nullptr, 0);
  const Extension uri = uri_extension(inspected->who.uri());
  const bool good = X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    set_serial_and_dates(certificate.get(), days) &&
                    X509_set_issuer_name(certificate.get(), X509_get_subject_name(ca.get())) == 1 &&
                    X509_set_pubkey(certificate.get(), X509_REQ_get0_pubkey(request->get())) == 1 &&
                    X509_add_ext(certificate.get(), uri.get(), -1) == 1 &&
                    add(certificate.get(), &context, NID_basic_constraints, "critical,CA:FALSE") &&
                    add(certificate.get(), &context, NID_key_usage, "critical,digitalSignature") &&
                    add(certificate.get(), &context, NID_ext_key_usage, "clientAuth,serverAuth") &&
                    add(certificate.get(), &context, NID_subject_key_identifier, "hash") &&
                    add(certificate.get(), &context, NID_authority_key_identifier, "keyid") &&
                    X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  if (!good) return fail("cannot sign " + csr_file.string() + ": " + openssl_reason());
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate.get());
  if (auto written = write_new(certificate_file, text_of(memory.get()), 0644); !written) return fail(written.error());
  return *inspected;
}

}  // namespace quorate::tools
