#pragma once

#include <filesystem>
#include <optional>

#include "provider/config.h"
#include "provider/key_file.h"
#include "tools/doctor_findings.h"
#include "tools/doctor_openssl_conf.h"

namespace quorate::tools::doctor {

/// What to look at on a TLS server (or an administrator's machine); what is not given is looked for in
/// openssl.cnf.
struct FrontendOptions {
  std::optional<std::filesystem::path> openssl_conf, module, config, key, certificate;
  std::string version;  ///< of this program
};

/// Everything from openssl.cnf to the signers. Starts a child process, then threads: once a process.
Findings examine_frontend(const FrontendOptions& options);

/// openssl.cnf and the options may name different files: that is how a check passes and a server fails.
Findings judge_agreement(const OpensslConf& conf, const FrontendOptions& options);

/// A key file's cluster has to be that of provider.json.
Finding judge_key_cluster(const std::filesystem::path& key_file, const KeyFile& key,
                          const std::filesystem::path& config_file, const provider::Config& config);

/// Where the provider writes its log, it must be able to.
Finding judge_log_directory(const std::filesystem::path& log_file, bool directory_writable);

/// What "unavailable" means, and whether the rest of provider.json goes with it.
Finding judge_unavailable(const std::filesystem::path& config_file, const provider::Config& config);

}  // namespace quorate::tools::doctor
