#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace quorate::test {

/// True as soon as it is so; false if it is not within 20 seconds. For what other threads do.
inline bool eventually(const std::function<bool()>& done) {
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20); !done();) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace quorate::test
