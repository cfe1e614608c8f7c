#include <gtest/gtest.h>

#include <set>
#include <type_traits>

#include "protocol/base/abort.h"
#include "protocol/base/printable.h"
#include "protocol/base/secret.h"
#include "protocol/base/sign_error.h"

namespace quorate {
namespace {

TEST(Hex, comes_back_as_it_was_in_both_cases) {
  const Bytes all{0x00, 0x01, 0x7f, 0x80, 0xab, 0xff};
  EXPECT_EQ(to_hex(all), "00017f80abff");
  EXPECT_EQ(from_hex("00017f80abff"), all);
  EXPECT_EQ(from_hex("00017F80ABFF"), all);
  EXPECT_EQ(from_hex(""), Bytes{});
}

TEST(Hex, rejects_odd_lengths_and_foreign_characters) {
  for (const char* bad : {"0", "abc", "0g", " 00", "0x00", "00 "}) EXPECT_FALSE(from_hex(bad)) << bad;
}

TEST(Printable, shows_what_would_move_a_terminal_and_leaves_text_alone) {
  EXPECT_EQ(printable("plain, \"quoted\", Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80"),
            "plain, \"quoted\", Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\x1b[2Ja\nb\rc\x7f"), "\\x1b[2Ja\\x0ab\\x0dc\\x7f");
  EXPECT_EQ(printable("a\nb\t", true), "a\nb\\x09");
  EXPECT_EQ(printable("\xc2\x9b" "2J"), "\\xc2\\x9b2J") << "the one-character form of the same";
  EXPECT_EQ(printable("\xff\xc3" "a\xe2\x82"), "\\xff\\xc3a\\xe2\\x82") << "no UTF-8";
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Base64, is_that_of_rfc_4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},  {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), coded);
    const auto back = from_base64(coded);
    ASSERT_TRUE(back) << coded;
    EXPECT_EQ(as_text(*back), plain);
  }
}

TEST(Base64, rejects_what_it_would_not_write) {
  for (const char* bad : {"Z", "Zg", "Zg=", "Zm9v\n", "Zm 9v===", "Zm9v!A==", "====", "Z===", "Zg==Zg==", "Zh=="})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(Ids, take_exactly_32_bytes) {
  EXPECT_FALSE(Digest::from(Bytes(31)));
  EXPECT_FALSE(Digest::from(Bytes(33)));
  EXPECT_TRUE(Digest::from(Bytes(32))->is_zero());
  EXPECT_FALSE(Digest::from_hex(std::string(62, '0')));
  const auto id = Digest::from_hex(std::string(62, '0') + "01");
  ASSERT_TRUE(id);
  EXPECT_FALSE(id->is_zero());
  EXPECT_EQ(id->bytes.back(), 1);
  EXPECT_FALSE((std::is_convertible_v<Digest, SessionId>));
}

TEST(Secrets, are_wiped_when_moved_from) {
  Secret<std::array<std::uint8_t, 4>> a(std::array<std::uint8_t, 4>{1, 2, 3, 4});
  Secret<std::array<std::uint8_t, 4>> b(std::move(a));
  EXPECT_EQ(b.reveal(), (std::array<std::uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(a.reveal(), (std::array<std::uint8_t, 4>{}));  // NOLINT(bugprone-use-after-move): it is what is tested
}

template <class T>
concept Comparable = requires(const T& x) { x == x; };

TEST(Secrets, cannot_be_copied_or_compared) {
  using S = Secret<std::uint64_t>;
  EXPECT_FALSE(std::is_copy_constructible_v<S> || std::is_copy_assignable_v<S>);
  EXPECT_FALSE(std::is_copy_constructible_v<SecretBytes> || std::is_copy_assignable_v<SecretBytes>);
  EXPECT_FALSE(Comparable<S>);
  EXPECT_TRUE(Comparable<Digest>);
}

TEST(ConstantTime, equality_and_selection) {
  const Bytes a{1, 2, 3}, b{1, 2, 4}, shorter{1, 2};
  EXPECT_TRUE(ct::equal(a, a));
  EXPECT_FALSE(ct::equal(a, b));
  EXPECT_FALSE(ct::equal(a, shorter));
  EXPECT_TRUE(ct::equal({}, {}));
  Bytes out(3);
  ct::select_bytes(out, 0, a, b);
  EXPECT_EQ(out, a);
  ct::select_bytes(out, 1, a, b);
  EXPECT_EQ(out, b);
  EXPECT_EQ(ct::mask(0), 0U);
  EXPECT_EQ(ct::mask(1), ~std::uint64_t{0});
  for (std::uint64_t x : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 63, ~std::uint64_t{0}})
    EXPECT_EQ(ct::is_zero(x), x == 0 ? 1U : 0U) << x;
}

TEST(Results, asking_for_what_is_not_there_ends_the_process) {
  Result<int, std::string> good(7), bad(fail(std::string("no")));
  EXPECT_EQ(*good, 7);
  EXPECT_EQ(bad.error(), "no");
  EXPECT_DEATH((void)good.error(), "");
  EXPECT_DEATH((void)bad.value(), "");
}

TEST(Names, are_distinct_and_complete) {
  std::set<std::string_view> faults;
  for (int i = 0; i <= static_cast<int>(Fault::TimedOut); ++i) faults.insert(name(static_cast<Fault>(i)));
  EXPECT_EQ(faults.size(), static_cast<std::size_t>(Fault::TimedOut) + 1);
  EXPECT_FALSE(faults.contains("?"));
  std::set<std::string_view> codes;
  for (unsigned i = 0; i < 256; ++i)
    if (const auto code = sign_error_from(static_cast<std::uint8_t>(i))) codes.insert(name(*code));
  EXPECT_EQ(codes.size(), 9U);
  EXPECT_FALSE(codes.contains("?"));
}

}  // namespace
}  // namespace quorate
