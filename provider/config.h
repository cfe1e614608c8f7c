#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/net/signer_list.h"
#include "provider/log.h"
#include "provider/patience.h"

namespace quorate::provider {

/// provider.json: where the signers of a cluster are, and with which certificate to talk to them.
///
///     { "cluster": "example",
///       "signers": [ {"id": 1, "address": "192.0.2.1:7401", "identity": "<Ed25519 public key, 64 hex digits>"}, ... ],
///       "tls": {"certificate": "frontend.crt", "key": "frontend.key", "ca": "ca.crt"},
///       "deadline_ms": 200,
///       "io_thread": "lazy",
///       "unavailable": "retry",
///       "back_off_ms": 50,
///       "log": {"file": "/var/log/quorate/provider.log", "level": "warning"},
///       "evidence": "/var/lib/quorate/evidence" }
///
/// Instead of the signers themselves, coordinators in processes of their own:
///
///       "mode": "tier",
///       "coordinators": [ {"name": "c1", "address": "192.0.2.21:7501"}, ... ],
///
/// mode ("direct" unless given), deadline_ms and all below it may be left out, as may each key of log; log lines then
/// go to standard error, and evidence against a signer is not kept. The directory "evidence" has to exist.
/// io_thread "at-fork" gives each forked process its I/O thread at once instead of at the first signature.
/// unavailable says what becomes of handshakes that the cluster cannot sign for (patience.h); back_off_ms is the
/// pause before it is asked again.
struct Config {
  struct Coordinator {
    std::string name;  ///< of its certificate
    std::string host;
    std::uint16_t port = 0;
  };

  std::string cluster;
  bool tier = false;
  std::vector<net::ListedSigner> signers;  ///< direct: ascending by id
  std::vector<Coordinator> coordinators;  ///< tier: in the file's order
  std::filesystem::path certificate, key, ca;
  std::chrono::milliseconds deadline{200};
  bool thread_at_fork = false;
  Unavailable unavailable = Unavailable::Retry;
  std::chrono::milliseconds back_off{50};
  std::optional<std::filesystem::path> log_file;
  std::optional<std::filesystem::path> evidence;
  LogLevel log_level = LogLevel::Warning;
};

/// A configuration and the contents of all files it names, as they were at one moment: nothing has to be
/// opened later, when the server has changed its root or its user.
struct LoadedConfig {
  Config config;
  std::string certificate_pem, key_pem, ca_pem;
  Digest fingerprint;  ///< of everything that was read: equal if nothing has changed
  std::vector<std::string> warnings;

  LoadedConfig() = default;
  LoadedConfig(const LoadedConfig&) = delete;
  LoadedConfig& operator=(const LoadedConfig&) = delete;
  LoadedConfig(LoadedConfig&&) noexcept = default;
  LoadedConfig& operator=(LoadedConfig&&) noexcept = default;
  ~LoadedConfig();  ///< wipes key_pem
};

/// Fails with one line that names the file, the key's path and what was expected there.
Result<Config, std::string> parse_config(std::string name, std::string_view text, std::filesystem::path directory);
Result<LoadedConfig, std::string> load_config(const std::filesystem::path& path);

}  // namespace quorate::provider
