#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"

namespace spdlog {
class logger;
}

namespace quorate::signerd {

/// One line of the audit trail, an object of JSON that begins with the time. There is one for each partial signature,
/// between its request and its reply: it is written as text at once, without a tree of JSON values.
class AuditLine {
 public:
  AuditLine();
  /// `name` is a literal without anything to escape; `value` may come from a peer and hold anything, what is no UTF-8
  /// is replaced.
  AuditLine& add(std::string_view name, std::string_view value);
  AuditLine& add(std::string_view name, const char* value) { return add(name, std::string_view(value)); }
  AuditLine& add(std::string_view name, std::uint64_t value);
  AuditLine& add_flag(std::string_view name, bool value);
  AuditLine& add(std::string_view name, const Quorum& ids);
  /// The line without its end of line.
  [[nodiscard]] std::string str() &&;

 private:
  void name(std::string_view name);
  std::string text_;
};

/// The audit trail: one line of JSON a decision, appended to its own file, flushed every second and at
/// the end. Every partial signature and every refusal is in it, refusals beyond so many a second as a number
/// (RefusalLines).
class Audit {
 public:
  /// Without a file nothing is kept.
  static Result<Audit, std::string> open(const std::optional<std::filesystem::path>& file);
  /// False: lines need not be made.
  [[nodiscard]] bool kept() const { return logger_ != nullptr; }
  void write(AuditLine line) const;
  void flush() const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace quorate::signerd
