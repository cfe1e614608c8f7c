#pragma once

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "provider/key.h"

/// What this module offers to OpenSSL, one table of functions for each implementation.
namespace quorate::provider {

extern const OSSL_DISPATCH kKeymgmt[];
extern const OSSL_DISPATCH kSignature[];
extern const OSSL_DISPATCH kPemDecoder[];
extern const OSSL_DISPATCH kDerDecoder[];
extern const OSSL_DISPATCH kTextEncoder[];
extern const OSSL_DISPATCH kSpkiPemEncoder[];
extern const OSSL_DISPATCH kSpkiDerEncoder[];
extern const OSSL_DISPATCH kKeyFilePemEncoder[];
extern const OSSL_DISPATCH kKeyFileDerEncoder[];

inline constexpr char kKeyNames[] = "EC:id-ecPublicKey:1.2.840.10045.2.1";
inline constexpr char kKeyType[] = "EC";
/// The `structure` property of the key file's own decoders and encoders.
inline constexpr char kKeyFileStructure[] = "QuorateKey";

/// A function of ours as OpenSSL's tables keep it.
template <class F>
auto table_entry(F* function) {
  return reinterpret_cast<void (*)()>(function);
}

/// Hands the public key (group and point) to a callback. 0, without an error, if the selection asks for
/// anything private: EVP would otherwise take the copy for the key and sign with it somewhere else.
int export_public(const Key& key, int selection, OSSL_CALLBACK* callback, void* argument);

}  // namespace quorate::provider
