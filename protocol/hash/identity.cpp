#include "protocol/hash/identity.h"

#include <cstdlib>

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

struct ContextFree {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextFree>;

}  // namespace

IdentityKey IdentityKey::generate(Rng& rng) {
  Secret<std::array<std::uint8_t, 32>> seed;
  rng.fill(seed.reveal());
  return from_seed(seed);
}

IdentityKey IdentityKey::from_seed(const Secret<std::array<std::uint8_t, 32>>& seed) {
  IdentityKey out;
  out.seed_ = Secret(seed.reveal());
  out.key_.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.reveal().data(), 32));
  std::size_t size = out.public_.bytes.size();
  require(out.key_ != nullptr &&
          EVP_PKEY_get_raw_public_key(out.key_.get(), out.public_.bytes.data(), &size) == 1 && size == 32);
  ct::unpoison(out.public_.bytes.data(), out.public_.bytes.size());
  return out;
}

IdentitySignature IdentityKey::sign(const Digest& digest) const {
  const Context ctx(EVP_MD_CTX_new());
  IdentitySignature signature;
  std::size_t size = signature.size();
  require(ctx != nullptr && EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
          EVP_DigestSign(ctx.get(), signature.data(), &size, digest.bytes.data(), digest.bytes.size()) == 1 &&
          size == signature.size());
  ct::unpoison(signature.data(), signature.size());
  return signature;
}

bool verify_identity(const IdentityPublicKey& key, const Digest& digest, const IdentitySignature& signature) {
  EVP_PKEY* pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size());
  if (pkey == nullptr) return false;
  const Context ctx(EVP_MD_CTX_new());
  require(ctx != nullptr);
  const bool valid = EVP_DigestVerifyInit(ctx.get(), nullptr, nullptr, nullptr, pkey) == 1 &&
                     EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), digest.bytes.data(),
                                      digest.bytes.size()) == 1;
  EVP_PKEY_free(pkey);
  return valid;
}

}  // namespace quorate
