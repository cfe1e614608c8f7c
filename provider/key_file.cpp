#include "provider/key_file.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "protocol/wire/codec.h"
#include "protocol/wire/content_der.h"
#include "protocol/wire/der.h"

namespace quorate {
namespace {

/// 2.25.291803348742236892234766157666123145895.1
constexpr std::array<std::uint8_t, 21> kType = {0x69, 0x83, 0xb7, 0x87, 0xa3, 0xf7, 0xab, 0xd7, 0xe2, 0x94, 0xdd,
                                                0x9a, 0x92, 0xb4, 0xf2, 0xf1, 0xf0, 0xf9, 0xc5, 0x27, 0x01};

constexpr std::size_t kMaxPem = 1 << 20;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

/// A PEM block as OpenSSL hands it out.
struct Block {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;

  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
};

/// Puts the thread's error queue back to where it was.
struct ErrorMark {
  ErrorMark() { ERR_set_mark(); }
  ErrorMark(const ErrorMark&) = delete;
  ErrorMark& operator=(const ErrorMark&) = delete;
  ~ErrorMark() { ERR_pop_to_mark(); }
};

Failure<std::string> malformed(std::string_view what) {
  return fail("malformed key file: " + std::string(what));
}

/// The point of a SubjectPublicKeyInfo in exactly the form that spki_der() writes.
std::optional<Point> point_of(ByteView spki) {
  const ByteView bits = wire::public_key_bits(spki);
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    if (bits.size() != curve->point_size()) continue;
    auto point = Point::decode(*curve, bits);
    if (point && std::ranges::equal(spki_der(*point), spki)) return point;
  }
  return std::nullopt;
}

}  // namespace

KeyFile make_key_file(const Point& X, std::string cluster) {
  return {kKeyFileVersion, &X.curve(), key_id_of(X), std::move(cluster), spki_der(X), X};
}

bool begins_as_key_file(ByteView in) {
  // Any form of the outer length: a key file that is cut off still counts as one, and as a broken one.
  if (in.size() < 2 || in[0] != der::kSequence) return false;
  const std::size_t header = in[1] < 0x80 ? 2 : std::size_t{2} + (in[1] & 0x7f);
  if (in.size() < header + 2 + kType.size()) return false;
  const ByteView type = in.subspan(header);
  return type[0] == der::kOid && type[1] == kType.size() && std::ranges::equal(type.subspan(2, kType.size()), kType);
}

Result<KeyFile, std::string> parse_key_file_der(ByteView in) {
  const ErrorMark mark;
  if (!begins_as_key_file(in)) return fail(std::string("not a quorate key file"));
  if (in.size() > kMaxKeyFile) return malformed("longer than " + std::to_string(kMaxKeyFile) + " bytes");
  const auto outer = der::only(in, der::kSequence);
  if (!outer) return malformed("cut off, or something follows it");
  der::Reader fields(outer->value);
  (void)fields.next(der::kOid);
  const auto version_field = fields.next(der::kInteger);
  if (!version_field) return malformed("no version");
  const auto version = der::small_integer(version_field->value);
  if (!version || *version != kKeyFileVersion)
    return fail("key file version " + (version ? std::to_string(*version) : "0x" + to_hex(version_field->value)) +
                " is unknown; this release reads version " + std::to_string(kKeyFileVersion));

  const auto spki = fields.next(der::kSequence);
  const auto key = fields.next(der::kOctetString);
  const auto cluster = fields.next(der::kUtf8String);
  if (!spki || !key || !cluster || !fields.empty() || !der::valid(in)) return malformed("fields missing or left over");
  auto X = point_of(spki->whole);
  if (!X) return malformed("the public key is no point of P-256 or P-384 in uncompressed form");
  const auto id = KeyId::from(key->value);
  if (!id || *id != key_id_of(*X)) return malformed("the key id is not that of the public key");
  if (!wire::valid_name(as_text(cluster->value)))
    return malformed("the cluster name is not 1 to 64 of A-Z a-z 0-9 . _ -");
  return make_key_file(*X, std::string(as_text(cluster->value)));
}

Result<KeyFile, std::string> parse_key_file_pem(std::string_view pem) {
  const ErrorMark mark;
  if (pem.size() > kMaxPem) return fail(std::string("longer than 1 MiB"));
  const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (in == nullptr) return fail(std::string("out of memory"));
  std::optional<Result<KeyFile, std::string>> found;
  for (;;) {
    Block block;
    if (PEM_read_bio(in.get(), &block.name, &block.header, &block.data, &block.size) != 1) {
      const auto error = ERR_peek_last_error();
      if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) break;
      return fail(std::string("malformed PEM"));
    }
    if (block.name != kKeyFileLabel) continue;
    if (found) return fail("more than one block of " + std::string(kKeyFileLabel));
    if (*block.header != '\0') return malformed("PEM headers are not allowed");
    found = parse_key_file_der({block.data, static_cast<std::size_t>(block.size)});
  }
  if (!found) return fail("no block of " + std::string(kKeyFileLabel));
  return std::move(*found);
}

Bytes encode_key_file_der(const KeyFile& file) {
  const std::uint8_t version = static_cast<std::uint8_t>(file.version);
  return der::encode(der::kSequence,
                     {der::encode(der::kOid, kType), der::encode_unsigned({&version, 1}), file.spki,
                      der::encode(der::kOctetString, file.key.view()),
                      der::encode(der::kUtf8String, as_bytes(file.cluster))});
}

std::string encode_key_file_pem(const KeyFile& file) {
  const std::string body = to_base64(encode_key_file_der(file));
  const std::string label(kKeyFileLabel);
  std::string out = "-----BEGIN " + label + "-----\n";
  for (std::size_t i = 0; i < body.size(); i += 64) out += body.substr(i, 64) + "\n";
  return out + "-----END " + label + "-----\n";
}

}  // namespace quorate
