#include "signerd/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "signerd/disputes.h"

namespace quorate::signerd {

namespace {

/// Texts that come from peers may hold anything: what is no UTF-8 is replaced, never thrown over.
std::string dump(const nlohmann::ordered_json& fields) {
  return fields.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string line(std::string_view level, std::string_view event, const nlohmann::ordered_json& fields) {
  nlohmann::ordered_json out{{"time", wall_time()}, {"level", level}, {"event", event}};
  out.update(fields);
  return dump(out);
}

}  // namespace

Log::Log(std::string_view level)
    : logger_(std::make_shared<spdlog::logger>("signerd", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%v");
  logger_->set_level(level == "debug"  ? spdlog::level::debug
                     : level == "warn" ? spdlog::level::warn
                     : level == "error" ? spdlog::level::err
                                        : spdlog::level::info);
}

void Log::debug(std::string_view event, const nlohmann::ordered_json& fields) const {
  if (logger_->should_log(spdlog::level::debug)) logger_->debug(line("debug", event, fields));
}
void Log::info(std::string_view event, const nlohmann::ordered_json& fields) const {
  if (logger_->should_log(spdlog::level::info)) logger_->info(line("info", event, fields));
}
void Log::warn(std::string_view event, const nlohmann::ordered_json& fields) const {
  logger_->warn(line("warn", event, fields));
}
void Log::error(std::string_view event, const nlohmann::ordered_json& fields) const {
  logger_->error(line("error", event, fields));
}

}  // namespace quorate::signerd
