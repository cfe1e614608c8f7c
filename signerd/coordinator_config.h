#pragma once

#include "protocol/net/evidence_file.h"
#include "protocol/net/signer_list.h"
#include "provider/key_file.h"
#include "signerd/config.h"

namespace quorate::signerd {

/// coordinatord.json, read and checked, with the files it names. conf/coordinatord.json is a sample.
struct CoordinatorConfig {
  struct Key {
    std::string name;   ///< what the policy calls it
    KeyFile file;
  };
  std::string cluster;
  std::string listen_host;
  std::uint16_t listen_port = 0;
  std::vector<net::ListedSigner> signers;  ///< ascending by id
  std::vector<Key> keys;
  std::size_t max_in_flight = 1024;          ///< requests of all front ends
  std::size_t max_in_flight_each = 256;      ///< ... and of one identity
  std::chrono::milliseconds max_deadline{5'000};
  std::vector<PolicyRule> policy;            ///< roles frontend and admin
  std::optional<std::filesystem::path> audit_file;
  std::shared_ptr<const net::EvidenceFolder> evidence;  ///< opened; nothing if evidence is not to be kept
  std::string log_level = "info";

  net::TlsIdentity tls;                      ///< a coordinator's
};

/// The error names file, key path and what was expected. Also checks that the parts fit: the certificate is a
/// coordinator's of this cluster, every key file is of it, files can be made in the directory for evidence.
Result<CoordinatorConfig, std::string> load_coordinator_config(const std::filesystem::path& path);

}  // namespace quorate::signerd
