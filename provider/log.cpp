#include "provider/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace quorate::provider {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"error", "warning", "info", "debug"};

/// Not by gmtime_r, whose lock a forked child may find held for ever.
std::string utc_now() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int(date.year()), unsigned(date.month()),
                unsigned(date.day()), int(time.hours().count()), int(time.minutes().count()), int(time.seconds().count()),
                int(time.subseconds().count()));
  return text.data();
}

std::string line(LogLevel level, std::string_view text) {
  std::string out = utc_now() + " quorate[" + std::to_string(getpid()) + "] " +
                    std::string(kLevelNames[static_cast<std::size_t>(level)]) + ": ";
  for (char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out += '\n';
}

}  // namespace

Log::Log(LogLevel level) : fd_(STDERR_FILENO), level_(level) {}

Log::~Log() {
  if (owned_) close(fd_);
}

Result<std::shared_ptr<Log>, std::string> Log::to_file(const std::filesystem::path& path, LogLevel level) {
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
  if (fd < 0) return fail(path.string() + ": cannot be opened: " + std::generic_category().message(errno));
  auto log = std::make_shared<Log>(level);
  log->fd_ = fd;
  log->owned_ = true;
  return log;
}

void Log::write(LogLevel level, std::string_view text) noexcept {
  if (level > level_) return;
  const int saved = errno;
  try {
    const std::string whole = line(level, text);
    [[maybe_unused]] const auto written = ::write(fd_, whole.data(), whole.size());
  } catch (...) {
    // Out of memory for a log line: the caller's own error is the one that counts.
  }
  errno = saved;
}

void Log::write_limited(LogLevel level, std::string_view about, std::string_view text) noexcept {
  if (level > level_) return;
  try {
    std::size_t left_out = 0;
    // Who holds the lock may be a thread of the parent's. Rather a line too many than a child that stands still.
    if (const std::unique_lock lock(mutex_, std::try_to_lock); lock) {
      const auto now = std::chrono::steady_clock::now();
      if (recent_.size() >= kMaxRecent) recent_.clear();
      const auto [entry, is_new] = recent_.try_emplace(std::string(about));
      if (!is_new && now - entry->second.last < std::chrono::seconds(1)) {
        ++entry->second.left_out;
        return;
      }
      left_out = entry->second.left_out;
      entry->second = {now, 0};
    }
    std::string whole(text);
    if (left_out > 0) whole += " (and " + std::to_string(left_out) + " more like it)";
    write(level, whole);
  } catch (...) {
    write(level, text);
  }
}

}  // namespace quorate::provider
