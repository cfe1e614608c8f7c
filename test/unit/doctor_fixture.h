#pragma once

#include <gmock/gmock.h>

#include <string>

#include "tools/doctor_findings.h"

namespace quorate::tools::doctor {

/// The worst finding of that name; one that says so if there is none.
inline Finding find(const Findings& findings, const std::string& check) {
  const Finding* found = nullptr;
  for (const auto& finding : findings)
    if (finding.check == check && (found == nullptr || finding.level > found->level)) found = &finding;
  return found == nullptr ? Finding{Level::Ok, "", "", "no such finding: " + check, ""} : *found;
}

/// Whoever is told of something bad is told what to do, and nobody else is.
inline bool says(const Finding& finding, Level level, const std::string& text) {
  return !finding.check.empty() && finding.level == level && finding.text.find(text) != std::string::npos &&
         finding.advice.empty() == (level == Level::Ok);
}

}  // namespace quorate::tools::doctor

#define EXPECT_FINDING(findings, check, level, text)    \
  EXPECT_TRUE(says(find(findings, check), level, text)) \
      << text_of(findings) << "\nwanted " << check << ": " << text
