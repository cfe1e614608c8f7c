#include "tools/doctor_module.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace quorate::tools::doctor {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::chrono::seconds kPatience{20};
constexpr std::size_t kMaxReport = 64 * 1024;

// ---- in the child -----------------------------------------------------------------------------------

/// The whole error queue, oldest first: the first ones name the cause, later ones only say who passed it on.
std::string drain_errors() {
  std::string out;
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    char text[256];
    const char* reason = ERR_reason_error_string(code);
    ERR_error_string_n(code, text, sizeof text);
    if (!out.empty()) out += "; ";
    out += reason == nullptr ? text : reason;
    if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0') out += std::string(": ") + data;
  }
  return out;
}

std::string version_of(const OSSL_PROVIDER* provider) {
  char* version = nullptr;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_VERSION, &version, 0),
                         OSSL_PARAM_construct_end()};
  return OSSL_PROVIDER_get_params(provider, params) == 1 && version != nullptr ? version : "";
}

std::string name_of(const OSSL_PROVIDER* provider) {
  const char* name = provider == nullptr ? nullptr : OSSL_PROVIDER_get0_name(provider);
  return name == nullptr ? "" : name;
}

void try_key(OSSL_LIB_CTX* library, const fs::path& file, ordered_json& report) {
  ERR_clear_error();
  BIO* in = BIO_new_file(file.c_str(), "r");
  EVP_PKEY* key =
      in == nullptr ? nullptr : PEM_read_bio_PrivateKey_ex(in, nullptr, nullptr, nullptr, library, nullptr);
  report["key_loaded"] = key != nullptr;
  report["key_owner"] = key == nullptr ? "" : name_of(EVP_PKEY_get0_provider(key));
  report["key_errors"] = key == nullptr ? drain_errors() : "";
  EVP_PKEY_free(key);
  BIO_free(in);
}

ordered_json try_module(const std::optional<fs::path>& openssl_conf, const std::string& provider,
                        const fs::path& module, const std::optional<fs::path>& key) {
  ordered_json report;
  OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
  ERR_clear_error();
  OSSL_PROVIDER* loaded = nullptr;
  if (openssl_conf) {
    OSSL_LIB_CTX_load_config(library, openssl_conf->c_str());
    if (OSSL_PROVIDER_available(library, provider.c_str()) == 1)
      loaded = OSSL_PROVIDER_load(library, provider.c_str());
  } else {
    loaded = OSSL_PROVIDER_load(library, module.c_str());
  }
  std::string errors = loaded == nullptr ? drain_errors() : "";
  if (loaded == nullptr && openssl_conf && errors.empty()) {
    // Reading a configuration, OpenSSL may keep the reason to itself; asked for the module by name it tells.
    OSSL_LIB_CTX* second = OSSL_LIB_CTX_new();
    if (OSSL_PROVIDER_load(second, module.c_str()) == nullptr) errors = drain_errors();
  }
  report["loaded"] = loaded != nullptr;
  report["errors"] = errors;
  if (loaded == nullptr) return report;
  report["version"] = version_of(loaded);
  EVP_KEYMGMT* ec = EVP_KEYMGMT_fetch(library, "EC", nullptr);
  report["ec_owner"] = ec == nullptr ? "" : name_of(EVP_KEYMGMT_get0_provider(ec));
  EVP_KEYMGMT_free(ec);
  EVP_PKEY* made = EVP_PKEY_Q_keygen(library, nullptr, "EC", "P-256");
  report["makes_ec_keys"] = made != nullptr;
  EVP_PKEY_free(made);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(library, "AES-128-GCM", nullptr);
  report["has_ciphers"] = cipher != nullptr;
  EVP_CIPHER_free(cipher);
  if (key) try_key(library, *key, report);
  return report;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// ---- in the parent ----------------------------------------------------------------------------------

/// A nameless file that a child fills: nothing has to be read while it runs.
class Scratch {
 public:
  Scratch() : fd_(::memfd_create("quorate-doctor", MFD_CLOEXEC)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::string text() const {
    std::string out(kMaxReport, '\0');
    const ssize_t n = ::pread(fd_, out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
  }

 private:
  int fd_;
};

/// False if its time was up; it is then killed.
bool wait_for(pid_t child, int& status) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    const pid_t done = ::waitpid(child, &status, WNOHANG);
    if (done == child) return true;
    if (done < 0 && errno != EINTR) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return false;
}

void read_report(const std::string& text, ModuleFacts& facts) {
  const auto report = nlohmann::json::parse(text, nullptr, false);
  if (!report.is_object()) return;
  facts.reported = true;
  facts.loaded = report.value("loaded", false);
  facts.errors = report.value("errors", "");
  facts.version = report.value("version", "");
  facts.ec_owner = report.value("ec_owner", "");
  facts.makes_ec_keys = report.value("makes_ec_keys", false);
  facts.has_ciphers = report.value("has_ciphers", false);
  facts.key_loaded = report.value("key_loaded", false);
  facts.key_owner = report.value("key_owner", "");
  facts.key_errors = report.value("key_errors", "");
}

}  // namespace

ModuleFacts probe_module(const std::optional<fs::path>& openssl_conf, const std::string& provider,
                         const fs::path& module, const std::optional<fs::path>& key) {
  ModuleFacts facts;
  facts.through_conf = openssl_conf.has_value();
  facts.subject = openssl_conf ? *openssl_conf : module;
  if (key) facts.key = *key;
  const Scratch report, log;
  if (report.fd() < 0 || log.fd() < 0) {
    facts.errors = "no scratch file: " + std::generic_category().message(errno);
    return facts;
  }
  const pid_t child = ::fork();
  if (child < 0) {
    facts.errors = "no child process: " + std::generic_category().message(errno);
    return facts;
  }
  if (child == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::dup2(log.fd(), STDERR_FILENO);
    ::dup2(log.fd(), STDOUT_FILENO);
    try {
      const auto seen = try_module(openssl_conf, provider, module, key);
      write_all(report.fd(), seen.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  facts.timed_out = !wait_for(child, status);
  if (!facts.timed_out && WIFSIGNALED(status)) facts.signal = WTERMSIG(status);
  facts.log = log.text();
  if (!facts.timed_out && facts.signal == 0) read_report(report.text(), facts);
  return facts;
}

namespace {

Finding judge_load(const ModuleFacts& facts, const std::string& provider) {
  constexpr auto kCheck = "module-load";
  const std::string subject = facts.subject.string();
  const std::string reinstall =
      "install the quorate.so that belongs to this release and to this OpenSSL again";
  if (facts.timed_out)
    return problem(kCheck, subject,
                   "loading the module did not come to an end in " + std::to_string(kPatience.count()) + " s",
                   reinstall);
  if (facts.signal != 0)
    return problem(kCheck, subject,
                   "loading the module ended the process with signal " + std::to_string(facts.signal),
                   reinstall);
  if (!facts.reported)
    return problem(kCheck, subject,
                   "the trial came to no result" + (facts.errors.empty() ? "" : ": " + facts.errors),
                   reinstall);
  if (!facts.loaded && facts.through_conf)
    return problem(kCheck, subject,
                   "the provider '" + provider + "' is not active after OpenSSL has read this file" +
                       (facts.errors.empty() ? "" : ": " + facts.errors),
                   "mend what is named above; a server would start without it and not know the key file");
  if (!facts.loaded)
    return problem(kCheck, subject,
                   "OpenSSL cannot load it" + (facts.errors.empty() ? "" : ": " + facts.errors), reinstall);
  return good(kCheck, subject, "the module loads, version " + facts.version);
}

Findings judge_neighbours(const ModuleFacts& facts, const std::string& provider) {
  constexpr auto kCheck = "module-neighbours";
  const std::string subject = facts.subject.string();
  const std::string advice = "activate the default provider ahead of quorate";
  if (facts.ec_owner == provider)
    return {problem(kCheck, subject,
                    "EC keys of the application come to the quorate provider, which can make none: ECDHE "
                    "over P-256, P-384 and P-521 fails",
                    advice)};
  if (!facts.makes_ec_keys)
    return {problem(kCheck, subject, "no active provider makes P-256 keys: ECDHE fails", advice)};
  if (!facts.has_ciphers)
    return {problem(kCheck, subject,
                    "no active provider has AES-GCM: servers report 'library has no ciphers'", advice)};
  return {good(kCheck, subject, "EC keys and ciphers of the application come from '" + facts.ec_owner + "'")};
}

Finding judge_key_load(const ModuleFacts& facts, const std::string& provider) {
  constexpr auto kCheck = "key-load";
  const std::string subject = facts.key.string();
  if (!facts.key_loaded)
    return problem(kCheck, subject,
                   "a server cannot load it" + (facts.key_errors.empty() ? "" : ": " + facts.key_errors),
                   "the reason stands at the front; findings about provider.json and its files come below");
  if (facts.key_owner != provider)
    return problem(kCheck, subject,
                   "it was loaded by the provider '" + facts.key_owner + "': it is an ordinary key",
                   "give the server the key file that quorate keygen wrote");
  return good(kCheck, subject, "a server can load it");
}

}  // namespace

Findings judge_module(const ModuleFacts& facts, const std::string& provider, const std::string& version) {
  Findings out{judge_load(facts, provider)};
  if (facts.reported && facts.loaded) {
    if (facts.version != version)
      out.push_back(warning("module-version", facts.subject.string(),
                            "the module is version " + facts.version + ", this program " + version,
                            "install both from one release"));
    // Loaded by its file name it has no neighbours, and no provider.json.
    if (facts.through_conf) append(out, judge_neighbours(facts, provider));
    if (!facts.key.empty()) out.push_back(judge_key_load(facts, provider));
  }
  // What it said about a key that did not load stands in key-load already.
  const bool told = facts.loaded && !facts.key.empty() && !facts.key_loaded;
  if (!facts.log.empty() && !told)
    out.push_back(warning("module-log", facts.subject.string(),
                          "the module said: " + facts.log.substr(0, facts.log.find_last_not_of('\n') + 1),
                          "see quorate-provider(7)"));
  return out;
}

}  // namespace quorate::tools::doctor
