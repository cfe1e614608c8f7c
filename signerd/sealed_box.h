#pragma once

#include <array>

#include "protocol/base/result.h"
#include "protocol/base/rng.h"
#include "protocol/base/secret.h"

namespace quorate::signerd {

/// Key-encryption key of a signer's state, 32 bytes.
using StateKey = Secret<std::array<std::uint8_t, 32>>;

/// AES-256-GCM: 12-byte random nonce, ciphertext, 16-byte tag. `header` is authenticated, not encrypted.
Bytes seal(const StateKey& key, ByteView header, ByteView secret, Rng& rng);

/// Nothing if key, header or a single bit is another one.
std::optional<SecretBytes> unseal(const StateKey& key, ByteView header, ByteView box);

}  // namespace quorate::signerd
