#include "signerd/on_demand.h"

namespace quorate::signerd {

bool OnDemand::ask(const Quorum& quorum, Clock::time_point now) {
  if (asked_.size() >= kMax && !asked_.contains(quorum)) return false;
  asked_[quorum] = now;
  return true;
}

std::vector<Quorum> OnDemand::expire(Clock::time_point now) {
  std::vector<Quorum> gone;
  std::erase_if(asked_, [&](const auto& item) {
    if (now - item.second <= kKept) return false;
    gone.push_back(item.first);
    return true;
  });
  return gone;
}

void OnDemand::forget_if(const std::function<bool(const Quorum&)>& which) {
  std::erase_if(asked_, [&](const auto& item) { return which(item.first); });
}

}  // namespace quorate::signerd
