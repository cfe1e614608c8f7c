#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "fuzz/wire_samples.h"
#include "protocol/base/abort.h"
#include "protocol/base/sign_error.h"
#include "protocol/ot/soft_spoken.h"
#include "protocol/wire/frame.h"

namespace quorate::wire {
namespace {

using Cells = std::vector<std::string>;

std::string trimmed(std::string text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> lines() {
  std::ifstream in(QUORATE_WIRE_MD);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string whole() {
  std::string out;
  for (const auto& line : lines()) out += line + "\n";
  return out;
}

/// Cells of a line of a table; nothing for any other line.
Cells cells(const std::string& line) {
  if (line.size() < 2 || line.front() != '|') return {};
  std::stringstream in(line.substr(1));
  Cells out;
  for (std::string cell; std::getline(in, cell, '|');) out.push_back(trimmed(cell));
  return out;
}

/// Rows of the tables under a heading, up to the next heading, without titles and rules.
std::vector<Cells> table(const std::string& heading) {
  std::vector<Cells> out;
  bool inside = false;
  for (const auto& line : lines()) {
    if (line.starts_with("#")) inside = line == heading;
    auto row = cells(line);
    if (inside && row.size() >= 2 && !row[0].starts_with("--") && row[0] != "number") out.push_back(std::move(row));
  }
  return out;
}

TEST(WireDocument, ListsEveryMessageTypeAndNoOther) {
  std::map<int, std::string> documented, coded;
  for (const auto& row : table("## Message types")) {
    ASSERT_EQ(row.size(), 5u) << row[0];
    EXPECT_TRUE(documented.emplace(std::stoi(row[0]), row[1]).second) << row[0];
  }
  for (const auto type : all_message_types()) coded[static_cast<int>(type)] = name(type);
  EXPECT_EQ(documented, coded);
}

TEST(WireDocument, GivesTheGreatestPayloadOfEveryType) {
  for (const auto& row : table("## Message types")) {
    const auto type = message_type_from(static_cast<std::uint8_t>(std::stoi(row[0])));
    ASSERT_TRUE(type) << row[0];
    EXPECT_EQ(row[4], std::to_string(max_payload(*type))) << row[1];
  }
}

TEST(WireDocument, HasASectionForEveryMessageTypeAndNoOther) {
  std::map<int, std::string> sections, coded;
  for (const auto& line : lines())
    if (line.starts_with("### ")) {
      std::stringstream in(line.substr(4));
      int number = 0;
      std::string title;
      in >> number >> title;
      EXPECT_TRUE(sections.emplace(number, title).second) << line;
    }
  for (const auto type : all_message_types()) coded[static_cast<int>(type)] = name(type);
  EXPECT_EQ(sections, coded);
}

TEST(WireDocument, ListsEveryFaultAndNoOther) {
  std::map<int, std::string> documented, coded;
  for (const auto& row : table("## Faults")) documented[std::stoi(row[0])] = row[1];
  for (int i = 0; i <= static_cast<int>(Fault::TimedOut); ++i)
    coded[i] = quorate::name(static_cast<Fault>(i));
  EXPECT_EQ(documented, coded);
}

TEST(WireDocument, ListsEveryRefusalCodeAndNoOther) {
  std::map<int, std::string> documented, coded;
  for (const auto& row : table("### 57 Refusal"))
    if (std::isdigit(static_cast<unsigned char>(row[0][0]))) documented[std::stoi(row[0])] = row[1];
  for (int i = 0; i < 256; ++i)
    if (const auto code = sign_error_from(static_cast<std::uint8_t>(i))) coded[i] = quorate::name(*code);
  EXPECT_EQ(documented, coded);
}

TEST(WireDocument, ListsEveryContext) {
  std::vector<int> documented;
  for (const auto& row : table("### 55 SignRequest"))
    if (std::isdigit(static_cast<unsigned char>(row[0][0]))) documented.push_back(std::stoi(row[0]));
  std::vector<int> coded;
  for (int i = static_cast<int>(Context::Tls13ServerCertificateVerify);
       i <= static_cast<int>(Context::OcspResponseData); ++i)
    coded.push_back(i);
  EXPECT_EQ(documented, coded);
}

TEST(WireDocument, SeedsOfTheFuzzerAreMessagesStill) {
  Curve::allow_toy();
  const auto root = std::filesystem::path(QUORATE_WIRE_MD).parent_path().parent_path();
  std::set<MessageType> seeded;
  for (const auto& entry : std::filesystem::directory_iterator(root / "fuzz/corpus/wire")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const Bytes seed{std::istreambuf_iterator<char>(in), {}};
    ASSERT_FALSE(seed.empty()) << entry.path();
    if (seed[0] == 255) {
      EXPECT_TRUE(parse_frame_header(ByteView(seed).subspan(1))) << entry.path();
      continue;
    }
    const auto selection = sample::selected_by(seed[0]);
    ASSERT_TRUE(selection) << entry.path();
    const auto recoded = sample::recode(selection->type, *selection->curve, ByteView(seed).subspan(1));
    EXPECT_TRUE(recoded) << entry.path() << ": run tools/fuzz --corpus";
    seeded.insert(selection->type);
  }
  EXPECT_EQ(seeded.size(), all_message_types().size()) << "run tools/fuzz --corpus";
}

TEST(WireDocument, LimitsAreThoseOfTheCode) {
  const auto text = whole();
  const auto extension = [](std::size_t xi) {
    return std::to_string(ot::kTrees * ot::extension_width(ot::kMaxBatch, xi) / 8);
  };
  for (const auto& part : {
           "bytes32(" + std::to_string(kMaxContent) + ")",
           "text(" + std::to_string(kMaxReason) + ")",
           "text(" + std::to_string(kMaxProgress) + ")",
           "text(" + std::to_string(kMaxDetail) + ")",
           "bytes32(" + std::to_string(kMaxEvidence) + ")",
           "bytes16(" + std::to_string(kMaxSpki) + ")",
           "text(" + std::to_string(kMaxFrontend) + ")",
           "text(" + std::to_string(kMaxTime) + ")",
           "list16(0.." + std::to_string(kMaxDisputes) + ") of dispute",
           "bytes16(" + std::to_string(kMaxStatementBody) + ")",
           "list16(0.." + std::to_string(kMaxLease) + ") of presig",
           "list16(0.." + std::to_string(kMaxPools) + ") of pool",
           "list8(0.." + std::to_string(kMaxKeys) + ") of key status",
           "list16(1.." + std::to_string(ot::kMaxBatch) + ") of instance",
           "list8(1.." + std::to_string(kMaxEvidenceStatements) + ") of statement",
           "list8(1.." + std::to_string(2 * kMaxParties) + ") of statement",
           "(point, point) * " + std::to_string(ot::kLambdaC),
           "(16 bytes, 16 bytes) * " + std::to_string(ot::kTrees * (ot::kTreeDepth - 1)),
           "32 bytes * " + std::to_string(ot::kTrees),
           "k is the depth of a tree, " + std::to_string(ot::kTreeDepth),
           "xi is " + std::to_string(ot::ots_per_multiplication(Curve::p256())) + " on P-256 and " +
               std::to_string(ot::ots_per_multiplication(Curve::p384())) + " on P-384",
           extension(ot::ots_per_multiplication(Curve::p256())) + " on P-256, " +
               extension(ot::ots_per_multiplication(Curve::p384())) + " on P-384",
           "| 1 | version | wire version, " + std::to_string(kWireVersion),
       })
    EXPECT_NE(text.find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace quorate::wire
