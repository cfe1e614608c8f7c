#include "protocol/ot/aes.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "protocol/base/ct.h"

namespace quorate::ot {
namespace {

static_assert(std::endian::native == std::endian::little, "tweaks are XORed as native words");

// Inputs hashed per EVP call: 64 x 12 blocks stay within a 32 KiB first-level cache.
constexpr std::size_t kChunk = 64;

void need(bool ok) {
  if (!ok) std::abort();
}

// Fetched once for the life of the process: an implicit fetch costs more than hashing one OT.
const EVP_CIPHER* ecb() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
  return cipher;
}
void update(EVP_CIPHER_CTX* context, const std::uint8_t* in, std::uint8_t* out, std::size_t size) {
  int written = 0;
  need(EVP_EncryptUpdate(context, out, &written, in, static_cast<int>(size)) == 1);
  need(static_cast<std::size_t>(written) == size);
}

// Two 64-bit words in one vector register.
typedef std::uint64_t Words __attribute__((vector_size(16)));

Words load(const Block& block) {
  Words w;
  std::memcpy(&w, block.data(), sizeof w);
  return w;
}
void store(Block& block, Words w) { std::memcpy(block.data(), &w, sizeof w); }

}  // namespace

FixedKeyAes::FixedKeyAes(const Block& key) : context_(EVP_CIPHER_CTX_new()) {
  need(context_ && EVP_EncryptInit_ex(context_.get(), ecb(), nullptr, key.data(), nullptr) == 1);
  need(EVP_CIPHER_CTX_set_padding(context_.get(), 0) == 1);
}

void FixedKeyAes::permute(std::span<const Block> in, std::span<Block> out) {
  need(in.size() == out.size());
  if (in.empty()) return;
  update(context_.get(), in.front().data(), out.front().data(), in.size_bytes());
}

void FixedKeyAes::hash(std::span<const Block> in, std::uint64_t first, std::size_t width,
                       std::span<Block> out) {
  need(out.size() == in.size() * width);
  std::array<Block, kChunk> inner;
  while (!in.empty()) {
    const std::size_t n = std::min(kChunk, in.size());
    const auto image = std::span(inner).first(n);
    const auto result = out.first(n * width);
    permute(in.first(n), image);
    for (std::size_t i = 0; i < n; ++i) {
      const Words y = load(image[i]) ^ Words { first + i, 0 };
      for (std::size_t b = 0; b < width; ++b) store(result[i * width + b], y ^ Words{0, b});
    }
    permute(result, result);
    for (std::size_t i = 0; i < n; ++i) {
      const Words y = load(image[i]);
      for (std::size_t b = 0; b < width; ++b) store(result[i * width + b], load(result[i * width + b]) ^ y);
    }
    in = in.subspan(n);
    out = out.subspan(n * width);
    first += n;
  }
  ct::wipe(inner.data(), sizeof inner);
}

KeyStream::KeyStream() : context_(EVP_CIPHER_CTX_new()) {
  need(context_ && EVP_EncryptInit_ex(context_.get(), ecb(), nullptr, nullptr, nullptr) == 1);
  need(EVP_CIPHER_CTX_set_padding(context_.get(), 0) == 1);
}

void KeyStream::generate(const Block& key, std::span<Block> out) {
  for (std::uint64_t i = counters_.size(); i < out.size(); ++i) {
    Block& counter = counters_.emplace_back();
    for (std::size_t k = 0; k < 8; ++k) counter[15 - k] = static_cast<std::uint8_t>(i >> (8 * k));
  }
  if (out.empty()) return;
  need(EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, key.data(), nullptr) == 1);
  update(context_.get(), counters_.front().data(), out.front().data(), out.size_bytes());
}

void xor_into(std::span<Block> a, std::span<const Block> b) { xor_masked(a, ~std::uint64_t{0}, b); }

void xor_masked(std::span<Block> a, std::uint64_t mask, std::span<const Block> b) {
  need(a.size() == b.size());
  const Words both{mask, mask};
  for (std::size_t i = 0; i < a.size(); ++i) store(a[i], load(a[i]) ^ (load(b[i]) & both));
}

}  // namespace quorate::ot
