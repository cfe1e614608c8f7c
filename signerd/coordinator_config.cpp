#include "signerd/coordinator_config.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "protocol/wire/codec.h"
#include "signerd/durable_file.h"

namespace quorate::signerd {

namespace {

using net::StrictObject;

struct NamedKey {
  std::string name;
  std::filesystem::path file;
};

std::vector<NamedKey> read_keys(const StrictObject& root) {
  std::vector<NamedKey> out;
  for (const auto& entry : root.objects("keys", 1, wire::kMaxKeys)) {
    NamedKey key{entry.text("name", 1, wire::kMaxName), entry.file("file")};
    if (!key.name.empty() && !wire::valid_name(key.name)) entry.reject("name", "expected a name of A-Z a-z 0-9 . _ -");
    for (const auto& other : out)
      if (other.name == key.name) entry.reject("name", "is given twice");
    out.push_back(std::move(key));
  }
  return out;
}

Result<void, std::string> load_keys(const std::vector<NamedKey>& keys, CoordinatorConfig& config) {
  for (const auto& key : keys) {
    auto text = read_file(key.file, kMaxKeyFile);
    if (!text) return fail(text.error());
    auto file = parse_key_file_pem(as_text(*text));
    if (!file) return fail(key.file.string() + ": no usable key file: " + file.error());
    if (file->cluster != config.cluster)
      return fail(key.file.string() + ": is a key of cluster '" + file->cluster + "', not '" + config.cluster + "'");
    for (const auto& other : config.keys)
      if (other.file.key == file->key) return fail(key.file.string() + ": is the key '" + other.name + "' once more");
    config.keys.push_back({key.name, std::move(file).value()});
  }
  return {};
}

Result<std::shared_ptr<const net::EvidenceFolder>, std::string> open_evidence(const std::filesystem::path& directory) {
  auto folder = net::EvidenceFolder::open(directory);
  if (!folder) return fail("evidence: " + folder.error() + "; make it, or leave \"evidence\" out");
  if (::access(directory.c_str(), W_OK | X_OK) != 0)
    return fail("evidence: " + directory.string() + ": no file can be made there: " + std::generic_category().message(errno) +
                "; give it to the user that coordinatord runs as");
  return folder;
}

}  // namespace

Result<CoordinatorConfig, std::string> load_coordinator_config(const std::filesystem::path& path) {
  auto document = net::StrictJson::load(path);
  if (!document) return fail(document.error());
  const auto root = document->root();
  CoordinatorConfig config;
  config.cluster = root.text("cluster", 1, wire::kMaxName);
  auto listen = root.host_port("listen");
  config.listen_host = std::move(listen.host);
  config.listen_port = listen.port;
  config.signers = net::read_signers(root);
  const auto keys = read_keys(root);
  const auto tls = root.object("tls");
  const auto certificate = tls.file("certificate"), key = tls.file("key"), ca = tls.file("ca");
  if (const auto limits = root.object_if("limits")) {
    config.max_in_flight = static_cast<std::size_t>(limits->integer_or("max_in_flight", 1, 100'000, 1024));
    config.max_in_flight_each = static_cast<std::size_t>(limits->integer_or("max_in_flight_each", 1, 100'000, 256));
    config.max_deadline = std::chrono::milliseconds(limits->integer_or("max_deadline_ms", 1, 60'000, 5'000));
  }
  config.policy = read_policy(root);
  config.audit_file = root.file_if("audit");
  const auto evidence = root.file_if("evidence");
  static constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
  config.log_level = kLevels[root.choice_or("log_level", kLevels, 1)];
  if (auto ok = document->finish(); !ok) return fail(ok.error());

  if (auto ok = load_keys(keys, config); !ok) return fail(ok.error());
  if (evidence) {
    auto folder = open_evidence(*evidence);
    if (!folder) return fail(folder.error());
    config.evidence = std::move(folder).value();
  }
  auto identity = net::TlsIdentity::from_files(certificate, key, ca);
  if (!identity) return fail(identity.error().detail);
  const auto& self = identity->self();
  if (self.role != wire::Role::Coordinator || self.cluster != config.cluster)
    return fail(certificate.string() + ": is for " + self.uri() + ", not for a coordinator of " + config.cluster +
                "; make one with 'quorate init coordinator'");
  config.tls = std::move(identity).value();
  return config;
}

}  // namespace quorate::signerd
