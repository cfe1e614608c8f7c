#include "signerd/refill_order.h"

#include <algorithm>

namespace quorate::signerd {

namespace {
constexpr std::chrono::milliseconds kFirstBackOff{50};
constexpr std::chrono::seconds kCutInterval{1};
}  // namespace

RefillOrder::Rank RefillOrder::rank(const Task& task, const Pool& pool) const {
  const auto want = wanted_.find(task);
  const bool open = want != wanted_.end() && want->second.open;
  return {!open, back_.contains(task), pool.beside_stuck, pool.available >= pool.min, pool.available, pool.idle};
}

void RefillOrder::failed(const Task& task, Clock::time_point now, std::chrono::milliseconds longest) {
  auto& back = back_[task];
  back.wait = std::clamp(back.wait * 2, kFirstBackOff, longest);
  back.until = now + back.wait;
}

void RefillOrder::succeeded(const Task& task) {
  back_.erase(task);
  if (const auto want = wanted_.find(task); want != wanted_.end()) want->second.open = false;
}

bool RefillOrder::waits(const Task& task, Clock::time_point now) const {
  const auto back = back_.find(task);
  return back != back_.end() && now < back->second.until;
}

bool RefillOrder::wanted(const Task& task, Clock::time_point now) {
  auto& want = wanted_[task];
  const bool news = !std::exchange(want.open, true);
  const auto back = back_.find(task);
  if (back == back_.end() || now >= back->second.until || (want.cut && now - *want.cut < kCutInterval)) return news;
  want.cut = now;
  back->second.until = now;
  return true;
}

void RefillOrder::forget_if(const std::function<bool(const Task&)>& which) {
  std::erase_if(back_, [&](const auto& item) { return which(item.first); });
  std::erase_if(wanted_, [&](const auto& item) { return which(item.first); });
}

}  // namespace quorate::signerd
