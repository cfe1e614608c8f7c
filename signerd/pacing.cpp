#include "signerd/pacing.h"

#include <algorithm>

namespace quorate::signerd {

SendBudget::SendBudget(double mbit, std::size_t leaders) {
  const double rate = mbit * 1e6 / 8;
  all_ = {rate, rate, {}};
  const double part = rate / static_cast<double>(std::max<std::size_t>(leaders, 1));
  share_ = {part, part, {}};
}

double SendBudget::Bucket::at(Clock::time_point now) {
  if (filled && now > *filled)
    bytes = std::min(rate, bytes + rate * std::chrono::duration<double>(now - *filled).count());
  if (!filled || now > *filled) filled = now;
  return bytes;
}

void SendBudget::spend(PartyId leader, std::size_t bytes, Clock::time_point now) {
  if (all_.rate <= 0) return;
  for (auto* bucket : {&all_, &share(leader)}) {
    bucket->at(now);
    bucket->bytes -= static_cast<double>(bytes);
  }
}

bool SendBudget::ready(PartyId me, Clock::time_point now) {
  return all_.rate <= 0 || all_.at(now) >= 0 || share(me).at(now) >= 0;
}

bool SendBudget::overdrawn(PartyId leader, Clock::time_point now) {
  return all_.rate > 0 && all_.at(now) < -2 * all_.rate && share(leader).at(now) < 0;
}

std::chrono::nanoseconds CpuShare::rest_after(std::chrono::nanoseconds used) const {
  constexpr std::chrono::nanoseconds kLongest = std::chrono::seconds(2);
  if (!limited() || used <= std::chrono::nanoseconds::zero()) return {};
  const double rest = static_cast<double>(used.count()) * (1 / share_ - 1);
  return rest >= static_cast<double>(kLongest.count()) ? kLongest : std::chrono::nanoseconds(static_cast<std::int64_t>(rest));
}

}  // namespace quorate::signerd
