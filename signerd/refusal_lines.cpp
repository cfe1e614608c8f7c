#include "signerd/refusal_lines.h"

#include <nlohmann/json.hpp>

namespace quorate::signerd {

namespace {
constexpr std::chrono::seconds kSecond{1};
}

bool RefusalLines::admits(const std::string& who, Clock::time_point now) {
  auto& second = seconds_.try_emplace(who, Second{now, 0}).first->second;
  if (now - second.began >= kSecond) {
    write(who, second);
    second = {now, 0};
  }
  return ++second.refused <= kPerSecond;
}

void RefusalLines::tick(Clock::time_point now) {
  std::erase_if(seconds_, [&](const auto& item) {
    if (now - item.second.began < kSecond) return false;
    write(item.first, item.second);
    return true;
  });
}

RefusalLines::~RefusalLines() {
  for (const auto& [who, second] : seconds_) write(who, second);
}

void RefusalLines::write(const std::string& who, const Second& second) const {
  if (second.refused <= kPerSecond) return;
  const std::size_t more = second.refused - kPerSecond;
  audit_.write(std::move(AuditLine()
                             .add("who", who)
                             .add("outcome", "refused")
                             .add("reason", std::to_string(more) + " more refused")
                             .add("count", more)));
}

}  // namespace quorate::signerd
