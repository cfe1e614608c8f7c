#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "protocol/hash/labels.h"

namespace quorate {
namespace {

constexpr auto kCount = static_cast<unsigned>(Label::Count);

TEST(Labels, AllTextsDiffer) {
  std::set<std::string_view> texts;
  for (unsigned i = 0; i < kCount; ++i) {
    const auto text = label_text(static_cast<Label>(i));
    EXPECT_TRUE(texts.insert(text).second) << text;
  }
  EXPECT_EQ(texts.size(), kCount);
}

TEST(Labels, NamesAreKebabCaseUnderTheProtocolPrefix) {
  constexpr std::string_view kPrefix = "quorate/1/";
  for (unsigned i = 0; i < kCount; ++i) {
    const auto text = label_text(static_cast<Label>(i));
    ASSERT_TRUE(text.starts_with(kPrefix)) << text;
    const auto name = text.substr(kPrefix.size());
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string_view::npos)
        << text;
    EXPECT_FALSE(name.starts_with('-') || name.ends_with('-')) << text;
  }
}

TEST(LabelsDeathTest, CountIsNoLabel) { EXPECT_DEATH(static_cast<void>(label_text(Label::Count)), ""); }

}  // namespace
}  // namespace quorate
