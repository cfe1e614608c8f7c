#include "test/sim/seeded_rng.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace quorate::sim {

SeededRng::SeededRng(std::uint64_t seed, std::string_view stream) : cipher_(EVP_CIPHER_CTX_new()) {
  Bytes input;
  for (int shift = 56; shift >= 0; shift -= 8) input.push_back(static_cast<std::uint8_t>(seed >> shift));
  append(input, as_bytes(stream));
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> key{};
  const std::array<std::uint8_t, 16> counter{};
  if (!cipher_ || EVP_Digest(input.data(), input.size(), key.data(), nullptr, EVP_sha256(), nullptr) != 1 ||
      EVP_EncryptInit_ex(cipher_.get(), EVP_chacha20(), nullptr, key.data(), counter.data()) != 1)
    std::abort();
}

void SeededRng::fill(MutableByteView out) {
  static constexpr std::array<std::uint8_t, 4096> kZeros{};
  while (!out.empty()) {
    const auto size = std::min(out.size(), kZeros.size());
    int written = 0;
    if (EVP_EncryptUpdate(cipher_.get(), out.data(), &written, kZeros.data(), static_cast<int>(size)) != 1 ||
        static_cast<std::size_t>(written) != size)
      std::abort();
    out = out.subspan(size);
  }
}

std::uint64_t SeededRng::below(std::uint64_t bound) {
  const auto limit = bound * (UINT64_MAX / bound);
  for (;;) {
    std::array<std::uint8_t, 8> raw{};
    fill(raw);
    std::uint64_t value = 0;
    for (auto byte : raw) value = value << 8 | byte;
    if (value < limit) return value % bound;
  }
}

}  // namespace quorate::sim
