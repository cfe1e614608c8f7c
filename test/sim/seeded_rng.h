#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "protocol/base/rng.h"

namespace quorate::sim {

/// Reproducible randomness for tests, fuzzers and simulators: the ChaCha20 key stream under
/// SHA-256(seed, stream). Two generators with the same arguments deliver the same bytes, whatever the
/// sizes of the calls; different streams of one seed are independent. No security is meant.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed, std::string_view stream = "");
  void fill(MutableByteView out) override;

  /// Uniform in 0 .. bound-1; bound is at least 1. For choices of a test, such as what to mutate.
  std::uint64_t below(std::uint64_t bound);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> cipher_;
};

}  // namespace quorate::sim
