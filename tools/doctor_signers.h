#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "protocol/net/sign_client.h"
#include "protocol/net/tls.h"
#include "protocol/wire/online.h"
#include "tools/doctor_certificate.h"
#include "tools/doctor_findings.h"

namespace quorate::tools::doctor {

/// One signer as it looks from here.
struct SignerFacts {
  PartyId id = kNobody;
  std::string address;  ///< "10.0.0.1:7400", as configured
  bool resolves = false;
  bool up = false;                          ///< TLS and hello were accepted by both sides
  std::string reason;                       ///< why the last attempt failed
  std::chrono::microseconds answered_in{};  ///< the status reply
  std::optional<wire::StatusReply> status;
  std::optional<Validity> certificate;  ///< of its TLS certificate, where it could be seen
};

struct SignersQuestion {
  std::string cluster;
  net::TlsIdentity tls;
  std::vector<net::SignerEndpoint> signers;
  std::chrono::milliseconds patience{4000};
};

/// Links to all signers at once, asks each for its status, and looks at its certificate. Takes as long as the
/// slowest of them, `patience` at most for the links.
std::vector<SignerFacts> ask_signers(const SignersQuestion& question);

/// The dates of the certificate that whoever listens there shows in TLS. Nothing, and the reason, if there is
/// no handshake in time.
std::optional<Validity> peer_validity(const std::string& host, std::uint16_t port,
                                      const net::TlsIdentity& tls, std::string& reason);

/// What to do about a link that does not come up, from the reason the link gave.
std::string link_advice(const std::string& reason);

Findings judge_signers(const std::vector<SignerFacts>& signers, std::int64_t now);

/// Whether the signers can sign with this key: who knows it, whether enough are up, and how full the pools
/// are. `key`: nothing for every key that a signer lists.
Findings judge_key_service(const std::vector<SignerFacts>& signers, const std::optional<KeyId>& key,
                           const std::string& key_name);

}  // namespace quorate::tools::doctor
