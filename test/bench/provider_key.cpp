#include "test/bench/provider_key.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/store.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace quorate::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& what) {
  std::string text = what;
  const char* detail = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &detail, &flags)) {
    const char* reason = ERR_reason_error_string(code);
    text += std::string("; ") + (reason != nullptr ? reason : "?") +
            ((flags & ERR_TXT_STRING) != 0 ? std::string(": ") + detail : "");
  }
  throw std::runtime_error(text);
}

}  // namespace

ProviderKey::ProviderKey(const std::string& conf, const std::string& key) : library_(OSSL_LIB_CTX_new()) {
  if (library_ == nullptr || OSSL_LIB_CTX_load_config(library_, conf.c_str()) != 1) give_up(conf);
  OSSL_STORE_CTX* store =
      OSSL_STORE_open_ex(key.c_str(), library_, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  while (store != nullptr && OSSL_STORE_eof(store) == 0 && key_ == nullptr) {
    OSSL_STORE_INFO* info = OSSL_STORE_load(store);
    if (info == nullptr) continue;
    if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) key_ = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
  }
  OSSL_STORE_close(store);
  if (key_ == nullptr) give_up(key + " holds no key");
}

ProviderKey::~ProviderKey() {
  EVP_PKEY_free(key_);
  OSSL_LIB_CTX_free(library_);
}

ProviderKey::Times ProviderKey::sign(const std::vector<std::uint8_t>& content) const {
  std::array<unsigned char, 160> signature{};
  std::size_t size = signature.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const auto begun = Clock::now();
  int good = EVP_DigestSignInit_ex(context, nullptr, "SHA256", library_, nullptr, key_, nullptr);
  const auto ready = Clock::now();
  if (good == 1) good = EVP_DigestSign(context, signature.data(), &size, content.data(), content.size());
  const auto done = Clock::now();
  EVP_MD_CTX_free(context);
  if (good != 1) give_up("no signature");
  return {ready - begun, done - ready};
}

std::vector<std::uint8_t> server_certificate_verify(std::size_t hash_size) {
  static constexpr std::string_view kContext = "TLS 1.3, server CertificateVerify";
  std::vector<std::uint8_t> content(64 + kContext.size() + 1 + hash_size, 0);
  std::fill_n(content.begin(), 64, 0x20);
  std::copy(kContext.begin(), kContext.end(), content.begin() + 64);
  RAND_bytes(content.data() + content.size() - hash_size, static_cast<int>(hash_size));
  return content;
}

}  // namespace quorate::bench
