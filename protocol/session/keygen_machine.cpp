#include "protocol/session/keygen_machine.h"

#include <algorithm>

#include "protocol/wire/keygen_codec.h"

namespace quorate::session {

using wire::MessageType;

namespace {

SessionId session_of(const CeremonyId& ceremony) { return SessionId{ceremony.bytes}; }

std::vector<PartyId> others_of(const KeygenTerms& terms, PartyId me) {
  auto ids = terms.ids();
  std::erase(ids, me);
  return ids;
}

template <class Msg>
Result<Inbox<Msg>, Abort> decode_all(const std::map<PartyId, Bytes>& payloads, const Curve& curve) {
  Inbox<Msg> inbox;
  for (const auto& [peer, payload] : payloads) {
    auto message = wire::decode<Msg>(payload, curve);
    // What does not decode carries no signature that could be checked: nobody is blamed before others.
    if (!message)
      return fail(Abort{Fault::Malformed, Blame::nobody(),
                        message.error().what() + " from signer " + std::to_string(peer)});
    inbox.emplace(peer, std::move(message).value());
  }
  return inbox;
}

}  // namespace

KeygenMachine::KeygenMachine(KeygenTerms terms, PartyId me, const IdentityKey& identity,
                             std::shared_ptr<const KeyShare> old)
    : terms_(std::move(terms)),
      me_(me),
      identity_(identity),
      old_(std::move(old)),
      inbox_(session_of(terms_.ceremony), me, others_of(terms_, me),
             {MessageType::KeygenRound1, MessageType::KeygenRound2, MessageType::KeygenRound3,
              MessageType::KeygenRound4, MessageType::KeygenRound5}) {}

const KeyShare* KeygenMachine::prepared() const {
  if (result_) return &*result_;  // the last messages were here already
  const auto* last = std::get_if<KeygenRound5>(&round_);
  return last != nullptr ? &last->prepared() : nullptr;
}

Step KeygenMachine::start(Rng& rng) {
  Step step;
  auto first = KeygenRound1::start(terms_, me_, identity_, rng, old_.get());
  if (!first) {
    step.abort = std::move(first).error().abort;
    return step;
  }
  post(step.out, MessageType::KeygenRound1, session_of(terms_.ceremony), me_, first->messages,
       [](const auto& m) { return wire::encode(m); });
  round_ = std::move(first->next);
  return step;
}

Step KeygenMachine::on_message(wire::Envelope envelope, Rng& rng) {
  Step step;
  if (envelope.type == MessageType::KeygenEvidence) return compare(envelope);
  if (!inbox_.store(std::move(envelope))) return step;
  while (inbox_.complete() && !std::holds_alternative<std::monostate>(round_) && !step.abort) {
    Step more = advance(inbox_.take(), rng);
    std::move(more.out.begin(), more.out.end(), std::back_inserter(step.out));
    step.done = more.done;
    step.persist = step.persist || more.persist;
    step.abort = std::move(more.abort);
  }
  return step;
}

Step KeygenMachine::advance(std::map<PartyId, Bytes> payloads, Rng& rng) {
  Step step;
  auto round = std::exchange(round_, std::monostate{});
  auto run = [&]<class Msg>(auto& current, std::uint8_t number, std::type_identity<Msg>) {
    auto inbox = decode_all<Msg>(payloads, *terms_.curve);
    if (!inbox) {
      step.abort = std::move(inbox).error();
      return;
    }
    auto next = std::move(current).next(*inbox, identity_, rng);
    if (!next) {
      step = failed(std::move(next).error());
      return;
    }
    post(step.out, static_cast<MessageType>(static_cast<int>(MessageType::KeygenRound1) + number),
         session_of(terms_.ceremony), me_, next->messages, [](const auto& m) { return wire::encode(m); });
    round_ = std::move(next->next);
  };
  if (auto* first = std::get_if<KeygenRound1>(&round)) {
    run(*first, 1, std::type_identity<KeygenMsg1>{});
  } else if (auto* second = std::get_if<KeygenRound2>(&round)) {
    run(*second, 2, std::type_identity<KeygenMsg2>{});
    old_.reset();
  } else if (auto* third = std::get_if<KeygenRound3>(&round)) {
    run(*third, 3, std::type_identity<KeygenMsg3>{});
  } else if (auto* fourth = std::get_if<KeygenRound4>(&round)) {
    run(*fourth, 4, std::type_identity<KeygenMsg4>{});
    step.persist = prepared() != nullptr;
  } else if (auto* fifth = std::get_if<KeygenRound5>(&round)) {
    auto inbox = decode_all<KeygenMsg5>(payloads, *terms_.curve);
    if (!inbox) {
      step.abort = std::move(inbox).error();
      return step;
    }
    auto share = std::move(*fifth).next(*inbox, identity_, rng);
    if (!share) return failed(std::move(share).error());
    result_ = std::move(share).value();
    step.done = true;
  }
  for (auto& [peer, payload] : payloads) ct::wipe(payload.data(), payload.size());
  return step;
}

Step KeygenMachine::failed(KeygenAbort abort) {
  Step step;
  if (abort.abort.fault != Fault::EchoMismatch || abort.seen.empty()) {
    evidence_ = std::move(abort.evidence);
    step.abort = std::move(abort.abort);
    return step;
  }
  // SPEC 1.2: nobody is judged yet; members show each other the signed broadcasts of the round before.
  seen_ = std::move(abort.seen);
  const Bytes encoded = wire::encode(wire::KeygenStatements{seen_});
  for (auto peer : others_of(terms_, me_))
    step.out.push_back({MessageType::KeygenEvidence, session_of(terms_.ceremony), me_, peer, encoded});
  for (const auto& [from, envelope] : std::exchange(early_, {})) {
    if (step.abort) break;
    step.abort = compare(envelope).abort;
  }
  return step;
}

Step KeygenMachine::compare(const wire::Envelope& envelope) {
  Step step;
  const auto others = others_of(terms_, me_);
  const bool peer = std::find(others.begin(), others.end(), envelope.from) != others.end();
  if (!peer || envelope.sid != session_of(terms_.ceremony) || compared_.contains(envelope.from)) return step;
  if (seen_.empty()) {  // it noticed the mismatch before I did: keep what it shows until I do
    early_.emplace(envelope.from, envelope);
    return step;
  }
  auto shown = wire::decode<wire::KeygenStatements>(envelope.payload);
  if (!shown) return step;
  compared_.insert(envelope.from);
  const auto& theirs = shown->seen;
  if (auto found = find_equivocation(terms_, seen_, theirs)) {
    step.abort = Abort{Fault::Equivocation, Blame::on(found->culprit),
                       "signer " + std::to_string(found->culprit) + " signed two different messages of one round"};
    evidence_ = std::move(found);
  } else if (compared_.size() == others.size()) {
    step.abort = Abort{Fault::EchoMismatch, Blame::nobody(),
                       "members saw different broadcasts, but nobody's signature shows whose fault it is"};
  }
  return step;
}

}  // namespace quorate::session
