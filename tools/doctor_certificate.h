#pragma once

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>

#include "protocol/net/tls.h"
#include "tools/doctor_findings.h"

namespace quorate::tools::doctor {

/// Sooner than that, and somebody should renew it now.
inline constexpr std::int64_t kRenewAhead = 14 * 24 * 3600;

/// Seconds since 1970.
struct Validity {
  std::int64_t not_before = 0, not_after = 0;
};

/// Expired, not yet valid, or soon to expire. `renewal` is the advice.
Finding judge_validity(std::string check, const std::string& subject, const Validity& validity,
                       std::int64_t now, const std::string& renewal);

/// What is in the certificate files of one end of the cluster's own links.
struct LinkCertificate {
  std::filesystem::path file, key_file, ca_file;
  std::string flaw, key_flaw, ca_flaw;  ///< cannot be read or parsed; empty if they can
  Validity validity, ca_validity;
  std::optional<net::PeerIdentity> identity;  ///< what the SAN says
  std::string identity_flaw;
  bool key_fits = false;
  std::string chain_flaw;      ///< dates aside; empty if it leads to a CA in ca_file
  bool ca_key_beside = false;  ///< the CA's private key lies on this host
};
LinkCertificate read_link_certificate(const std::filesystem::path& file,
                                      const std::filesystem::path& key_file,
                                      const std::filesystem::path& ca_file);

/// `cluster` is where it has to belong to. `signer`: it has to be this signer's; nobody: anybody's but a
/// signer's.
Findings judge_link_certificate(const LinkCertificate& facts, const std::string& cluster, PartyId signer,
                                std::int64_t now);

/// The TLS server's public certificate, and the key file that is to sign for it.
struct ServerCertificate {
  std::filesystem::path file, key_file;
  std::string flaw;
  Validity validity;
  bool has_key = false;  ///< a readable key file was given
  bool key_fits = false;
};
/// `spki`: of the key file, DER; empty if there is none.
ServerCertificate read_server_certificate(const std::filesystem::path& file,
                                          const std::filesystem::path& key_file, ByteView spki);
Findings judge_server_certificate(const ServerCertificate& facts, std::int64_t now);

/// What the kernel knows about its clock.
struct ClockFacts {
  bool known = false;
  bool synchronised = false;
};
ClockFacts read_clock();
Finding judge_clock(const ClockFacts& facts, std::int64_t now);

}  // namespace quorate::tools::doctor
