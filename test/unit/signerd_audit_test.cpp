#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "signerd/audit.h"

namespace quorate::signerd {
namespace {

using nlohmann::ordered_json;

TEST(AuditLine, is_one_object_of_json_with_the_time_first) {
  const std::string text = std::move(AuditLine()
                                         .add("who", "quorate:prod/frontend/www")
                                         .add("attempts", 2U)
                                         .add("count", std::uint64_t{18446744073709551615U})
                                         .add_flag("confirmed", false)
                                         .add("quorum", Quorum{1, 3, 16})
                                         .add("nobody", Quorum{}))
                               .str();
  const auto line = ordered_json::parse(text);
  EXPECT_EQ(line.begin().key(), "time");
  EXPECT_EQ(line.at("time").get<std::string>().size(), std::string_view("2026-01-01T00:00:00.000Z").size());
  EXPECT_EQ(line.at("who"), "quorate:prod/frontend/www");
  EXPECT_EQ(line.at("attempts"), 2);
  EXPECT_EQ(line.at("count"), 18446744073709551615U);
  EXPECT_EQ(line.at("confirmed"), false);
  EXPECT_EQ(line.at("quorum"), ordered_json({1, 3, 16}));
  EXPECT_EQ(line.at("nobody"), ordered_json::array());
}

/// What a peer sends must not end the string that it stands in, nor the line.
TEST(AuditLine, foreign_text_stays_inside_its_string) {
  std::string all;
  for (int c = 0; c < 0x80; ++c) all += static_cast<char>(c);
  for (const std::string& foreign : {all, std::string("\",\"outcome\":\"signed"), std::string("\\"), std::string("a\nb"),
                                     std::string("gr\xc3\xbc\xc3\x9f"), std::string()}) {
    const std::string text = std::move(AuditLine().add("reason", foreign).add("outcome", "refused")).str();
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const auto line = ordered_json::parse(text);
    EXPECT_EQ(line.at("reason").get<std::string>(), foreign);
    EXPECT_EQ(line.at("outcome"), "refused");
    EXPECT_EQ(line.size(), 3U);
  }
}

TEST(AuditLine, what_is_no_utf8_is_replaced) {
  const std::string text = std::move(AuditLine().add("reason", "\xff\xfe ok")).str();
  const auto reason = ordered_json::parse(text).at("reason").get<std::string>();
  EXPECT_NE(reason.find(" ok"), std::string::npos);
  EXPECT_EQ(reason.find('\xff'), std::string::npos);
}

}  // namespace
}  // namespace quorate::signerd
