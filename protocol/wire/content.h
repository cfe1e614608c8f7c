#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/group/curve.h"
#include "protocol/wire/online.h"

/// What the bytes are that somebody wants signed. Signers decide by this alone whether a request is what
/// it claims to be, so that a front end that may sign handshakes gets nothing else out of its key. The
/// provider uses the same code to find out what a server wants.
///
/// Content is public: nothing here is constant-time. One content has one context at most.
namespace quorate::wire {

/// "tls13-server-certificate-verify", ...: as in configuration files, logs and metrics.
std::string_view name(Context context);
std::optional<Context> context_from(std::string_view name);
std::optional<Context> context_from(std::uint8_t wire);
std::string_view name(DigestAlgorithm digest);  ///< "SHA256", ...: OpenSSL takes these
std::optional<DigestAlgorithm> digest_from(std::uint8_t wire);

/// The only context whose form the whole content has; nothing if it has none, or more than one.
std::optional<Context> recognise(ByteView content);

/// What an unrecognised content looks like and what to do about it; one line.
std::string why_unrecognised(ByteView content);

/// in    content as it will be hashed; curve and DER SubjectPublicKeyInfo of the key that is to sign
/// fails with a reason for logs if content does not have exactly the form of `context`, if the digest is
///       not one that this context allows with this curve, or if it speaks for another key:
///       - TLS 1.3: 64 spaces, context string, 0, 32 or 48 bytes; the curve's own digest
///       - TLS 1.2 server: two randoms and ECDHE parameters of a named group with a point of its length
///       - TLS 1.2 client: the handshake messages from ClientHello to ClientKeyExchange
///       - PKCS#10: CertificationRequestInfo in strict DER whose public key is spki
///       - X.509: TBSCertificate in strict DER whose algorithm is ECDSA with `digest`; an authority key
///         identifier, if there is one, names spki
///       - OCSP: ResponseData in strict DER; a responder given by key hash is spki
Result<void, std::string> check_content(Context context, ByteView content, DigestAlgorithm digest,
                                        const Curve& curve, ByteView spki);

}  // namespace quorate::wire
