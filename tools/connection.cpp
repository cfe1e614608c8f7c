#include "tools/connection.h"

#include <cstdio>

#include "protocol/base/printable.h"
#include "protocol/net/log.h"

namespace quorate::tools {

Result<Connection, std::string> connect(const std::filesystem::path& path, std::chrono::milliseconds deadline) {
  auto loaded = provider::load_config(path);
  if (!loaded) return fail(loaded.error());
  auto tls = net::TlsIdentity::from_pem(loaded->certificate_pem, loaded->key_pem, loaded->ca_pem);
  if (!tls) return fail(path.string() + ": " + tls.error().detail);
  net::SignClientConfig config;
  config.cluster = loaded->config.cluster;
  config.tls = std::move(tls).value();
  config.deadline = deadline;
  config.mode = loaded->config.tier ? net::SignMode::Tier : net::SignMode::Direct;
  for (const auto& c : loaded->config.coordinators) config.coordinators.push_back({c.name, c.host, c.port});
  for (const auto& s : loaded->config.signers) config.signers.push_back({s.id, s.host, s.port, s.identity});
  config.log = [](int level, std::string_view text) {
    if (level <= net::kLogWarning) std::fprintf(stderr, "%s\n", printable(text).c_str());
  };
  return Connection{loaded->config, std::make_unique<net::SignClient>(std::move(config))};
}

}  // namespace quorate::tools
