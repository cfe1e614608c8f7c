#include <openssl/evp.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "protocol/base/ct.h"
#include "protocol/group/hash_to_curve.h"

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

/// One digest algorithm with a context that is used again and again.
class Hasher {
 public:
  explicit Hasher(const char* name) : md_(algorithm(name)), ctx_(EVP_MD_CTX_new()) {
    require(ctx_ != nullptr);
  }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(EVP_MD_get_size(md_)); }
  [[nodiscard]] std::size_t block_size() const {
    return static_cast<std::size_t>(EVP_MD_get_block_size(md_));
  }
  Bytes operator()(std::initializer_list<ByteView> parts) {
    require(EVP_DigestInit_ex(ctx_.get(), md_, nullptr) == 1);
    for (const auto part : parts) require(EVP_DigestUpdate(ctx_.get(), part.data(), part.size()) == 1);
    Bytes out(size());
    require(EVP_DigestFinal_ex(ctx_.get(), out.data(), nullptr) == 1);
    return out;
  }

 private:
  static const EVP_MD* algorithm(std::string_view name) {
    static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    static const EVP_MD* const sha384 = EVP_MD_fetch(nullptr, "SHA2-384", nullptr);
    const EVP_MD* md = name == "SHA256" ? sha256 : name == "SHA384" ? sha384 : nullptr;
    require(md != nullptr);
    return md;
  }
  struct Free {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  const EVP_MD* md_;
  std::unique_ptr<EVP_MD_CTX, Free> ctx_;
};

}  // namespace

Bytes expand_message_xmd(const char* hash, ByteView message, ByteView dst, std::size_t size) {
  Hasher h(hash);
  require(size > 0 && size <= 65535 && size <= 255 * h.size());
  Bytes dst_prime(dst.begin(), dst.end());
  if (dst.size() > 255) dst_prime = h({as_bytes("H2C-OVERSIZE-DST-"), dst});
  dst_prime.push_back(static_cast<std::uint8_t>(dst_prime.size()));

  const Bytes padding(h.block_size(), 0);
  const std::array<std::uint8_t, 3> length = {static_cast<std::uint8_t>(size >> 8),
                                              static_cast<std::uint8_t>(size), 0};
  Bytes first = h({padding, message, length, dst_prime});
  Bytes chain(first.size(), 0), out;
  out.reserve(size + h.size());
  for (std::uint8_t i = 1; out.size() < size; ++i) {
    for (std::size_t k = 0; k < chain.size(); ++k) chain[k] ^= first[k];
    chain = h({chain, ByteView(&i, 1), dst_prime});
    append(out, chain);
  }
  ct::wipe(first.data(), first.size());
  ct::wipe(chain.data(), chain.size());
  ct::wipe(out.data() + size, out.size() - size);
  out.resize(size);
  return out;
}

}  // namespace quorate
