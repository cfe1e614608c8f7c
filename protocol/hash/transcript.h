#pragma once

#include <openssl/evp.h>

#include <memory>

#include "protocol/base/ids.h"
#include "protocol/base/secret.h"
#include "protocol/group/point.h"
#include "protocol/hash/labels.h"

namespace quorate {

/// What a hash is bound to beside its fields. Unused members stay 0; they are hashed all the same.
/// sid already binds version, key and epoch wherever a session has those; they are bound again.
struct Binding {
  CurveId curve = CurveId::P256;
  KeyId key{};
  EpochId epoch{};
  SessionId sid{};
  PartyId from = kNobody;
  PartyId to = kNobody;
  std::uint32_t instance = 0;

  [[nodiscard]] Binding towards(PartyId sender, PartyId receiver) const {
    Binding b = *this;
    b.from = sender;
    b.to = receiver;
    return b;
  }
  [[nodiscard]] Binding at(std::uint32_t index) const {
    Binding b = *this;
    b.instance = index;
    return b;
  }
};

/// SHA-256 over an unambiguous encoding (SPEC 0.3): the label's text as a field; protocol version (1
/// byte), curve (1), key (32), epoch (32), sid (32), from (1), to (1), instance (4, big-endian); then what is
/// added. A field is an 8-byte big-endian length and its bytes; a list adds its count first. The time
/// depends on lengths only. Finishing twice ends the process.
class Transcript {
 public:
  Transcript(Label label, const Binding& binding);
  Transcript(Transcript&&) noexcept = default;

  Transcript& add(ByteView bytes);
  Transcript& add(std::string_view text) { return add(as_bytes(text)); }
  /// A field of 8 bytes, big-endian.
  Transcript& add_number(std::uint64_t number);
  Transcript& add(const Point& point);
  Transcript& add(const Scalar& scalar);
  /// Hashes a secret: the digest is then secret too.
  Transcript& add_secret(const SecretScalar& scalar);
  template <class Tag>
  Transcript& add(const Id<Tag>& id) {
    return add(id.view());
  }
  /// Count, then each member as a field of 1 byte.
  Transcript& add_quorum(const Quorum& quorum);
  /// Bytes and Quorum are one type, which says nothing of how it is to be hashed: add(ByteView(bytes)) or add_quorum().
  Transcript& add(const Bytes&) = delete;
  /// Count, then each encoded point as a field. All on one curve.
  Transcript& add_points(std::span<const Point> points);

  [[nodiscard]] Digest digest() &&;
  /// Any number of bytes: block i = 0, 1, ... is SHA-256(1, digest, i), both numbers as 4 bytes
  /// big-endian (SPEC 0.3).
  [[nodiscard]] Bytes expand(std::size_t size) &&;
  [[nodiscard]] SecretBytes expand_secret(std::size_t size) &&;
  /// wide_size() expanded bytes, reduced mod n.
  [[nodiscard]] Scalar scalar(const Curve& curve) &&;
  [[nodiscard]] SecretScalar secret_scalar(const Curve& curve) &&;

 private:
  void expand_into(MutableByteView out) &&;
  void absorb(const void* data, std::size_t size);
  struct Free {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> hash_;
};

/// What a transcript begins with, before anything is added: as long for every binding.
Bytes transcript_head(Label label, const Binding& binding);

/// What Transcript::expand() makes of the digest that the transcript ends with. Public.
Bytes expand(const Digest& digest, std::size_t size);

}  // namespace quorate
