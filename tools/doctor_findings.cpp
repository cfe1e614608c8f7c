#include "tools/doctor_findings.h"

#include <algorithm>
#include <iterator>

namespace quorate::tools::doctor {

namespace {

constexpr int kWell = 0, kBroken = 1, kDoubtful = 4;

const char* word(Level level) {
  switch (level) {
    case Level::Ok:
      return "ok";
    case Level::Warning:
      return "warning";
    case Level::Problem:
      return "problem";
  }
  return "problem";
}

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string count(std::ptrdiff_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

}  // namespace

void append(Findings& to, Findings more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Level worst(const Findings& findings) {
  Level level = Level::Ok;
  for (const auto& finding : findings) level = std::max(level, finding.level);
  return level;
}

int exit_code(const Findings& findings) {
  switch (worst(findings)) {
    case Level::Ok:
      return kWell;
    case Level::Warning:
      return kDoubtful;
    case Level::Problem:
      return kBroken;
  }
  return kBroken;
}

std::string text_of(const Findings& findings) {
  constexpr std::size_t kIndent = 9;
  std::string out;
  for (const auto& finding : findings) {
    std::string head = word(finding.level);
    head.resize(kIndent, ' ');
    out += head + finding.check + ": " + printable(finding.subject) + ": " + printable(finding.text) + "\n";
    if (!finding.advice.empty()) out += std::string(kIndent, ' ') + "-> " + printable(finding.advice) + "\n";
  }
  const auto of = [&](Level level) { return std::ranges::count(findings, level, &Finding::level); };
  out += count(of(Level::Problem), "problem") + ", " + count(of(Level::Warning), "warning") + ", " +
         std::to_string(of(Level::Ok)) + " ok";
  return out;
}

nlohmann::ordered_json json_of(const Findings& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& finding : findings) {
    nlohmann::ordered_json entry{{"level", word(finding.level)},
                                 {"check", finding.check},
                                 {"subject", finding.subject},
                                 {"text", finding.text}};
    if (!finding.advice.empty()) entry["advice"] = finding.advice;
    list.push_back(std::move(entry));
  }
  return {{"status", word(worst(findings))}, {"findings", std::move(list)}};
}

}  // namespace quorate::tools::doctor
