// Reads the protocol's sources: QUORATE_SOURCE_ROOT is the root of the source tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "protocol/hash/labels.h"

namespace quorate {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Blanks out comments and string literals, so that a label that is only talked about does not count.
std::string code_of(std::string text) {
  enum class In { Code, Line, Block, Text, Character } in = In::Code;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i], next = i + 1 < text.size() ? text[i + 1] : '\0';
    switch (in) {
      case In::Code:
        if (c == '/' && (next == '/' || next == '*')) {
          in = next == '/' ? In::Line : In::Block;
          text[i] = text[i + 1] = ' ';
          ++i;
        } else if (c == '"') {
          in = In::Text;
        } else if (c == '\'' && (i == 0 || std::isalnum(static_cast<unsigned char>(text[i - 1])) == 0)) {
          in = In::Character;  // not the separator of a number
        }
        break;
      case In::Line:
        if (c == '\n') {
          in = In::Code;
        } else {
          text[i] = ' ';
        }
        break;
      case In::Block:
        if (c == '*' && next == '/') {
          in = In::Code;
          text[i] = text[i + 1] = ' ';
          ++i;
        } else if (c != '\n') {
          text[i] = ' ';
        }
        break;
      case In::Text:
      case In::Character:
        if (c == '\\') {
          text[i] = text[i + 1] = ' ';
          ++i;
        } else if (c == (in == In::Text ? '"' : '\'')) {
          in = In::Code;
        } else {
          text[i] = ' ';
        }
        break;
    }
  }
  return text;
}

/// The enumerators of Label in their order, Count left out.
std::vector<std::string> enumerators(const std::string& header) {
  const std::string code = code_of(header);
  const auto begin = code.find('{', code.find("enum class Label"));
  const std::string body = code.substr(begin + 1, code.find('}', begin) - begin - 1);
  std::vector<std::string> out;
  const std::regex word("[A-Za-z0-9]+");
  for (std::sregex_iterator it(body.begin(), body.end(), word), end; it != end; ++it)
    out.push_back(it->str());
  EXPECT_EQ(out.back(), "Count");
  out.pop_back();
  return out;
}

std::map<std::string, std::vector<std::string>> uses(const fs::path& root) {
  std::map<std::string, std::vector<std::string>> out;
  const std::regex use("\\bLabel::([A-Za-z0-9]+)");
  for (const auto* floor : {"protocol", "provider", "signerd", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / floor)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".h") continue;
      const std::string relative = fs::relative(entry.path(), root).generic_string();
      if (relative == "protocol/hash/labels.cpp" || relative == "protocol/hash/labels.h") continue;
      const std::string code = code_of(read(entry.path()));
      for (std::sregex_iterator it(code.begin(), code.end(), use), end; it != end; ++it) {
        const auto line = 1 + std::count(code.begin(), code.begin() + it->position(), '\n');
        out[it->str(1)].push_back(relative + ":" + std::to_string(line));
      }
    }
  }
  return out;
}

std::string kebab(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if (i > 0 && (std::isupper(c) != 0 || std::isdigit(c) != 0)) out += '-';
    out += static_cast<char>(std::tolower(c));
  }
  return out;
}

const fs::path kRoot = QUORATE_SOURCE_ROOT;

TEST(LabelsUse, EveryLabelIsUsedInExactlyOnePlace) {
  const auto labels = enumerators(read(kRoot / "protocol/hash/labels.h"));
  const auto places = uses(kRoot);
  for (const auto& label : labels) {
    const auto found = places.find(label);
    if (found == places.end()) {
      ADD_FAILURE() << "Label::" << label << " is not used";
      continue;
    }
    std::string where;
    for (const auto& place : found->second) where += "\n  " + place;
    EXPECT_EQ(found->second.size(), 1u) << "Label::" << label << " is used in more than one place:" << where;
  }
}

TEST(LabelsUse, NoUnknownLabelIsUsed) {
  const auto labels = enumerators(read(kRoot / "protocol/hash/labels.h"));
  const std::set<std::string> known(labels.begin(), labels.end());
  for (const auto& [label, places] : uses(kRoot)) {
    EXPECT_TRUE(known.contains(label) || label == "Count") << "Label::" << label << " in " << places.front();
  }
}

TEST(LabelsUse, TheTextOfALabelIsItsNameInKebabCase) {
  const auto labels = enumerators(read(kRoot / "protocol/hash/labels.h"));
  ASSERT_EQ(labels.size(), static_cast<std::size_t>(Label::Count));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    EXPECT_EQ(label_text(static_cast<Label>(i)), "quorate/1/" + kebab(labels[i]));
  }
}

TEST(LabelsUse, CommentsAndStringsDoNotCount) {
  EXPECT_EQ(code_of("a // Label::X\nb").find("Label"), std::string::npos);
  EXPECT_EQ(code_of("a /* Label::X\n */ b").find("Label"), std::string::npos);
  EXPECT_EQ(code_of("f(\"Label::X \\\" Label::Y\")").find("Label"), std::string::npos);
  EXPECT_NE(code_of("'\"'; Label::X; '\"'").find("Label"), std::string::npos);
  EXPECT_NE(code_of("1'000; Label::X").find("Label"), std::string::npos);
}

}  // namespace
}  // namespace quorate
