#include "protocol/session/round_inbox.h"

#include <algorithm>

namespace quorate::session {

RoundInbox::RoundInbox(SessionId sid, PartyId me, std::vector<PartyId> others, std::vector<wire::MessageType> rounds)
    : sid_(sid), me_(me), others_(std::move(others)), types_(std::move(rounds)), payloads_(types_.size()) {}

bool RoundInbox::store(wire::Envelope envelope) {
  if (envelope.sid != sid_) return ++dropped_.wrong_session, false;
  const auto type = std::find(types_.begin(), types_.end(), envelope.type);
  const bool known_peer = std::find(others_.begin(), others_.end(), envelope.from) != others_.end();
  if (type == types_.end() || !known_peer || envelope.to != me_) return ++dropped_.unexpected, false;
  const auto round = static_cast<std::size_t>(type - types_.begin());
  if (round < current_) return ++dropped_.late, false;
  if (!payloads_[round].try_emplace(envelope.from, std::move(envelope.payload)).second) return ++dropped_.duplicate, false;
  return true;
}

bool RoundInbox::complete() const { return current_ < types_.size() && payloads_[current_].size() == others_.size(); }

std::map<PartyId, Bytes> RoundInbox::take() { return std::move(payloads_[current_++]); }

std::vector<PartyId> RoundInbox::missing() const {
  std::vector<PartyId> out;
  if (current_ >= types_.size()) return out;
  for (auto id : others_)
    if (!payloads_[current_].contains(id)) out.push_back(id);
  return out;
}

}  // namespace quorate::session
