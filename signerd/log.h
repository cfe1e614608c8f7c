#pragma once

#include <nlohmann/json_fwd.hpp>
#include <memory>
#include <string>
#include <string_view>

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

}  // namespace quorate::signerd
