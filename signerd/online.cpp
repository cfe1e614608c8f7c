#include "signerd/online.h"

#include <algorithm>

#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/tecdsa/presign.h"
#include "protocol/wire/content.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/record_codec.h"

namespace quorate::signerd {

using wire::MessageType;

namespace {

constexpr std::size_t kRecentPartials = 16 * 1024;
constexpr std::uint32_t kLeastRecentTime = 2'000, kLongestDeadline = 60'000;

/// A record is tens of kilobytes. An investigation needs one of each signer, and few go on at a time.
constexpr double kRecordsPerSecond = 16, kRecordsAtOnce = 64;

/// SPEC 6.2: twice the request's deadline, so that a fail-over within it gets the same partial again.
std::chrono::milliseconds recent_time(const wire::SignRequest& request) {
  return std::chrono::milliseconds(std::max(kLeastRecentTime, 2 * std::min(request.deadline_ms, kLongestDeadline)));
}

Failure<SignError> refuse(SignErrorCode code, std::string reason) { return fail(SignError{code, std::move(reason)}); }

template <class T>
wire::Envelope reply_to(const wire::Envelope& request, const T& message) {
  return {wire::kTypeOf<T>, request.sid, request.to, kNobody, wire::encode(message)};
}

MessageDigest digest_of(wire::DigestAlgorithm algorithm) {
  return *message_digest_from(static_cast<std::uint8_t>(algorithm));
}

}  // namespace

Online::Online(PartyId me, const IdentityKey& identity, Digest instance, KeyRing& keys, Policy& policy,
               const Audit& audit, std::function<std::vector<PartyId>()> linked)
    : me_(me),
      identity_(identity),
      instance_(instance),
      keys_(keys),
      policy_(policy),
      audit_(audit),
      linked_(std::move(linked)),
      recent_(kRecentPartials),
      refusals_(audit),
      records_(kRecordsPerSecond, kRecordsAtOnce) {}

std::optional<wire::Envelope> Online::answer(const net::PeerIdentity& who, const wire::Envelope& request,
                                             Clock::time_point now, Clock::duration waited, LinkNumber link) {
  auto handle = [&]() -> Answer {
    switch (request.type) {
      case MessageType::StatusRequest: return status(who, request, now);
      case MessageType::LeaseRequest: return lease(who, request, now, link);
      case MessageType::SignRequest: return sign(who, request, now, waited, link);
      case MessageType::RecordRequest: return record(who, request, now);
      case MessageType::ConfirmRequest: return confirm(who, request, now);
      default: return refuse(SignErrorCode::PolicyDenied, "this message is not for a signer's on-line side");
    }
  };
  if (request.type == MessageType::LeaseReturn) {
    if (auto returned = wire::decode<wire::LeaseReturn>(request.payload))
      if (auto* key = keys_.by_epoch(returned->epoch)) key->pools.give_back(who.uri(), returned->ids, now);
    return std::nullopt;
  }
  auto answer = handle();
  if (answer) return std::move(answer).value();
  ++counters_.refused;
  return reply_to(request, wire::Refusal{answer.error().code, answer.error().detail});
}

Result<ActiveKey*, SignError> Online::key_for(const net::PeerIdentity& who, const KeyId& id, const EpochId& epoch) {
  // During a switch of epochs both are good: a coordinator may not have heard of the new one yet (SPEC 1.7).
  if (auto* named = keys_.by_epoch(epoch); named != nullptr && named->info().key == id && policy_.may_use_key(who, named->info().name))
    return named;
  auto* key = keys_.by_key(id);
  if (key == nullptr || !policy_.may_use_key(who, key->info().name))
    return refuse(SignErrorCode::KeyUnknown, "signer " + std::to_string(me_) + " has no key " + id.brief() +
                                                 " for " + who.str());
  return refuse(SignErrorCode::EpochMismatch, "key " + id.brief() + " is in epoch " + key->info().epoch.brief());
}

Online::Answer Online::status(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now) {
  auto asked = wire::decode<wire::StatusRequest>(request.payload);
  if (!asked) return refuse(SignErrorCode::PolicyDenied, asked.error().what());
  wire::StatusReply reply{me_, instance_, {}, linked_(), quarantine_version()};
  for (auto& [epoch, key] : keys_.all()) {
    const auto& info = key->info();
    if (key->stage != Stage::Serving || (!asked->key.is_zero() && asked->key != info.key) || !policy_.may_use_key(who, info.name)) continue;
    wire::KeyStatus status{info.key, epoch, info.curve->id(), static_cast<std::uint8_t>(info.threshold), {}, {}};
    for (const auto& member : info.members) status.members.push_back(member.id);
    const auto show = [&, &epoch = epoch, &key = *key](const Quorum& quorum) {
      if (status.pools.size() < wire::kMaxPools && !why_blocked(key.info().key, quorum))
        status.pools.push_back({quorum, leader_of(epoch, quorum), key.pools.available(quorum), key.target(now),
                                key.pools.limits().min});
    };
    for (const auto& quorum : key->quorums) show(quorum);
    for (const auto& [quorum, last] : key->on_demand.all()) show(quorum);
    reply.keys.push_back(std::move(status));
  }
  return reply_to(request, reply);
}

wire::LeaseReply Online::lease_now(const net::PeerIdentity& who, ActiveKey& key, const Quorum& quorum,
                                   std::size_t count, Clock::time_point now, LinkNumber link) {
  wire::LeaseReply reply;
  count = std::min(count, policy_.left(who, now));
  if (count > 0) reply.ids = key.pools.lease(who.uri(), quorum, count, now, link);
  counters_.leased += reply.ids.size();
  if (!reply.ids.empty()) key.used_at = now;
  reply.lifetime_ms = static_cast<std::uint32_t>(key.pools.limits().lease_time.count());
  reply.available = key.pools.available(quorum);
  reply.quarantine = quarantine_version();
  return reply;
}

void Online::link_lost(LinkNumber link) {
  for (auto& [epoch, key] : keys_.all()) key->pools.link_lost(link);
}

Online::Answer Online::lease(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now,
                             LinkNumber link) {
  auto asked = wire::decode<wire::LeaseRequest>(request.payload);
  if (!asked) return refuse(SignErrorCode::PolicyDenied, asked.error().what());
  auto key = key_for(who, asked->key, asked->epoch);
  if (!key) return fail(key.error());
  // Above its rate it would be refused the signature; told here, nothing is spent on it.
  if (policy_.left(who, now) == 0)
    return refuse(SignErrorCode::Overloaded, who.str() + " asks for more signatures than its rate");
  if (auto wanted = on_want(**key, asked->quorum, now); !wanted) return fail(wanted.error());
  return reply_to(request, lease_now(who, **key, asked->quorum, asked->count, now, link));
}

/// SPEC 6.1-6.2, in this order: authorise, parse, compute the digest, take the presignature out for good, answer.
Online::Answer Online::sign(const net::PeerIdentity& who, const wire::Envelope& envelope, Clock::time_point now,
                            Clock::duration waited, LinkNumber link) {
  auto decoded = wire::decode<wire::SignRequest>(envelope.payload);
  if (!decoded) return refuse(SignErrorCode::PolicyDenied, decoded.error().what());
  const auto& request = *decoded;
  auto audit = [&](std::string_view outcome, const std::string& reason) {
    if (!audit_.kept()) return;
    AuditLine line;
    line.add("request", envelope.sid.hex())
        .add("who", who.uri())
        .add("outcome", outcome)
        .add("reason", reason)
        .add("key", request.key.hex())
        .add("epoch", request.epoch.brief())
        .add("presignature", request.presignature.str())
        .add("quorum", request.quorum)
        .add("context", wire::name(request.context))
        .add("content_sha256", to_hex(digest_content(MessageDigest::Sha256, request.content)));
    if (!request.frontend.empty()) line.add("frontend", request.frontend);  // what the coordinator says
    audit_.write(std::move(line));
  };
  auto refused = [&](SignError error) {
    if (refusals_.admits(who.uri(), now)) audit("refused", error.what());
    return fail(std::move(error));
  };
  if (!request.frontend.empty() && who.role != wire::Role::Coordinator)
    return refused({SignErrorCode::PolicyDenied, who.str() + " is no coordinator and speaks for nobody else"});
  auto found = key_for(who, request.key, request.epoch);
  if (!found) return refused(found.error());
  ActiveKey& key = **found;
  // Nobody waits for it any more: no presignature is spent, and those that are in time get their turn.
  if (waited > std::chrono::milliseconds(request.deadline_ms))
    return refused({SignErrorCode::DeadlineExceeded, "signer " + std::to_string(me_) + " got to it too late"});
  for (auto id : request.quorum)
    if (keys_.quarantined(id))
      return refused({SignErrorCode::SignerQuarantined,
                      "signer " + std::to_string(id) + " is in quarantine at signer " + std::to_string(me_)});
  const Curve& curve = *key.info().curve;
  if (auto denied = policy_.refuse_signature(who, key.info().name, request.context, now)) {
    // The others of the quorum count by themselves: they may have signed. It is no use to anybody, and is not to
    // stand against what this caller may lease either.
    if (denied->code == SignErrorCode::Overloaded) key.pools.end_lease_of(who.uri(), request.presignature, now);
    return refused(*denied);
  }
  if (auto ok = wire::check_content(request.context, request.content, request.digest, curve, key.spki); !ok)
    return refused({SignErrorCode::PolicyDenied, ok.error()});
  const Scalar m = message_scalar(curve, digest_of(request.digest), request.content);

  const Digest fingerprint = RecentPartials::fingerprint(curve.id(), request);
  auto answer = recent_.find(request.presignature, fingerprint, now);
  const bool repeated = answer.has_value();
  if (!repeated) {
    auto taken = key.pools.take(request.presignature, now);
    if (!taken || taken->quorum != request.quorum)
      return refused({SignErrorCode::PresignatureConsumed,
                      "presignature " + request.presignature.sid.brief() + "/" +
                          std::to_string(request.presignature.index) + " is not, or no longer, in the pool"});
    consumed_ = true;
    answer = RecentPartials::Answer{taken->presignature.r, {}, taken->presignature.record};
    answer->s = partial_sign(std::move(taken->presignature), m);
    recent_.remember(request.presignature, fingerprint, *answer, now, recent_time(request));
  }
  repeated ? ++counters_.repeated : ++counters_.signed_;
  key.used_at = now;
  if (request.lease > 0) (void)on_want(key, request.quorum, now);  // a refusal would be of the lease only
  audit(repeated ? "repeated" : "signed", "");
  return reply_to(envelope, wire::SignReply{request.presignature, answer->r, answer->record, answer->s,
                                            lease_now(who, key, request.quorum, request.lease, now, link)});
}

Online::Answer Online::record(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now) {
  if (!records_.take(who.uri(), now))
    return refuse(SignErrorCode::Overloaded, who.str() + " asks for records too often");
  auto asked = wire::decode<wire::RecordRequest>(request.payload);
  if (!asked) return refuse(SignErrorCode::PolicyDenied, asked.error().what());
  for (auto& [epoch, key] : keys_.all()) {
    if (!policy_.may_use_key(who, key->info().name)) continue;
    if (auto r = key->pools.record(asked->presignature))
      return reply_to(request, wire::RecordReply{r->quorum, r->epoch, r->key, r->R, r->K, r->C, r->rows});
  }
  return refuse(SignErrorCode::KeyUnknown, "no such presignature here");
}

/// SPEC 6.4: the same partial again, now under the identity signature. Only what was answered before is repeated.
Online::Answer Online::confirm(const net::PeerIdentity& who, const wire::Envelope& envelope, Clock::time_point now) {
  auto asked = wire::decode<wire::ConfirmRequest>(envelope.payload);
  if (!asked) return refuse(SignErrorCode::PolicyDenied, asked.error().what());
  auto key = key_for(who, asked->key, asked->epoch);
  if (!key) return fail(key.error());
  if (auto denied = policy_.refuse_signature(who, (*key)->info().name, asked->context, now)) return fail(*denied);
  const Curve& curve = *(*key)->info().curve;
  wire::SignRequest as_signed{asked->presignature, asked->quorum, asked->key, asked->epoch, asked->context,
                              asked->digest, asked->content, 0, 0, {}};
  const auto answer = recent_.find(asked->presignature, RecentPartials::fingerprint(curve.id(), as_signed), now);
  if (!answer) return refuse(SignErrorCode::PresignatureConsumed, "no such partial is remembered");
  const Digest digest = signed_partial_digest(
      Binding{.curve = curve.id(), .key = asked->key, .epoch = asked->epoch, .sid = asked->presignature.sid,
              .from = me_, .instance = asked->presignature.index},
      answer->record, static_cast<std::uint8_t>(asked->context), digest_of(asked->digest), asked->content, answer->s);
  return reply_to(envelope, wire::ConfirmReply{answer->s, answer->record, identity_.sign(digest)});
}

}  // namespace quorate::signerd
