#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/ot/params.h"

namespace quorate::ot {

/// AES-128 under one key, as a permutation pi and as the hash built on it (SPEC 0.3, 3.4). The key
/// is public: a KDF output that separates sessions and directions. One EVP call serves a whole
/// buffer. Constant-time wherever OpenSSL's AES is (AES-NI, ARMv8, vector permutation). An object
/// must not be used by two threads at once.
class FixedKeyAes {
 public:
  explicit FixedKeyAes(const Block& key);

  /// out[i] = pi(in[i]). Equal lengths; out may be in itself.
  void permute(std::span<const Block> in, std::span<Block> out);

  /// Tweakable correlation-robust hash, "MMO twice" of Guo, Katz, Wang and Yu (ePrint 2019/074):
  ///   out[i * width + b] = pi(pi(in[i]) xor tweak) xor pi(in[i]),  tweak = (first + i, b)
  /// with both numbers of the tweak as 8 little-endian bytes. The inner pi is computed once for all
  /// `width` blocks of one input. out holds in.size() * width blocks and does not overlap in.
  void hash(std::span<const Block> in, std::uint64_t first, std::size_t width, std::span<Block> out);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
};

/// AES-128-CTR as a PRG: one key set-up per stream, 128-bit big-endian counter from 0. (Run as ECB over
/// the counters: changing the key of an EVP context is then about twice as fast as with an IV.)
class KeyStream {
 public:
  KeyStream();
  /// Overwrites out with the first out.size() blocks of the stream of this key.
  void generate(const Block& key, std::span<Block> out);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
  std::vector<Block> counters_;
};

/// FixedKeyAes(key).hash() of every in[i] ^ flip, laid out for eight lanes (protocol/group/lanes.h): word w of
/// the 2 * width words that come of in[8 g + l] is out[(g * 2 * width + w) * 8 + l]. in.size() is a multiple of
/// 8. On processors that have it four blocks are encrypted at a time.
void hash_lanes(const Block& key, const Block& flip, std::span<const Block> in, std::uint64_t first,
                std::size_t width, std::span<std::uint64_t> out);

/// a ^= b, word by word; equal lengths.
void xor_into(std::span<Block> a, std::span<const Block> b);
/// a ^= mask & b for a mask of all ones or all zeros.
void xor_masked(std::span<Block> a, std::uint64_t mask, std::span<const Block> b);

}  // namespace quorate::ot
