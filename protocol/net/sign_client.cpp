#include "protocol/net/sign_client.h"

#include <unistd.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <variant>

#include "protocol/net/coordinator_driver.h"
#include "protocol/net/endpoint.h"
#include "protocol/net/io_runner.h"
#include "protocol/net/io_thread.h"
#include "protocol/net/roomy_stack.h"
#include "protocol/net/system_rng.h"
#include "protocol/net/tier_client.h"
#include "protocol/net/wake_timer.h"
#include "protocol/wire/online_codec.h"

namespace quorate::net {
namespace {

using Clock = IoRunner::Clock;
using Outcome = Result<SignedContent, SignError>;

constexpr std::chrono::milliseconds kResolveLimit{1000};
/// How long a caller waits beyond its deadline for the I/O side to say so itself.
constexpr std::chrono::milliseconds kGrace{50};
constexpr std::chrono::milliseconds kPublishInterval{10};
constexpr std::chrono::milliseconds kProbeInterval{500};

SignError deadline_exceeded() { return {SignErrorCode::DeadlineExceeded, "no signature in time"}; }
SignError only_direct() {
  return {SignErrorCode::PolicyDenied,
          "this front end talks to coordinators, not to signers; use a provider.json with \"signers\" for this"};
}
SignError shut_down() { return {SignErrorCode::QuorumInsufficient, "the client is shutting down"}; }

/// Calls back exactly once: with the outcome, or when it is dropped unanswered.
class Promise {
 public:
  explicit Promise(SignClient::SignDone done) : done_(std::move(done)) {}
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  ~Promise() {
    if (done_) done_(fail(shut_down()));
  }
  void keep(Outcome outcome) {
    if (const auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
  }

 private:
  SignClient::SignDone done_;
};

Outcome translate(Result<coordinator::SignResult, SignError> result) {
  if (!result) return fail(std::move(result.error()));
  SignedContent out;
  out.r = result->r;
  out.s = result->s;
  out.quorum = result->quorum;
  out.presignature = result->presignature;
  out.took = std::chrono::duration_cast<std::chrono::microseconds>(result->took);
  return out;
}

KeyReadiness translate(const coordinator::Readiness& readiness) {
  KeyReadiness out;
  switch (readiness.state) {
    case coordinator::Readiness::State::Unknown: out.state = Readiness::Unknown; break;
    case coordinator::Readiness::State::Ready: out.state = Readiness::Ready; break;
    case coordinator::Readiness::State::NotReady: out.state = Readiness::NotReady; break;
  }
  out.can_sign = readiness.can_sign;
  out.reason = readiness.reason;
  out.detail = readiness.detail;
  out.signers_up = readiness.signers_up;
  return out;
}

bool same_in_substance(const KeyReadiness& a, const KeyReadiness& b) {
  return a.state == b.state && a.can_sign == b.can_sign && a.reason == b.reason && a.signers_up == b.signers_up;
}

/// Keys ever added, newest first. Only ever grows, so that a forked child can read it whatever its parent's
/// other threads were doing.
struct KeyNode {
  coordinator::KeyInfo key;
  KeyNode* next = nullptr;
};

/// Everything of one client that belongs to one process: loop, links, coordinator. A forked child leaves the
/// object that it inherited alone, as its locks may be held and its memory in any state, and makes its own.
class Engine {
 public:
  /// Of its backends there is one: the coordinator in this process, or the client of a tier of them.
  using Settings = std::variant<DriverSettings, TierSettings>;
  Engine(const SignClientConfig& config, const Settings& settings)
      : pid_(getpid()), runner_(config.log), publish_timer_(runner_.io(), [this] { publish(); }) {
    if (const auto* direct = std::get_if<DriverSettings>(&settings)) {
      driver_ = std::make_unique<CoordinatorDriver>(runner_.io(), with_instance(*direct, rng_), rng_);
      driver_->on_blame(config.on_blame);
    } else {
      tier_ = std::make_unique<TierClient>(runner_.io(), with_instance(std::get<TierSettings>(settings), rng_), rng_);
    }
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() {
    runner_.stop();
    if (driver_) driver_->stop();
    if (tier_) tier_->stop();
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] IoRunner& runner() { return runner_; }
  /// I/O side only; direct mode only.
  [[nodiscard]] CoordinatorDriver& driver() { return *driver_; }
  /// I/O side only.
  void sign(coordinator::SigningJob job, std::chrono::nanoseconds within, CoordinatorDriver::Done done) {
    if (driver_) {
      (void)driver_->sign(std::move(job), within, std::move(done));
    } else {
      tier_->sign(std::move(job), within, std::move(done));
    }
  }
  [[nodiscard]] Rng& rng() { return rng_; }

  void start(const std::atomic<KeyNode*>& keys) {
    std::call_once(started_, [&] {
      runner_.post([this, &keys] {
        const auto begin = [&](auto& backend) {
          backend.on_change([this] { changed(); });
          for (const KeyNode* node = keys.load(); node != nullptr; node = node->next) add_key(node->key);
          backend.start();
        };
        driver_ ? begin(*driver_) : begin(*tier_);
      });
      runner_.start();
    });
  }

  void add_key(const coordinator::KeyInfo& key) {
    keys_.push_back(key.id);
    driver_ ? driver_->add_key(key) : tier_->add_key(key);
  }

  [[nodiscard]] KeyReadiness readiness(const KeyId& key) {
    runner_.poll([this] { publish(); });
    const std::lock_guard lock(published_mutex_);
    const auto found = published_.find(key);
    if (found != published_.end()) return found->second;
    KeyReadiness unheard_of;
    unheard_of.version = first_version();
    return unheard_of;
  }

  void probe() {
    if (!runner_.is_inline()) return;
    const auto now = Clock::now().time_since_epoch().count();
    auto due = next_probe_.load();
    const auto next = now + Clock::duration(kProbeInterval).count();
    if (now >= due && next_probe_.compare_exchange_strong(due, next)) {
      // Coordinators are dialled anew by timers of their own, after half a second at most.
      runner_.post_before_wait([this] {
        if (driver_) driver_->retry_links();
      });
    }
    runner_.poll([this] { publish(); });
  }

 private:
  /// Of no other process.
  [[nodiscard]] std::uint64_t first_version() const { return (static_cast<std::uint64_t>(pid_) << 32) + 1; }

  template <class BackendSettings>
  static BackendSettings with_instance(BackendSettings settings, Rng& rng) {
    auto link = std::make_shared<LinkSettings>(*settings.link);
    link->instance = rng.make_id<Digest>();
    settings.link = std::move(link);
    return settings;
  }

  void changed() {
    if (publish_waits_) return;
    publish_waits_ = true;
    publish_timer_.at(last_publish_ + kPublishInterval);
  }

  void publish() {
    publish_waits_ = false;
    publish_timer_.cancel();
    last_publish_ = monotonic_now();
    std::map<KeyId, KeyReadiness> fresh;
    for (const KeyId& key : keys_) fresh[key] = translate(driver_ ? driver_->readiness(key) : tier_->readiness(key));
    const std::lock_guard lock(published_mutex_);
    for (auto& [key, readiness] : fresh) {
      const auto before = published_.find(key);
      readiness.version = before == published_.end() ? first_version() + 1 : before->second.version;
      if (before != published_.end() && !same_in_substance(before->second, readiness)) ++readiness.version;
    }
    published_ = std::move(fresh);
  }

  const pid_t pid_;
  std::once_flag started_;
  IoRunner runner_;
  SystemRng rng_;
  std::unique_ptr<CoordinatorDriver> driver_;
  std::unique_ptr<TierClient> tier_;
  std::vector<KeyId> keys_;  ///< I/O side
  WakeTimer publish_timer_;
  bool publish_waits_ = false;
  coordinator::Time last_publish_ = coordinator::kLongAgo;
  std::atomic<Clock::rep> next_probe_{0};

  std::mutex published_mutex_;
  std::map<KeyId, KeyReadiness> published_;
};

/// One blocking call: what the I/O side delivers, guarded by the runner's lock.
struct Call : IoRunner::Waiter {
  std::optional<Outcome> outcome;
};
struct StatusCall : IoRunner::Waiter {
  std::vector<wire::StatusReply> replies;
  std::string failures;
  std::size_t open = 0;
};
struct Conversation : IoRunner::Waiter {
  std::deque<wire::Envelope> replies;
  std::optional<Result<void, SignError>> end;
};

}  // namespace

class SignClient::Impl {
 public:
  explicit Impl(SignClientConfig config) : config_(std::move(config)) {
    auto link = std::make_shared<LinkSettings>();
    link->tls = config_.tls;
    link->cluster = config_.cluster;
    link->log = config_.log;
    if (config_.mode == SignMode::Tier) {
      settings_ = tier_settings(std::move(link));
    } else {
      settings_ = direct_settings(std::move(link));
    }
  }

  /// Links to the signers, whose identities are pinned.
  DriverSettings direct_settings(std::shared_ptr<LinkSettings> link) const {
    DriverSettings settings;
    std::map<PartyId, IdentityPublicKey> pins;
    for (const auto& signer : config_.signers) {
      if (signer.identity) pins[signer.id] = *signer.identity;
      DriverTarget target{signer.id, resolve_host(signer.host, kResolveLimit), signer.port};
      if (target.hosts.empty()) {
        write_log(config_.log, kLogWarning, "signer " + std::to_string(signer.id) + ": " + signer.host + " does not resolve");
      }
      settings.signers.push_back(std::move(target));
    }
    link->pinned = [pins](PartyId id) -> std::optional<IdentityPublicKey> {
      const auto found = pins.find(id);
      return found != pins.end() ? std::optional(found->second) : std::nullopt;
    };
    settings.link = std::move(link);
    settings.core.max_in_flight = config_.max_in_flight;
    settings.core.back_off = config_.back_off;
    return settings;
  }

  TierSettings tier_settings(std::shared_ptr<LinkSettings> link) const {
    TierSettings settings;
    for (const auto& each : config_.coordinators) {
      settings.coordinators.push_back({each.name, resolve_host(each.host, kResolveLimit), each.port});
      if (settings.coordinators.back().hosts.empty())
        write_log(config_.log, kLogWarning, "coordinator " + each.name + ": " + each.host + " does not resolve");
    }
    settings.link = std::move(link);
    settings.core.max_in_flight = config_.max_in_flight;
    return settings;
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    if (Engine* engine = running()) take_apart(engine);  // another process's is left alone for ever
    for (KeyNode* node = keys_.load(); node != nullptr;) delete std::exchange(node, node->next);
  }

  /// A spare thread in forked processes. Where it is not needed at once it makes the connections, so that they
  /// are there before the first signature.
  static void ask_for_spare(const std::shared_ptr<Impl>& self) {
    if (!self->config_.thread_at_fork) return;
    self->spare_ = IoThread::spare_in_children([weak = std::weak_ptr<Impl>(self)] {
      try {
        if (const auto impl = weak.lock()) (void)impl->engine();
      } catch (const std::exception&) {
        // No memory: the first signature tries again.
      }
    });
  }

  /// The engine of this process, started.
  Engine& engine() {
    Engine* present = engine_.load();
    if (present == nullptr || present->pid() != getpid()) {
      auto fresh = std::make_unique<Engine>(config_, settings_);
      // On failure another thread of this process was faster, and its engine is in `present` now.
      if (engine_.compare_exchange_strong(present, fresh.get())) present = fresh.release();
    }
    present->start(keys_);
    return *present;
  }
  /// nullptr while this process has none.
  Engine* running() {
    Engine* present = engine_.load();
    return present != nullptr && present->pid() == getpid() ? present : nullptr;
  }

  void add_key(const PublicKey& key) {
    // Servers load the same key again at each reload; its table is large.
    for (const KeyNode* known = keys_.load(); known != nullptr; known = known->next)
      if (known->key.id == key.id) return;
    auto* node = new KeyNode{{key.id, key.curve, VerificationKey(key.point)}, keys_.load()};
    while (!keys_.compare_exchange_weak(node->next, node)) {
    }
    if (Engine* engine = running()) {
      engine->runner().post([engine, info = node->key] { engine->add_key(info); });
    }
  }

  void shut_down() {
    if (Engine* engine = running()) engine->runner().stop();
  }

  void submit(Engine& engine, const KeyId& key, wire::Context context, wire::DigestAlgorithm digest, ByteView content,
              std::chrono::milliseconds deadline, bool waits, SignDone done) {
    // The deadline counts from now, not from when the I/O side gets to it.
    const auto until = Clock::now() + deadline;
    auto promise = std::make_shared<Promise>(std::move(done));
    auto work = [&engine, key, context, digest, content = Bytes(content.begin(), content.end()), until,
                 promise = std::move(promise)]() mutable {
      engine.sign({.key = key, .context = context, .digest = digest, .content = std::move(content)},
                                 until - Clock::now(),
                                 [promise = std::move(promise)](Result<coordinator::SignResult, SignError> result) {
                                   promise->keep(translate(std::move(result)));
                                 });
    };
    if (waits) {
      engine.runner().post_before_wait(std::move(work));
    } else {
      engine.runner().post(std::move(work));
    }
  }

  const SignClientConfig config_;

 private:
  /// An engine cannot be destroyed by its own thread, on which a callback may just have dropped the client.
  static void take_apart(Engine* engine) {
    if (!engine->runner().on_own_thread()) {
      delete engine;
      return;
    }
    try {
      std::thread([engine] { delete engine; }).detach();
    } catch (const std::system_error&) {
      // Left behind: stopped, with its connections open until the process ends.
    }
  }

  Engine::Settings settings_;
  std::shared_ptr<void> spare_;
  std::atomic<KeyNode*> keys_{nullptr};
  std::atomic<Engine*> engine_{nullptr};
};

SignClient::SignClient(SignClientConfig config) : impl_(std::make_shared<Impl>(std::move(config))) {
  Impl::ask_for_spare(impl_);
}
SignClient::~SignClient() { impl_->shut_down(); }

void SignClient::add_key(const PublicKey& key) { impl_->add_key(key); }

Outcome SignClient::sign(const KeyId& key, wire::Context context, wire::DigestAlgorithm digest, ByteView content,
                         std::optional<std::chrono::milliseconds> deadline) {
  const auto impl = impl_;
  const auto limit = deadline.value_or(impl->config_.deadline);
  const auto until = Clock::now() + limit + kGrace;
  auto call = std::make_shared<Call>();
  bool answered = false;
  with_roomy_stack([&] {
    Engine& engine = impl->engine();
    impl->submit(engine, key, context, digest, content, limit, true, [&engine, call](Outcome outcome) {
      engine.runner().update(*call, [&] { call->outcome.emplace(std::move(outcome)); });
    });
    answered = engine.runner().wait(*call, until, [&] { return call->outcome.has_value(); });
  });
  if (!answered) return fail(Clock::now() >= until ? deadline_exceeded() : shut_down());
  return std::move(*call->outcome);
}

void SignClient::sign_async(const KeyId& key, wire::Context context, wire::DigestAlgorithm digest, ByteView content,
                            SignDone done, std::optional<std::chrono::milliseconds> deadline) {
  const auto impl = impl_;
  Engine& engine = impl->engine();
  if (engine.runner().is_inline()) return done(sign(key, context, digest, content, deadline));
  impl->submit(engine, key, context, digest, content, deadline.value_or(impl->config_.deadline), false,
               [done = std::move(done), demand = engine.runner().demand()](Outcome outcome) { done(std::move(outcome)); });
}

void SignClient::warm_up() {
  with_roomy_stack([this] { impl_->engine().runner().poll([] {}); });
}

void SignClient::probe() {
  with_roomy_stack([this] { impl_->engine().probe(); });
}

KeyReadiness SignClient::readiness(const KeyId& key) {
  KeyReadiness known;
  with_roomy_stack([&] {
    if (Engine* engine = impl_->running()) known = engine->readiness(key);
  });
  return known;
}

bool SignClient::inline_io() const { return impl_->engine().runner().is_inline(); }

Result<std::vector<wire::StatusReply>, SignError> SignClient::status(std::chrono::milliseconds timeout) {
  const auto impl = impl_;
  if (impl->config_.mode == SignMode::Tier) return fail(only_direct());
  Engine& engine = impl->engine();
  auto call = std::make_shared<StatusCall>();
  call->open = impl->config_.signers.size();
  engine.runner().post_before_wait([&engine, impl, call, timeout] {
    for (const auto& signer : impl->config_.signers) {
      wire::Envelope envelope{wire::MessageType::StatusRequest, engine.rng().make_id<SessionId>(), kNobody, signer.id,
                              wire::encode(wire::StatusRequest{})};
      engine.driver().request(
          std::move(envelope), timeout,
          [&engine, call](wire::Envelope reply) {
            auto decoded = wire::decode<wire::StatusReply>(reply.payload);
            if (decoded && decoded->signer == reply.from) {
              engine.runner().update(*call, [&] { call->replies.push_back(std::move(*decoded)); });
            }
            return false;
          },
          [&engine, call](Result<void, SignError> end) {
            engine.runner().update(*call, [&] {
              --call->open;
              if (!end.has_value()) call->failures += (call->failures.empty() ? "" : "; ") + end.error().detail;
            });
          });
    }
  });
  (void)engine.runner().wait(*call, Clock::now() + timeout + kGrace, [&] { return call->open == 0; });
  std::vector<wire::StatusReply> replies;
  std::string failures;
  engine.runner().update(*call, [&] {
    replies = call->replies;
    failures = call->failures;
  });
  if (replies.empty()) {
    return fail(SignError{SignErrorCode::QuorumInsufficient, failures.empty() ? "no signer answered" : failures});
  }
  std::sort(replies.begin(), replies.end(), [](const auto& a, const auto& b) { return a.signer < b.signer; });
  return replies;
}

Result<void, SignError> SignClient::request(PartyId signer, wire::MessageType type, Bytes payload, OnReply on_reply,
                                            std::chrono::milliseconds timeout) {
  SystemRng rng;
  return request(signer, type, rng.make_id<SessionId>(), std::move(payload), std::move(on_reply), timeout);
}

Result<void, SignError> SignClient::request(PartyId signer, wire::MessageType type, const SessionId& sid, Bytes payload,
                                            OnReply on_reply, std::chrono::milliseconds timeout) {
  const auto impl = impl_;
  if (impl->config_.mode == SignMode::Tier) return fail(only_direct());
  Engine& engine = impl->engine();
  const auto until = Clock::now() + timeout + kGrace;
  auto talk = std::make_shared<Conversation>();
  engine.runner().post_before_wait([&engine, talk, timeout, envelope = wire::Envelope{type, sid, kNobody, signer, std::move(payload)}] {
    engine.driver().request(
        envelope, timeout,
        [&engine, talk](wire::Envelope reply) {
          engine.runner().update(*talk, [&] { talk->replies.push_back(std::move(reply)); });
          return true;
        },
        [&engine, talk](Result<void, SignError> end) { engine.runner().update(*talk, [&] { talk->end.emplace(std::move(end)); }); });
  });
  for (;;) {
    const bool something =
        engine.runner().wait(*talk, until, [&] { return !talk->replies.empty() || talk->end.has_value(); });
    if (!something) {
      return fail(Clock::now() >= until ? SignError{SignErrorCode::DeadlineExceeded, "no answer in time"} : shut_down());
    }
    std::deque<wire::Envelope> replies;
    std::optional<Result<void, SignError>> end;
    engine.runner().update(*talk, [&] {
      replies.swap(talk->replies);
      end = talk->end;
    });
    for (auto& reply : replies) {
      if (on_reply(std::move(reply))) continue;
      engine.runner().post([&engine, sid, signer] { engine.driver().forget(sid, signer); });
      return {};
    }
    if (end) return *end;
  }
}

}  // namespace quorate::net
