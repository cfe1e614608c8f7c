#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "tools/doctor_certificate.h"
#include "tools/doctor_files.h"
#include "tools/doctor_findings.h"

namespace quorate::tools::doctor {

/// One other signer, seen from this one's host.
struct PeerFacts {
  PartyId id = kNobody;
  std::string address;
  std::optional<Validity> certificate;  ///< TLS was accepted
  std::string reason;                   ///< otherwise
};

/// What is on a signer's host.
struct SignerdFacts {
  std::filesystem::path file;
  std::string flaw;  ///< signerd would not start; nothing but the files below counts then
  std::string cluster;
  PartyId id = kNobody;
  std::string listen;
  bool listens_where_group_says = false;
  std::string group_address;
  bool lock_memory = true;
  std::optional<FileFacts> identity_key, state_key, tls_key;  ///< where signerd.json could be read far enough
  std::optional<FileFacts> state;
  std::optional<LinkCertificate> certificate;
  std::string audit_directory_flaw;   ///< empty: writable, or none is configured
  std::string shares_flaw;            ///< a share does not open
  std::optional<std::size_t> shares;  ///< how many open with this state key; nothing if they were not tried
  std::vector<PeerFacts> peers;
};

/// Reads signerd.json as signerd -t does, opens every share, and tries TLS with the other signers. Changes
/// nothing.
SignerdFacts read_signerd(const std::filesystem::path& file);

Findings judge_signerd(const SignerdFacts& facts, std::int64_t now);

}  // namespace quorate::tools::doctor
