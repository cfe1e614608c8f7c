#include "protocol/net/system_rng.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace quorate::net {

void SystemRng::fill(MutableByteView out) {
  if (!out.empty() && RAND_priv_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

}  // namespace quorate::net
