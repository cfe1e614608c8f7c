// Holds protocol/SPEC.md and the code together. QUORATE_SOURCE_ROOT is the root of the source tree.
#include <gtest/gtest.h>

#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "protocol/base/abort.h"

namespace quorate {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = QUORATE_SOURCE_ROOT;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Section and step; step -1 is the section as a whole.
using Step = std::pair<int, int>;

std::string text(Step step) {
  return std::to_string(step.first) + (step.second < 0 ? "" : "." + std::to_string(step.second));
}

Step parse(const std::string& number) {
  const auto dot = number.find('.');
  if (dot == std::string::npos) return {std::stoi(number), -1};
  return {std::stoi(number), std::stoi(number.substr(dot + 1))};
}

/// Everything that a text cites: "SPEC 1.2", "SPEC section 1", lists "SPEC 1.2, 1.3", and ranges
/// "SPEC 5.2-5.4", which cite each step between their ends.
std::set<Step> citations(const std::string& source) {
  static const std::regex kCitation(
      R"(SPEC\s+(?:section\s+)?(\d+(?:\.\d+)?(?:\s*(?:,|-|and)\s*\d+\.\d+)*)[^]*)");
  static const std::regex kItem(R"((\d+(?:\.\d+)?)(?:\s*-\s*(\d+\.\d+))?)");
  constexpr std::size_t kLongest = 100;
  std::set<Step> out;
  for (auto at = source.find("SPEC"); at != std::string::npos; at = source.find("SPEC", at + 1)) {
    if (at > 0 && (std::isalnum(static_cast<unsigned char>(source[at - 1])) != 0 || source[at - 1] == '_')) continue;
    const std::string here = source.substr(at, kLongest);
    std::smatch found;
    if (!std::regex_match(here, found, kCitation)) continue;
    const std::string list = found[1];
    for (std::sregex_iterator item(list.begin(), list.end(), kItem), end; item != end; ++item) {
      const Step first = parse((*item)[1]);
      const Step last = (*item)[2].matched ? parse((*item)[2]) : first;
      EXPECT_EQ(first.first, last.first) << "a range over two sections: " << list;
      EXPECT_LE(first.second, last.second) << "a range that runs backwards: " << list;
      for (int step = first.second; step <= last.second; ++step) out.insert({first.first, step});
    }
  }
  return out;
}

/// Step or section to the files that cite it.
std::map<Step, std::set<std::string>> cited_by_code() {
  std::map<Step, std::set<std::string>> out;
  for (const char* tree : {"protocol", "signerd", "provider"})
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / tree)) {
      const auto extension = entry.path().extension();
      if (!entry.is_regular_file() || (extension != ".h" && extension != ".cpp")) continue;
      for (const Step& step : citations(read(entry.path())))
        out[step].insert(fs::relative(entry.path(), kRoot).string());
    }
  return out;
}

/// Headings "## 5. Title" and "### 5.2 Title", each number once.
std::set<Step> headings() {
  static const std::regex kSection(R"(## (\d+)\. \S.*)"), kStep(R"(### (\d+\.\d+) \S.*)");
  std::set<Step> out;
  std::istringstream lines(read(kRoot / "protocol/SPEC.md"));
  int section = -1;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("##", 0) != 0) continue;
    std::smatch found;
    const bool known = std::regex_match(line, found, kSection) || std::regex_match(line, found, kStep);
    EXPECT_TRUE(known) << "a heading without a number: " << line;
    if (!known) continue;
    const Step step = parse(found[1]);
    EXPECT_TRUE(out.insert(step).second) << "twice: " << line;
    if (step.second < 0) section = step.first;
    EXPECT_EQ(step.first, section) << "in the wrong section: " << line;
  }
  return out;
}

std::string list(const std::set<std::string>& files) {
  std::string out;
  for (const auto& file : files) out += " " + file;
  return out;
}

/// The first column of the fault table; a line that goes on with the fault above has it empty.
std::set<std::string> faults_of_spec() {
  const std::string spec = read(kRoot / "protocol/SPEC.md");
  const auto begin = spec.find("\n## 9. ");
  EXPECT_NE(begin, std::string::npos);
  if (begin == std::string::npos) return {};
  static const std::regex kRow(R"(\| (\w+) \|.*)");
  std::set<std::string> out;
  std::istringstream lines(spec.substr(begin + 1, spec.find("\n## ", begin + 1) - begin));
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (!std::regex_match(line, found, kRow) || found[1] == "fault") continue;
    EXPECT_TRUE(out.insert(found[1]).second) << "twice in the table: " << found[1];
  }
  return out;
}

TEST(Spec, EveryCitationNamesAStepThatExists) {
  const auto steps = headings();
  for (const auto& [step, files] : cited_by_code())
    EXPECT_TRUE(steps.contains(step)) << "no heading for SPEC " << text(step) << ", cited by" << list(files);
}

TEST(Spec, EveryStepIsCitedByTheCode) {
  const auto cited = cited_by_code();
  std::size_t count = 0;
  for (const Step& step : headings()) {
    if (step.first < 1 || step.first > 6 || step.second < 0) continue;
    ++count;
    EXPECT_TRUE(cited.contains(step)) << "no code cites SPEC " << text(step);
  }
  EXPECT_GT(count, 30u);
}

TEST(Spec, EveryFaultHasItsLineAndEveryLineItsFault) {
  std::set<std::string> known;
  for (int value = 0; value <= static_cast<int>(Fault::TimedOut); ++value)
    known.emplace(name(static_cast<Fault>(value)));
  EXPECT_EQ(known, faults_of_spec());
}

/// A fault that is declared after TimedOut would not be looked at above.
TEST(Spec, TheListOfFaultsEndsWithTimedOut) {
  const std::string header = read(kRoot / "protocol/base/abort.h");
  static const std::regex kEnum(R"(enum class Fault[^{]*\{([^}]*)\})");
  std::smatch found;
  ASSERT_TRUE(std::regex_search(header, found, kEnum));
  const std::string body = found[1];
  std::set<std::string> declared;
  static const std::regex kName(R"((?:^|\n)\s*(\w+)\s*,)");
  for (std::sregex_iterator it(body.begin(), body.end(), kName), end; it != end; ++it) declared.insert((*it)[1]);
  EXPECT_EQ(declared.size(), static_cast<std::size_t>(Fault::TimedOut) + 1);
  EXPECT_EQ(declared, faults_of_spec());
}

TEST(Spec, ListsRangesAndSectionsAreRead) {
  EXPECT_EQ(citations("(SPEC 1.2, 1.4)"), (std::set<Step>{{1, 2}, {1, 4}}));
  EXPECT_EQ(citations("SPEC 5.2-5.4: x"), (std::set<Step>{{5, 2}, {5, 3}, {5, 4}}));
  EXPECT_EQ(citations("SPEC section 9 lists"), (std::set<Step>{{9, -1}}));
  EXPECT_EQ(citations("SPEC 6.1-6.2, in this order"), (std::set<Step>{{6, 1}, {6, 2}}));
  EXPECT_EQ(citations("kappa in SPEC. AF_UNSPEC 3"), (std::set<Step>{}));
}

}  // namespace
}  // namespace quorate
