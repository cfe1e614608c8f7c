#include "test/provider/library.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "protocol/wire/content_der.h"

namespace quorate::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "quorate-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}
TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
std::string TempDir::write(const std::string& name, std::string_view text, unsigned mode) const {
  std::ofstream(path(name), std::ios::binary) << text;
  chmod(path(name).c_str(), mode);
  return path(name).string();
}
std::string TempDir::read(const std::string& name) const { return read_text_file(path(name)); }

std::string read_text_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Library::Library(const LibraryOptions& options, const TempDir& dir) : context_(OSSL_LIB_CTX_new()) {
  std::string order;
  const std::string ours = "quorate = quorate_sect\n", theirs = options.activate_default ? "default = default_sect\n" : "";
  order = options.default_first ? theirs + ours : ours + theirs;
  std::string text = "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\n" + order +
                     "[default_sect]\nactivate = 1\n[quorate_sect]\nmodule = " + options.module + "\n";
  if (!options.provider_json.empty()) text += "quorate-config = " + options.provider_json + "\n";
  text += options.extra + "activate = 1\n";
  const std::string file = dir.write("openssl.cnf", text);
  EXPECT_EQ(OSSL_LIB_CTX_load_config(context_, file.c_str()), 1) << testing::PrintToString(drain_errors());
  EXPECT_EQ(OSSL_PROVIDER_available(context_, "quorate"), 1) << testing::PrintToString(drain_errors());
}
Library::~Library() { OSSL_LIB_CTX_free(context_); }

Pkey Library::load_pem(const std::string& pem, const char* properties) const {
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Pkey key(PEM_read_bio_PrivateKey_ex(in, nullptr, nullptr, nullptr, context_, properties));
  BIO_free(in);
  return key;
}

Pkey Library::load_store(const std::string& path) const {
  OSSL_STORE_CTX* store = OSSL_STORE_open_ex(path.c_str(), context_, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  Pkey key;
  while (store != nullptr && OSSL_STORE_eof(store) == 0 && key == nullptr) {
    OSSL_STORE_INFO* info = OSSL_STORE_load(store);
    if (info == nullptr) continue;
    if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) key.reset(OSSL_STORE_INFO_get1_PKEY(info));
    OSSL_STORE_INFO_free(info);
  }
  OSSL_STORE_close(store);
  return key;
}

std::vector<std::string> drain_errors() {
  std::vector<std::string> out;
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const char* lib = ERR_lib_error_string(code);
    const char* reason = ERR_reason_error_string(code);
    out.push_back(std::string(lib != nullptr ? lib : "?") + "::" + (reason != nullptr ? reason : "?") + ":" +
                  ((flags & ERR_TXT_STRING) != 0 ? data : ""));
  }
  return out;
}

::testing::AssertionResult queue_is_empty() {
  const auto errors = drain_errors();
  if (errors.empty()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << testing::PrintToString(errors);
}

::testing::AssertionResult failed_with(const std::string& reason, const std::string& detail) {
  const auto errors = drain_errors();
  for (const auto& error : errors)
    if (error.find("quorate::" + reason + ":") == 0 && error.find(detail) != std::string::npos)
      return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no " << reason << " (" << detail << ") in " << testing::PrintToString(errors);
}

TestKey::TestKey(const char* curve, std::string cluster) : pair(EVP_EC_gen(curve)) {
  unsigned char* spki = nullptr;
  const int size = i2d_PUBKEY(pair.get(), &spki);
  const ByteView bits = wire::public_key_bits({spki, static_cast<std::size_t>(size)});
  file = make_key_file(*Point::decode(*Curve::find(std::string_view(curve)), bits), std::move(cluster));
  OPENSSL_free(spki);
}

std::string TestKey::private_pem() const {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(out, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  return pem;
}

Certificate self_signed(const TestKey& key) {
  Certificate cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(cert.get()));
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
  X509_set_pubkey(cert.get(), key.pair.get());
  EXPECT_GT(X509_sign(cert.get(), key.pair.get(), EVP_sha256()), 0);
  return cert;
}

std::string write_config(const TempDir& dir, const TestKey& key, const std::string& log_file, int deadline_ms) {
  dir.write("frontend.key", key.private_pem());
  dir.write("frontend.crt", "not looked at by the fake\n");
  dir.write("ca.crt", "not looked at by the fake\n");
  const auto signer = [](int id) {
    return R"({"id": )" + std::to_string(id) + R"(, "address": "127.0.0.1:)" + std::to_string(id) + R"(", "identity": ")" +
           std::string(62, 'a') + "0" + std::to_string(id) + "\"}";
  };
  return dir.write("provider.json", R"({"cluster": ")" + key.file.cluster + R"(", "signers": [)" + signer(1) + ", " +
                                        signer(2) + ", " + signer(3) +
                                        R"(], "tls": {"certificate": "frontend.crt", "key": "frontend.key", "ca": "ca.crt"},)" +
                                        R"("deadline_ms": )" + std::to_string(deadline_ms) + R"(, "log": {"file": ")" +
                                        log_file + R"(", "level": "info"}})");
}

Bytes tls13_content(std::uint8_t fill) {
  const std::string head = std::string(64, ' ') + "TLS 1.3, server CertificateVerify" + '\0';
  Bytes out(head.begin(), head.end());
  out.resize(head.size() + 32, fill);
  return out;
}

std::optional<Bytes> digest_sign(OSSL_LIB_CTX* library, EVP_PKEY* key, const char* digest, ByteView content) {
  const MdCtx ctx(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (EVP_DigestSignInit_ex(ctx.get(), nullptr, digest, library, nullptr, key, nullptr) != 1) return std::nullopt;
  if (EVP_DigestSign(ctx.get(), nullptr, &size, content.data(), content.size()) != 1) return std::nullopt;
  Bytes signature(size);
  if (EVP_DigestSign(ctx.get(), signature.data(), &size, content.data(), content.size()) != 1) return std::nullopt;
  signature.resize(size);
  return signature;
}

bool digest_verify(OSSL_LIB_CTX* library, EVP_PKEY* key, const char* digest, ByteView content, ByteView signature) {
  const MdCtx ctx(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit_ex(ctx.get(), nullptr, digest, library, nullptr, key, nullptr) == 1 &&
         EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), content.data(), content.size()) == 1;
}

}  // namespace quorate::test
