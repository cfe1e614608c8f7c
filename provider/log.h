#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace quorate::provider {

enum class LogLevel : int { Error = 0, Warning = 1, Info = 2, Debug = 3 };

/// Lines for whoever runs the server: a time, our name and pid, the level, the text. One write() each,
/// so that the workers of a server can share a file. Never blocks on anything but that write, never
/// throws. All methods may be called from any thread.
class Log {
 public:
  /// Standard error, which nginx turns into its error log.
  explicit Log(LogLevel level = LogLevel::Warning);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  /// Appends to a file. It stays open, as after chroot it can no longer be opened.
  static Result<std::shared_ptr<Log>, std::string> to_file(const std::filesystem::path& path, LogLevel level);

  void write(LogLevel level, std::string_view text) noexcept;
  /// At most one line a second for each `about`; says how many were left out. Lines that many threads write at the
  /// same moment may all be written.
  void write_limited(LogLevel level, std::string_view about, std::string_view text) noexcept;

 private:
  struct Recent {
    std::chrono::steady_clock::time_point last;
    std::size_t left_out = 0;
  };
  static constexpr std::size_t kMaxRecent = 256;

  int fd_;
  bool owned_ = false;
  LogLevel level_;
  std::mutex mutex_;
  std::map<std::string, Recent, std::less<>> recent_;
};

}  // namespace quorate::provider
