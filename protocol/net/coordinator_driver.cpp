#include "protocol/net/coordinator_driver.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <unordered_map>

#include "protocol/net/action_queue.h"
#include "protocol/net/dialer.h"
#include "protocol/net/log.h"
#include "protocol/wire/online_codec.h"

namespace quorate::net {
namespace {

using boost::system::error_code;
using coordinator::RequestHandle;
using coordinator::Time;

/// How long the curve of a sent request is remembered at least, for replies that come late.
constexpr Time kRemember = std::chrono::seconds(20);

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

class CoordinatorDriver::Impl : public std::enable_shared_from_this<CoordinatorDriver::Impl> {
  template <class F>
  auto bound(F handler) {
    return [weak = weak_from_this(), handler = std::move(handler)](auto&&... args) {
      auto self = weak.lock();
      if (self && self->running_) handler(*self, std::forward<decltype(args)>(args)...);
    };
  }

 public:
  Impl(boost::asio::io_context& io, DriverSettings settings, Rng& rng)
      : io_(io), link_(std::move(settings.link)), core_(with_signers(settings), rng), timer_(io, [this] { on_timer(); }) {
    for (auto& target : settings.signers) {
      if (!coordinator::is_signer(target.id) || targets_.contains(target.id)) {
        write_log(link_->log, kLogWarning,
                  "signer " + std::to_string(target.id) + " is configured twice or has no id from 1 to 16");
        continue;
      }
      targets_[target.id] = std::move(target);
    }
    std::set<PartyId> signers;
    Identities pinned;
    for (const auto& [id, target] : targets_) {
      signers.insert(id);
      if (const auto key = link_->pinned ? link_->pinned(id) : std::nullopt) pinned[id] = *key;
    }
    BlameDriver::Hooks hooks;
    hooks.request = [this](wire::Envelope envelope, std::chrono::nanoseconds timeout, OnReply on_reply, OnEnd on_end) {
      request(std::move(envelope), timeout, std::move(on_reply), std::move(on_end));
    };
    hooks.quarantine = [this](const std::set<PartyId>& cheats) { quarantine(cheats); };
    blame_ = std::make_shared<BlameDriver>(io, std::move(signers), std::move(pinned), rng, std::move(hooks));
  }

  void start() {
    if (running_) return;
    running_ = true;
    stopped_ = false;
    for (const auto& [id, target] : targets_) {
      DialTarget dial{target.hosts, target.port, {wire::Role::Signer, id, {}, link_->cluster}};
      Dialer::Events events;
      events.up =
          bound([signer = id](Impl& self, const std::shared_ptr<Link>& link) { self.link_up(signer, link); });
      events.message = bound([](Impl& self, wire::Envelope envelope) { self.receive(std::move(envelope)); });
      events.down =
          bound([signer = id](Impl& self, const std::string& reason) { self.link_down(signer, reason); });
      events.failed = bound([signer = id](Impl& self, const std::string&) {
        self.core_.link_down(monotonic_now(), signer);
        self.settle();
      });
      dialers_[id] = std::make_unique<Dialer>(io_, link_, std::move(dial), std::move(events));
      dialers_[id]->start();
    }
    settle();
  }

  void stop() {
    running_ = false;
    stopped_ = true;
    blame_->stop();
    timer_.cancel();
    for (auto& [id, dialer] : dialers_) dialer->stop();
    const SignError gone = shutting_down();
    for (auto& [handle, waiting] : std::exchange(waiting_, {})) waiting.done(fail(gone));
    while (!raw_.empty()) end_raw(raw_.begin()->first, fail(gone));
    on_change_ = nullptr;
  }

  void add_key(const coordinator::KeyInfo& key) {
    curves_[key.id] = key.curve;
    core_.add_key(key);
    blame_->add_key(key);
    settle();
  }

  void quarantine(const std::set<PartyId>& signers) {
    core_.quarantine(monotonic_now(), signers);
    settle();
  }

  RequestHandle sign(coordinator::SigningJob job, std::chrono::nanoseconds within, Done done, OnAssigned assigned) {
    if (stopped_) return answer_stopped(std::move(done));
    const Time now = monotonic_now();
    job.deadline = now + within;
    const auto handle = core_.submit(now, std::move(job));
    waiting_.emplace(handle, Waiting{std::move(done), std::move(assigned)});
    // A request that is refused at once has its Finish among the actions already; the promise is that
    // nobody is called within this call.
    timer_.soon();
    return handle;
  }
  void cancel(RequestHandle request) {
    if (waiting_.erase(request) == 0) return;
    core_.cancel(monotonic_now(), request);
    settle();
  }

  void request(wire::Envelope envelope, std::chrono::nanoseconds timeout, OnReply on_reply, OnEnd on_end) {
    const SessionId sid = envelope.sid;
    const PartyId to = envelope.to;
    if (!targets_.contains(to) || raw_.contains({sid, to})) {
      on_end(fail(SignError{SignErrorCode::QuorumInsufficient,
                            "signer " + std::to_string(to) + " is not configured"}));
      return;
    }
    Raw& raw = raw_.try_emplace({sid, to}, io_).first->second;
    raw.envelope = std::move(envelope);
    raw.on_reply = std::move(on_reply);
    raw.on_end = std::move(on_end);
    raw.timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout));
    raw.timer.async_wait([weak = weak_from_this(), sid, to](error_code error) {
      auto self = weak.lock();
      if (error || !self) return;
      const bool linked = self->linked(to);
      self->end_raw({sid, to},
                    fail(SignError{SignErrorCode::DeadlineExceeded,
                                   "signer " + std::to_string(to) +
                                       (linked ? " did not answer in time" : " is not reachable")}));
    });
    send_raw(raw);
  }

  void forget(const SessionId& sid, PartyId signer) { raw_.erase({sid, signer}); }

  [[nodiscard]] bool linked(PartyId signer) const {
    const auto dialer = dialers_.find(signer);
    return dialer != dialers_.end() && dialer->second->link() != nullptr;
  }
  void retry_links() {
    for (auto& [id, dialer] : dialers_) dialer->retry_now();
  }
  [[nodiscard]] const coordinator::Coordinator& core() const { return core_; }

  OnChange on_change_;
  std::shared_ptr<BlameDriver> blame_;

 private:
  /// A request that the core knows nothing of.
  struct Raw {
    explicit Raw(boost::asio::io_context& io) : timer(io) {}
    wire::Envelope envelope;
    bool sent = false;
    OnReply on_reply;
    OnEnd on_end;
    boost::asio::steady_timer timer;
  };

  struct Waiting {
    Done done;
    OnAssigned assigned;
  };

  static SignError shutting_down() { return {SignErrorCode::QuorumInsufficient, "the client is shutting down"}; }

  /// The core has nobody to call it any more. Its handles count upwards, these downwards.
  RequestHandle answer_stopped(Done done) {
    const RequestHandle handle = --next_stopped_;
    waiting_.emplace(handle, Waiting{std::move(done), {}});
    boost::asio::post(io_, [weak = weak_from_this(), handle] {
      if (const auto self = weak.lock())
        if (auto node = self->waiting_.extract(handle)) node.mapped().done(fail(shutting_down()));
    });
    return handle;
  }

  static coordinator::CoordinatorConfig with_signers(const DriverSettings& settings) {
    auto config = settings.core;
    config.signers.clear();
    for (const auto& target : settings.signers) config.signers.push_back(target.id);
    return config;
  }

  /// One ceremony has one sid at all signers.
  using RawKey = std::pair<SessionId, PartyId>;

  void link_up(PartyId signer, const std::shared_ptr<Link>& link) {
    core_.link_up(monotonic_now(), signer, link->hello().instance);
    for (auto& [key, raw] : raw_) {
      if (raw.envelope.to == signer && !raw.sent) send_raw(raw);
    }
    settle();
  }

  void link_down(PartyId signer, const std::string& reason) {
    core_.link_down(monotonic_now(), signer);
    std::vector<RawKey> lost;
    for (const auto& [key, raw] : raw_) {
      if (raw.envelope.to == signer && raw.sent) lost.push_back(key);
    }
    for (const auto& key : lost) {
      end_raw(key, fail(SignError{SignErrorCode::QuorumInsufficient,
                                  "the link to signer " + std::to_string(signer) + " was lost: " + reason}));
    }
    settle();
  }

  void send_raw(Raw& raw) {
    const auto dialer = dialers_.find(raw.envelope.to);
    if (dialer == dialers_.end() || !dialer->second->link()) return;
    raw.sent = dialer->second->link()->send(raw.envelope) == Link::Sent::Queued;
  }

  void end_raw(const RawKey& key, Result<void, SignError> outcome) {
    auto node = raw_.extract(key);
    if (!node) return;
    node.mapped().timer.cancel();
    node.mapped().on_end(std::move(outcome));
  }

  void receive_raw(const RawKey& key, wire::Envelope envelope) {
    if (envelope.type == wire::MessageType::Refusal) {
      auto refusal = wire::decode<wire::Refusal>(envelope.payload);
      if (!refusal) return malformed(envelope.from, refusal.error());
      return end_raw(key, fail(SignError{refusal->code, "signer " + std::to_string(envelope.from) + ": " +
                                                            refusal->reason}));
    }
    const auto on_reply = raw_.at(key).on_reply;
    if (!on_reply(std::move(envelope))) end_raw(key, {});
  }

  void receive(wire::Envelope envelope) {
    if (const RawKey key{envelope.sid, envelope.from}; raw_.contains(key))
      return receive_raw(key, std::move(envelope));
    const Time now = monotonic_now();
    const PartyId from = envelope.from;
    const auto give = [&](auto decoded, auto to_core) {
      if (!decoded) return malformed(from, decoded.error());
      (core_.*to_core)(now, from, envelope.sid, *decoded);
      settle();
    };
    switch (envelope.type) {
      case wire::MessageType::SignReply: {
        const Curve* curve = curve_of(envelope.sid);
        if (curve == nullptr) return;  // nobody has waited for it for a long time
        return give(wire::decode<wire::SignReply>(envelope.payload, *curve),
                    &coordinator::Coordinator::on_sign_reply);
      }
      case wire::MessageType::LeaseReply: {
        auto lease = wire::decode<wire::LeaseReply>(envelope.payload);
        if (lease) blame_->heard_version(from, lease->quarantine);
        return give(std::move(lease), &coordinator::Coordinator::on_lease);
      }
      case wire::MessageType::StatusReply: {
        auto status = wire::decode<wire::StatusReply>(envelope.payload);
        // Only what the core takes over as well: with two opinions of a cheat's epoch it would be kept out of one
        // that it is not in, and used in the other.
        if (status && core_.signer(from).status_request == envelope.sid && status->signer == from)
          blame_->heard(from, *status);
        return give(std::move(status), &coordinator::Coordinator::on_status);
      }
      case wire::MessageType::Refusal:
        return give(wire::decode<wire::Refusal>(envelope.payload), &coordinator::Coordinator::on_refusal);
      default:
        return;  // a late reply to a raw request
    }
  }

  void malformed(PartyId from, const wire::WireError& error) {
    if (const auto dialer = dialers_.find(from); dialer != dialers_.end()) {
      dialer->second->drop("malformed reply: " + error.what());
    }
  }

  /// Carries out what the core wants until it wants nothing, then sets the clock.
  void settle() {
    const auto self = shared_from_this();
    try {
      if (!actions_.run([&] { return core_.take_actions(); }, [&](auto& action) { carry_out(action); })) return;
      // Somebody waits for the answers.
      for (const auto& [id, dialer] : dialers_)
        if (const auto link = dialer->link(); link && link->queued_bytes() > 0) link->push();
    } catch (...) {
      timer_.soon();  // what is left, and what has not left
      throw;
    }
    if (!running_) return;
    timer_.at(core_.next_wakeup());
    if (on_change_) on_change_();
  }

  void carry_out(coordinator::Action& action) {
    std::visit(Overloaded{[&](coordinator::Send& send) { transmit(send); },
                          [&](coordinator::Finish& finish) { conclude(finish); },
                          [&](coordinator::Assigned& assigned) { tell(assigned); },
                          [&](coordinator::Suspicion& suspicion) { suspect(suspicion); }},
               action);
  }

  void on_timer() {
    if (!running_) return;
    core_.on_timer(monotonic_now());
    settle();
  }

  void transmit(coordinator::Send& send) {
    const auto dialer = dialers_.find(send.to);
    if (dialer == dialers_.end() || !dialer->second->link()) return;  // its link_down is on the way
    wire::Envelope envelope;
    envelope.sid = send.request;
    envelope.to = send.to;
    std::visit(
        [&](const auto& message) {
          using Message = std::decay_t<decltype(message)>;
          envelope.type = wire::kTypeOf<Message>;
          envelope.payload = wire::encode(message);
          if constexpr (std::is_same_v<Message, wire::SignRequest>) remember(send.request, message.key);
        },
        send.message);
    (void)dialer->second->link()->send(envelope, Link::Leaves::OnPush);
  }

  void conclude(coordinator::Finish& finish) {
    auto node = waiting_.extract(finish.request);
    if (node) node.mapped().done(std::move(finish.outcome));
  }

  void tell(const coordinator::Assigned& assigned) {
    const auto it = waiting_.find(assigned.request);
    if (it == waiting_.end() || !it->second.assigned) return;
    const auto handler = it->second.assigned;  // it may cancel the request
    handler(assigned.assignment);
  }

  void suspect(const coordinator::Suspicion& suspicion) {
    write_log(link_->log, kLogWarning,
              "presignature " + suspicion.presignature.str() + " of signers " + to_string(suspicion.quorum) +
                  " did not make a signature: " + std::string(coordinator::name(suspicion.failure)));
    blame_->investigate(suspicion);
  }

  void remember(const SessionId& sid, const KeyId& key) {
    const Time now = monotonic_now();
    if (now - turned_ > kRemember) {
      turned_ = now;
      older_ = std::exchange(recent_, {});
    }
    const auto curve = curves_.find(key);
    if (curve != curves_.end()) recent_[sid] = curve->second;
  }
  [[nodiscard]] const Curve* curve_of(const SessionId& sid) const {
    for (const auto* map : {&recent_, &older_}) {
      if (const auto found = map->find(sid); found != map->end()) return found->second;
    }
    return nullptr;
  }

  boost::asio::io_context& io_;
  std::shared_ptr<const LinkSettings> link_;
  coordinator::Coordinator core_;
  WakeTimer timer_;
  std::map<PartyId, DriverTarget> targets_;
  std::map<PartyId, std::unique_ptr<Dialer>> dialers_;
  std::unordered_map<RequestHandle, Waiting> waiting_;
  std::map<RawKey, Raw> raw_;
  std::map<KeyId, const Curve*> curves_;
  std::unordered_map<SessionId, const Curve*> recent_, older_;  ///< of sign requests, by request id
  Time turned_ = coordinator::kLongAgo;
  RequestHandle next_stopped_ = 0;
  ActionQueue<coordinator::Action> actions_;
  bool running_ = false, stopped_ = false;
};

CoordinatorDriver::CoordinatorDriver(boost::asio::io_context& io, DriverSettings settings, Rng& rng)
    : impl_(std::make_shared<Impl>(io, std::move(settings), rng)) {}
CoordinatorDriver::~CoordinatorDriver() { impl_->stop(); }
void CoordinatorDriver::start() { impl_->start(); }
void CoordinatorDriver::stop() { impl_->stop(); }
void CoordinatorDriver::on_change(OnChange handler) { impl_->on_change_ = std::move(handler); }
void CoordinatorDriver::add_key(const coordinator::KeyInfo& key) { impl_->add_key(key); }
void CoordinatorDriver::on_blame(OnBlame handler) { impl_->blame_->on_blame(std::move(handler)); }
const BlameDriver::Counters& CoordinatorDriver::blame_counters() const { return impl_->blame_->counters(); }
const std::set<PartyId>& CoordinatorDriver::quarantined() const { return impl_->blame_->quarantined(); }
RequestHandle CoordinatorDriver::sign(coordinator::SigningJob job, std::chrono::nanoseconds within, Done done,
                                      OnAssigned assigned) {
  return impl_->sign(std::move(job), within, std::move(done), std::move(assigned));
}
void CoordinatorDriver::cancel(RequestHandle request) { impl_->cancel(request); }
coordinator::Readiness CoordinatorDriver::readiness(const KeyId& key) const {
  return impl_->core().readiness(key);
}
const coordinator::Counters& CoordinatorDriver::counters() const { return impl_->core().counters(); }
bool CoordinatorDriver::linked(PartyId signer) const { return impl_->linked(signer); }
void CoordinatorDriver::retry_links() { impl_->retry_links(); }
void CoordinatorDriver::forget(const SessionId& sid, PartyId signer) { impl_->forget(sid, signer); }
void CoordinatorDriver::request(wire::Envelope envelope, std::chrono::nanoseconds timeout, OnReply on_reply,
                                OnEnd on_end) {
  impl_->request(std::move(envelope), timeout, std::move(on_reply), std::move(on_end));
}

}  // namespace quorate::net
