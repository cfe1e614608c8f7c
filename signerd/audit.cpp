#include "signerd/audit.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "signerd/disputes.h"

namespace quorate::signerd {

namespace {

bool plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_quoted(std::string& out, std::string_view value) {
  if (std::ranges::all_of(value, plain)) {
    out.append("\"").append(value).append("\"");
  } else {
    out += nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

}  // namespace

AuditLine::AuditLine() {
  text_.reserve(768);
  text_.append("{\"time\":\"").append(wall_time()).append("\"");
}

void AuditLine::name(std::string_view name) { text_.append(",\"").append(name).append("\":"); }

AuditLine& AuditLine::add(std::string_view name, std::string_view value) {
  this->name(name);
  append_quoted(text_, value);
  return *this;
}

AuditLine& AuditLine::add(std::string_view name, std::uint64_t value) {
  this->name(name);
  text_ += std::to_string(value);
  return *this;
}

AuditLine& AuditLine::add_flag(std::string_view name, bool value) {
  this->name(name);
  text_ += value ? "true" : "false";
  return *this;
}

AuditLine& AuditLine::add(std::string_view name, const Quorum& ids) {
  this->name(name);
  text_ += '[';
  for (const auto id : ids) text_.append(text_.back() == '[' ? "" : ",").append(std::to_string(id));
  text_ += ']';
  return *this;
}

std::string AuditLine::str() && {
  text_ += '}';
  return std::move(text_);
}

Result<Audit, std::string> Audit::open(const std::optional<std::filesystem::path>& file) {
  Audit audit;
  if (!file) return audit;
  try {
    audit.logger_ = std::make_shared<spdlog::logger>(
        "audit", std::make_shared<spdlog::sinks::basic_file_sink_mt>(file->string(), false));
  } catch (const spdlog::spdlog_ex& error) {
    return fail("cannot open audit file: " + std::string(error.what()));
  }
  audit.logger_->set_pattern("%v");
  return audit;
}

void Audit::write(AuditLine line) const {
  if (logger_) logger_->info(std::string_view(std::move(line).str()));
}

void Audit::flush() const {
  if (logger_) logger_->flush();
}

}  // namespace quorate::signerd
