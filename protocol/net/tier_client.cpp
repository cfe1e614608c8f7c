#include "protocol/net/tier_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <unordered_map>

#include "protocol/net/action_queue.h"
#include "protocol/net/dialer.h"
#include "protocol/net/wake_timer.h"
#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/tier_codec.h"

namespace quorate::net {
namespace {

using boost::system::error_code;
using coordinator::RequestHandle;
using coordinator::SignResult;
using coordinator::Time;

constexpr std::chrono::milliseconds kReadinessInterval{1000}, kUnreadyInterval{250};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::vector<std::string> names_of(const TierSettings& settings) {
  std::vector<std::string> out;
  for (const auto& each : settings.coordinators) out.push_back(each.name);
  return out;
}

/// Many front ends, and many workers of one, begin with different coordinators.
std::size_t anywhere(Rng& rng) { return rng.make<std::array<std::uint8_t, 1>>()[0]; }

coordinator::Readiness read(const wire::ReadinessReply& reply) {
  using State = coordinator::Readiness::State;
  coordinator::Readiness out;
  out.state = reply.state == wire::ReadinessState::Ready      ? State::Ready
              : reply.state == wire::ReadinessState::NotReady ? State::NotReady
                                                              : State::Unknown;
  out.can_sign = reply.can_sign;
  out.reason = reply.reason;
  out.detail = reply.detail;
  out.signers_up = reply.signers_up;
  out.threshold = reply.threshold;
  out.pool_depth = reply.pool_depth;
  return out;
}

}  // namespace

class TierClient::Impl : public std::enable_shared_from_this<TierClient::Impl> {
  template <class F>
  auto bound(F handler) {
    return [weak = weak_from_this(), handler = std::move(handler)](auto&&... args) {
      auto self = weak.lock();
      if (self && self->running_) handler(*self, std::forward<decltype(args)>(args)...);
    };
  }

 public:
  Impl(boost::asio::io_context& io, TierSettings settings, Rng& rng)
      : io_(io),
        settings_(std::move(settings)),
        rng_(rng),
        core_(settings_.core, names_of(settings_), anywhere(rng)),
        timer_(io, [this] { on_timer(); }),
        readiness_timer_(io) {}

  void start() {
    if (running_) return;
    running_ = true;
    for (std::size_t i = 0; i < settings_.coordinators.size(); ++i) {
      const auto& target = settings_.coordinators[i];
      DialTarget dial{target.hosts, target.port,
                      {wire::Role::Coordinator, kNobody, target.name, settings_.link->cluster}};
      Dialer::Events events;
      events.up = bound([i](Impl& self, const std::shared_ptr<Link>&) {
        self.core_.link_up(monotonic_now(), i);
        self.ask_readiness(i);
        self.settle();
      });
      events.message = bound([i](Impl& self, const wire::Envelope& envelope) { self.receive(i, envelope); });
      events.down = bound([i](Impl& self, const std::string& reason) { self.lost(i, reason); });
      events.failed = bound([i](Impl& self, const std::string& reason) { self.lost(i, reason); });
      dialers_.push_back(std::make_unique<Dialer>(io_, settings_.link, std::move(dial), std::move(events)));
    }
    for (auto& dialer : dialers_) dialer->start();
    pull_readiness();
    settle();
  }

  void stop() {
    running_ = false;
    timer_.cancel();
    readiness_timer_.cancel();
    for (auto& dialer : dialers_) dialer->stop();
    const SignError gone{SignErrorCode::QuorumInsufficient, "the client is shutting down"};
    by_sid_.clear();
    for (auto& [handle, request] : std::exchange(requests_, {})) request.done(fail(gone));
    on_change_ = nullptr;
  }

  void add_key(const coordinator::KeyInfo& key) {
    if (!keys_.emplace(key.id, key).second || !running_) return;
    for (std::size_t i = 0; i < dialers_.size(); ++i) ask_readiness(i);
  }

  void sign(coordinator::SigningJob job, std::chrono::nanoseconds within, Done done) {
    const Time now = monotonic_now();
    Request request;
    request.sid = rng_.make_id<SessionId>();
    request.began = now;
    request.done = std::move(done);
    const auto key = keys_.find(job.key);
    if (key == keys_.end())
      return refuse(request, {SignErrorCode::KeyUnknown, "key " + job.key.brief() + " was not added"});
    if (job.content.size() > wire::kMaxContent)
      return refuse(request, {SignErrorCode::PolicyDenied, "more than 64 KiB to be signed"});
    request.key = &key->second;
    const auto digest = *message_digest_from(static_cast<std::uint8_t>(job.digest));
    request.m = message_scalar(*request.key->curve, digest, job.content);
    request.job = std::move(job);
    const auto handle = core_.submit(now, now + within);
    by_sid_[request.sid] = handle;
    requests_.emplace(handle, std::move(request));
    // The promise is that nobody is called within this call.
    timer_.soon();
  }

  [[nodiscard]] const coordinator::Tier& core() const { return core_; }
  OnChange on_change_;

 private:
  struct Request {
    SessionId sid;
    coordinator::SigningJob job;
    const coordinator::KeyInfo* key = nullptr;
    Scalar m;
    Time began{};
    Done done;
  };

  void refuse(Request& request, SignError error) {
    boost::asio::post(io_, [done = std::move(request.done), error = std::move(error)] { done(fail(error)); });
  }

  void lost(std::size_t i, const std::string& reason) {
    core_.link_down(monotonic_now(), i, reason);
    settle();
  }

  [[nodiscard]] Link* link(std::size_t i) const { return dialers_[i]->link().get(); }

  void malformed(std::size_t i, const wire::WireError& error) {
    dialers_[i]->drop("malformed reply: " + error.what());
  }

  void receive(std::size_t from, const wire::Envelope& envelope) {
    const Time now = monotonic_now();
    if (envelope.type == wire::MessageType::ReadinessReply) return heard_readiness(from, envelope);
    const auto known = by_sid_.find(envelope.sid);
    if (known == by_sid_.end()) return;  // it came too late
    const RequestHandle handle = known->second;
    const Request& request = requests_.at(handle);
    switch (envelope.type) {
      case wire::MessageType::TierAssigned: {
        auto assigned = wire::decode<wire::TierAssigned>(envelope.payload);
        if (!assigned) return malformed(from, assigned.error());
        core_.on_assigned(now, from, handle, {assigned->presignature, assigned->quorum, assigned->epoch});
        return;
      }
      case wire::MessageType::Refusal: {
        auto refusal = wire::decode<wire::Refusal>(envelope.payload);
        if (!refusal) return malformed(from, refusal.error());
        core_.on_refusal(now, from, handle, {refusal->code, refusal->reason});
        return settle();
      }
      case wire::MessageType::TierSignReply: {
        auto reply = wire::decode<wire::TierSignReply>(envelope.payload, *request.key->curve);
        if (!reply) return malformed(from, reply.error());
        return take(from, handle, *reply);
      }
      default: return malformed(from, {"type", wire::Reason::UnknownType});
    }
  }

  /// A coordinator is believed nothing: the signature is one, of this content, under X, with low s.
  void take(std::size_t from, RequestHandle handle, const wire::TierSignReply& reply) {
    if (!core_.expects(from, handle)) return;
    const Time now = monotonic_now();
    const Request& request = requests_.at(handle);
    if (reply.s.is_high() || !verify_ecdsa(request.key->X, request.m, {reply.r, reply.s})) {
      write_log(settings_.link->log, kLogError,
                "coordinator " + settings_.coordinators[from].name + " sent a signature that does not verify under key " +
                    request.key->id.brief() + "; it is asked last from now on");
      core_.on_lie(now, from, handle);
      return settle();
    }
    if (core_.on_signature(now, from, handle)) {
      SignResult result{reply.r, reply.s, reply.quorum, reply.presignature, reply.attempts, now - request.began};
      conclude(handle, std::move(result));
    }
    settle();
  }

  void conclude(RequestHandle handle, Result<SignResult, SignError> outcome) {
    auto node = requests_.extract(handle);
    if (!node) return;
    const SessionId sid = node.mapped().sid;
    by_sid_.erase(sid);
    // Those who are withdrawn from are told by this id.
    withdrawn_[handle] = sid;
    node.mapped().done(std::move(outcome));
  }

  // What the core wants

  void settle() {
    const auto self = shared_from_this();
    try {
      if (!actions_.run([&] { return core_.take_actions(); }, [&](auto& action) { carry_out(action); })) return;
      withdrawn_.clear();
      // Somebody waits for the answers.
      for (const auto& dialer : dialers_)
        if (const auto& link = dialer->link(); link && link->queued_bytes() > 0) link->push();
    } catch (...) {
      timer_.soon();  // what is left, and what has not left
      throw;
    }
    if (!running_) return;
    timer_.at(core_.next_wakeup());
    if (on_change_) on_change_();
  }

  void carry_out(coordinator::TierAction& action) {
    std::visit(Overloaded{[&](const coordinator::TierSend& send) { transmit(send); },
                          [&](const coordinator::TierWithdraw& withdraw) { take_back(withdraw); },
                          [&](coordinator::TierFail& failed) { conclude(failed.request, fail(std::move(failed.error))); }},
               action);
  }

  void transmit(const coordinator::TierSend& send) {
    const auto found = requests_.find(send.request);
    if (found == requests_.end()) return;
    const Request& request = found->second;
    Link* const to = link(send.to);
    if (to == nullptr) return;  // its link_down is on the way
    wire::TierSignRequest message;
    message.key = request.job.key;
    message.context = request.job.context;
    message.digest = request.job.digest;
    message.content = request.job.content;
    const auto left = coordinator::whole_ms(send.deadline - monotonic_now());
    message.deadline_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, 0xffffffff));
    if (send.hint) message.hint = wire::TierAssigned{send.hint->presignature, send.hint->quorum, send.hint->epoch};
    (void)to->send({wire::MessageType::TierSignRequest, request.sid, kNobody, kNobody, wire::encode(message)},
                   Link::Leaves::OnPush);
  }

  void take_back(const coordinator::TierWithdraw& withdraw) {
    SessionId sid;
    if (const auto request = requests_.find(withdraw.request); request != requests_.end()) {
      sid = request->second.sid;
    } else if (const auto ended = withdrawn_.find(withdraw.request); ended != withdrawn_.end()) {
      sid = ended->second;
    } else {
      return;
    }
    if (Link* const to = link(withdraw.to))
      (void)to->send({wire::MessageType::Refusal, sid, kNobody, kNobody,
                      wire::encode(wire::Refusal{SignErrorCode::DeadlineExceeded, "no longer wanted"})});
  }

  void on_timer() {
    if (!running_) return;
    core_.on_timer(monotonic_now());
    settle();
  }

  // Readiness: asked for once a second and whenever a link comes up; never waited for

  void ask_readiness(std::size_t i) {
    Link* const to = link(i);
    if (to == nullptr) return;
    for (const auto& [id, key] : keys_) {
      const auto sid = rng_.make_id<SessionId>();
      asked_[i][sid] = id;
      (void)to->send({wire::MessageType::ReadinessRequest, sid, kNobody, kNobody, wire::encode(wire::ReadinessRequest{id})});
    }
  }

  void heard_readiness(std::size_t from, const wire::Envelope& envelope) {
    auto node = asked_[from].extract(envelope.sid);
    if (!node) return;
    auto reply = wire::decode<wire::ReadinessReply>(envelope.payload);
    if (!reply) return malformed(from, reply.error());
    core_.on_readiness(monotonic_now(), from, node.mapped(), read(*reply));
    settle();
  }

  void pull_readiness() {
    bool unready = false;
    for (const auto& [id, key] : keys_)
      unready |= core_.readiness(monotonic_now(), id).state == coordinator::Readiness::State::NotReady;
    readiness_timer_.expires_after(unready ? kUnreadyInterval : kReadinessInterval);
    readiness_timer_.async_wait(bound([](Impl& self, error_code error) {
      if (error) return;
      self.asked_.clear();  // what is not answered by now is not waited for
      for (std::size_t i = 0; i < self.dialers_.size(); ++i) self.ask_readiness(i);
      self.pull_readiness();
      if (self.on_change_) self.on_change_();
    }));
  }

  boost::asio::io_context& io_;
  const TierSettings settings_;
  Rng& rng_;
  coordinator::Tier core_;
  WakeTimer timer_;
  boost::asio::steady_timer readiness_timer_;
  std::vector<std::unique_ptr<Dialer>> dialers_;
  std::map<KeyId, coordinator::KeyInfo> keys_;
  std::unordered_map<RequestHandle, Request> requests_;
  std::unordered_map<SessionId, RequestHandle> by_sid_;
  std::map<RequestHandle, SessionId> withdrawn_;       ///< ended in this settling
  std::map<std::size_t, std::map<SessionId, KeyId>> asked_;
  ActionQueue<coordinator::TierAction> actions_;
  bool running_ = false;
};

TierClient::TierClient(boost::asio::io_context& io, TierSettings settings, Rng& rng)
    : impl_(std::make_shared<Impl>(io, std::move(settings), rng)) {}
TierClient::~TierClient() { impl_->stop(); }
void TierClient::start() { impl_->start(); }
void TierClient::stop() { impl_->stop(); }
void TierClient::on_change(OnChange handler) { impl_->on_change_ = std::move(handler); }
void TierClient::add_key(const coordinator::KeyInfo& key) { impl_->add_key(key); }
void TierClient::sign(coordinator::SigningJob job, std::chrono::nanoseconds within, Done done) {
  impl_->sign(std::move(job), within, std::move(done));
}
coordinator::Readiness TierClient::readiness(const KeyId& key) const {
  return impl_->core().readiness(monotonic_now(), key);
}
const coordinator::TierCounters& TierClient::counters() const { return impl_->core().counters(); }

}  // namespace quorate::net
