#pragma once

#include <string>
#include <string_view>

#include "protocol/base/result.h"
#include "protocol/tecdsa/key_share.h"

namespace quorate {

/// What a TLS server has in place of a private key: which key, and which cluster signs with it. Nothing in
/// it is secret.
///
///     QuorateKey ::= SEQUENCE {
///       type        OBJECT IDENTIFIER (2.25.291803348742236892234766157666123145895.1),
///       version     INTEGER (1),
///       publicKey   SubjectPublicKeyInfo,
///       keyId       OCTET STRING (SIZE (32)),   -- SHA-256 of publicKey
///       cluster     UTF8String (SIZE (1..64)) }
///
/// The arc below 2.25 is a UUID that was drawn for this project, db8747dd-5d7c-452e-9a24-d3971e1e62a7, as
/// X.667 provides for those without a registered one; number 1 under it is the key file. The object
/// identifier comes first so that no other decoder takes the file for its own.
struct KeyFile {
  std::uint32_t version = 1;
  const Curve* curve = nullptr;
  KeyId key;
  std::string cluster;
  Bytes spki;  ///< DER SubjectPublicKeyInfo: named curve, uncompressed point
  Point X;
};

inline constexpr std::string_view kKeyFileLabel = "QUORATE KEY";
inline constexpr std::uint32_t kKeyFileVersion = 1;
/// A longer key file is refused unread.
inline constexpr std::size_t kMaxKeyFile = 4096;

/// cluster is a wire::valid_name(); X lies on P-256 or P-384.
KeyFile make_key_file(const Point& X, std::string cluster);

/// Whether the bytes, of which there may be more, begin as a key file does. Version and contents are not
/// looked at.
bool begins_as_key_file(ByteView der);

/// Exactly one key file in strict DER. Input may be hostile. Fails with one line that says what is wrong.
Result<KeyFile, std::string> parse_key_file_der(ByteView der);
/// The one block with our label in a PEM text, which may hold certificates beside it.
Result<KeyFile, std::string> parse_key_file_pem(std::string_view pem);

Bytes encode_key_file_der(const KeyFile& file);
std::string encode_key_file_pem(const KeyFile& file);

}  // namespace quorate
