#include "protocol/base/ct.h"

#include <openssl/crypto.h>
#include <string.h>

namespace quorate::ct {


bool equal(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  int differs = a.empty() ? 0 : CRYPTO_memcmp(a.data(), b.data(), a.size());
  unpoison(&differs, sizeof differs);
  return differs == 0;
}

void select_bytes(MutableByteView out, std::uint64_t bit, ByteView a, ByteView b) {
  const auto m = static_cast<std::uint8_t>(mask(bit));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(a[i] ^ (m & (a[i] ^ b[i])));
}

void wipe(void* data, std::size_t size) {
  if (size != 0) explicit_bzero(data, size);
}

}  // namespace quorate::ct
