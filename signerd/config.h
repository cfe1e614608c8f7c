#pragma once

#include <filesystem>

#include "protocol/net/group_file.h"
#include "protocol/net/strict_json.h"
#include "protocol/net/tls.h"
#include "signerd/policy.h"
#include "signerd/sealed_box.h"

namespace quorate::signerd {

/// signerd.json, read and checked, with the files it names. conf/signerd.json is a commented sample.
struct Config {
  std::string cluster;
  PartyId id = kNobody;
  std::string listen_host;
  std::uint16_t listen_port = 0;
  std::filesystem::path state_directory;
  std::optional<std::filesystem::path> audit_file;
  std::string log_level = "info";
  bool lock_memory = true;
  PoolLimits pool;
  std::uint32_t presign_batch = 64;
  std::size_t presign_threads = 1;
  std::size_t presign_parallel = 2;        ///< batches in flight that this signer leads
  std::chrono::milliseconds presign_timeout{15'000};
  double presign_max_cpu = 1;              ///< share of a core that each thread takes
  double presign_max_mbit = 0;             ///< million bits a second that presigning sends; 0: no limit
  std::vector<PolicyRule> policy;

  net::GroupFile group;
  net::TlsIdentity tls;
  std::optional<IdentityKey> identity;
  StateKey state_key;
  std::optional<StateKey> former_state_key;  ///< shares that still need it are sealed anew at the start
};

/// Reads everything; the error names file, key path and what was expected. Also checks that the parts fit:
/// the certificate is this signer's, the identity key is the one in the group description.
Result<Config, std::string> load_config(const std::filesystem::path& path);

/// The array "policy" of signerd.json or coordinatord.json; without one Policy::defaults().
std::vector<PolicyRule> read_policy(const net::StrictObject& root);

/// A file that holds 32 secret bytes in hexadecimal; must not be readable by others.
Result<Secret<std::array<std::uint8_t, 32>>, std::string> load_key_file(const std::filesystem::path& path);
/// Writes such a file (mode 0600); refuses to overwrite.
Result<void, std::string> write_key_file(const std::filesystem::path& path,
                                         const Secret<std::array<std::uint8_t, 32>>& key);

}  // namespace quorate::signerd
