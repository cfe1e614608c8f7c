#include "test/sim/test_pki.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace quorate::test {
namespace {

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

void need(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "test PKI: %s failed\n", what);
  std::abort();
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  need(PEM_write_bio_X509(bio.get(), certificate) == 1, "PEM of a certificate");
  return text_of(bio.get());
}

X509Ptr blank(const std::string& name, std::chrono::seconds not_before, std::chrono::seconds not_after) {
  X509Ptr certificate(X509_new());
  need(X509_set_version(certificate.get(), X509_VERSION_3) == 1, "version");
  unsigned char serial[16];
  need(RAND_bytes(serial, sizeof serial) == 1, "serial");
  serial[0] = static_cast<unsigned char>((serial[0] & 0x3f) | 0x40);
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), static_cast<long>(not_before.count()));
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), static_cast<long>(not_after.count()));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()), -1, 0);
  return certificate;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  need(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value.c_str());
  X509_EXTENSION_free(extension);
}

}  // namespace

struct TestCa::Keys {
  PkeyPtr key;
  X509Ptr certificate;
};

TestCa::TestCa(const std::string& name) : keys_(std::make_unique<Keys>()) {
  keys_->key.reset(EVP_EC_gen("P-256"));
  keys_->certificate = blank(name, std::chrono::hours(-24), std::chrono::hours(240));
  X509* self = keys_->certificate.get();
  need(keys_->key && X509_set_pubkey(self, keys_->key.get()) == 1, "CA key");
  need(X509_set_issuer_name(self, X509_get_subject_name(self)) == 1, "CA issuer");
  extend(self, self, NID_basic_constraints, "critical,CA:TRUE");
  extend(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(self, self, NID_subject_key_identifier, "hash");
  need(X509_sign(self, keys_->key.get(), EVP_sha256()) > 0, "CA signature");
  certificate_ = pem_of(self);
}

TestCa::~TestCa() = default;

Issued TestCa::issue(const LeafSpec& spec) const {
  PkeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr leaf = blank("leaf", spec.not_before, spec.not_after);
  need(key && X509_set_pubkey(leaf.get(), key.get()) == 1, "leaf key");
  need(X509_set_issuer_name(leaf.get(), X509_get_subject_name(keys_->certificate.get())) == 1, "leaf issuer");
  extend(leaf.get(), keys_->certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  extend(leaf.get(), keys_->certificate.get(), NID_authority_key_identifier, "keyid");
  if (!spec.uris.empty() || !spec.dns.empty()) {
    GENERAL_NAMES* names = GENERAL_NAMES_new();
    const auto add = [&](int type, const std::string& value) {
      ASN1_IA5STRING* text = ASN1_IA5STRING_new();
      ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));
      GENERAL_NAME* name = GENERAL_NAME_new();
      GENERAL_NAME_set0_value(name, type, text);
      sk_GENERAL_NAME_push(names, name);
    };
    for (const auto& uri : spec.uris) add(GEN_URI, uri);
    for (const auto& dns : spec.dns) add(GEN_DNS, dns);
    need(X509_add1_ext_i2d(leaf.get(), NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1, "leaf names");
    GENERAL_NAMES_free(names);
  }
  if (!spec.extended_key_usage.empty()) {
    extend(leaf.get(), keys_->certificate.get(), NID_ext_key_usage, spec.extended_key_usage);
  }
  need(X509_sign(leaf.get(), keys_->key.get(), EVP_sha256()) > 0, "leaf signature");
  BioPtr bio(BIO_new(BIO_s_mem()));
  need(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "PEM of a key");
  return {pem_of(leaf.get()), text_of(bio.get())};
}

net::TlsIdentity TestCa::identity(const std::string& uri) const {
  const Issued issued = issue(uri);
  auto identity = net::TlsIdentity::from_pem(issued.certificate, issued.key, certificate_);
  need(identity.has_value(), identity ? "" : identity.error().detail.c_str());
  return std::move(*identity);
}

net::TlsIdentity TestCa::signer(int id, const std::string& cluster) const {
  return identity("quorate:" + cluster + "/signer/" + std::to_string(id));
}

}  // namespace quorate::test
