#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace quorate::tools {

/// Exit codes of the CLI, as --help lists them.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,        ///< what was asked for could not be done
  kUsage = 2,         ///< the command line is wrong
  kNotReady = 3,      ///< the cluster cannot sign at present
};

/// What all commands share. Control characters in a text, which may have come from a file or a peer, are shown as \xNN.
struct Output {
  bool json = false;

  /// One result: text for people, or one JSON object with --json.
  void result(const std::string& text, const nlohmann::ordered_json& object) const;
  /// Progress goes to standard error, so that results can be piped.
  void progress(const std::string& text) const;
  /// "quorate: what happened", or {"error": ...} with --json; returns the code.
  [[nodiscard]] int error(const std::string& text, int code = kFailed) const;
};

}  // namespace quorate::tools
