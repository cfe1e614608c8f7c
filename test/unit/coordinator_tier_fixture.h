#pragma once

#include <gtest/gtest.h>

#include "protocol/coordinator/tier.h"

namespace quorate::coordinator::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A tier of coordinators c0, c1, ...: what it wants done is collected, and time is the test's.
class TierTest : public testing::Test {
 protected:
  explicit TierTest(std::size_t count = 3, std::size_t first = 0) : tier(TierConfig{}, names(count), first) {}
  static std::vector<std::string> names(std::size_t count) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back("c" + std::to_string(i));
    return out;
  }
  void all_up(std::size_t count = 3) {
    for (std::size_t i = 0; i < count; ++i) tier.link_up(now, i);
  }
  RequestHandle submit(Time within = milliseconds(200)) {
    const auto handle = tier.submit(now, now + within);
    collect();
    return handle;
  }
  void collect() {
    for (auto& action : tier.take_actions()) {
      if (auto* send = std::get_if<TierSend>(&action)) sends.push_back(*send);
      if (auto* withdraw = std::get_if<TierWithdraw>(&action)) withdrawn.push_back(*withdraw);
      if (auto* failed = std::get_if<TierFail>(&action)) fails.push_back(*failed);
    }
  }
  /// Time passes; timers that are due go off in between.
  void pass(Time span) {
    const Time end = now + span;
    while (tier.next_wakeup() <= end) {
      now = std::max(now, tier.next_wakeup());
      tier.on_timer(now);
      collect();
    }
    now = end;
  }
  std::size_t last_to() const { return sends.back().to; }
  static Assignment assignment(std::uint32_t index) { return {{SessionId{}, index}, {1, 2}, EpochId{}}; }
  static SignError error(SignErrorCode code) { return {code, "because"}; }

  Tier tier;
  Time now = seconds(100);
  std::vector<TierSend> sends;
  std::vector<TierWithdraw> withdrawn;
  std::vector<TierFail> fails;
};

}  // namespace quorate::coordinator::test
