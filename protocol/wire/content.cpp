#include "protocol/wire/content.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "protocol/wire/content_der.h"

namespace quorate::wire {
namespace {

struct Named {
  Context context;
  std::string_view name;
};
constexpr std::array kNames = {
    Named{Context::Tls13ServerCertificateVerify, "tls13-server-certificate-verify"},
    Named{Context::Tls12ServerKeyExchange, "tls12-server-key-exchange"},
    Named{Context::Pkcs10CertificationRequest, "pkcs10-certification-request"},
    Named{Context::Tls13ClientCertificateVerify, "tls13-client-certificate-verify"},
    Named{Context::Tls12ClientCertificateVerify, "tls12-client-certificate-verify"},
    Named{Context::X509TbsCertificate, "x509-tbs-certificate"},
    Named{Context::OcspResponseData, "ocsp-response-data"},
};

/// RFC 8446 section 4.4.3. The digest at the end is that of the cipher suite: SHA-256 or SHA-384.
bool is_tls13(ByteView content, std::string_view role) {
  static constexpr std::size_t kSpaces = 64, kFixed = kSpaces + 33 + 1;
  if (content.size() != kFixed + 32 && content.size() != kFixed + 48) return false;
  if (!std::ranges::all_of(content.first(kSpaces), [](auto c) { return c == 0x20; })) return false;
  return std::ranges::equal(content.subspan(kSpaces, 33), as_bytes(role)) && content[kFixed - 1] == 0;
}
constexpr std::string_view kTls13Server = "TLS 1.3, server CertificateVerify";
constexpr std::string_view kTls13Client = "TLS 1.3, client CertificateVerify";
static_assert(kTls13Server.size() == 33 && kTls13Client.size() == 33);

/// Tag and definite length in any BER form; how many bytes tag, length and contents take, or 0.
std::size_t ber_size(ByteView in) {
  if (in.size() < 2) return 0;
  if (in[1] < 0x80) return std::size_t{2} + in[1] <= in.size() ? std::size_t{2} + in[1] : 0;
  const std::size_t octets = in[1] & 0x7f;
  if (octets == 0 || octets > 8 || in.size() < 2 + octets) return 0;
  std::size_t length = 0;
  for (std::size_t i = 0; i < octets; ++i) length = length << 8 | in[2 + i];
  return length <= in.size() - 2 - octets ? 2 + octets + length : 0;
}

/// A SEQUENCE of elements that end where the content ends, as a decoder far more lenient than ours
/// would see it. Half of a ServerKeyExchange's bytes are the peer's and the front end's to choose, so
/// whatever could pass for a certificate elsewhere is not signed as a handshake. Honest randoms look like
/// this about once in 2^30 handshakes.
bool passes_for_asn1(ByteView content) {
  if (content.size() < 2 || content[0] != 0x30) return false;
  if (content[1] == 0x80) return content.back() == 0 && content[content.size() - 2] == 0;
  if (ber_size(content) != content.size()) return false;
  const std::size_t header = content[1] < 0x80 ? 2 : std::size_t{2} + (content[1] & 0x7f);
  for (ByteView rest = content.subspan(header); !rest.empty();) {
    const std::size_t size = ber_size(rest);
    if (size == 0) return false;
    rest = rest.subspan(size);
  }
  return true;
}

/// Length of a public value in a named group (RFC 8422 section 5.1.1, RFC 8446 section 4.2.7), or 0.
std::size_t share_size(unsigned group) {
  switch (group) {
    case 23: return 65;   // secp256r1
    case 24: return 97;   // secp384r1
    case 25: return 133;  // secp521r1
    case 29: return 32;   // x25519
    case 30: return 56;   // x448
    default: return 0;
  }
}

/// RFC 8422 section 5.4: client_random, server_random, curve_type named_curve, group, point.
bool is_tls12_server_key_exchange(ByteView content) {
  static constexpr std::size_t kRandoms = 64;
  if (content.size() < kRandoms + 4) return false;
  const ByteView params = content.subspan(kRandoms);
  const unsigned group = static_cast<unsigned>(params[1]) << 8 | params[2];
  const std::size_t size = share_size(group);
  if (params[0] != 3 || size == 0 || params[3] != size || params.size() != 4 + size) return false;
  if (group <= 25 && params[4] != 4) return false;
  return !passes_for_asn1(content);
}

/// RFC 5246 section 7.4.8: all handshake messages from ClientHello up to ClientKeyExchange.
bool is_tls12_transcript(ByteView content) {
  static constexpr std::uint8_t kClientHello = 1, kServerHello = 2, kCertificate = 11, kServerKeyExchange = 12,
                                kCertificateRequest = 13, kServerHelloDone = 14, kClientKeyExchange = 16,
                                kCertificateStatus = 22;
  struct Step {
    std::uint8_t type;
    bool optional;
    std::size_t smallest;
  };
  static constexpr std::array kOrder = {
      Step{kClientHello, false, 41},       Step{kServerHello, false, 38},
      Step{kCertificate, false, 3},        Step{kCertificateStatus, true, 4},
      Step{kServerKeyExchange, true, 4},   Step{kCertificateRequest, false, 6},
      Step{kServerHelloDone, false, 0},    Step{kCertificate, false, 3},
      Step{kClientKeyExchange, false, 1},
  };
  for (const Step& step : kOrder) {
    if (content.size() < 4 || content[0] != step.type) {
      if (step.optional) continue;
      return false;
    }
    const std::size_t length = std::size_t{content[1]} << 16 | std::size_t{content[2]} << 8 | content[3];
    if (length < step.smallest || length > content.size() - 4) return false;
    const ByteView body = content.subspan(4, length);
    const bool hello = step.type == kClientHello || step.type == kServerHello;
    if (hello && (body[0] != 3 || body[1] != 3)) return false;
    if (step.type == kServerHelloDone && length != 0) return false;
    content = content.subspan(4 + length);
  }
  return content.empty();
}

bool has_form(Context context, ByteView content) {
  switch (context) {
    case Context::Tls13ServerCertificateVerify: return is_tls13(content, kTls13Server);
    case Context::Tls13ClientCertificateVerify: return is_tls13(content, kTls13Client);
    case Context::Tls12ServerKeyExchange: return is_tls12_server_key_exchange(content);
    case Context::Tls12ClientCertificateVerify: return is_tls12_transcript(content);
    case Context::Pkcs10CertificationRequest: return parse_certification_request_info(content).has_value();
    case Context::X509TbsCertificate: return parse_tbs_certificate(content).has_value();
    case Context::OcspResponseData: return parse_ocsp_response_data(content).has_value();
  }
  return false;
}

/// RFC 6962 section 3.2: version 0, signature_type 0, a timestamp, entry type 0 or 1, ...
bool looks_like_sct(ByteView content) {
  return content.size() > 12 && content[0] == 0 && content[1] <= 1 && content[2] == 0 && content[3] <= 3 &&
         content[10] == 0 && content[11] <= 1;
}

/// SHA-1 of the key's bits: RFC 5280 section 4.2.1.2 (1) and OCSP's KeyHash.
bool is_key_hash(ByteView hash, ByteView spki) {
  const ByteView bits = public_key_bits(spki);
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (bits.empty() || EVP_Digest(bits.data(), bits.size(), out.data(), &size, EVP_sha1(), nullptr) != 1)
    return false;
  return std::ranges::equal(hash, ByteView(out).first(size));
}

/// AlgorithmIdentifier ecdsa-with-SHA256, -SHA384 or -SHA512 (RFC 5758 section 3.2): no parameters.
bool is_ecdsa_with(ByteView algorithm, DigestAlgorithm digest) {
  const std::array<std::uint8_t, 12> expected{
      0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03,
      static_cast<std::uint8_t>(1 + static_cast<unsigned>(digest))};
  return std::ranges::equal(algorithm, expected);
}

}  // namespace

std::string_view name(Context context) {
  for (const auto& entry : kNames)
    if (entry.context == context) return entry.name;
  return "?";
}

std::optional<Context> context_from(std::string_view text) {
  for (const auto& entry : kNames)
    if (entry.name == text) return entry.context;
  return std::nullopt;
}

std::optional<Context> context_from(std::uint8_t wire) {
  if (wire < 1 || wire > kNames.size()) return std::nullopt;
  return static_cast<Context>(wire);
}

std::string_view name(DigestAlgorithm digest) {
  switch (digest) {
    case DigestAlgorithm::Sha256: return "SHA256";
    case DigestAlgorithm::Sha384: return "SHA384";
    case DigestAlgorithm::Sha512: return "SHA512";
  }
  return "?";
}

std::optional<DigestAlgorithm> digest_from(std::uint8_t wire) {
  if (wire < 1 || wire > 3) return std::nullopt;
  return static_cast<DigestAlgorithm>(wire);
}

std::optional<Context> recognise(ByteView content) {
  if (content.empty() || content.size() > kMaxContent) return std::nullopt;
  std::optional<Context> found;
  for (const auto& entry : kNames) {
    if (!has_form(entry.context, content)) continue;
    if (found) return std::nullopt;
    found = entry.context;
  }
  return found;
}

std::string why_unrecognised(ByteView content) {
  const std::string size = std::to_string(content.size());
  if (content.empty()) return "there is nothing to sign";
  if (content.size() > kMaxContent) return size + " bytes are more than the 65536 that can be signed";
  for (std::size_t digest : {20u, 28u, 32u, 48u, 64u})
    if (content.size() == digest)
      return size + " bytes look like a bare digest; signers hash the content themselves and want all of it";
  if (looks_like_sct(content)) return "this looks like a certificate-transparency timestamp (SCT), which is never signed";
  if (looks_like_revocation_list(content)) return "this looks like a certificate revocation list, which is never signed";
  return size + " bytes of a form that is neither a TLS handshake nor a certificate request nor anything else "
         "signers accept";
}

Result<void, std::string> check_content(Context context, ByteView content, DigestAlgorithm digest,
                                        const Curve& curve, ByteView spki) {
  if (!digest_from(static_cast<std::uint8_t>(digest))) return fail(std::string("unknown digest algorithm"));
  const auto found = recognise(content);
  if (!found) return fail(why_unrecognised(content));
  if (*found != context)
    return fail("asked for " + std::string(name(context)) + ", but the content is " + std::string(name(*found)));

  switch (context) {
    case Context::Tls13ServerCertificateVerify:
    case Context::Tls13ClientCertificateVerify:
      if (name(digest) != curve.digest_name())
        return fail("TLS 1.3 signs with " + std::string(curve.digest_name()) + " on " + std::string(curve.name()) +
                    ", not with " + std::string(name(digest)));
      return {};
    case Context::Tls12ServerKeyExchange:
    case Context::Tls12ClientCertificateVerify: return {};
    case Context::Pkcs10CertificationRequest:
      if (!std::ranges::equal(parse_certification_request_info(content)->spki, spki))
        return fail(std::string("the certificate request is for another public key"));
      return {};
    case Context::X509TbsCertificate: {
      const auto tbs = parse_tbs_certificate(content);
      if (!is_ecdsa_with(tbs->algorithm, digest))
        return fail("the certificate's algorithm is not ECDSA with " + std::string(name(digest)));
      if (tbs->authority_key_id && !is_key_hash(*tbs->authority_key_id, spki))
        return fail(std::string("the certificate names another issuer key"));
      return {};
    }
    case Context::OcspResponseData:
      if (const auto data = parse_ocsp_response_data(content); data->key_hash && !is_key_hash(*data->key_hash, spki))
        return fail(std::string("the OCSP response names another responder key"));
      return {};
  }
  return fail(std::string("unknown context"));
}

}  // namespace quorate::wire
