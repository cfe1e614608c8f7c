#include "protocol/session/presign_machine.h"

#include <algorithm>

#include "protocol/wire/presign_codec.h"

namespace quorate::session {

using wire::MessageType;

namespace {

std::vector<PartyId> others_of(const Quorum& quorum, PartyId me) {
  std::vector<PartyId> out;
  for (auto id : quorum)
    if (id != me) out.push_back(id);
  return out;
}

/// Encodes for everyone; a broadcast is encoded once for each receiver only where contents differ.
template <class Msg>
void post_all(Step& step, const SessionId& sid, PartyId me, const Outbox<Msg>& messages) {
  post(step.out, wire::kTypeOf<Msg>, sid, me, messages, [](const Msg& m) { return wire::encode(m); });
}

}  // namespace

PresignMachine::PresignMachine(PresignInputs inputs)
    : inputs_(std::move(inputs)),
      plan_(inputs_->plan),
      sid_(plan_.sid()),
      me_(inputs_->share->me),
      leader_(plan_.quorum.empty() ? kNobody : leader_of(plan_.epoch, plan_.quorum)),
      curve_(*inputs_->share->info.curve),
      inbox_(sid_, me_, others_of(plan_.quorum, me_),
             {MessageType::PresignRound1, MessageType::PresignRound2, MessageType::PresignRound3,
              MessageType::PresignRound4}) {}

std::vector<PartyId> PresignMachine::missing() const {
  if (!result_) return inbox_.missing();
  std::vector<PartyId> out;
  for (auto id : others_of(plan_.quorum, me_))
    if (!pooled_.contains(id)) out.push_back(id);
  return out;
}

Step PresignMachine::start(Rng& rng) {
  Step step;
  auto first = PresignRound1::start(std::move(*inputs_), rng);
  inputs_.reset();
  if (!first) {
    step.abort = std::move(first).error();
    return step;
  }
  if (leading())
    for (auto peer : others_of(plan_.quorum, me_))
      step.out.push_back({MessageType::PresignStart, sid_, me_, peer, wire::encode(plan_)});
  post_all(step, sid_, me_, first->messages);
  round_ = std::move(first->next);
  return step;
}

Step PresignMachine::on_message(wire::Envelope envelope, Rng& rng) {
  Step step;
  if (envelope.type == MessageType::PresignPooled && leading() && envelope.sid == sid_) {
    const auto others = others_of(plan_.quorum, me_);
    if (std::find(others.begin(), others.end(), envelope.from) != others.end()) pooled_.insert(envelope.from);
    step.done = result_.has_value() && pooled_.size() == others.size();
    return step;
  }
  if (!inbox_.store(std::move(envelope))) return step;
  while (inbox_.complete() && !std::holds_alternative<std::monostate>(round_) && !step.abort) {
    Step more = advance(inbox_.take(), rng);
    std::move(more.out.begin(), more.out.end(), std::back_inserter(step.out));
    step.done = more.done;
    step.abort = std::move(more.abort);
  }
  return step;
}

template <class Msg>
std::optional<Abort> PresignMachine::decode_all(const std::map<PartyId, Bytes>& payloads, Inbox<Msg>& inbox,
                                                bool pairwise) const {
  for (const auto& [peer, payload] : payloads) {
    auto message = wire::decode<Msg>(payload, curve_);
    if (!message)
      return Abort{Fault::Malformed, pairwise ? Blame::pair(me_, peer) : Blame::quorum(),
                   message.error().what() + " from signer " + std::to_string(peer)};
    inbox.emplace(peer, std::move(message).value());
  }
  return std::nullopt;
}

Step PresignMachine::advance(std::map<PartyId, Bytes> payloads, Rng& rng) {
  Step step;
  auto round = std::exchange(round_, std::monostate{});  // a failed step leaves the machine dead
  auto give_up = [&](Abort abort) {
    step.abort = std::move(abort);
    return std::move(step);
  };
  if (auto* first = std::get_if<PresignRound1>(&round)) {
    Inbox<PresignMsg1> inbox;
    if (auto bad = decode_all(payloads, inbox, true)) return give_up(std::move(*bad));
    auto next = std::move(*first).next(inbox, rng);
    if (!next) return give_up(std::move(next).error());
    post_all(step, sid_, me_, next->messages);
    round_ = std::move(next->next);
  } else if (auto* second = std::get_if<PresignRound2>(&round)) {
    Inbox<PresignMsg2> inbox;
    if (auto bad = decode_all(payloads, inbox, true)) return give_up(std::move(*bad));
    auto next = std::move(*second).next(inbox);
    if (!next) return give_up(std::move(next).error());
    post_all(step, sid_, me_, next->messages);
    round_ = std::move(next->next);
  } else if (auto* third = std::get_if<PresignRound3>(&round)) {
    Inbox<PresignMsg3> inbox;
    if (auto bad = decode_all(payloads, inbox, false)) return give_up(std::move(*bad));
    auto next = std::move(*third).next(inbox);
    if (!next) return give_up(std::move(next).error());
    post_all(step, sid_, me_, next->messages);
    round_ = std::move(next->next);
  } else if (auto* fourth = std::get_if<PresignRound4>(&round)) {
    Inbox<PresignMsg4> inbox;
    if (auto bad = decode_all(payloads, inbox, false)) return give_up(std::move(*bad));
    auto batch = std::move(*fourth).finish(inbox);
    if (!batch) return give_up(std::move(batch).error());
    return finished(std::move(batch).value());
  }
  return step;
}

Step PresignMachine::finished(PresignedBatch batch) {
  Step step;
  result_ = std::move(batch);
  if (leading()) {
    step.done = pooled_.size() + 1 == plan_.quorum.size();
  } else {
    step.out.push_back({MessageType::PresignPooled, sid_, me_, leader_, wire::encode(wire::PresignPooled{})});
    step.done = true;
  }
  return step;
}

}  // namespace quorate::session
