#pragma once

#include <functional>
#include <string_view>

namespace quorate::net {

/// What every log callback of this floor gets as its first argument.
enum LogLevel : int { kLogError = 0, kLogWarning = 1, kLogInfo = 2, kLogDebug = 3 };
using Log = std::function<void(int level, std::string_view text)>;

inline void write_log(const Log& log, LogLevel level, std::string_view text) {
  if (log) log(level, text);
}

}  // namespace quorate::net
