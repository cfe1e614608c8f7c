#include "signerd/sealed_box.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace quorate::signerd {

namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

struct Free {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Free>;

/// OpenSSL's own failures here mean no memory or a broken library.
void must(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

Bytes seal(const StateKey& key, ByteView header, ByteView secret, Rng& rng) {
  Bytes out(kNonce + secret.size() + kTag);
  rng.fill(MutableByteView(out).first(kNonce));
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int n = 0;
  must(cipher != nullptr);
  must(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.reveal().data(), out.data()));
  must(EVP_EncryptUpdate(cipher.get(), nullptr, &n, header.data(), static_cast<int>(header.size())));
  must(EVP_EncryptUpdate(cipher.get(), out.data() + kNonce, &n, secret.data(), static_cast<int>(secret.size())));
  must(EVP_EncryptFinal_ex(cipher.get(), out.data() + kNonce + n, &n));
  must(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, out.data() + kNonce + secret.size()));
  return out;
}

std::optional<SecretBytes> unseal(const StateKey& key, ByteView header, ByteView box) {
  if (box.size() < kNonce + kTag) return std::nullopt;
  const std::size_t size = box.size() - kNonce - kTag;
  SecretBytes out(size);
  std::array<std::uint8_t, kTag> tag{};
  std::copy(box.end() - kTag, box.end(), tag.begin());
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int n = 0;
  must(cipher != nullptr);
  must(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.reveal().data(), box.data()));
  must(EVP_DecryptUpdate(cipher.get(), nullptr, &n, header.data(), static_cast<int>(header.size())));
  must(EVP_DecryptUpdate(cipher.get(), out.reveal().data(), &n, box.data() + kNonce, static_cast<int>(size)));
  must(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()));
  if (EVP_DecryptFinal_ex(cipher.get(), out.reveal().data() + n, &n) != 1) return std::nullopt;
  return out;
}

}  // namespace quorate::signerd
