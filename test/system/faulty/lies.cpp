#include "test/system/faulty/lies.h"

#include <array>

#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/presign_codec.h"
#include "protocol/wire/record_codec.h"

namespace quorate::faulty {

using wire::Envelope;
using wire::MessageType;

namespace {

constexpr std::size_t kRemembered = 4096;

template <class Map, class Value>
void remember(Map& map, const SessionId& sid, Value value) {
  if (map.size() >= kRemembered) map.erase(map.begin());  // sids are random: any one
  map.insert_or_assign(sid, std::move(value));
}

template <class T>
Envelope with(const Envelope& envelope, const T& message) {
  return {wire::kTypeOf<T>, envelope.sid, envelope.from, envelope.to, wire::encode(message)};
}

Scalar one_more(const Scalar& s) { return s + Scalar(s.curve(), 1); }
Point one_more(const Point& p) { return p + Point::generator(p.curve()); }

/// A lie that changes messages of type T of a batch.
template <class T>
class BatchLie : public Lie {
 public:
  void outgoing(const Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) override {
    const Run* run = memory.run(envelope.sid);
    if (envelope.type != wire::kTypeOf<T> || run == nullptr || !run->lied_about) return pass(envelope);
    auto message = wire::decode<T>(envelope.payload, *run->curve);
    if (!message) return pass(envelope);
    change(*message, *run, envelope.to);
    pass(with(envelope, *message));
  }

 private:
  virtual void change(T& message, const Run& run, PartyId to) = 0;
};

class WrongOt final : public BatchLie<PresignMsg1> {
  void change(PresignMsg1& message, const Run&, PartyId) override { message.extension.u[0] ^= 1; }
};

class WrongRvole final : public BatchLie<PresignMsg2> {
  void change(PresignMsg2& message, const Run&, PartyId) override {
    for (auto& instance : message.instances) instance.rvole.eta = one_more(instance.rvole.eta);
  }
};

class WrongPsi final : public BatchLie<PresignMsg2> {
  void change(PresignMsg2& message, const Run&, PartyId) override {
    for (auto& instance : message.instances) instance.psi = one_more(instance.psi);
  }
};

class WrongU final : public BatchLie<PresignMsg3> {
  void change(PresignMsg3& message, const Run&, PartyId) override {
    for (auto& u : message.u) u = one_more(u);
  }
};

/// K and C that do not add up, in a row that is rightly signed: to everybody, or to the last member only, who
/// then holds another row than the rest.
class WrongK final : public Lie {
 public:
  WrongK(PartyId me, const IdentityKey& identity, bool to_one) : me_(me), identity_(identity), to_one_(to_one) {}

  void incoming(const Envelope& envelope, const Memory& memory) override { note_nonces(envelope, memory); }

  void outgoing(const Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) override {
    note_nonces(envelope, memory);
    const Run* run = memory.run(envelope.sid);
    if (envelope.type != MessageType::PresignRound4 || run == nullptr || !run->lied_about) return pass(envelope);
    const Quorum& quorum = run->plan.quorum;
    const PartyId last = quorum.back() == me_ ? quorum[quorum.size() - 2] : quorum.back();
    auto message = wire::decode<PresignMsg4>(envelope.payload, *run->curve);
    const auto nonces = nonces_.find(envelope.sid);
    if (!message || nonces == nonces_.end() || (to_one_ && envelope.to != last)) return pass(envelope);
    for (auto& K : message->K) K = one_more(K);
    std::vector<Point> R;
    for (std::uint32_t b = 0; b < run->plan.batch; ++b) {
      Point sum(*run->curve);
      for (const auto& [member, of_member] : nonces->second) sum += of_member.at(b);
      R.push_back(sum);
    }
    sign_row(*message, *run, Point::encode_all(R), me_, identity_);
    pass(with(envelope, *message));
  }

 private:
  void note_nonces(const Envelope& envelope, const Memory& memory) {
    const Run* run = memory.run(envelope.sid);
    if (envelope.type != MessageType::PresignRound2 || run == nullptr) return;
    auto message = wire::decode<PresignMsg2>(envelope.payload, *run->curve);
    if (!message) return;
    if (nonces_.size() > 64 && !nonces_.contains(envelope.sid)) nonces_.clear();
    std::vector<Point> R;
    for (const auto& instance : message->instances) R.push_back(instance.R);
    nonces_[envelope.sid][envelope.from] = std::move(R);
  }

  PartyId me_;
  const IdentityKey& identity_;
  bool to_one_;
  std::map<SessionId, std::map<PartyId, std::vector<Point>>> nonces_;
};

/// The answers to front ends.
class WrongAnswer final : public Lie {
 public:
  enum class Kind : std::uint8_t { Partial, PartialUnconfirmed, Record };
  WrongAnswer(PartyId me, const IdentityKey& identity, Kind kind) : me_(me), identity_(identity), kind_(kind) {}

  void outgoing(const Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) override {
    switch (envelope.type) {
      case MessageType::SignReply: return sign_reply(envelope, memory, pass);
      case MessageType::ConfirmReply: return confirm_reply(envelope, memory, pass);
      case MessageType::RecordReply: return record_reply(envelope, memory, pass);
      default: return pass(envelope);
    }
  }

 private:
  void sign_reply(const Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) {
    const auto* request = memory.sign_request(envelope.sid);
    const Run* run = request == nullptr ? nullptr : memory.run(request->presignature.sid);
    auto reply = run == nullptr ? std::nullopt : decoded<wire::SignReply>(envelope, *run->curve);
    if (!reply) return pass(envelope);
    if (kind_ == Kind::Record) {
      reply->record.bytes[0] ^= 1;
    } else {
      reply->s = one_more(reply->s);
    }
    pass(with(envelope, *reply));
  }

  void confirm_reply(const Envelope& envelope, const Memory& memory, const Interposer::Pass& pass) {
    if (kind_ == Kind::PartialUnconfirmed)
      return pass(with(envelope, wire::Refusal{SignErrorCode::PresignatureConsumed, "no such partial is remembered"}));
    const auto* request = memory.confirm_request(envelope.sid);
    const Run* run = request == nullptr ? nullptr : memory.run(request->presignature.sid);
    auto reply = run == nullptr ? std::nullopt : decoded<wire::ConfirmReply>(envelope, *run->curve);
    if (!reply) return pass(envelope);
    if (kind_ == Kind::Record) {
      reply->record.bytes[0] ^= 1;
    } else {
      reply->s = one_more(reply->s);
    }
    sign_confirmation(*reply, *request, *run->curve, me_, identity_);
    pass(with(envelope, *reply));
  }

  void record_reply(const Envelope& envelope, const Memory&, const Interposer::Pass& pass) {
    auto reply = kind_ == Kind::Record ? decoded<wire::RecordReply>(envelope, Curve::p256()) : std::nullopt;
    if (!reply) return pass(envelope);
    reply->K[0] = one_more(reply->K[0]);
    pass(with(envelope, *reply));
  }

  template <class T>
  static std::optional<T> decoded(const Envelope& envelope, const Curve& curve) {
    auto message = wire::decode<T>(envelope.payload, curve);
    return message ? std::optional<T>(std::move(message).value()) : std::nullopt;
  }

  PartyId me_;
  const IdentityKey& identity_;
  Kind kind_;
};

using Make = std::unique_ptr<Lie> (*)(PartyId, const IdentityKey&);
struct Named {
  std::string_view name;
  Make make;
};

template <class T>
constexpr Make kPlain = [](PartyId, const IdentityKey&) -> std::unique_ptr<Lie> { return std::make_unique<T>(); };
template <WrongAnswer::Kind kKind>
constexpr Make kAnswer = [](PartyId me, const IdentityKey& identity) -> std::unique_ptr<Lie> {
  return std::make_unique<WrongAnswer>(me, identity, kKind);
};
template <bool kToOne>
constexpr Make kRow = [](PartyId me, const IdentityKey& identity) -> std::unique_ptr<Lie> {
  return std::make_unique<WrongK>(me, identity, kToOne);
};

constexpr std::array kLies = {
    Named{"wrong-partial", kAnswer<WrongAnswer::Kind::Partial>},
    Named{"wrong-partial-refuses-confirm", kAnswer<WrongAnswer::Kind::PartialUnconfirmed>},
    Named{"wrong-record", kAnswer<WrongAnswer::Kind::Record>},
    Named{"wrong-ot", kPlain<WrongOt>},
    Named{"wrong-rvole", kPlain<WrongRvole>},
    Named{"wrong-psi", kPlain<WrongPsi>},
    Named{"wrong-u", kPlain<WrongU>},
    Named{"wrong-k", kRow<false>},
    Named{"two-rows", kRow<true>},
    Named{"wrong-k-sums-hold", make_forged_batch},
};

}  // namespace

void Memory::note(const Envelope& envelope, bool lying) {
  if (envelope.type == MessageType::PresignStart && !runs_.contains(envelope.sid)) {
    auto plan = wire::decode<PresignPlan>(envelope.payload);
    const Curve* curve = plan ? Curve::find(plan->curve) : nullptr;
    if (curve != nullptr) remember(runs_, envelope.sid, Run{std::move(plan).value(), envelope.sid, curve, lying});
  } else if (envelope.type == MessageType::SignRequest) {
    if (auto request = wire::decode<wire::SignRequest>(envelope.payload)) remember(signs_, envelope.sid, std::move(*request));
  } else if (envelope.type == MessageType::ConfirmRequest) {
    if (auto request = wire::decode<wire::ConfirmRequest>(envelope.payload))
      remember(confirms_, envelope.sid, std::move(*request));
  }
}

const Run* Memory::run(const SessionId& sid) const {
  const auto it = runs_.find(sid);
  return it == runs_.end() ? nullptr : &it->second;
}
const wire::SignRequest* Memory::sign_request(const SessionId& request) const {
  const auto it = signs_.find(request);
  return it == signs_.end() ? nullptr : &it->second;
}
const wire::ConfirmRequest* Memory::confirm_request(const SessionId& request) const {
  const auto it = confirms_.find(request);
  return it == confirms_.end() ? nullptr : &it->second;
}

std::unique_ptr<Lie> make_lie(std::string_view name, PartyId me, const IdentityKey& identity) {
  for (const auto& lie : kLies)
    if (lie.name == name) return lie.make(me, identity);
  return nullptr;
}

std::string lie_names() {
  std::string names;
  for (const auto& lie : kLies) names += (names.empty() ? "" : ", ") + std::string(lie.name);
  return names;
}

void sign_confirmation(wire::ConfirmReply& reply, const wire::ConfirmRequest& request, const Curve& curve, PartyId me,
                       const IdentityKey& identity) {
  const Binding binding{.curve = curve.id(), .key = request.key, .epoch = request.epoch, .sid = request.presignature.sid,
                        .from = me, .instance = request.presignature.index};
  const auto algorithm = *message_digest_from(static_cast<std::uint8_t>(request.digest));
  reply.signature = identity.sign(signed_partial_digest(binding, reply.record, static_cast<std::uint8_t>(request.context),
                                                        algorithm, request.content, reply.s));
}

void sign_row(PresignMsg4& message, const Run& run, const std::vector<Bytes>& R, PartyId me, const IdentityKey& identity) {
  const auto K = Point::encode_all(message.K), C = Point::encode_all(message.C);
  Row& row = message.row;
  row.records.clear();
  for (std::uint32_t b = 0; b < run.plan.batch; ++b) row.records.push_back(row_entry(run.binding(), me, b, R[b], K[b], C[b]));
  row.signature = identity.sign(row_digest(run.binding(), run.plan.quorum, row));
}

}  // namespace quorate::faulty
