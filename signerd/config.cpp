#include "signerd/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "protocol/net/strict_json.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/content.h"
#include "signerd/durable_file.h"

namespace quorate::signerd {

namespace {

using net::StrictObject;

/// "frontend/*", "admin/alice"
void read_who(const StrictObject& object, PolicyRule& rule) {
  const std::string who = object.text("who");
  const auto slash = who.find('/');
  const std::string role = who.substr(0, slash);
  rule.name = slash == std::string::npos ? "" : who.substr(slash + 1);
  if (role == "frontend") {
    rule.role = wire::Role::Frontend;
  } else if (role == "coordinator") {
    rule.role = wire::Role::Coordinator;
  } else if (role == "admin") {
    rule.role = wire::Role::Admin;
  } else if (!who.empty()) {
    object.reject("who", "expected frontend/NAME, coordinator/NAME or admin/NAME");
  }
  if (rule.name != "*" && !wire::valid_name(rule.name))
    object.reject("who", "the name after the slash must be * or a certificate's name");
}

PolicyRule read_rule(const StrictObject& object) {
  PolicyRule rule;
  read_who(object, rule);
  rule.keys = object.texts("keys", 1, 256);
  for (const auto& text : object.texts("contexts", 0, 16)) {
    const auto context = wire::context_from(text);
    if (context) {
      rule.contexts.push_back(*context);
    } else {
      object.reject("contexts", "'" + text + "' is no context; a bare digest is never signed");
    }
  }
  rule.keygen = object.flag_or("keygen", false);
  rule.rate = object.number_or("rate", 0, 1e9, 0);
  return rule;
}

void read_pool(const StrictObject& root, Config& config) {
  const auto pool = root.object_if("pool");
  if (!pool) return;
  config.pool.min = static_cast<std::uint32_t>(pool->integer_or("min", 1, 100'000, config.pool.min));
  config.pool.target = static_cast<std::uint32_t>(pool->integer_or("target", 1, 100'000, config.pool.target));
  config.pool.max_age = std::chrono::seconds(pool->integer_or("max_age_s", 10, 86'400, 3600));
  config.pool.lease_time = std::chrono::milliseconds(pool->integer_or("lease_ms", 100, 60'000, 2000));
  config.pool.survive = static_cast<std::uint32_t>(pool->integer_or("survive", 0, kMaxParties - 1, config.pool.survive));
  if (config.pool.target < config.pool.min) pool->reject("target", "is below min");
}

void read_presign(const StrictObject& root, Config& config) {
  const auto presign = root.object_if("presign");
  if (!presign) return;
  config.presign_batch = static_cast<std::uint32_t>(presign->integer_or("batch", 1, ot::kMaxBatch, 64));
  config.presign_threads = static_cast<std::size_t>(presign->integer_or("threads", 1, 64, 1));
  config.presign_parallel = static_cast<std::size_t>(presign->integer_or("max_parallel", 1, 64, 2));
  config.presign_max_cpu = presign->number_or("max_cpu", 0.01, 1, 1);
  config.presign_max_mbit = presign->number_or("max_mbit", 0, 1e6, 0);
  config.presign_timeout = std::chrono::milliseconds(presign->integer_or("timeout_ms", 500, 600'000, 15'000));
}

struct Files {
  std::filesystem::path group, identity, state_key, former_state_key, certificate, key, ca;
};

Result<void, std::string> read_files(const Files& files, Config& config) {
  auto group = net::load_group(files.group);
  if (!group) return fail(group.error());
  config.group = std::move(group).value();
  auto identity = load_key_file(files.identity);
  if (!identity) return fail(identity.error());
  config.identity = IdentityKey::from_seed(*identity);
  auto state_key = load_key_file(files.state_key);
  if (!state_key) return fail(state_key.error());
  config.state_key = std::move(state_key).value();
  if (!files.former_state_key.empty()) {
    auto former = load_key_file(files.former_state_key);
    if (!former) return fail(former.error());
    config.former_state_key = std::move(former).value();
  }
  auto tls = net::TlsIdentity::from_files(files.certificate, files.key, files.ca);
  if (!tls) return fail(tls.error().detail);
  config.tls = std::move(tls).value();

  const std::string who = "signer " + std::to_string(config.id);
  const auto* member = config.group.member(config.id);
  if (config.group.cluster != config.cluster)
    return fail(files.group.string() + ": is of cluster '" + config.group.cluster + "', not '" + config.cluster + "'");
  if (member == nullptr) return fail(files.group.string() + ": does not name " + who);
  if (member->identity != config.identity->public_key())
    return fail(files.identity.string() + ": is not the identity key that " + files.group.string() + " pins for " + who);
  const auto& self = config.tls.self();
  if (self.role != wire::Role::Signer || self.signer != config.id || self.cluster != config.cluster)
    return fail(files.certificate.string() + ": is for " + self.uri() + ", not for " + who + " of " + config.cluster);
  return {};
}

}  // namespace

std::vector<PolicyRule> read_policy(const StrictObject& root) {
  if (!root.has("policy")) return Policy::defaults();
  std::vector<PolicyRule> out;
  for (const auto& rule : root.objects("policy", 0, 256)) out.push_back(read_rule(rule));
  return out;
}

Result<Secret<std::array<std::uint8_t, 32>>, std::string> load_key_file(const std::filesystem::path& path) {
  // systemd may grant a service its credentials by an access list, whose mask looks like a group's right to read.
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  const bool by_systemd = credentials != nullptr && path.parent_path() == std::filesystem::path(credentials);
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & (by_systemd ? 037U : 077U)) != 0)
    return fail(path.string() + ": others may read this key; run chmod 600 on it");
  auto content = read_file(path, 128);
  if (!content) return fail(content.error());
  while (!content->empty() && (content->back() == '\n' || content->back() == '\r')) content->pop_back();
  auto raw = from_hex(as_text(*content));
  ct::wipe(content->data(), content->size());
  if (!raw || raw->size() != 32) return fail(path.string() + ": expected 64 hexadecimal digits");
  Secret<std::array<std::uint8_t, 32>> key;
  std::copy(raw->begin(), raw->end(), key.reveal().begin());
  ct::wipe(raw->data(), raw->size());
  return key;
}

Result<void, std::string> write_key_file(const std::filesystem::path& path,
                                         const Secret<std::array<std::uint8_t, 32>>& key) {
  if (std::filesystem::exists(path)) return fail(path.string() + " exists already; it is not overwritten");
  std::string text = to_hex(key.reveal()) + "\n";
  auto written = write_durably(path, as_bytes(text), 0600);
  ct::wipe(text.data(), text.size());
  return written;
}

Result<Config, std::string> load_config(const std::filesystem::path& path) {
  auto file = net::StrictJson::load(path);
  if (!file) return fail(file.error());
  const auto root = file->root();
  Config config;
  config.cluster = root.text("cluster", 1, wire::kMaxName);
  config.id = static_cast<PartyId>(root.integer("id", 1, kMaxParties));
  auto listen = root.host_port("listen");
  config.listen_host = std::move(listen.host);
  config.listen_port = listen.port;
  Files files;
  config.state_directory = root.file("state");
  files.group = root.file("group");
  files.identity = root.file("identity_key");
  files.state_key = root.file("state_key");
  files.former_state_key = root.file_if("former_state_key").value_or("");
  const auto tls = root.object("tls");
  files.certificate = tls.file("certificate");
  files.key = tls.file("key");
  files.ca = tls.file("ca");
  config.lock_memory = root.flag_or("lock_memory", true);
  read_pool(root, config);
  read_presign(root, config);
  config.policy = read_policy(root);
  config.audit_file = root.file_if("audit");
  static constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
  config.log_level = kLevels[root.choice_or("log_level", kLevels, 1)];
  if (auto ok = file->finish(); !ok) return fail(ok.error());
  if (auto ok = read_files(files, config); !ok) return fail(ok.error());
  return config;
}

}  // namespace quorate::signerd
