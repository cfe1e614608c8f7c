#include "test/sim/fake_coordinators.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <set>
#include <thread>

#include "protocol/net/listener.h"
#include "protocol/net/system_rng.h"
#include "protocol/tecdsa/key_share.h"
#include "protocol/tecdsa/message.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/tier_codec.h"

namespace quorate::test {

class FakeCoordinators::Impl {
 public:
  template <class F>
  auto on_thread(F what) {
    std::packaged_task<decltype(what())()> task(std::move(what));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }

  Impl(const TestCa& ca, std::size_t count)
      : ca_(ca), work_(boost::asio::make_work_guard(io_)), x_(Scalar::random_nonzero(Curve::p256(), rng_)) {
    const Point X = Point::mul_base(x_);
    key_ = {key_id_of(X), &Curve::p256(), X};
    for (std::size_t i = 0; i < count; ++i) {
      all_.push_back(std::make_unique<Coordinator>());
      all_[i]->uri = "quorate:test/coordinator/c" + std::to_string(i + 1);
      all_[i]->readiness.state = wire::ReadinessState::Ready;
      all_[i]->readiness.can_sign = true;
      start(*all_[i]);
    }
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Impl() {
    on_thread([this] {
      for (auto& each : all_) stop(*each);
    });
    work_.reset();
    thread_.join();
  }

  struct Held {
    std::weak_ptr<net::Link> link;
    wire::Envelope envelope;
    wire::TierSignRequest request;
  };
  struct Coordinator {
    std::string uri;
    std::uint16_t port = 0;
    std::unique_ptr<net::Listener> listener;
    std::set<std::shared_ptr<net::Link>> links;
    Behaviour behaviour = Behaviour::Good;
    wire::ReadinessReply readiness;
    std::vector<Asked> asked;
    std::vector<SessionId> withdrawn;
    std::vector<Held> held;
  };

  void start(Coordinator& each) {
    auto settings = std::make_shared<net::LinkSettings>();
    settings->tls = ca_.identity(each.uri);
    settings->cluster = "test";
    settings->instance = rng_.make_id<Digest>();
    net::ListenerSettings listen;
    listen.address = "127.0.0.1";
    listen.port = each.port;
    auto opened = net::Listener::open(io_, listen, settings,
                                      [this, &each](std::shared_ptr<net::Link> link) { take(each, link); });
    if (!opened) {
      std::fprintf(stderr, "fake coordinator: %s\n", opened.error().c_str());
      std::abort();
    }
    each.listener = std::move(*opened);
    each.port = each.listener->port();
  }
  void stop(Coordinator& each) {
    each.listener.reset();
    each.held.clear();
    for (const auto& link : std::exchange(each.links, {})) link->close();
  }

  void take(Coordinator& each, const std::shared_ptr<net::Link>& link) {
    each.links.insert(link);
    net::Link::Events events;
    events.message = [this, &each, weak = std::weak_ptr(link)](const wire::Envelope& envelope) {
      if (auto present = weak.lock()) serve(each, present, envelope);
    };
    events.down = [&each, weak = std::weak_ptr(link)](const std::string&) {
      if (auto present = weak.lock()) each.links.erase(present);
    };
    link->adopt(std::move(events));
  }

  template <class Message>
  static void reply(net::Link& link, const wire::Envelope& to, const Message& message) {
    (void)link.send({wire::kTypeOf<Message>, to.sid, kNobody, kNobody, wire::encode(message)});
  }

  void serve(Coordinator& each, const std::shared_ptr<net::Link>& link, const wire::Envelope& envelope) {
    if (envelope.type == wire::MessageType::ReadinessRequest) return reply(*link, envelope, each.readiness);
    if (envelope.type == wire::MessageType::Refusal) return each.withdrawn.push_back(envelope.sid);
    auto request = wire::decode<wire::TierSignRequest>(envelope.payload);
    if (envelope.type != wire::MessageType::TierSignRequest || !request) return;
    each.asked.push_back({envelope.sid, *request});
    if (each.behaviour == Behaviour::Silent) return;
    if (each.behaviour == Behaviour::Refusing)
      return reply(*link, envelope, wire::Refusal{SignErrorCode::Overloaded, "busy"});
    if (each.behaviour == Behaviour::Garbling)
      return (void)link->send({wire::MessageType::TierSignReply, envelope.sid, kNobody, kNobody, Bytes(7, 0xee)});
    reply(*link, envelope, assignment(*request));
    if (each.behaviour == Behaviour::AssignsOnly) return;
    if (each.behaviour == Behaviour::Late) return each.held.push_back({link, envelope, *request});
    reply(*link, envelope, signature(each, *request));
  }

  wire::TierAssigned assignment(const wire::TierSignRequest& request) {
    if (request.hint) return *request.hint;
    return {{rng_.make_id<SessionId>(), 1}, {1, 3}, rng_.make_id<EpochId>()};
  }

  wire::TierSignReply signature(const Coordinator& each, const wire::TierSignRequest& request) {
    Bytes content = request.content;
    if (each.behaviour == Behaviour::OtherContent) content.push_back(0);
    const auto digest = *message_digest_from(static_cast<std::uint8_t>(request.digest));
    const Scalar m = message_scalar(Curve::p256(), digest, content);
    const Scalar k = Scalar::random_nonzero(Curve::p256(), rng_);
    wire::TierSignReply out;
    out.r = Point::mul_base(k).x_mod_order();
    out.s = k.invert() * (m + out.r * x_);
    if (out.s.is_high() != (each.behaviour == Behaviour::HighS)) out.s = out.s.negate();
    if (each.behaviour == Behaviour::Lying) out.s = out.s + Scalar(Curve::p256(), 1);
    out.quorum = {1, 3};
    out.presignature = assignment(request).presignature;
    out.timestamp = 1;
    return out;
  }

  void release(Coordinator& each) {
    for (auto& held : std::exchange(each.held, {}))
      if (auto link = held.link.lock()) reply(*link, held.envelope, signature(each, held.request));
  }

  const TestCa& ca_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  net::SystemRng rng_;
  Scalar x_;
  net::PublicKey key_;
  std::vector<std::unique_ptr<Coordinator>> all_;
  std::thread thread_;
};

FakeCoordinators::FakeCoordinators(std::size_t count) : impl_(std::make_unique<Impl>(ca_, count)) {}
FakeCoordinators::~FakeCoordinators() = default;

net::PublicKey FakeCoordinators::key() const { return impl_->key_; }

net::SignClientConfig FakeCoordinators::config(const std::string& frontend) const {
  net::SignClientConfig config;
  config.cluster = "test";
  config.mode = net::SignMode::Tier;
  config.tls = ca_.identity("quorate:test/frontend/" + frontend);
  config.deadline = std::chrono::milliseconds(2000);  // tests run on busy machines
  for (std::size_t i = 0; i < impl_->all_.size(); ++i)
    config.coordinators.push_back({"c" + std::to_string(i + 1), "127.0.0.1", impl_->all_[i]->port});
  return config;
}

void FakeCoordinators::behave(std::size_t i, Behaviour behaviour) {
  impl_->on_thread([&] { impl_->all_[i]->behaviour = behaviour; });
}
void FakeCoordinators::release(std::size_t i) {
  impl_->on_thread([&] { impl_->release(*impl_->all_[i]); });
}
void FakeCoordinators::set_readiness(std::size_t i, wire::ReadinessReply reply) {
  impl_->on_thread([&] { impl_->all_[i]->readiness = std::move(reply); });
}
void FakeCoordinators::kill(std::size_t i) {
  impl_->on_thread([&] { impl_->stop(*impl_->all_[i]); });
}
void FakeCoordinators::restart(std::size_t i) {
  impl_->on_thread([&] {
    impl_->stop(*impl_->all_[i]);
    impl_->start(*impl_->all_[i]);
  });
}
void FakeCoordinators::set_identity(std::size_t i, const std::string& uri) {
  impl_->on_thread([&] { impl_->all_[i]->uri = uri; });
}
std::vector<FakeCoordinators::Asked> FakeCoordinators::asked(std::size_t i) const {
  return impl_->on_thread([&] { return impl_->all_[i]->asked; });
}
std::vector<SessionId> FakeCoordinators::withdrawn(std::size_t i) const {
  return impl_->on_thread([&] { return impl_->all_[i]->withdrawn; });
}
std::size_t FakeCoordinators::links(std::size_t i) const {
  return impl_->on_thread([&] { return impl_->all_[i]->links.size(); });
}

}  // namespace quorate::test
