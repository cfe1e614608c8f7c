#include "signerd/recent_partials.h"

namespace quorate::signerd {

Digest RecentPartials::fingerprint(CurveId curve, const wire::SignRequest& request) {
  Transcript t(Label::SignRequestDigest,
               Binding{.curve = curve, .key = request.key, .epoch = request.epoch, .sid = request.presignature.sid,
                       .instance = request.presignature.index});
  t.add_number(static_cast<std::uint64_t>(request.context));
  t.add_number(static_cast<std::uint64_t>(request.digest)).add(request.content);
  return std::move(t).digest();
}

void RecentPartials::remember(const PresignatureId& id, const Digest& fingerprint, Answer answer,
                              Clock::time_point now) {
  while (entries_.size() >= capacity_ && !order_.empty()) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  if (entries_.emplace(id, Entry{fingerprint, std::move(answer), now + lifetime_}).second) order_.push_back(id);
}

std::optional<RecentPartials::Answer> RecentPartials::find(const PresignatureId& id, const Digest& fingerprint,
                                                           Clock::time_point now) const {
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || now >= entry->second.ends || entry->second.fingerprint != fingerprint)
    return std::nullopt;
  return entry->second.answer;
}

void RecentPartials::expire(Clock::time_point now) {
  while (!order_.empty()) {
    const auto entry = entries_.find(order_.front());
    if (entry != entries_.end() && now < entry->second.ends) break;
    if (entry != entries_.end()) entries_.erase(entry);
    order_.pop_front();
  }
}

}  // namespace quorate::signerd
