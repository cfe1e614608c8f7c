#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "protocol/base/ids.h"
#include "protocol/base/rng.h"
#include "protocol/base/secret.h"

namespace quorate {

/// Ed25519 (RFC 8032), raw encodings.
using IdentityPublicKey = Id<struct IdentityKeyTag>;
using IdentitySignature = std::array<std::uint8_t, 64>;

/// A signer's long-term signing key: signs ceremonies, rows and evidence; never used for TLS.
class IdentityKey {
 public:
  static IdentityKey generate(Rng& rng);
  /// The seed is RFC 8032's 32-byte private key.
  static IdentityKey from_seed(const Secret<std::array<std::uint8_t, 32>>& seed);

  [[nodiscard]] const IdentityPublicKey& public_key() const { return public_; }
  /// Signs a Transcript's digest: label and binding are inside it.
  [[nodiscard]] IdentitySignature sign(const Digest& digest) const;
  [[nodiscard]] const Secret<std::array<std::uint8_t, 32>>& seed() const { return seed_; }

 private:
  struct Free {
    void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  };
  IdentityKey() = default;
  Secret<std::array<std::uint8_t, 32>> seed_;
  IdentityPublicKey public_{};
  std::unique_ptr<EVP_PKEY, Free> key_;
};

/// False also for a key that is no point of the curve. Everything here is public; variable time.
bool verify_identity(const IdentityPublicKey& key, const Digest& digest, const IdentitySignature& signature);

}  // namespace quorate
