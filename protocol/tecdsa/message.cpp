#include "protocol/tecdsa/message.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace quorate {

std::optional<MessageDigest> message_digest_from(std::uint8_t number) {
  if (number < 1 || number > 3) return std::nullopt;
  return static_cast<MessageDigest>(number);
}

namespace {

/// Fetched once: a fetch by name costs more than a short hash, and so does EVP_sha256(), for which one is made at each use.
const EVP_MD* algorithm_of(MessageDigest digest) {
  static const std::array<const EVP_MD*, 3> fetched{EVP_MD_fetch(nullptr, "SHA2-256", nullptr),
                                                    EVP_MD_fetch(nullptr, "SHA2-384", nullptr),
                                                    EVP_MD_fetch(nullptr, "SHA2-512", nullptr)};
  const EVP_MD* const algorithm = fetched.at(static_cast<std::size_t>(digest) - 1);
  if (algorithm == nullptr) std::abort();
  return algorithm;
}

}  // namespace

Bytes digest_content(MessageDigest algorithm, ByteView content) {
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (EVP_Digest(content.data(), content.size(), out.data(), &size, algorithm_of(algorithm), nullptr) != 1)
    std::abort();
  out.resize(size);
  return out;
}

Scalar scalar_from_digest(const Curve& curve, ByteView digest) {
  const std::size_t kappa = curve.order_bits();
  if (digest.size() * 8 <= kappa) return Scalar::reduce(curve, digest);
  // Whole bytes first, then the bits that are too many at the right end of the last one.
  Bytes left(digest.begin(), digest.begin() + static_cast<std::ptrdiff_t>((kappa + 7) / 8));
  const unsigned extra = static_cast<unsigned>(left.size() * 8 - kappa);
  for (std::size_t i = left.size(); extra != 0 && i-- > 0;) {
    const unsigned high = i == 0 ? 0u : left[i - 1];
    left[i] = static_cast<std::uint8_t>((high << 8 | left[i]) >> extra);
  }
  return Scalar::reduce(curve, left);
}

Scalar message_scalar(const Curve& curve, MessageDigest algorithm, ByteView content) {
  return scalar_from_digest(curve, digest_content(algorithm, content));
}

}  // namespace quorate
