#include "test/sim/fake_signers.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>

#include "protocol/net/listener.h"
#include "protocol/net/system_rng.h"
#include "protocol/tecdsa/key_share.h"
#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/tecdsa/presign.h"
#include "protocol/wire/admin_codec.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/quarantine_codec.h"
#include "protocol/wire/record_codec.h"
#include "test/sim/dealt_batch.h"

namespace quorate::test {

class FakeSigners::Impl {
 public:
  /// Runs something on the signers' thread and waits for it.
  template <class F>
  auto on_thread(F what) {
    std::packaged_task<decltype(what())()> task(std::move(what));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }

  Impl(const TestCa& ca, const Options& options) : options_(options), work_(boost::asio::make_work_guard(io_)) {
    const Curve& curve = *options.curve;
    x_ = Scalar::random_nonzero(curve, rng_);
    const Point X = Point::mul_base(x_);
    key_ = {key_id_of(X), &curve, X};
    epoch_ = rng_.make_id<EpochId>();
    for (std::size_t i = 1; i <= options.signers; ++i) {
      const auto id = static_cast<PartyId>(i);
      Signer& signer = signers_.try_emplace(id, rng_).first->second;
      signer.tls = ca.signer(id, options.cluster);
      start(id);
    }
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Impl() {
    on_thread([this] {
      for (auto& [id, signer] : signers_) stop(signer);
    });
    work_.reset();
    thread_.join();
  }

  struct Signer {
    explicit Signer(Rng& rng) : identity(IdentityKey::generate(rng)) {}
    IdentityKey identity;
    net::TlsIdentity tls;
    std::uint16_t port = 0;
    std::unique_ptr<net::Listener> listener;
    std::set<std::shared_ptr<net::Link>> links;
    Digest instance;
    bool silent = false, lying = false, garbling = false, denying = false;
    bool ambiguous = false, chatty = false;
    std::size_t partials = 0, confirms = 0, statuses = 0;
    std::set<PresignatureId> shares;
    std::map<PresignatureId, Scalar> answered;
    wire::QuarantineReply quarantine;
    std::vector<Bytes> notices;
  };

  void start(PartyId id) {
    Signer& signer = signers_.at(id);
    signer.instance = rng_.make_id<Digest>();
    auto settings = std::make_shared<net::LinkSettings>();
    settings->tls = signer.tls;
    settings->cluster = options_.cluster;
    settings->instance = signer.instance;
    settings->sign_hello = [&signer](const Digest& digest) { return signer.identity.sign(digest); };
    net::ListenerSettings listen;
    listen.address = "127.0.0.1";
    listen.port = signer.port;
    auto opened = net::Listener::open(io_, listen, settings, [this, id](std::shared_ptr<net::Link> link) { take(id, link); });
    if (!opened) {
      std::fprintf(stderr, "fake signer: %s\n", opened.error().c_str());
      std::abort();
    }
    signer.listener = std::move(*opened);
    signer.port = signer.listener->port();
  }

  void stop(Signer& signer) {
    signer.listener.reset();
    for (const auto& link : std::exchange(signer.links, {})) link->close();
    signer.shares.clear();
  }

  void take(PartyId id, const std::shared_ptr<net::Link>& link) {
    signers_.at(id).links.insert(link);
    net::Link::Events events;
    events.message = [this, id, weak = std::weak_ptr(link)](const wire::Envelope& envelope) {
      if (auto present = weak.lock()) serve(id, *present, envelope);
    };
    events.down = [this, id, weak = std::weak_ptr(link)](const std::string&) {
      if (auto present = weak.lock()) signers_.at(id).links.erase(present);
    };
    link->adopt(std::move(events));
  }

  template <class Message>
  void reply(net::Link& link, const wire::Envelope& to, const Message& message) {
    (void)link.send({wire::kTypeOf<Message>, to.sid, kNobody, kNobody, wire::encode(message)});
  }

  void serve(PartyId id, net::Link& link, const wire::Envelope& envelope) {
    Signer& signer = signers_.at(id);
    if (envelope.type == wire::MessageType::StatusRequest) {
      reply(link, envelope, status(id));
      ++signer.statuses;
      if (!signer.chatty) return;
      auto other = status(id);
      other.keys.front().epoch = rng_.make_id<EpochId>();
      (void)link.send({wire::MessageType::StatusReply, rng_.make_id<SessionId>(), kNobody, kNobody, wire::encode(other)});
      return;
    }
    if (signer.silent) return;
    if (auto request = wire::decode<wire::LeaseRequest>(envelope.payload);
        envelope.type == wire::MessageType::LeaseRequest && request) {
      return reply(link, envelope, lease(request->quorum, request->count));
    }
    if (auto request = wire::decode<wire::SignRequest>(envelope.payload);
        envelope.type == wire::MessageType::SignRequest && request) {
      return sign(id, link, envelope, *request);
    }
    switch (envelope.type) {
      case wire::MessageType::RecordRequest:
      case wire::MessageType::ConfirmRequest:
        return show(id, link, envelope);
      case wire::MessageType::QuarantineRequest:
        return reply(link, envelope, signer.quarantine);
      case wire::MessageType::QuarantineNotice:
        if (auto notice = wire::decode<wire::QuarantineNotice>(envelope.payload)) signer.notices.push_back(notice->evidence);
        return;
      default:
        break;
    }
    if (envelope.type == wire::MessageType::KeygenRequest) {
      reply(link, envelope, wire::KeygenProgress{1, "round 1"});
      reply(link, envelope, wire::KeygenProgress{2, "round 2"});
      wire::KeygenResult result;
      result.detail = "this is a fake";
      return reply(link, envelope, result);
    }
  }

  wire::StatusReply status(PartyId id) {
    wire::StatusReply out{id, signers_.at(id).instance, {}, {}};
    wire::KeyStatus key{key_.id, epoch_, options_.curve->id(), static_cast<std::uint8_t>(options_.threshold), {}, {}};
    for (const auto& [other, signer] : signers_) key.members.push_back(other);
    for (std::uint32_t bits = 0; bits < (1u << options_.signers); ++bits) {
      Quorum quorum;
      for (std::size_t i = 0; i < options_.signers; ++i) {
        if ((bits >> i & 1) != 0) quorum.push_back(static_cast<PartyId>(i + 1));
      }
      if (quorum.size() == options_.threshold && leader_of(epoch_, quorum) == id) {
        key.pools.push_back({quorum, id, pool_, std::max(pool_, 1u)});
      }
    }
    out.keys.push_back(std::move(key));
    if (signers_.at(id).ambiguous) {
      out.keys.push_back(out.keys.front());
      out.keys.back().epoch = rng_.make_id<EpochId>();
    }
    out.quarantine = signers_.at(id).quarantine.version;
    return out;
  }

  /// Deals as many presignatures as are wanted to all members that are alive.
  wire::LeaseReply lease(const Quorum& quorum, std::size_t count) {
    wire::LeaseReply out;
    out.lifetime_ms = 5000;
    out.available = pool_;
    if (pool_ == 0) return out;
    const BatchContext context{options_.curve, key_.id, epoch_, rng_.make_id<SessionId>(), quorum};
    const auto dealt = sim::deal_batch(context, x_, static_cast<std::uint32_t>(count),
                                       [this](PartyId id) -> const IdentityKey& { return signers_.at(id).identity; }, rng_);
    for (std::uint32_t b = 0; b < count; ++b) {
      for (const PartyId member : quorum) signers_.at(member).shares.insert(dealt.id(b));
      out.ids.push_back(dealt.id(b));
    }
    batches_.emplace(context.sid, dealt);
    return out;
  }

  void sign(PartyId id, net::Link& link, const wire::Envelope& envelope, const wire::SignRequest& request) {
    Signer& signer = signers_.at(id);
    if (signer.shares.erase(request.presignature) == 0)
      return reply(link, envelope, wire::Refusal{SignErrorCode::PresignatureConsumed, "no such presignature"});
    const auto digest = *message_digest_from(static_cast<std::uint8_t>(request.digest));
    const auto& batch = batches_.at(request.presignature.sid);
    const std::uint32_t b = request.presignature.index;
    wire::SignReply out;
    out.presignature = request.presignature;
    out.r = batch.r(b);
    out.record = batch.record_digest(b);
    out.s = batch.partial(id, b, message_scalar(*options_.curve, digest, request.content));
    if (signer.lying) out.s = out.s + Scalar(*options_.curve, 1);
    signer.answered[request.presignature] = out.s;
    if (request.lease > 0) out.lease = lease(request.quorum, request.lease);
    ++signer.partials;
    if (signer.garbling) {
      (void)link.send({wire::MessageType::SignReply, envelope.sid, kNobody, kNobody, Bytes(7, 0xee)});
    } else {
      reply(link, envelope, out);
    }
  }

  /// SPEC 5.5 and 6.4.
  void show(PartyId id, net::Link& link, const wire::Envelope& envelope) {
    Signer& signer = signers_.at(id);
    if (auto request = wire::decode<wire::RecordRequest>(envelope.payload);
        envelope.type == wire::MessageType::RecordRequest && request) {
      const auto found = batches_.find(request->presignature.sid);
      if (found == batches_.end()) return reply(link, envelope, wire::Refusal{SignErrorCode::KeyUnknown, "none"});
      const auto r = found->second.record(request->presignature.index);
      return reply(link, envelope, wire::RecordReply{r.quorum, r.epoch, r.key, r.R, r.K, r.C, r.rows});
    }
    const auto request = wire::decode<wire::ConfirmRequest>(envelope.payload);
    if (!request) return;
    ++signer.confirms;
    const auto answer = signer.answered.find(request->presignature);
    if (signer.denying || answer == signer.answered.end())
      return reply(link, envelope, wire::Refusal{SignErrorCode::PresignatureConsumed, "no such partial is remembered"});
    const auto& batch = batches_.at(request->presignature.sid);
    const std::uint32_t b = request->presignature.index;
    const auto repeated = sim::sign_partial(batch.context, id, b, signer.identity, batch.record_digest(b),
                                            static_cast<std::uint8_t>(request->context),
                                            *message_digest_from(static_cast<std::uint8_t>(request->digest)),
                                            request->content, answer->second);
    reply(link, envelope, wire::ConfirmReply{repeated.s, repeated.record, repeated.signature});
  }

  Options options_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  net::SystemRng rng_;
  Scalar x_;
  net::PublicKey key_;
  EpochId epoch_;
  std::uint32_t pool_ = 1000;
  std::map<PartyId, Signer> signers_;
  std::map<SessionId, sim::DealtBatch> batches_;
  std::thread thread_;
};

FakeSigners::FakeSigners() : FakeSigners(Options{}) {}
FakeSigners::FakeSigners(const Options& options) : impl_(std::make_unique<Impl>(ca_, options)) {}
FakeSigners::~FakeSigners() = default;

net::PublicKey FakeSigners::key() const { return impl_->key_; }
std::uint16_t FakeSigners::port(PartyId id) const { return impl_->signers_.at(id).port; }
IdentityPublicKey FakeSigners::identity(PartyId id) const { return impl_->signers_.at(id).identity.public_key(); }

net::SignClientConfig FakeSigners::config(const std::string& frontend) const {
  net::SignClientConfig config;
  config.cluster = impl_->options_.cluster;
  config.tls = ca_.identity("quorate:" + config.cluster + "/frontend/" + frontend);
  config.deadline = std::chrono::milliseconds(2000);  // tests run on busy machines
  for (const auto& [id, signer] : impl_->signers_) config.signers.push_back({id, "127.0.0.1", signer.port, identity(id)});
  return config;
}

void FakeSigners::kill(PartyId id) {
  impl_->on_thread([&] { impl_->stop(impl_->signers_.at(id)); });
}
void FakeSigners::restart(PartyId id) {
  impl_->on_thread([&] {
    impl_->stop(impl_->signers_.at(id));
    impl_->start(id);
  });
}
void FakeSigners::cut(PartyId id) {
  impl_->on_thread([&] {
    for (const auto& link : std::exchange(impl_->signers_.at(id).links, {})) link->close();
  });
}
void FakeSigners::set_silent(PartyId id, bool silent) {
  impl_->on_thread([&] { impl_->signers_.at(id).silent = silent; });
}
void FakeSigners::set_lying(PartyId id, bool lying) {
  impl_->on_thread([&] { impl_->signers_.at(id).lying = lying; });
}
void FakeSigners::set_denying(PartyId id, bool denying) {
  impl_->on_thread([&] { impl_->signers_.at(id).denying = denying; });
}
void FakeSigners::set_quarantine(PartyId id, std::uint64_t version, PartyId accused, Bytes evidence) {
  impl_->on_thread([&] {
    auto& list = impl_->signers_.at(id).quarantine;
    list = {};
    list.version = version;
    if (version != 0) list.entries.push_back({accused, "test", std::move(evidence)});
  });
}
void FakeSigners::set_ambiguous(PartyId id, bool ambiguous) {
  impl_->on_thread([&] { impl_->signers_.at(id).ambiguous = ambiguous; });
}
void FakeSigners::set_chatty(PartyId id, bool chatty) {
  impl_->on_thread([&] { impl_->signers_.at(id).chatty = chatty; });
}
void FakeSigners::set_garbling(PartyId id, bool garbling) {
  impl_->on_thread([&] { impl_->signers_.at(id).garbling = garbling; });
}
void FakeSigners::set_pool(std::uint32_t available) {
  impl_->on_thread([&] { impl_->pool_ = available; });
}
std::size_t FakeSigners::links(PartyId id) const {
  return impl_->on_thread([&] { return impl_->signers_.at(id).links.size(); });
}
std::size_t FakeSigners::partials(PartyId id) const {
  return impl_->on_thread([&] { return impl_->signers_.at(id).partials; });
}
std::size_t FakeSigners::statuses(PartyId id) const {
  return impl_->on_thread([&] { return impl_->signers_.at(id).statuses; });
}
std::size_t FakeSigners::confirms(PartyId id) const {
  return impl_->on_thread([&] { return impl_->signers_.at(id).confirms; });
}
std::vector<Bytes> FakeSigners::notices(PartyId id) const {
  return impl_->on_thread([&] { return impl_->signers_.at(id).notices; });
}

bool verifies(const net::PublicKey& key, wire::DigestAlgorithm digest, ByteView content, const Scalar& r, const Scalar& s) {
  const auto algorithm = message_digest_from(static_cast<std::uint8_t>(digest));
  return algorithm && verify_ecdsa(VerificationKey(key.point), message_scalar(*key.curve, *algorithm, content), {r, s});
}

}  // namespace quorate::test
