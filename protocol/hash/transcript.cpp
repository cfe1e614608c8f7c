#include "protocol/hash/transcript.h"

#include <cstdlib>

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

/// Fetched once: a fetch by name costs more than a short hash.
const EVP_MD* sha256() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  require(md != nullptr);
  return md;
}

template <std::size_t N>
std::array<std::uint8_t, N> big_endian(std::uint64_t number) {
  std::array<std::uint8_t, N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(number >> (8 * (N - 1 - i)));
  return out;
}

/// Fills out with SHA-256(be32(1), digest, be32(i)) for i = 0, 1, ... A transcript begins with the
/// eight-byte length of its label, whose first four bytes are 0, so that no block is a transcript.
void expand_digest(MutableByteView out, const Digest& digest, EVP_MD_CTX* ctx) {
  std::array<std::uint8_t, 40> input{};
  input[3] = 1;
  std::copy(digest.bytes.begin(), digest.bytes.end(), input.begin() + 4);
  std::array<std::uint8_t, 32> block;
  for (std::size_t i = 0; 32 * i < out.size(); ++i) {
    const auto counter = big_endian<4>(i);
    std::copy(counter.begin(), counter.end(), input.begin() + 36);
    require(EVP_DigestInit_ex(ctx, sha256(), nullptr) == 1 &&
            EVP_DigestUpdate(ctx, input.data(), input.size()) == 1 &&
            EVP_DigestFinal_ex(ctx, block.data(), nullptr) == 1);
    const auto rest = out.subspan(32 * i);
    std::copy_n(block.begin(), std::min<std::size_t>(32, rest.size()), rest.begin());
  }
  ct::wipe(input.data(), input.size());
  ct::wipe(block.data(), block.size());
}

}  // namespace

Transcript::Transcript(Label label, const Binding& binding) : hash_(EVP_MD_CTX_new()) {
  require(hash_ != nullptr && EVP_DigestInit_ex(hash_.get(), sha256(), nullptr) == 1);
  const Bytes head = transcript_head(label, binding);
  absorb(head.data(), head.size());
}

Bytes transcript_head(Label label, const Binding& binding) {
  const auto text = as_bytes(label_text(label));
  const auto length = big_endian<8>(text.size());
  Bytes head(length.size() + text.size() + 2 + 3 * 32 + 2 + 4);
  auto at = std::copy(length.begin(), length.end(), head.begin());
  at = std::copy(text.begin(), text.end(), at);
  *at++ = kProtocolVersion;
  *at++ = static_cast<std::uint8_t>(binding.curve);
  at = std::copy(binding.key.bytes.begin(), binding.key.bytes.end(), at);
  at = std::copy(binding.epoch.bytes.begin(), binding.epoch.bytes.end(), at);
  at = std::copy(binding.sid.bytes.begin(), binding.sid.bytes.end(), at);
  *at++ = binding.from;
  *at++ = binding.to;
  const auto instance = big_endian<4>(binding.instance);
  std::copy(instance.begin(), instance.end(), at);
  return head;
}

Bytes expand(const Digest& digest, std::size_t size) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  require(context != nullptr);
  Bytes out(size);
  expand_digest(out, digest, context.get());
  return out;
}

void Transcript::absorb(const void* data, std::size_t size) {
  require(hash_ != nullptr && EVP_DigestUpdate(hash_.get(), data, size) == 1);
}

Transcript& Transcript::add(ByteView bytes) {
  const auto length = big_endian<8>(bytes.size());
  absorb(length.data(), length.size());
  absorb(bytes.data(), bytes.size());
  return *this;
}

Transcript& Transcript::add_number(std::uint64_t number) { return add(ByteView(big_endian<8>(number))); }

Transcript& Transcript::add(const Point& point) { return add(ByteView(point.encode())); }

Transcript& Transcript::add(const Scalar& scalar) { return add(ByteView(scalar.encode())); }

Transcript& Transcript::add_secret(const SecretScalar& scalar) {
  SecretBytes encoded(scalar.curve().scalar_size());
  scalar.encode(encoded.reveal());
  return add(ByteView(encoded.reveal()));
}

Transcript& Transcript::add_quorum(const Quorum& quorum) {
  add_number(quorum.size());
  for (const PartyId member : quorum) add(ByteView(&member, 1));
  return *this;
}

Transcript& Transcript::add_points(std::span<const Point> points) {
  add_number(points.size());
  for (const Bytes& encoded : Point::encode_all(points)) add(ByteView(encoded));
  return *this;
}

Digest Transcript::digest() && {
  Digest out;
  require(hash_ != nullptr && EVP_DigestFinal_ex(hash_.get(), out.bytes.data(), nullptr) == 1);
  hash_.reset();
  return out;
}

Bytes Transcript::expand(std::size_t size) && {
  Bytes out(size);
  std::move(*this).expand_into(out);
  return out;
}

SecretBytes Transcript::expand_secret(std::size_t size) && {
  SecretBytes out(size);
  std::move(*this).expand_into(out.reveal());
  return out;
}

void Transcript::expand_into(MutableByteView out) && {
  // The same context goes on; its state is cleared with it.
  Digest seed;
  require(hash_ != nullptr && EVP_DigestFinal_ex(hash_.get(), seed.bytes.data(), nullptr) == 1);
  expand_digest(out, seed, hash_.get());
  ct::wipe(seed.bytes.data(), seed.bytes.size());
  hash_.reset();
}

Scalar Transcript::scalar(const Curve& curve) && {
  return Scalar::reduce(curve, std::move(*this).expand(curve.wide_size()));
}

SecretScalar Transcript::secret_scalar(const Curve& curve) && {
  const SecretBytes wide = std::move(*this).expand_secret(curve.wide_size());
  return SecretScalar::reduce(curve, wide.reveal());
}

}  // namespace quorate
