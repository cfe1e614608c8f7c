#include "provider/engine.h"

#include <atomic>

#include "protocol/net/blame_report.h"
#include "protocol/net/sign_client.h"
#include "provider/async_wait.h"
#include "provider/patience.h"
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

using Clock = std::chrono::steady_clock;

/// Of each thread, whatever key and configuration it waits for.
WaitBudget& budget_of_this_thread() {
  thread_local WaitBudget budget;
  return budget;
}

/// Rounded up, as 0 would be no time at all.
std::chrono::milliseconds in_ms(Patience::Span span) { return std::chrono::ceil<std::chrono::milliseconds>(span); }

/// What is kept of one key. Only ever added to a list, so that a forked child can read it.
struct KeyRecord {
  KeyRecord(const KeyId& its_id, const Patience::Settings& settings) : id(its_id), patience(settings) {}
  KeyId id;
  Patience patience;
  std::atomic<bool> declining{false};
  KeyRecord* next = nullptr;
};

SignError at_once(const KeyRecord& record, const net::KeyReadiness& known) {
  const std::string count = "; failed at once, as " + std::to_string(record.patience.refused()) + " so far";
  if (!known.can_sign) return {known.reason, known.detail + count};
  return {SignErrorCode::QuorumInsufficient,
          "signers are linked but the last requests got no signature in time; the next trial is due shortly" + count};
}

}  // namespace

struct Engine::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (KeyRecord* record = keys.load(); record != nullptr;) delete std::exchange(record, record->next);
  }

  [[nodiscard]] KeyRecord* find(const KeyId& key) const {
    KeyRecord* record = keys.load();
    while (record != nullptr && record->id != key) record = record->next;
    return record;
  }

  /// What signs, for as long as the caller holds it; nullptr after close(). Waits for nobody: a lock, and one is what
  /// std::atomic<std::shared_ptr> has inside, may be another thread's of the parent for ever in a forked child.
  [[nodiscard]] std::shared_ptr<net::SignClient> client() const { return closed ? nullptr : opened.lock(); }

  std::string cluster;
  std::shared_ptr<Log> log;
  bool may_decline = false;
  Patience::Settings patience;
  std::atomic<KeyRecord*> keys{nullptr};
  std::weak_ptr<net::SignClient> opened;
  std::atomic<bool> closed{false};
  std::shared_ptr<net::SignClient> kept;  ///< of whoever closes, and of nobody else
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
  state->may_decline = config.unavailable == Unavailable::Decline;
  state->patience = {config.unavailable, config.back_off, config.deadline};

  net::SignClientConfig client;
  client.cluster = config.cluster;
  for (const auto& signer : config.signers) client.signers.push_back({signer.id, signer.host, signer.port, signer.identity});
  client.mode = config.tier ? net::SignMode::Tier : net::SignMode::Direct;
  for (const auto& each : config.coordinators) client.coordinators.push_back({each.name, each.host, each.port});
  client.tls = std::move(*tls);
  client.deadline = config.deadline;
  client.back_off = config.back_off;
  client.thread_at_fork = config.thread_at_fork;
  client.log = [log = state->log](int level, std::string_view text) { log->write(level_of(level), text); };
  client.on_blame = [log = client.log, evidence, cluster = config.cluster](const coordinator::Verdict& verdict) {
    net::report_verdict(verdict, cluster, evidence.get(), log);
  };
  state->kept = std::make_shared<net::SignClient>(std::move(client));
  state->opened = state->kept;
  return std::shared_ptr<Engine>(new Engine(std::move(state)));
}

const std::string& Engine::cluster() const { return state_->cluster; }
Log& Engine::log() const { return *state_->log; }

void Engine::add_key(const KeyFile& key) {
  if (state_->find(key.key) == nullptr) {
    auto* const record = new KeyRecord(key.key, state_->patience);
    record->next = state_->keys.load();
    while (!state_->keys.compare_exchange_weak(record->next, record)) {
    }
  }
  if (const auto client = state_->client()) client->add_key({key.key, key.curve, key.X});
}

Result<Bytes, SignError> Engine::sign(const KeyFile& key, wire::Context context, wire::DigestAlgorithm digest,
                                      ByteView content) {
  const auto client = state_->client();
  if (client == nullptr) return fail(SignError{SignErrorCode::QuorumInsufficient, "the provider is being shut down"});
  KeyRecord* const record = state_->find(key.key);
  if (record == nullptr) return fail(SignError{SignErrorCode::KeyUnknown, "the key was not loaded"});

  const bool inline_io = client->inline_io();
  const auto known = client->readiness(key.key);
  const auto begun = Clock::now();
  Patience::Caller caller{.blocks = true, .runs_io = inline_io};
  Patience::Span allowed{};
  const auto may_wait = [&] {
    allowed = record->patience.allow(begun, known, caller, budget_of_this_thread());
    return allowed > Patience::Span::zero();
  };
  std::optional<SignResult> result;
  if (in_async_job() && !inline_io)
    result = sign_in_async_job([&](net::SignClient::SignDone done) {
      caller.blocks = false;  // there is a descriptor to wait with
      if (!may_wait()) return done(fail(at_once(*record, known)));
      client->sign_async(key.key, context, digest, content, std::move(done), in_ms(allowed));
    });
  if (!result && may_wait()) result = client->sign(key.key, context, digest, content, in_ms(allowed));
  if (allowed <= Patience::Span::zero()) {
    client->probe();
    return fail(at_once(*record, known));
  }
  if (!*result) {
    const auto now = Clock::now();
    record->patience.failed(now, known, result->error().code, now - begun, caller, budget_of_this_thread());
    return fail(std::move(*result).error());
  }
  record->patience.succeeded(Clock::now() - begun);
  return encode_signature((*result)->r, (*result)->s);
}

std::optional<SignError> Engine::declined(const KeyFile& key) {
  if (!state_->may_decline) return std::nullopt;
  const auto client = state_->client();
  KeyRecord* const record = state_->find(key.key);
  if (client == nullptr || record == nullptr) return std::nullopt;
  client->probe();
  const auto known = client->readiness(key.key);
  if (!record->patience.declines(Clock::now(), known)) {
    // A trial of signers that hang is no change.
    if (!record->patience.doubted(known) && record->declining.exchange(false))
      state_->log->write(LogLevel::Warning, "key " + key.key.brief() + ": no longer declined: " + known.detail);
    return std::nullopt;
  }
  record->declining = true;
  if (known.state == net::Readiness::NotReady) return SignError{known.reason, known.detail};
  return SignError{SignErrorCode::QuorumInsufficient, "signers are linked but the last requests got no signature in time"};
}

/// In a forked child the references of its parent's threads are there for ever: the client ends, and may stay.
void Engine::close() noexcept {
  if (state_->closed.exchange(true)) return;
  state_->kept->shut_down();
  state_->kept.reset();
}

}  // namespace quorate::provider
