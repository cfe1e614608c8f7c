#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tools/doctor_findings.h"

namespace quorate::tools::doctor {

/// What a process of its own saw when it did with the module what a server does.
struct ModuleFacts {
  std::filesystem::path subject;  ///< the openssl.cnf or the module that was tried
  bool through_conf = false;      ///< loaded by an openssl.cnf, not by its file name
  bool timed_out = false;
  int signal = 0;         ///< ended the process; 0 if none did
  bool reported = false;  ///< it came to its end; nothing below counts otherwise
  bool loaded = false;
  std::string errors;  ///< OpenSSL's, when it was not loaded
  std::string version;
  std::string ec_owner;        ///< name of the provider that a fetch of "EC" comes to; empty if none
  bool makes_ec_keys = false;  ///< P-256 key generation works, as ECDHE needs it
  bool has_ciphers = false;
  std::filesystem::path key;  ///< the key file that was loaded through it; empty if none was given
  bool key_loaded = false;
  std::string key_owner, key_errors;
  std::string log;  ///< what the module wrote to standard error
};

/// Loads the configuration (or, with none, the module) and the key file in a child process, in a library
/// context of its own: what the module does there, crashing included, stays there. Call it before any thread
/// is started. `provider` is the name under which the configuration activates the module.
ModuleFacts probe_module(const std::optional<std::filesystem::path>& openssl_conf,
                         const std::string& provider, const std::filesystem::path& module,
                         const std::optional<std::filesystem::path>& key);

/// `version` is this program's own.
Findings judge_module(const ModuleFacts& facts, const std::string& provider, const std::string& version);

}  // namespace quorate::tools::doctor
