#pragma once

#include "protocol/base/rng.h"

namespace quorate::net {

/// OpenSSL's private DRBG (RAND_priv_bytes): reseeds after fork. Any thread.
class SystemRng final : public Rng {
 public:
  void fill(MutableByteView out) override;
};

}  // namespace quorate::net
