#include "protocol/tecdsa/message.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

namespace quorate {

std::optional<MessageDigest> message_digest_from(std::uint8_t number) {
  if (number < 1 || number > 3) return std::nullopt;
  return static_cast<MessageDigest>(number);
}

namespace {

const EVP_MD* algorithm_of(MessageDigest digest) {
  switch (digest) {
    case MessageDigest::Sha256: return EVP_sha256();
    case MessageDigest::Sha384: return EVP_sha384();
    case MessageDigest::Sha512: return EVP_sha512();
  }
  std::abort();
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
