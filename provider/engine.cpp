#include "provider/engine.h"

#include <atomic>

#include "protocol/net/blame_report.h"
#include "protocol/net/sign_client.h"
#include "provider/async_wait.h"
#include "provider/signature_value.h"

namespace quorate::provider {
namespace {

LogLevel level_of(int net_level) {
  switch (net_level) {
    case net::kLogError: return LogLevel::Error;
    case net::kLogWarning: return LogLevel::Warning;
    case net::kLogInfo: return LogLevel::Info;
    default: return LogLevel::Debug;
  }
}

}  // namespace

struct Engine::State {
  std::string cluster;
  std::shared_ptr<Log> log;
  std::atomic<std::shared_ptr<net::SignClient>> client;
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

Result<std::shared_ptr<Engine>, std::string> Engine::open(LoadedConfig loaded) {
  const Config& config = loaded.config;
  auto state = std::make_unique<State>();
  state->cluster = config.cluster;
  if (config.log_file) {
    auto log = Log::to_file(*config.log_file, config.log_level);
    if (!log) return fail("log.file: " + log.error());
    state->log = std::move(*log);
  } else {
    state->log = std::make_shared<Log>(config.log_level);
  }
  for (const auto& warning : loaded.warnings) state->log->write(LogLevel::Warning, warning);

  auto tls = net::TlsIdentity::from_pem(loaded.certificate_pem, loaded.key_pem, loaded.ca_pem);
  if (!tls) return fail("tls: " + tls.error().detail);
  if (tls->self().cluster != config.cluster)
    return fail("tls.certificate is for cluster \"" + tls->self().cluster + "\", not for \"" + config.cluster + "\"");

  std::shared_ptr<const net::EvidenceFolder> evidence;
  if (config.evidence) {
    auto folder = net::EvidenceFolder::open(*config.evidence);
    if (!folder) return fail("evidence: " + folder.error());
    evidence = std::move(*folder);
  }
  net::SignClientConfig client;
  client.cluster = config.cluster;
  for (const auto& signer : config.signers) client.signers.push_back({signer.id, signer.host, signer.port, signer.identity});
  client.mode = config.tier ? net::SignMode::Tier : net::SignMode::Direct;
  for (const auto& each : config.coordinators) client.coordinators.push_back({each.name, each.host, each.port});
  client.tls = std::move(*tls);
  client.deadline = config.deadline;
  client.thread_at_fork = config.thread_at_fork;
  client.log = [log = state->log](int level, std::string_view text) { log->write(level_of(level), text); };
  client.on_blame = [log = client.log, evidence, cluster = config.cluster](const coordinator::Verdict& verdict) {
    net::report_verdict(verdict, cluster, evidence.get(), log);
  };
  state->client = std::make_shared<net::SignClient>(std::move(client));
  return std::shared_ptr<Engine>(new Engine(std::move(state)));
}

const std::string& Engine::cluster() const { return state_->cluster; }
Log& Engine::log() const { return *state_->log; }

void Engine::add_key(const KeyFile& key) {
  if (const auto client = state_->client.load()) client->add_key({key.key, key.curve, key.X});
}

Result<Bytes, SignError> Engine::sign(const KeyFile& key, wire::Context context, wire::DigestAlgorithm digest,
                                      ByteView content) {
  const auto client = state_->client.load();
  if (client == nullptr) return fail(SignError{SignErrorCode::QuorumInsufficient, "the provider is being shut down"});
  std::optional<SignResult> result;
  if (in_async_job())
    result = sign_in_async_job([&](net::SignClient::SignDone done) {
      client->sign_async(key.key, context, digest, content, std::move(done));
    });
  if (!result) result = client->sign(key.key, context, digest, content);
  if (!*result) return fail(std::move(*result).error());
  return encode_signature((*result)->r, (*result)->s);
}

void Engine::close() noexcept { state_->client.store(nullptr); }

}  // namespace quorate::provider
