#include "protocol/net/blame_driver.h"

#include <algorithm>

#include "protocol/net/coordinator_driver.h"
#include "protocol/wire/blame_codec.h"
#include "protocol/wire/quarantine_codec.h"
#include "protocol/wire/record_codec.h"

namespace quorate::net {
namespace {

using coordinator::Answer;
using coordinator::Time;

constexpr Time kFirstDoubt = std::chrono::minutes(1), kLongestDoubt = std::chrono::hours(1);
constexpr Time kDoubtWindow = std::chrono::minutes(10);
constexpr unsigned kUncertainLimit = 3;
/// Between two requests for one signer's list, whatever it says about its version.
constexpr Time kListInterval = std::chrono::seconds(5);
/// Epochs that one signer is known to have cheated in.
constexpr std::size_t kMaxRecords = 64;
constexpr std::chrono::seconds kListTime{5}, kReportTime{5};

/// The reply to an Ask, or why there is none.
Answer answer_of(const wire::Envelope& envelope, const Curve& curve) {
  if (envelope.type == wire::MessageType::RecordReply) {
    auto reply = wire::decode<wire::RecordReply>(envelope.payload, curve);
    return reply ? Answer(std::move(*reply)) : Answer(reply.error().what());
  }
  if (envelope.type == wire::MessageType::ConfirmReply) {
    auto reply = wire::decode<wire::ConfirmReply>(envelope.payload, curve);
    return reply ? Answer(std::move(*reply)) : Answer(reply.error().what());
  }
  return "answered with a " + std::string(wire::name(envelope.type));
}

}  // namespace

BlameDriver::BlameDriver(boost::asio::io_context& io, std::set<PartyId> signers, Identities pinned, Rng& rng, Hooks hooks)
    : signers_(std::move(signers)), pinned_(std::move(pinned)), rng_(rng), hooks_(std::move(hooks)),
      investigations_(pinned_, rng), timer_(io) {}

void BlameDriver::stop() {
  stopped_ = true;
  on_blame_ = nullptr;
  timer_.cancel();
}

void BlameDriver::investigate(const coordinator::Suspicion& suspicion) {
  const auto key = keys_.find(suspicion.key);
  if (stopped_ || key == keys_.end()) return;
  investigations_.open(key->second, suspicion);
  pump();
}

/// Sends what is to be asked and acts on what was found out, until there is no more.
void BlameDriver::pump() {
  if (pumping_ || stopped_) return;
  const auto self = shared_from_this();
  // A throw on the way, such as no memory, must not leave it deaf for good.
  const std::unique_ptr<bool, void (*)(bool*)> busy(&pumping_, [](bool* flag) { *flag = false; });
  pumping_ = true;
  for (;;) {
    const auto asks = investigations_.take_asks();
    auto verdicts = investigations_.take_verdicts();
    if (asks.empty() && verdicts.empty()) break;
    for (const auto& ask : asks) put(ask);
    for (auto& verdict : verdicts) conclude(std::move(verdict));
  }
}

void BlameDriver::put(const coordinator::Ask& ask) {
  wire::Envelope envelope;
  envelope.sid = ask.request;
  envelope.to = ask.to;
  std::visit(
      [&](const auto& message) {
        envelope.type = wire::kTypeOf<std::decay_t<decltype(message)>>;
        envelope.payload = wire::encode(message);
      },
      ask.message);
  const Curve* curve = investigations_.curve_of(ask.request);
  if (curve == nullptr) return;
  const auto answer = [weak = weak_from_this(), to = ask.to, request = ask.request](Answer what) {
    const auto self = weak.lock();
    if (!self || self->stopped_) return;
    self->investigations_.answer(to, request, std::move(what));
    self->pump();
  };
  hooks_.request(
      std::move(envelope), ask.within,
      [answer, curve](const wire::Envelope& reply) {
        answer(answer_of(reply, *curve));
        return false;
      },
      [answer](const Result<void, SignError>& end) {
        if (!end) answer(end.error().what());
      });
}

void BlameDriver::conclude(coordinator::Verdict verdict) {
  for (const auto& proven : verdict.proven) {
    if (enter(proven.signer, proven.evidence)) report(proven.evidence);
  }
  for (const auto& suspected : verdict.suspected) {
    ++counters_.suspected;
    doubt(suspected.signer, suspected.certain);
  }
  refresh();
  if (const auto handler = on_blame_) handler(verdict);
}

bool BlameDriver::known(const BlameEvidence& evidence) const {
  const auto records = proven_.find(culprit_of(evidence));
  return records != proven_.end() && records->second.contains({key_of(evidence), epoch_of(evidence)});
}

/// Somebody else is in that epoch, as far as they say.
bool BlameDriver::current(PartyId accused, const KeyId& key, const EpochId& epoch) const {
  return std::any_of(epochs_.begin(), epochs_.end(), [&](const auto& said) {
    const auto present = said.second.find(key);
    return said.first != accused && present != said.second.end() && present->second == epoch;
  });
}

/// A cheat can make as much evidence against itself as it likes, for epochs that never were. That must not take
/// the room of evidence that counts.
bool BlameDriver::enter(PartyId signer, const BlameEvidence& evidence) {
  auto& records = proven_[signer];
  const std::pair about(key_of(evidence), epoch_of(evidence));
  if (records.contains(about)) return false;
  if (records.size() >= kMaxRecords) {
    const auto idle = std::find_if(records.begin(), records.end(),
                                   [&](const auto& each) { return !current(signer, each.first, each.second); });
    records.erase(idle != records.end() ? idle : records.begin());
  }
  records.insert(about);
  ++counters_.proven;
  return true;
}

void BlameDriver::doubt(PartyId signer, bool certain) {
  Doubt& d = doubts_[signer];
  const Time now = monotonic_now();
  if (!certain) {
    if (d.uncertain == 0 || now - d.since > kDoubtWindow) {
      d.uncertain = 0;
      d.since = now;
    }
    if (++d.uncertain < kUncertainLimit) return;
  }
  d.uncertain = 0;
  d.until = now + std::min(kLongestDoubt, kFirstDoubt * (1u << std::min(d.times, 6u)));
  ++d.times;
}

/// Signers verify it by themselves; no answer is waited for.
void BlameDriver::report(const BlameEvidence& evidence) {
  const Bytes payload = wire::encode(wire::QuarantineNotice{wire::encode_blame(evidence)});
  for (auto id : signers_) {
    if (id == culprit_of(evidence)) continue;
    wire::Envelope envelope;
    envelope.type = wire::MessageType::QuarantineNotice;
    envelope.sid = rng_.make_id<SessionId>();
    envelope.to = id;
    envelope.payload = payload;
    hooks_.request(std::move(envelope), kReportTime, [](const wire::Envelope&) { return false; },
                   [](const Result<void, SignError>&) {});
  }
}

void BlameDriver::heard(PartyId from, const wire::StatusReply& status) {
  if (stopped_) return;
  auto& epochs = epochs_[from];
  epochs.clear();
  for (const auto& key : status.keys)
    if (keys_.contains(key.key)) epochs.emplace(key.key, key.epoch);  // named twice: the first counts, as for the core
  if (proven_.contains(from)) refresh();
  heard_version(from, status.quarantine);
}

void BlameDriver::heard_version(PartyId from, std::uint64_t version) {
  if (stopped_ || version == 0) return;
  const List& list = lists_[from];
  if (version == list.version || list.open || monotonic_now() - list.asked < kListInterval) return;
  fetch(from, version);
}

void BlameDriver::fetch(PartyId from, std::uint64_t version) {
  List& list = lists_[from];
  list.open = true;
  list.asked = monotonic_now();
  ++counters_.lists_fetched;
  wire::Envelope envelope;
  envelope.type = wire::MessageType::QuarantineRequest;
  envelope.sid = rng_.make_id<SessionId>();
  envelope.to = from;
  envelope.payload = wire::encode(wire::QuarantineRequest{});
  hooks_.request(
      std::move(envelope), kListTime,
      [weak = weak_from_this(), from, version](const wire::Envelope& reply) {
        const auto self = weak.lock();
        if (!self || self->stopped_ || reply.type != wire::MessageType::QuarantineReply) return false;
        if (const auto entries = wire::decode<wire::QuarantineReply>(reply.payload)) {
          self->lists_[from].version = version;
          self->take_list(from, *entries);
        }
        return false;
      },
      [weak = weak_from_this(), from](const Result<void, SignError>&) {
        if (const auto self = weak.lock()) self->lists_[from].open = false;
      });
}

/// A signer's list is a hint where evidence may be had; only what is verified here counts.
void BlameDriver::take_list(PartyId from, const wire::QuarantineReply& list) {
  for (const auto& entry : list.entries) {
    const auto evidence = wire::decode_blame(entry.evidence);
    const auto key = evidence ? keys_.find(key_of(*evidence)) : keys_.end();
    if (key == keys_.end()) {
      ++counters_.list_entries_refused;
      continue;
    }
    if (known(*evidence)) continue;
    const auto culprit = verify(*evidence, pinned_, key->first);
    if (!culprit) {
      ++counters_.list_entries_refused;
      continue;
    }
    if (!enter(*culprit, *evidence)) continue;
    // Of an epoch that nobody else is in there is nothing to be told, let alone a file to be written.
    if (!current(*culprit, key->first, epoch_of(*evidence))) continue;
    coordinator::Verdict verdict;
    verdict.key = key->first;
    verdict.epoch = epoch_of(*evidence);
    if (const auto* partial = std::get_if<BadPartialEvidence>(&*evidence)) {
      verdict.presignature = {partial->batch.sid, partial->index};
      verdict.quorum = partial->batch.quorum;
    }
    verdict.note = "reported by signer " + std::to_string(from);
    verdict.proven.push_back({*culprit, *evidence});
    if (const auto handler = on_blame_) handler(verdict);
  }
  refresh();
}

/// The set as it is now; and when it will be another one.
void BlameDriver::refresh() {
  if (stopped_) return;
  const Time now = monotonic_now();
  Time next = coordinator::kNever;
  std::set<PartyId> fresh;
  for (const auto& [id, records] : proven_) {
    const auto& claimed = epochs_[id];
    for (const auto& [key, epoch] : records) {
      const auto present = claimed.find(key);
      if (present == claimed.end() || present->second == epoch) fresh.insert(id);
    }
  }
  for (const auto& [id, d] : doubts_) {
    if (now >= d.until) continue;
    fresh.insert(id);
    next = std::min(next, d.until);
  }
  if (next != coordinator::kNever) {
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(next - now));
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (!error && self) self->refresh();
    });
  }
  if (fresh == quarantined_) return;
  quarantined_ = std::move(fresh);
  hooks_.quarantine(quarantined_);
}

}  // namespace quorate::net
