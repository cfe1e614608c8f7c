#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provider/key_file.h"

namespace quorate::test {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* p) const { kFree(p); }
};
using Pkey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using MdCtx = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

/// A directory that goes when the test does.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return path_ / name; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, std::string_view text, unsigned mode = 0600) const;
  [[nodiscard]] std::string read(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

std::string read_text_file(const std::filesystem::path& path);

/// An application's OSSL_LIB_CTX with the module in it, configured as an openssl.cnf would.
struct LibraryOptions {
  std::string module;              ///< path of the .so
  std::string provider_json;       ///< path; none if empty
  bool activate_default = true;
  bool default_first = true;       ///< order in the configuration
  std::string extra;               ///< lines for our section
};
class Library {
 public:
  explicit Library(const LibraryOptions& options, const TempDir& dir);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  [[nodiscard]] OSSL_LIB_CTX* get() const { return context_; }
  [[nodiscard]] Pkey load_pem(const std::string& pem, const char* properties = nullptr) const;
  [[nodiscard]] Pkey load_store(const std::string& path) const;

 private:
  OSSL_LIB_CTX* context_;
};

/// "quorate::QuorumInsufficient:1 of 2 signers reachable" for each entry, oldest first; empties the queue.
std::vector<std::string> drain_errors();
::testing::AssertionResult queue_is_empty();
/// Whether one entry of the queue has this reason and contains this text; empties it.
::testing::AssertionResult failed_with(const std::string& reason, const std::string& detail = "");

/// An ordinary key pair in the process's default context, and the key file that stands for it.
struct TestKey {
  explicit TestKey(const char* curve = "P-256", std::string cluster = "test");
  Pkey pair;
  KeyFile file;
  [[nodiscard]] std::string pem() const { return encode_key_file_pem(file); }
  [[nodiscard]] std::string private_pem() const;
};
/// A self-signed certificate for the public half.
Certificate self_signed(const TestKey& key);

/// A provider.json for that key in the directory; tls.key is the key pair itself (see the fake engine).
/// Signers' addresses have nobody listening.
std::string write_config(const TempDir& dir, const TestKey& key, const std::string& log_file = "provider.log",
                         int deadline_ms = 200);

/// 64 spaces, context string, 0 and 32 bytes.
Bytes tls13_content(std::uint8_t fill = 0x5a);

/// EVP_DigestSign in one shot; nothing if it fails.
std::optional<Bytes> digest_sign(OSSL_LIB_CTX* library, EVP_PKEY* key, const char* digest, ByteView content);
bool digest_verify(OSSL_LIB_CTX* library, EVP_PKEY* key, const char* digest, ByteView content, ByteView signature);

}  // namespace quorate::test
