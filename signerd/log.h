#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace spdlog {
class logger;
}

namespace quorate::signerd {

/// One line of JSON an event on standard error: {"time":..., "level":..., "event":..., ...}. Never holds a secret.
class Log {
 public:
  explicit Log(std::string_view level);
  void debug(std::string_view event, const nlohmann::ordered_json& fields) const;
  void info(std::string_view event, const nlohmann::ordered_json& fields) const;
  void warn(std::string_view event, const nlohmann::ordered_json& fields) const;
  void error(std::string_view event, const nlohmann::ordered_json& fields) const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

/// The audit trail: one line of JSON a decision, appended to its own file, flushed every second and at
/// the end. Every partial signature and every refusal is in it, refusals beyond so many a second as a number
/// (RefusalLines).
class Audit {
 public:
  /// Without a file nothing is kept.
  static Result<Audit, std::string> open(const std::optional<std::filesystem::path>& file);
  void write(nlohmann::ordered_json fields) const;
  void flush() const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace quorate::signerd
