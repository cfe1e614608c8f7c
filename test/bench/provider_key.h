#pragma once

#include <openssl/evp.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace quorate::bench {

/// A key behind the module, as a server has it: loaded through the configuration and the store, used through
/// EVP.
class ProviderKey {
 public:
  /// conf: an openssl.cnf that activates the module; key: the key file. Throws std::runtime_error.
  ProviderKey(const std::string& conf, const std::string& key);
  ~ProviderKey();
  ProviderKey(const ProviderKey&) = delete;
  ProviderKey& operator=(const ProviderKey&) = delete;

  struct Times {
    std::chrono::nanoseconds init{}, sign{};  ///< EVP_DigestSignInit_ex; EVP_DigestSign
  };
  /// One CertificateVerify as libssl makes it, on the caller's thread. `content` is what is signed. Throws
  /// std::runtime_error if there is no signature. Any thread.
  Times sign(const std::vector<std::uint8_t>& content) const;

 private:
  OSSL_LIB_CTX* library_ = nullptr;
  EVP_PKEY* key_ = nullptr;
};

/// 64 spaces, the context string, 0, and a transcript hash of this many bytes that differs from call to call.
std::vector<std::uint8_t> server_certificate_verify(std::size_t hash_size);

}  // namespace quorate::bench
