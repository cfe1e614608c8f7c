#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/doctor_findings.h"

namespace quorate::tools::doctor {

/// One line of the providers section and the section it names.
struct ProviderEntry {
  std::string name;
  std::string section;
  bool section_exists = false;
  std::optional<std::string> activate, module, config, load_default;
  /// Ours: the file that OpenSSL would load, and why it or quorate-config cannot be used (empty if they can).
  std::filesystem::path module_file;
  std::string module_unusable, config_unusable;
};

/// What stands in an openssl.cnf about providers.
struct OpensslConf {
  std::filesystem::path file;
  std::string chosen_by;  ///< why this file: "OPENSSL_CONF", "the default of OpenSSL", "--openssl-conf"
  std::string unusable;   ///< cannot be read or does not parse; nothing below counts then
  std::vector<std::string> lost_includes;      ///< .include of files that are not there: OpenSSL says nothing
  std::vector<std::string> relative_includes;  ///< depend on the directory that a server starts in
  std::string openssl_conf, providers;         ///< names of the sections; empty if the key is missing
  bool openssl_section = false, providers_section = false;
  std::vector<ProviderEntry> entries;  ///< in the order in which OpenSSL activates them

  /// The entry that loads our module; nullptr if there is none.
  [[nodiscard]] const ProviderEntry* quorate() const;
};

/// The file that a program started from here would use, unless `given` names another.
OpensslConf read_openssl_conf(const std::optional<std::filesystem::path>& given);

/// Where OpenSSL looks for modules that are named without a directory.
std::filesystem::path modules_directory();

Findings judge_openssl_conf(const OpensslConf& conf);

}  // namespace quorate::tools::doctor
