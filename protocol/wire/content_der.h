#pragma once

#include <optional>

#include "protocol/wire/der.h"

/// The structures of X.509 and its relatives that may be signed, taken apart. Each function wants one
/// strict DER value, complete, with nothing after it. Views point into the input.
namespace quorate::wire {

struct CertificationRequestInfo {
  ByteView spki;  ///< whole element
};
/// RFC 2986 section 4.1.
std::optional<CertificationRequestInfo> parse_certification_request_info(ByteView content);

struct TbsCertificate {
  ByteView algorithm;                        ///< AlgorithmIdentifier, whole element
  std::optional<ByteView> authority_key_id;  ///< keyIdentifier of that extension, if it has one
};
/// RFC 5280 section 4.1.
std::optional<TbsCertificate> parse_tbs_certificate(ByteView content);

struct OcspResponseData {
  std::optional<ByteView> key_hash;  ///< responder by key: 20 bytes
};
/// RFC 6960 section 4.2.1.
std::optional<OcspResponseData> parse_ocsp_response_data(ByteView content);

/// True for RFC 5280's TBSCertList, which no context signs; told apart for the reason only.
bool looks_like_revocation_list(ByteView content);

/// The bits of a SubjectPublicKeyInfo's key, which key identifiers hash; empty if it is malformed.
ByteView public_key_bits(ByteView spki);

}  // namespace quorate::wire
