#include "protocol/session/setup_machine.h"

namespace quorate::session {

using wire::MessageType;

SetupMachine::SetupMachine(const Curve& curve, KeyId key, EpochId epoch, SessionId sid, PartyId me, PartyId peer)
    : curve_(curve),
      key_(key),
      epoch_(epoch),
      sid_(sid),
      me_(me),
      peer_(peer),
      inbox_(sid, me, {peer},
             {me < peer ? MessageType::SetupAnswer : MessageType::SetupOpen, MessageType::SetupRound2,
              MessageType::SetupRound3}) {}

Step SetupMachine::broken(Fault fault, std::string detail) {
  Step step;
  step.abort = Abort{fault, Blame::pair(me_, peer_), std::move(detail)};
  return step;
}

Step SetupMachine::start(Rng& rng) {
  const Binding binding{.curve = curve_.id(), .key = key_, .epoch = epoch_};
  auto first = SetupRound1::start(curve_, binding, sid_, me_, peer_, rng);
  Step step;
  if (!first) {
    step.abort = std::move(first).error();
    return step;
  }
  round_ = std::move(first->next);
  const auto& message = first->message;
  if (opener())
    step.out.push_back({MessageType::SetupOpen, sid_, me_, peer_,
                        wire::encode(wire::SetupOpen{curve_.id(), key_, epoch_, message})});
  else
    step.out.push_back({MessageType::SetupAnswer, sid_, me_, peer_, wire::encode(message)});
  return step;
}

Step SetupMachine::on_message(wire::Envelope envelope, Rng& rng) {
  Step step;
  if (!inbox_.store(std::move(envelope)) || std::holds_alternative<std::monostate>(round_)) return step;
  while (inbox_.complete() && !step.done && !step.abort) {
    Step more = advance(inbox_.take().at(peer_), rng);
    std::move(more.out.begin(), more.out.end(), std::back_inserter(step.out));
    step.done = more.done;
    step.abort = std::move(more.abort);
  }
  return step;
}

Step SetupMachine::advance(const Bytes& payload, Rng& rng) {
  Step step;
  auto round = std::exchange(round_, std::monostate{});
  auto give_up = [&](Abort abort) {
    step.abort = std::move(abort);
    return std::move(step);
  };
  if (auto* first = std::get_if<SetupRound1>(&round)) {
    ot::SetupMsg1 theirs;
    if (opener()) {
      auto answer = wire::decode<ot::SetupMsg1>(payload, curve_);
      if (!answer) return broken(Fault::Malformed, answer.error().what());
      theirs = std::move(answer).value();
    } else {
      auto open = wire::decode<wire::SetupOpen>(payload);
      if (!open) return broken(Fault::Malformed, open.error().what());
      if (open->curve != curve_.id() || open->key != key_ || open->epoch != epoch_)
        return broken(Fault::Malformed, "the set-up is opened for another key");
      theirs = std::move(open->message);
    }
    auto next = std::move(*first).next(theirs, rng);
    if (!next) return give_up(std::move(next).error());
    round_ = std::move(next->next);
    step.out.push_back({MessageType::SetupRound2, sid_, me_, peer_, wire::encode(next->message)});
  } else if (auto* second = std::get_if<SetupRound2>(&round)) {
    auto theirs = wire::decode<ot::SetupMsg2>(payload, curve_);
    if (!theirs) return broken(Fault::Malformed, theirs.error().what());
    auto next = std::move(*second).next(*theirs, rng);
    if (!next) return give_up(std::move(next).error());
    round_ = std::move(next->next);
    step.out.push_back({MessageType::SetupRound3, sid_, me_, peer_, wire::encode(next->message)});
  } else if (auto* third = std::get_if<SetupRound3>(&round)) {
    auto theirs = wire::decode<ot::SetupMsg3>(payload, curve_);
    if (!theirs) return broken(Fault::Malformed, theirs.error().what());
    auto state = std::move(*third).next(*theirs);
    if (!state) return give_up(std::move(state).error());
    result_ = std::move(state).value();
    step.done = true;
  }
  return step;
}

}  // namespace quorate::session
