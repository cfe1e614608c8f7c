#include "signerd/recent_partials.h"

namespace quorate::signerd {

Digest RecentPartials::fingerprint(CurveId curve, const wire::SignRequest& request) {
  Transcript t(Label::SignRequestDigest,
               Binding{.curve = curve, .key = request.key, .epoch = request.epoch, .sid = request.presignature.sid,
                       .instance = request.presignature.index});
  t.add_number(static_cast<std::uint64_t>(request.context));
  t.add_number(static_cast<std::uint64_t>(request.digest)).add(ByteView(request.content));
  return std::move(t).digest();
}

void RecentPartials::remember(const PresignatureId& id, const Digest& fingerprint, Answer answer,
                              Clock::time_point now, std::chrono::milliseconds lifetime) {
  if (entries_.contains(id)) return;
  expire(now);
  if (entries_.size() >= capacity_) erase(PresignatureId(by_age_.begin()->second));
  const std::uint64_t number = next_number_++;
  const auto ends = now + lifetime;
  entries_.emplace(id, Entry{fingerprint, std::move(answer), ends, number});
  by_age_.emplace(number, id);
  by_end_.emplace(ends, id);
}

void RecentPartials::erase(const PresignatureId& id) {
  const auto entry = entries_.find(id);
  by_age_.erase(entry->second.number);
  by_end_.erase({entry->second.ends, id});
  entries_.erase(entry);
}

std::optional<RecentPartials::Answer> RecentPartials::find(const PresignatureId& id, const Digest& fingerprint,
                                                           Clock::time_point now) const {
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || now >= entry->second.ends || entry->second.fingerprint != fingerprint)
    return std::nullopt;
  return entry->second.answer;
}

void RecentPartials::expire(Clock::time_point now) {
  while (!by_end_.empty() && now >= by_end_.begin()->first) erase(PresignatureId(by_end_.begin()->second));
}

}  // namespace quorate::signerd
