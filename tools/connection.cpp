#include "tools/connection.h"

#include <cstdio>

#include "protocol/net/log.h"

namespace quorate::tools {

Result<Connection, std::string> connect(const std::filesystem::path& path, std::chrono::milliseconds deadline,
                                        std::chrono::milliseconds idle_status) {
  auto loaded = provider::load_config(path);
  if (!loaded) return fail(loaded.error());
  auto tls = net::TlsIdentity::from_pem(loaded->certificate_pem, loaded->key_pem, loaded->ca_pem);
  if (!tls) return fail(path.string() + ": " + tls.error().detail);
  net::SignClientConfig config;
  config.cluster = loaded->config.cluster;
  config.tls = std::move(tls).value();
  config.deadline = deadline;
  config.idle_status = idle_status;
  for (const auto& s : loaded->config.signers) config.signers.push_back({s.id, s.host, s.port, s.identity});
  config.log = [](int level, std::string_view text) {
    if (level <= net::kLogWarning) std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  };
  return Connection{loaded->config, std::make_unique<net::SignClient>(std::move(config))};
}

}  // namespace quorate::tools
