#pragma once

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "protocol/tecdsa/key_share.h"

namespace quorate::reference {

/// Ordinary ECDSA verification under X, by OpenSSL.
class OpensslKey {
 public:
  explicit OpensslKey(const Point& X) {
    const Bytes spki = spki_der(X);
    const unsigned char* at = spki.data();
    key_.reset(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  }
  /// digest: as many bytes as a scalar has
  [[nodiscard]] bool verifies(ByteView digest, const Scalar& r, const Scalar& s) const {
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(ECDSA_SIG_new(), ECDSA_SIG_free);
    const auto number = [](const Scalar& x) {
      const Bytes bytes = x.encode();
      return BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
    };
    ECDSA_SIG_set0(signature.get(), number(r), number(s));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(signature.get(), &der);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_.get(), nullptr);
    const bool ok =
        EVP_PKEY_verify_init(context) == 1 &&
        EVP_PKEY_verify(context, der, static_cast<std::size_t>(size), digest.data(), digest.size()) == 1;
    EVP_PKEY_CTX_free(context);
    OPENSSL_free(der);
    return ok;
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  };
  std::unique_ptr<EVP_PKEY, Free> key_;
};

}  // namespace quorate::reference
