#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// `quorate doctor`: what is wrong with an installation. Each part gathers facts (files, OpenSSL, signers)
/// into a plain struct and judges the struct in a function of its own that asks nobody, so that every
/// judgement can be tested.
namespace quorate::tools::doctor {

enum class Level : std::uint8_t { Ok, Warning, Problem };

struct Finding {
  Level level = Level::Ok;
  std::string check;    ///< stable name of what was looked at, for scripts: "provider-order"
  std::string subject;  ///< a file, "signer 2", "clock"
  std::string text;     ///< what was found
  std::string advice;   ///< what to do; empty if level is Ok
};
using Findings = std::vector<Finding>;

inline Finding good(std::string check, std::string subject, std::string text) {
  return {Level::Ok, std::move(check), std::move(subject), std::move(text), {}};
}
inline Finding warning(std::string check, std::string subject, std::string text, std::string advice) {
  return {Level::Warning, std::move(check), std::move(subject), std::move(text), std::move(advice)};
}
inline Finding problem(std::string check, std::string subject, std::string text, std::string advice) {
  return {Level::Problem, std::move(check), std::move(subject), std::move(text), std::move(advice)};
}

void append(Findings& to, Findings more);

/// Ok if there are none.
Level worst(const Findings& findings);

/// 0 all is well, 1 there is a problem, 4 warnings only; 2 stays the CLI's own for a wrong command line.
int exit_code(const Findings& findings);

/// One line a finding, "ok", "warning" or "problem" in front, the advice on a line of its own below it, a
/// count at the end. Control characters, which file contents and peers may bring in, are shown as '?'.
std::string text_of(const Findings& findings);
nlohmann::ordered_json json_of(const Findings& findings);

}  // namespace quorate::tools::doctor
