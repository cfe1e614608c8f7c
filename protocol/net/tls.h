#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/wire/online.h"

namespace quorate::net {

/// Something about a certificate, a key or a file that a person has to repair; one line that names it.
struct TlsError {
  std::string detail;
};

/// Who a certificate says its holder is: URI SAN quorate:<cluster>/signer/<id>, /frontend/<name>,
/// /coordinator/<name> or /admin/<name>.
struct PeerIdentity {
  wire::Role role = wire::Role::Frontend;
  PartyId signer = kNobody;  ///< role Signer only
  std::string name;          ///< other roles: a wire::valid_name()
  std::string cluster;       ///< a wire::valid_name()

  bool operator==(const PeerIdentity&) const = default;
  /// The URI again.
  [[nodiscard]] std::string uri() const;
  /// "signer 2" or "frontend web-1", for logs.
  [[nodiscard]] std::string str() const;
};

/// Inverse of PeerIdentity::uri(). The whole text has to fit; a signer id is 1..16 without leading zeros.
Result<PeerIdentity, TlsError> parse_identity_uri(std::string_view uri);

/// The one quorate: URI among a certificate's subject alternative names. None, two, or one that does not
/// parse is an error. Other SANs (DNS names, foreign URIs) are ignored.
Result<PeerIdentity, TlsError> identity_of(X509* certificate);

/// Our certificate chain and private key and the CAs that we trust for peers, with OpenSSL contexts
/// made of them. Copies share the contexts. Everything is read when this is built, so that it goes on
/// working after chroot and setuid.
///
/// The contexts live in an OSSL_LIB_CTX of their own with nothing but the default provider: TLS inside
/// a server that has a signing provider loaded never comes back to that provider.
/// TLS 1.3 only, both sides show certificates, no tickets, no resumption. Host names are not looked at:
/// a peer is who its SAN says it is.
class TlsIdentity {
 public:
  /// Built from nothing: every use fails. Lets configurations be filled in later.
  TlsIdentity() = default;

  static Result<TlsIdentity, TlsError> from_files(const std::string& certificate, const std::string& key,
                                                  const std::string& trusted_ca);
  /// PEM texts. The key is wiped from what this object keeps except inside OpenSSL.
  static Result<TlsIdentity, TlsError> from_pem(std::string_view certificate, std::string_view key,
                                                std::string_view trusted_ca);

  [[nodiscard]] bool valid() const { return state_ != nullptr; }
  /// Who our own certificate says we are.
  [[nodiscard]] const PeerIdentity& self() const;
  /// Seconds since 1970 when our certificate ends.
  [[nodiscard]] std::int64_t not_after() const;

  [[nodiscard]] SSL_CTX* client() const;
  [[nodiscard]] SSL_CTX* server() const;

 private:
  struct State;
  struct Names;
  static Result<TlsIdentity, TlsError> build(std::string_view certificate, std::string_view key,
                                             std::string_view trusted_ca, const Names& names);
  std::shared_ptr<const State> state_;
};

}  // namespace quorate::net
