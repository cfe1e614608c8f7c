#include "protocol/net/sign_client.h"

#include <unistd.h>

#include <atomic>
#include <deque>
#include <map>
#include <system_error>
#include <thread>

#include "protocol/net/client_process.h"
#include "protocol/net/endpoint.h"
#include "protocol/net/io_thread.h"
#include "protocol/net/roomy_stack.h"
#include "protocol/wire/online_codec.h"

namespace quorate::net {
namespace {

using Clock = IoRunner::Clock;
using Outcome = Result<SignedContent, SignError>;

constexpr std::chrono::milliseconds kResolveLimit{1000};
/// How long a caller waits beyond its deadline for the I/O side to say so itself.
constexpr std::chrono::milliseconds kGrace{50};

SignError deadline_exceeded() { return {SignErrorCode::DeadlineExceeded, "no signature in time"}; }
SignError only_direct() {
  return {SignErrorCode::PolicyDenied,
          "this front end talks to coordinators, not to signers; use a provider.json with \"signers\" for this"};
}
SignError shutting_down() { return {SignErrorCode::QuorumInsufficient, "the client is shutting down"}; }

/// Calls back exactly once: with the outcome, or when it is dropped unanswered.
class Promise {
 public:
  explicit Promise(SignClient::SignDone done) : done_(std::move(done)) {}
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  ~Promise() {
    if (done_) done_(fail(shutting_down()));
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
    if (ClientProcess* process = running()) take_apart(process);  // another process's is left alone for ever
    for (KeyNode* node = keys_.load(); node != nullptr;) delete std::exchange(node, node->next);
  }

  /// A spare thread in forked processes. Where it is not needed at once it makes the connections, so that they
  /// are there before the first signature.
  static void ask_for_spare(const std::shared_ptr<Impl>& self) {
    if (!self->config_.thread_at_fork) return;
    self->spare_ = IoThread::spare_in_children([weak = std::weak_ptr<Impl>(self)] {
      try {
        if (const auto impl = weak.lock()) (void)impl->process();
      } catch (const std::exception&) {
        // No memory: the first signature tries again.
      }
    });
  }

  /// That of this process, started.
  ClientProcess& process() {
    ClientProcess* present = process_.load();
    if (present == nullptr || present->pid() != getpid()) {
      auto fresh = std::make_unique<ClientProcess>(config_, settings_);
      // On failure another thread of this process was faster, and what it made is in `present` now.
      if (process_.compare_exchange_strong(present, fresh.get())) present = fresh.release();
    }
    present->start(keys_);
    return *present;
  }
  /// nullptr while this process has none.
  ClientProcess* running() {
    ClientProcess* present = process_.load();
    return present != nullptr && present->pid() == getpid() ? present : nullptr;
  }

  void add_key(const PublicKey& key) {
    // Servers load the same key again at each reload; its table is large.
    for (const KeyNode* known = keys_.load(); known != nullptr; known = known->next)
      if (known->key.id == key.id) return;
    auto* node = new KeyNode{{key.id, key.curve, VerificationKey(key.point)}, keys_.load()};
    while (!keys_.compare_exchange_weak(node->next, node)) {
    }
    if (ClientProcess* process = running()) {
      process->runner().post([process, info = node->key] { process->add_key(info); });
    }
  }

  void shut_down() {
    if (ClientProcess* process = running()) process->runner().stop();
  }

  void submit(ClientProcess& process, const KeyId& key, wire::Context context, wire::DigestAlgorithm digest, ByteView content,
              std::chrono::milliseconds deadline, bool waits, SignDone done) {
    // The deadline counts from now, not from when the I/O side gets to it.
    const auto until = Clock::now() + deadline;
    auto promise = std::make_shared<Promise>(std::move(done));
    auto work = [&process, key, context, digest, content = Bytes(content.begin(), content.end()), until,
                 promise = std::move(promise)]() mutable {
      process.sign({.key = key, .context = context, .digest = digest, .content = std::move(content)},
                                 until - Clock::now(),
                                 [promise = std::move(promise)](Result<coordinator::SignResult, SignError> result) {
                                   promise->keep(translate(std::move(result)));
                                 });
    };
    if (waits) {
      process.runner().post_before_wait(std::move(work));
    } else {
      process.runner().post(std::move(work));
    }
  }

  const SignClientConfig config_;

 private:
  /// It cannot be destroyed by its own thread, on which a callback may just have dropped the client.
  static void take_apart(ClientProcess* process) {
    if (!process->runner().on_own_thread()) {
      delete process;
      return;
    }
    try {
      std::thread([process] { delete process; }).detach();
    } catch (const std::system_error&) {
      // Left behind: stopped, with its connections open until the process ends.
    }
  }

  ClientProcess::Settings settings_;
  std::shared_ptr<void> spare_;
  std::atomic<KeyNode*> keys_{nullptr};
  std::atomic<ClientProcess*> process_{nullptr};
};

SignClient::SignClient(SignClientConfig config) : impl_(std::make_shared<Impl>(std::move(config))) {
  Impl::ask_for_spare(impl_);
}
SignClient::~SignClient() { shut_down(); }
void SignClient::shut_down() { impl_->shut_down(); }

void SignClient::add_key(const PublicKey& key) { impl_->add_key(key); }

Outcome SignClient::sign(const KeyId& key, wire::Context context, wire::DigestAlgorithm digest, ByteView content,
                         std::optional<std::chrono::milliseconds> deadline) {
  const auto impl = impl_;
  const auto limit = deadline.value_or(impl->config_.deadline);
  const auto until = Clock::now() + limit + kGrace;
  auto call = std::make_shared<Call>();
  bool answered = false;
  with_roomy_stack([&] {
    ClientProcess& process = impl->process();
    impl->submit(process, key, context, digest, content, limit, true, [&process, call](Outcome outcome) {
      process.runner().update(*call, [&] { call->outcome.emplace(std::move(outcome)); });
    });
    answered = process.runner().wait(*call, until, [&] { return call->outcome.has_value(); });
  });
  if (!answered) return fail(Clock::now() >= until ? deadline_exceeded() : shutting_down());
  return std::move(*call->outcome);
}

void SignClient::sign_async(const KeyId& key, wire::Context context, wire::DigestAlgorithm digest, ByteView content,
                            SignDone done, std::optional<std::chrono::milliseconds> deadline) {
  const auto impl = impl_;
  ClientProcess& process = impl->process();
  if (process.runner().is_inline()) return done(sign(key, context, digest, content, deadline));
  impl->submit(process, key, context, digest, content, deadline.value_or(impl->config_.deadline), false,
               [done = std::move(done), demand = process.runner().demand()](Outcome outcome) { done(std::move(outcome)); });
}

void SignClient::warm_up() {
  with_roomy_stack([this] { impl_->process().runner().poll([] {}); });
}

void SignClient::probe() {
  with_roomy_stack([this] { impl_->process().probe(); });
}

KeyReadiness SignClient::readiness(const KeyId& key) {
  KeyReadiness known;
  with_roomy_stack([&] {
    if (ClientProcess* process = impl_->running()) known = process->readiness(key);
  });
  return known;
}

bool SignClient::inline_io() const { return impl_->process().runner().is_inline(); }

Result<std::vector<wire::StatusReply>, SignError> SignClient::status(std::chrono::milliseconds timeout) {
  const auto impl = impl_;
  if (impl->config_.mode == SignMode::Tier) return fail(only_direct());
  ClientProcess& process = impl->process();
  auto call = std::make_shared<StatusCall>();
  call->open = impl->config_.signers.size();
  std::vector<PartyId> signers;  // and not the client, which owns what this is posted to
  for (const auto& signer : impl->config_.signers) signers.push_back(signer.id);
  process.runner().post_before_wait([&process, signers, call, timeout] {
    for (const auto signer : signers) {
      wire::Envelope envelope{wire::MessageType::StatusRequest, process.rng().make_id<SessionId>(), kNobody, signer,
                              wire::encode(wire::StatusRequest{})};
      process.driver().request(
          std::move(envelope), timeout,
          [&process, call](wire::Envelope reply) {
            auto decoded = wire::decode<wire::StatusReply>(reply.payload);
            if (decoded && decoded->signer == reply.from) {
              process.runner().update(*call, [&] { call->replies.push_back(std::move(*decoded)); });
            }
            return false;
          },
          [&process, call](Result<void, SignError> end) {
            process.runner().update(*call, [&] {
              --call->open;
              if (!end.has_value()) call->failures += (call->failures.empty() ? "" : "; ") + end.error().detail;
            });
          });
    }
  });
  (void)process.runner().wait(*call, Clock::now() + timeout + kGrace, [&] { return call->open == 0; });
  std::vector<wire::StatusReply> replies;
  std::string failures;
  process.runner().update(*call, [&] {
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
  ClientProcess& process = impl->process();
  const auto until = Clock::now() + timeout + kGrace;
  auto talk = std::make_shared<Conversation>();
  process.runner().post_before_wait([&process, talk, timeout, envelope = wire::Envelope{type, sid, kNobody, signer, std::move(payload)}] {
    process.driver().request(
        envelope, timeout,
        [&process, talk](wire::Envelope reply) {
          process.runner().update(*talk, [&] { talk->replies.push_back(std::move(reply)); });
          return true;
        },
        [&process, talk](Result<void, SignError> end) { process.runner().update(*talk, [&] { talk->end.emplace(std::move(end)); }); });
  });
  for (;;) {
    const bool something =
        process.runner().wait(*talk, until, [&] { return !talk->replies.empty() || talk->end.has_value(); });
    if (!something) {
      return fail(Clock::now() >= until ? SignError{SignErrorCode::DeadlineExceeded, "no answer in time"} : shutting_down());
    }
    std::deque<wire::Envelope> replies;
    std::optional<Result<void, SignError>> end;
    process.runner().update(*talk, [&] {
      replies.swap(talk->replies);
      end = talk->end;
    });
    for (auto& reply : replies) {
      if (on_reply(std::move(reply))) continue;
      process.runner().post([&process, sid, signer] { process.driver().forget(sid, signer); });
      return {};
    }
    if (end) return *end;
  }
}

}  // namespace quorate::net
