#include "tools/doctor_frontend.h"

#include <unistd.h>

#include <ctime>
#include <thread>

#include "protocol/net/sign_client.h"
#include "signerd/durable_file.h"
#include "tools/doctor_certificate.h"
#include "tools/doctor_files.h"
#include "tools/doctor_module.h"
#include "tools/doctor_signers.h"

namespace quorate::tools::doctor {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxConfig = 1 << 20, kMaxKeyPem = 1 << 20;

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code error;
  const bool same = fs::equivalent(a, b, error);
  return error ? a == b : same;
}

/// openssl.cnf, the module, and whether a server could load the key with both.
Findings examine_openssl(const FrontendOptions& options, const OpensslConf& conf) {
  constexpr auto kName = "quorate";
  Findings out = judge_openssl_conf(conf);
  append(out, judge_agreement(conf, options));
  const ProviderEntry* ours = conf.unusable.empty() ? conf.quorate() : nullptr;
  if (ours != nullptr && ours->section_exists && ours->module_unusable.empty()) {
    out.push_back(judge_trusted("module-mode", look_at(ours->module_file)));
    append(out, judge_module(probe_module(conf.file, ours->name, ours->module_file, options.key), ours->name,
                             options.version));
  }
  const bool another = options.module && (ours == nullptr || !same_file(*options.module, ours->module_file));
  if (another || ours == nullptr) {
    const fs::path file = options.module ? fs::absolute(*options.module) : modules_directory() / "quorate.so";
    if (auto facts = look_at(file); !facts.unusable.empty()) {
      out.push_back(problem("quorate-module", file.string(), "no module is there: " + facts.unusable,
                            "install it (meson install), or name it with --module"));
    } else {
      append(out,
             judge_module(probe_module(std::nullopt, kName, file, std::nullopt), kName, options.version));
    }
  }
  return out;
}

std::optional<KeyFile> examine_key(const fs::path& file, Findings& out) {
  auto text = signerd::read_file(file, kMaxKeyPem);
  if (!text) {
    out.push_back(
        problem("key-file", file.string(), text.error(), "name the key file that quorate keygen wrote"));
    return std::nullopt;
  }
  auto key = parse_key_file_pem(as_text(*text));
  if (!key) {
    out.push_back(problem("key-file", file.string(), key.error(),
                          "name the key file that quorate keygen wrote; it is not secret, so copy it again "
                          "from where it is whole"));
    return std::nullopt;
  }
  out.push_back(
      good("key-file", file.string(),
           "cluster " + key->cluster + ", " + std::string(key->curve->name()) + ", key " + key->key.brief()));
  return std::move(key).value();
}

void examine_signers(const provider::Config& config, net::TlsIdentity tls, const std::optional<KeyFile>& key,
                     const fs::path& key_file, Findings& out) {
  SignersQuestion question;
  question.cluster = config.cluster;
  question.tls = std::move(tls);
  for (const auto& s : config.signers) question.signers.push_back({s.id, s.host, s.port, s.identity});
  const auto signers = ask_signers(question);
  append(out, judge_signers(signers, std::time(nullptr)));
  append(out, key ? judge_key_service(signers, key->key, key_file.string())
                  : judge_key_service(signers, std::nullopt, ""));
}

/// In mode "tier": is some coordinator reachable that can have this key used?
void examine_coordinators(const provider::Config& config, net::TlsIdentity tls, const std::optional<KeyFile>& key,
                          Findings& out) {
  const std::string subject = std::to_string(config.coordinators.size()) + " coordinators";
  if (!key) {
    out.push_back(warning("coordinators", subject, "were not asked, as no key file is known",
                          "name one: quorate doctor --key FILE"));
    return;
  }
  net::SignClientConfig settings;
  settings.cluster = config.cluster;
  settings.mode = net::SignMode::Tier;
  settings.tls = std::move(tls);
  for (const auto& c : config.coordinators) settings.coordinators.push_back({c.name, c.host, c.port});
  net::SignClient client(std::move(settings));
  client.add_key({key->key, key->curve, key->X});
  client.warm_up();
  net::KeyReadiness known;
  for (int i = 0; i < 150 && (known = client.readiness(key->key)).state == net::Readiness::Unknown; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (known.state == net::Readiness::Ready) {
    out.push_back(good("coordinators", subject, "ready to sign, " + std::to_string(known.signers_up) + " signers up"));
  } else if (known.state == net::Readiness::NotReady) {
    out.push_back(problem("coordinators", subject, "none can have this key used now: " + std::string(quorate::name(known.reason)),
                          "see the log of coordinatord, and run quorate status where the signers are named"));
  } else {
    out.push_back(problem("coordinators", subject, "none said within 3 s whether it is ready",
                          "check that coordinatord runs there and that this host may reach it"));
  }
}

void examine_config(const fs::path& file, const std::optional<KeyFile>& key, const fs::path& key_file,
                    Findings& out) {
  out.push_back(judge_trusted("provider-config-mode", look_at(file)));
  auto text = signerd::read_file(file, kMaxConfig);
  if (!text) return;  // said already
  auto config = provider::parse_config(file.string(), as_text(*text), file.parent_path());
  if (!config) {
    out.push_back(
        problem("provider-config", file.string(), config.error(),
                "correct what is named, or write it anew: quorate group provider --group group.json"));
    return;
  }
  out.push_back(
      good("provider-config", file.string(),
           "cluster " + config->cluster + ", " +
               (config->tier ? std::to_string(config->coordinators.size()) + " coordinators"
                             : std::to_string(config->signers.size()) + " signers")));
  out.push_back(judge_unavailable(file, *config));
  if (key) out.push_back(judge_key_cluster(key_file, *key, file, *config));
  if (config->log_file) {
    const fs::path directory = config->log_file->has_parent_path() ? config->log_file->parent_path() : ".";
    const bool writable =
        ::access(config->log_file->c_str(), W_OK) == 0 ||
        (::access(config->log_file->c_str(), F_OK) != 0 && ::access(directory.c_str(), W_OK) == 0);
    out.push_back(judge_log_directory(*config->log_file, writable));
  }
  out.push_back(judge_secret("tls-key-mode", look_at(config->key), Readers::Group));
  auto ours = judge_link_certificate(read_link_certificate(config->certificate, config->key, config->ca),
                                     config->cluster, kNobody, std::time(nullptr));
  const bool usable = worst(ours) != Level::Problem;
  append(out, std::move(ours));
  auto tls = net::TlsIdentity::from_files(config->certificate, config->key, config->ca);
  if (!usable || !tls) {
    out.push_back(problem("signer-link", "cluster",
                          "no signer was asked, as this host's own TLS files cannot be used" +
                              (tls ? "" : ": " + tls.error().detail),
                          "mend them first; the findings above say how"));
    return;
  }
  if (config->tier) return examine_coordinators(*config, std::move(*tls), key, out);
  examine_signers(*config, std::move(*tls), key, key_file, out);
}

}  // namespace

Findings judge_agreement(const OpensslConf& conf, const FrontendOptions& options) {
  Findings out;
  const ProviderEntry* ours = conf.unusable.empty() ? conf.quorate() : nullptr;
  if (ours == nullptr) return out;
  if (options.module && !same_file(*options.module, ours->module_file))
    out.push_back(warning("openssl-agreement", conf.file.string(),
                          "loads " + ours->module_file.string() + ", not " + options.module->string(),
                          "correct 'module = ...' if the other one is meant"));
  if (options.config && ours->config && !same_file(*options.config, *ours->config))
    out.push_back(warning("openssl-agreement", conf.file.string(),
                          "quorate-config names " + *ours->config + ", not " + options.config->string(),
                          "correct it if the other one is meant"));
  return out;
}

Finding judge_key_cluster(const fs::path& key_file, const KeyFile& key, const fs::path& config_file,
                          const provider::Config& config) {
  if (key.cluster != config.cluster)
    return problem(
        "key-cluster", key_file.string(),
        "is of cluster '" + key.cluster + "', " + config_file.string() + " of '" + config.cluster + "'",
        "put a key file and a provider.json of one cluster together");
  return good("key-cluster", key_file.string(), "of the same cluster as " + config_file.string());
}

Finding judge_log_directory(const fs::path& log_file, bool directory_writable) {
  if (!directory_writable)
    return problem("provider-log", log_file.string(), "log.file cannot be written: no key would load",
                   "create its directory for the user that starts the server, or leave log.file out");
  return good("provider-log", log_file.string(), "can be written");
}

Finding judge_unavailable(const fs::path& config_file, const provider::Config& config) {
  using provider::Unavailable;
  if (config.unavailable == Unavailable::Decline && !config.thread_at_fork)
    return warning("provider-unavailable", config_file.string(),
                   "unavailable is \"decline\" without io_thread \"at-fork\": a new worker of the server fails its first "
                   "handshake if there are no signers, as it learns of that only then",
                   "set \"io_thread\": \"at-fork\"");
  if (config.unavailable != Unavailable::Decline && config.back_off >= config.deadline)
    return warning("provider-unavailable", config_file.string(),
                   "back_off_ms is not below deadline_ms: a signer that had nothing to give is not asked again in time",
                   "make back_off_ms a fraction of deadline_ms");
  switch (config.unavailable) {
    case Unavailable::Retry:
      return good("provider-unavailable", config_file.string(),
                  "without a quorum handshakes wait up to " + std::to_string(config.deadline.count()) + " ms, then fail");
    case Unavailable::Fail:
      return good("provider-unavailable", config_file.string(), "without a quorum handshakes fail at once");
    case Unavailable::Decline: break;
  }
  return good("provider-unavailable", config_file.string(),
              "without a quorum TLS 1.3 takes the server's other certificate; it needs one, with a key of another kind");
}

Findings examine_frontend(const FrontendOptions& options) {
  Findings out;
  std::optional<fs::path> config = options.config;
  const OpensslConf conf = read_openssl_conf(options.openssl_conf);
  append(out, examine_openssl(options, conf));
  const ProviderEntry* ours = conf.unusable.empty() ? conf.quorate() : nullptr;
  if (!config && ours != nullptr && ours->config && !ours->config->empty()) config = *ours->config;
  std::optional<KeyFile> key;
  if (options.key) key = examine_key(*options.key, out);
  if (options.certificate)
    append(out, judge_server_certificate(
                    read_server_certificate(*options.certificate, options.key.value_or(fs::path()),
                                            key ? ByteView(key->spki) : ByteView()),
                    std::time(nullptr)));
  if (config) {
    examine_config(*config, key, options.key.value_or(fs::path()), out);
  } else {
    out.push_back(problem("provider-config", "provider.json",
                          "none was found: neither --config nor openssl.cnf names one",
                          "name it with --config, and in openssl.cnf as quorate-config"));
  }
  return out;
}

}  // namespace quorate::tools::doctor
