#include "signerd/front_desk.h"

#include "protocol/tecdsa/message.h"
#include "protocol/wire/content.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/tier_codec.h"

namespace quorate::signerd {

using wire::MessageType;

namespace {

template <class T>
wire::Envelope reply_to(const SessionId& id, const T& message) {
  return {wire::kTypeOf<T>, id, kNobody, kNobody, wire::encode(message)};
}

SignError denied(std::string why) { return {SignErrorCode::PolicyDenied, std::move(why)}; }

std::uint64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

FrontDesk::FrontDesk(const CoordinatorConfig& config, Backend backend, const Audit& audit)
    : config_(config), backend_(std::move(backend)), audit_(audit), policy_(config.policy), refusals_(audit) {}

FrontDesk::~FrontDesk() {
  while (!requests_.empty()) cancel(Id(requests_.begin()->first), "the coordinator is stopping");
}

std::optional<std::string> FrontDesk::admit(const net::PeerIdentity& who) {
  if (who.role == wire::Role::Frontend || who.role == wire::Role::Admin) return std::nullopt;
  return "a coordinator serves front ends and administrators, not " + who.str();
}

const CoordinatorConfig::Key* FrontDesk::key(const KeyId& id) const {
  for (const auto& each : config_.keys)
    if (each.file.key == id) return &each;
  return nullptr;
}

void FrontDesk::on_message(Client client, const net::PeerIdentity& who, const wire::Envelope& message, Reply reply,
                           Clock::time_point now) {
  switch (message.type) {
    case MessageType::TierSignRequest: return sign(client, who, message, std::move(reply), now);
    case MessageType::Refusal: return cancel({client, message.sid}, "withdrawn");
    case MessageType::ReadinessRequest: {
      auto answer = readiness(who, message);
      if (answer) return reply(reply_to(message.sid, *answer));
      return reply(reply_to(message.sid, wire::Refusal{answer.error().code, answer.error().detail}));
    }
    default:
      ++counters_.refused;
      return reply(reply_to(message.sid, wire::Refusal{SignErrorCode::PolicyDenied,
                                                       "this message is for a signer; coordinators only sign"}));
  }
}

Result<wire::ReadinessReply, SignError> FrontDesk::readiness(const net::PeerIdentity& who,
                                                             const wire::Envelope& message) {
  auto asked = wire::decode<wire::ReadinessRequest>(message.payload);
  if (!asked) return fail(denied(asked.error().what()));
  const auto* known = key(asked->key);
  if (known == nullptr || !policy_.may_use_key(who, known->name))
    return fail(SignError{SignErrorCode::KeyUnknown, "no key " + asked->key.brief() + " for " + who.str()});
  using State = coordinator::Readiness::State;
  const auto now = backend_.readiness(asked->key);
  wire::ReadinessReply out;
  out.state = now.state == State::Ready      ? wire::ReadinessState::Ready
              : now.state == State::NotReady ? wire::ReadinessState::NotReady
                                             : wire::ReadinessState::Unknown;
  out.reason = now.reason;
  out.can_sign = now.can_sign && !draining_;
  out.signers_up = static_cast<std::uint8_t>(std::min(now.signers_up, kMaxParties));
  out.threshold = static_cast<std::uint8_t>(std::min(now.threshold, kMaxParties));
  out.pool_depth = static_cast<std::uint32_t>(std::min<std::uint64_t>(now.pool_depth, UINT32_MAX));
  out.detail = now.detail;
  return out;
}

/// In this order: is there room, who asks for which key, may it, is the content what it is said to be. The rate
/// is counted before the content is looked at, as looking costs time.
std::optional<SignError> FrontDesk::objection(Client client, const net::PeerIdentity& who, const SessionId& id,
                                              const wire::TierSignRequest& request, Clock::time_point now) {
  const auto overloaded = [](std::string why) { return SignError{SignErrorCode::Overloaded, std::move(why)}; };
  if (draining_) return overloaded("this coordinator is stopping");
  const auto* known = key(request.key);
  if (known == nullptr || !policy_.may_use_key(who, known->name))
    return SignError{SignErrorCode::KeyUnknown, "no key " + request.key.brief() + " for " + who.str()};
  if (requests_.contains({client, id})) return denied("a request with this id is in flight");
  if (requests_.size() >= config_.max_in_flight)
    return overloaded(std::to_string(requests_.size()) + " requests are in flight here");
  if (const auto theirs = in_flight_by_who_.find(who.uri());
      theirs != in_flight_by_who_.end() && theirs->second >= config_.max_in_flight_each)
    return overloaded(who.str() + " has " + std::to_string(theirs->second) + " requests in flight here");
  if (auto no = policy_.refuse_signature(who, known->name, request.context, now)) return no;
  if (auto ok = wire::check_content(request.context, request.content, request.digest, *known->file.curve, known->file.spki); !ok)
    return denied(ok.error());
  if (request.deadline_ms == 0) return SignError{SignErrorCode::DeadlineExceeded, "no time was left"};
  return std::nullopt;
}

void FrontDesk::sign(Client client, const net::PeerIdentity& who, const wire::Envelope& message, Reply reply,
                     Clock::time_point now) {
  const Id id{client, message.sid};
  auto decoded = wire::decode<wire::TierSignRequest>(message.payload);
  if (!decoded) {
    ++counters_.refused;
    return reply(reply_to(message.sid, wire::Refusal{SignErrorCode::PolicyDenied, decoded.error().what()}));
  }
  auto& request = *decoded;
  const auto* known = key(request.key);
  Request entry;
  entry.who = who.uri();
  entry.key_name = known != nullptr ? known->name : request.key.hex();
  entry.context = request.context;
  if (auto no = objection(client, who, message.sid, request, now)) {
    ++counters_.refused;
    if (refusals_.admits(entry.who, now)) {
      entry.content_sha256 = to_hex(digest_content(MessageDigest::Sha256, request.content));
      write(id, entry, "refused", no->what(), nullptr);
    }
    return reply(reply_to(message.sid, wire::Refusal{no->code, no->detail}));
  }
  entry.content_sha256 = to_hex(digest_content(MessageDigest::Sha256, request.content));
  entry.reply = std::move(reply);

  coordinator::SigningJob job;
  job.key = request.key;
  job.context = request.context;
  job.digest = request.digest;
  job.content = std::move(request.content);
  job.frontend = entry.who;
  if (request.hint)
    job.hint = coordinator::Assignment{request.hint->presignature, request.hint->quorum, request.hint->epoch};
  const auto within = std::min<std::chrono::milliseconds>(std::chrono::milliseconds(request.deadline_ms), config_.max_deadline);
  ++in_flight_by_who_[entry.who];
  const auto at = requests_.emplace(id, std::move(entry)).first;
  at->second.handle = backend_.sign(
      std::move(job), within,
      [this, id](Result<coordinator::SignResult, SignError> outcome) { finished(id, std::move(outcome)); },
      [this, id](const coordinator::Assignment& assignment) { assigned(id, assignment); });
}

void FrontDesk::assigned(const Id& id, const coordinator::Assignment& assignment) {
  const auto at = requests_.find(id);
  if (at == requests_.end()) return;
  at->second.assigned = assignment;
  const auto reply = at->second.reply;  // it may end the request
  reply(reply_to(id.second, wire::TierAssigned{assignment.presignature, assignment.quorum, assignment.epoch}));
}

FrontDesk::Request FrontDesk::take(std::map<Id, Request>::iterator at) {
  const auto theirs = in_flight_by_who_.find(at->second.who);
  if (--theirs->second == 0) in_flight_by_who_.erase(theirs);
  Request out = std::move(at->second);
  requests_.erase(at);
  return out;
}

void FrontDesk::finished(const Id& id, Result<coordinator::SignResult, SignError> outcome) {
  const auto at = requests_.find(id);
  if (at == requests_.end()) return;
  const Request request = take(at);
  if (!outcome) {
    ++counters_.failed;
    write(id, request, "failed", outcome.error().what(), nullptr);
    return request.reply(reply_to(id.second, wire::Refusal{outcome.error().code, outcome.error().detail}));
  }
  ++counters_.signed_;
  write(id, request, "signed", "", &*outcome);
  request.reply(reply_to(id.second, wire::TierSignReply{outcome->r, outcome->s, outcome->quorum, outcome->presignature, wall_ms(),
                                                        static_cast<std::uint16_t>(std::min(outcome->attempts, 0xffffu))}));
}

void FrontDesk::cancel(const Id& id, std::string_view why) {
  const auto at = requests_.find(id);
  if (at == requests_.end()) return;
  const Request request = take(at);
  ++counters_.cancelled;
  write(id, request, "cancelled", std::string(why), nullptr);
  backend_.cancel(request.handle);
}

void FrontDesk::gone(Client client) {
  for (auto at = requests_.lower_bound({client, SessionId{}}); at != requests_.end() && at->first.first == client;
       at = requests_.lower_bound({client, SessionId{}}))
    cancel(Id(at->first), "the front end is gone");
}

void FrontDesk::write(const Id& id, const Request& request, std::string_view outcome, const std::string& reason,
                      const coordinator::SignResult* result) const {
  AuditLine line;
  line.add("request", id.second.hex())
      .add("who", request.who)
      .add("outcome", outcome)
      .add("reason", reason)
      .add("key", request.key_name)
      .add("context", wire::name(request.context))
      .add("content_sha256", request.content_sha256);
  if (result != nullptr) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(result->took).count();
    line.add("presignature", result->presignature.str())
        .add("quorum", result->quorum)
        .add("r", to_hex(result->r.encode()))
        .add("attempts", result->attempts)
        .add("took_us", static_cast<std::uint64_t>(took));
  } else if (request.assigned) {
    line.add("presignature", request.assigned->presignature.str()).add("quorum", request.assigned->quorum);
  }
  audit_.write(std::move(line));
}

}  // namespace quorate::signerd
