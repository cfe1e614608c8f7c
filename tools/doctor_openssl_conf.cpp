#include "tools/doctor_openssl_conf.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "tools/doctor_files.h"

namespace quorate::tools::doctor {

namespace {

namespace fs = std::filesystem;

struct FreeConf {
  void operator()(CONF* conf) const { NCONF_free(conf); }
};
using Conf = std::unique_ptr<CONF, FreeConf>;

std::string error_text() {
  std::string out;
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const char* reason = ERR_reason_error_string(code);
    if (!out.empty()) out += "; ";
    out += reason == nullptr ? "error " + std::to_string(code) : reason;
    if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0')
      out += std::string(" (") + data + ")";
  }
  return out.empty() ? "OpenSSL gives no reason" : out;
}

/// OpenSSL takes "1.activate" for "activate", so that a key can stand in a section twice.
std::string after_dot(const char* name) {
  const std::string text = name;
  const auto dot = text.find('.');
  return dot == std::string::npos ? text : text.substr(dot + 1);
}

std::string value_of(const CONF* conf, const char* section, const char* name) {
  ERR_set_mark();
  const char* value = NCONF_get_string(conf, section, name);
  ERR_pop_to_mark();
  return value == nullptr ? "" : value;
}

/// A quick look at the text: NCONF follows includes and drops those it does not find.
void find_includes(OpensslConf& out, const fs::path& file, int depth) {
  constexpr int kMaxDepth = 8;
  if (depth > kMaxDepth) return;
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    const auto from = line.find_first_not_of(" \t");
    if (from == std::string::npos || line.compare(from, 8, ".include") != 0) continue;
    auto begin = line.find_first_not_of(" \t=", from + 8);
    if (begin == std::string::npos || line[begin] == '$') continue;
    std::string name = line.substr(begin, line.find('#', begin) - begin);
    name.erase(name.find_last_not_of(" \t\r\"'") + 1);
    name.erase(0, name.find_first_not_of("\"'"));
    if (name.find('$') != std::string::npos) continue;
    fs::path included = name;
    const char* directory = std::getenv("OPENSSL_CONF_INCLUDE");
    if (included.is_relative() && directory != nullptr) included = fs::path(directory) / included;
    if (included.is_relative()) out.relative_includes.push_back(name);
    std::error_code error;
    if (!fs::exists(included, error)) {
      out.lost_includes.push_back(included.string());
    } else if (fs::is_regular_file(included, error)) {
      find_includes(out, included, depth + 1);
    }
  }
}

ProviderEntry read_entry(const CONF* conf, const CONF_VALUE& line) {
  ProviderEntry entry;
  entry.name = after_dot(line.name);
  entry.section = line.value == nullptr ? "" : line.value;
  ERR_set_mark();
  const STACK_OF(CONF_VALUE)* section = NCONF_get_section(conf, entry.section.c_str());
  ERR_pop_to_mark();
  entry.section_exists = section != nullptr;
  for (int i = 0; section != nullptr && i < sk_CONF_VALUE_num(section); ++i) {
    const CONF_VALUE* item = sk_CONF_VALUE_value(section, i);
    const std::string name = after_dot(item->name), value = item->value == nullptr ? "" : item->value;
    if (name == "identity") entry.name = value;
    if (name == "activate") entry.activate = value;
    if (name == "module") entry.module = value;
    if (name == "quorate-config") entry.config = value;
    if (name == "quorate-load-default") entry.load_default = value;
  }
  return entry;
}

bool is_ours(const ProviderEntry& entry) {
  return entry.name == "quorate" || entry.config ||
         (entry.module && fs::path(*entry.module).stem() == "quorate");
}

void look_up_files(ProviderEntry& entry) {
  entry.module_file =
      modules_directory() / (entry.module ? fs::path(*entry.module) : fs::path(entry.name + ".so"));
  entry.module_unusable = look_at(entry.module_file).unusable;
  if (entry.config) entry.config_unusable = look_at(*entry.config).unusable;
}

}  // namespace

const ProviderEntry* OpensslConf::quorate() const {
  const auto found = std::ranges::find_if(entries, is_ours);
  return found == entries.end() ? nullptr : &*found;
}

fs::path modules_directory() {
  if (const char* set = std::getenv("OPENSSL_MODULES"); set != nullptr) return set;
  const char* built_in = OPENSSL_info(OPENSSL_INFO_MODULES_DIR);
  return built_in == nullptr ? "" : built_in;
}

OpensslConf read_openssl_conf(const std::optional<fs::path>& given) {
  OpensslConf out;
  if (given) {
    out.file = *given;
    out.chosen_by = "--openssl-conf";
  } else {
    const char* set = std::getenv("OPENSSL_CONF");
    out.chosen_by = set != nullptr ? "OPENSSL_CONF in the environment" : "the default of OpenSSL";
    char* name = CONF_get1_default_config_file();
    if (name != nullptr) out.file = name;
    OPENSSL_free(name);
  }
  if (out.unusable = look_at(out.file).unusable; !out.unusable.empty()) return out;
  const Conf conf(NCONF_new(nullptr));
  long line = 0;
  ERR_clear_error();
  if (conf == nullptr || NCONF_load(conf.get(), out.file.c_str(), &line) != 1) {
    out.unusable = "does not parse, line " + std::to_string(line) + ": " + error_text();
    return out;
  }
  find_includes(out, out.file, 0);
  const auto section = [&](const std::string& name) -> const STACK_OF(CONF_VALUE) * {
    ERR_set_mark();
    const auto* found = name.empty() ? nullptr : NCONF_get_section(conf.get(), name.c_str());
    ERR_pop_to_mark();
    return found;
  };
  out.openssl_conf = value_of(conf.get(), nullptr, "openssl_conf");
  out.openssl_section = section(out.openssl_conf) != nullptr;
  if (out.openssl_section) out.providers = value_of(conf.get(), out.openssl_conf.c_str(), "providers");
  const auto* providers = section(out.providers);
  out.providers_section = providers != nullptr;
  for (int i = 0; providers != nullptr && i < sk_CONF_VALUE_num(providers); ++i) {
    auto entry = read_entry(conf.get(), *sk_CONF_VALUE_value(providers, i));
    if (is_ours(entry)) look_up_files(entry);
    out.entries.push_back(std::move(entry));
  }
  ERR_clear_error();
  return out;
}

namespace {

const std::string kIncludeAdvice =
    "add '.include /etc/quorate/openssl-quorate.cnf' as its last line, or start the server with "
    "OPENSSL_CONF=/etc/quorate/openssl-quorate.cnf (see quorate-provider(7))";

bool is_yes(const std::optional<std::string>& value) {
  static constexpr std::array kYes = {"1", "yes", "YES", "true", "TRUE", "on", "ON"};
  return value && std::ranges::find(kYes, *value) != kYes.end();
}
bool is_no(const std::string& value) {
  static constexpr std::array kNo = {"0", "no", "NO", "false", "FALSE", "off", "OFF"};
  return std::ranges::find(kNo, value) != kNo.end();
}

Findings judge_sections(const OpensslConf& conf) {
  const std::string file = conf.file.string();
  constexpr auto kCheck = "openssl-sections";
  if (conf.openssl_conf.empty())
    return {problem(kCheck, file,
                    "has no 'openssl_conf = ...' ahead of its sections, so no provider is configured",
                    kIncludeAdvice)};
  if (!conf.openssl_section)
    return {problem(kCheck, file,
                    "openssl_conf names the section [" + conf.openssl_conf + "], which is not there",
                    "add the section or correct the name; " + kIncludeAdvice)};
  if (conf.providers.empty())
    return {problem(kCheck, file, "[" + conf.openssl_conf + "] has no 'providers = ...'", kIncludeAdvice)};
  if (!conf.providers_section)
    return {problem(kCheck, file, "providers names the section [" + conf.providers + "], which is not there",
                    "add the section or correct the name; " + kIncludeAdvice)};
  return {good(kCheck, file, "[" + conf.openssl_conf + "] -> providers [" + conf.providers + "]")};
}

/// The default provider has to be there, and ahead: the EC keys of ECDHE are its business.
Finding judge_order(const OpensslConf& conf, const ProviderEntry& ours) {
  const std::string file = conf.file.string();
  constexpr auto kCheck = "provider-order";
  const bool loads_default = ours.load_default.value_or("yes") != "no";
  bool seen_ours = false, ahead = false, behind = false, fips = false;
  for (const auto& entry : conf.entries) {
    if (&entry == &ours) seen_ours = true;
    const bool active = entry.section_exists && entry.activate && !is_no(*entry.activate);
    if (entry.name == "default" && active) (seen_ours ? behind : ahead) = true;
    if (entry.name == "fips" && active && !seen_ours) fips = true;
  }
  if (ahead) return good(kCheck, file, "default is activated, and ahead of quorate");
  const std::string advice =
      "in [" + conf.providers +
      "] put 'default = default_sect' above quorate, with 'activate = 1' in [default_sect]";
  const std::string what = behind ? "default stands behind quorate" : "default is not activated";
  if (loads_default)
    return warning(kCheck, file,
                   what + "; the module loads it ahead of itself, but other programs may miss it", advice);
  if (fips && !behind)
    return good(kCheck, file,
                "default is not activated and quorate-load-default is off; fips is ahead of quorate");
  return problem(kCheck, file,
                 what + " and quorate-load-default is off: ECDHE over P-256, P-384 and P-521 will fail",
                 advice + ", or remove quorate-load-default");
}

Finding judge_activation(const OpensslConf& conf, const ProviderEntry& ours) {
  const std::string file = conf.file.string(), section = "[" + ours.section + "]";
  constexpr auto kCheck = "quorate-activate";
  const std::string advice = "write 'activate = 1' in " + section;
  if (!ours.activate) return problem(kCheck, file, section + " does not activate the provider", advice);
  if (is_yes(ours.activate)) return good(kCheck, file, section + " activates the provider");
  if (is_no(*ours.activate))
    return problem(kCheck, file,
                   section + " says activate = " + *ours.activate +
                       ", which switches it off from OpenSSL 3.2 on (3.0 activates it all the same)",
                   advice);
  return problem(kCheck, file,
                 section + " says activate = " + *ours.activate + ", which newer releases of OpenSSL refuse",
                 advice);
}

Finding judge_module_file(const OpensslConf& conf, const ProviderEntry& ours) {
  constexpr auto kCheck = "quorate-module";
  const std::string where = "[" + ours.section + "] of " + conf.file.string();
  if (!ours.module_unusable.empty())
    return problem(
        kCheck, ours.module_file.string(),
        "the module that " + where + " names cannot be read: " + ours.module_unusable +
            ". OpenSSL ignores that without a word; servers then say 'No supported data to decode'",
        "install quorate.so there (openssl version -m), or correct 'module = ...'");
  return good(kCheck, ours.module_file.string(), "named in " + where);
}

Finding judge_config_key(const OpensslConf& conf, const ProviderEntry& ours) {
  constexpr auto kCheck = "quorate-config";
  const std::string file = conf.file.string(), section = "[" + ours.section + "]";
  if (!ours.config || ours.config->empty())
    return problem(kCheck, file, section + " has no quorate-config: keys load, but nothing can be signed",
                   "write 'quorate-config = /etc/quorate/provider.json' there");
  if (fs::path(*ours.config).is_relative())
    return problem(
        kCheck, file,
        "quorate-config = " + *ours.config + " is relative to whatever directory the server starts in",
        "write the whole path");
  if (!ours.config_unusable.empty())
    return problem(kCheck, *ours.config,
                   "quorate-config names it, but it cannot be read: " + ours.config_unusable,
                   "write it (quorate group provider), or correct the name in " + file);
  return good(kCheck, *ours.config, "named in " + section + " of " + file);
}

}  // namespace

Findings judge_openssl_conf(const OpensslConf& conf) {
  const std::string file = conf.file.string();
  if (!conf.unusable.empty())
    return {problem("openssl-conf", file, "chosen by " + conf.chosen_by + ": " + conf.unusable,
                    "correct it, or name another with --openssl-conf")};
  Findings out{good(
      "openssl-conf", file,
      "in effect by " + conf.chosen_by + "; a server whose environment sets OPENSSL_CONF may use another")};
  for (const auto& lost : conf.lost_includes)
    out.push_back(problem("openssl-include", file,
                          ".include " + lost + ": not there, which OpenSSL ignores without a word",
                          "create that file or correct the line"));
  for (const auto& relative : conf.relative_includes)
    out.push_back(warning("openssl-include", file,
                          ".include " + relative + ": relative to whatever directory a program starts in",
                          "write the whole path"));
  append(out, judge_sections(conf));
  if (!conf.providers_section) return out;
  const ProviderEntry* ours = conf.quorate();
  if (ours == nullptr) {
    out.push_back(problem("quorate-section", file,
                          "[" + conf.providers + "] does not name the quorate provider", kIncludeAdvice));
    return out;
  }
  if (!ours->section_exists) {
    out.push_back(
        problem("quorate-section", file,
                "[" + conf.providers + "] names the section [" + ours->section + "], which is not there",
                "add the section or correct the name; " + kIncludeAdvice));
    return out;
  }
  out.push_back(judge_activation(conf, *ours));
  out.push_back(judge_order(conf, *ours));
  out.push_back(judge_module_file(conf, *ours));
  out.push_back(judge_config_key(conf, *ours));
  return out;
}

}  // namespace quorate::tools::doctor
