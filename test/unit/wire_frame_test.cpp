#include "protocol/wire/frame.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/wire/hello_codec.h"
#include "test/sim/seeded_rng.h"

namespace quorate::wire {
namespace {

SessionId counting() {
  SessionId sid;
  for (std::uint8_t i = 0; i < 32; ++i) sid.bytes[i] = i;
  return sid;
}

constexpr std::string_view kSidHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

Reason error_of(std::string_view head) {
  return parse_frame_header(*from_hex(std::string(head) + std::string(kSidHex))).error().reason;
}

TEST(WireFrame, Golden) {
  const Envelope envelope{MessageType::SetupAbort, counting(), 1, 2, {0x0b}};
  const auto frame = encode_frame(envelope);
  EXPECT_EQ(to_hex(frame), "00000023" "01" "0e" + std::string(kSidHex) + "0b");
  const auto header = parse_frame_header(ByteView(frame).first(kFrameHeader));
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, (FrameHeader{MessageType::SetupAbort, 1, counting()}));
}

TEST(WireFrame, HeaderOfEveryTypeAtItsGreatestSize) {
  sim::SeededRng rng(1);
  for (const auto type : all_message_types())
    for (const std::size_t size : {std::size_t{0}, max_payload(type)}) {
      const FrameHeader header{type, size, rng.make_id<SessionId>()};
      const auto parsed = parse_frame_header(encode_frame_header(header));
      ASSERT_TRUE(parsed) << parsed.error().what();
      EXPECT_EQ(*parsed, header);
    }
}

TEST(WireFrame, PayloadsAboveTheGreatestSizeAreRejected) {
  for (const auto type : all_message_types()) {
    auto bytes = encode_frame_header({type, max_payload(type), SessionId{}});
    for (int i = 3; i >= 0; --i)
      if (++bytes[static_cast<std::size_t>(i)] != 0) break;
    EXPECT_EQ(parse_frame_header(bytes).error(), (WireError{"frame.length", Reason::TooLong})) << name(type);
  }
}

TEST(WireFrame, MalformedHeadersAreRejected) {
  EXPECT_EQ(error_of("00000021" "01" "0e"), Reason::TooShort);
  EXPECT_EQ(error_of("00000000" "01" "0e"), Reason::TooShort);
  EXPECT_EQ(error_of("ffffffff" "01" "0e"), Reason::TooLong);
  EXPECT_EQ(error_of("80000022" "01" "0e"), Reason::TooLong);
  EXPECT_EQ(error_of("00000023" "00" "0e"), Reason::WrongVersion);
  EXPECT_EQ(error_of("00000023" "02" "0e"), Reason::WrongVersion);
  EXPECT_EQ(error_of("00000023" "01" "00"), Reason::UnknownType);
  EXPECT_EQ(error_of("00000023" "01" "ff"), Reason::UnknownType);
}

TEST(WireFrame, OnlyWholeHeadersAreParsed) {
  const auto bytes = encode_frame_header({MessageType::Hello, 100, counting()});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(parse_frame_header(ByteView(bytes).first(size)).error().reason, Reason::Truncated);
  Bytes longer(bytes.begin(), bytes.end());
  longer.push_back(0);
  EXPECT_EQ(parse_frame_header(longer).error().reason, Reason::Trailing);
}

TEST(WireFrameDeath, APayloadAboveTheGreatestSizeIsNotSent) {
  EXPECT_DEATH((void)encode_frame({MessageType::SetupAbort, {}, 0, 0, Bytes(2)}), "");
}

TEST(WireRegistry, NumbersAndNamesAreDistinctAndComplete) {
  std::set<std::string_view> names;
  std::size_t found = 0;
  for (int number = 0; number < 256; ++number) {
    const auto type = message_type_from(static_cast<std::uint8_t>(number));
    if (!type) {
      EXPECT_EQ(name(static_cast<MessageType>(number)), "?");
      continue;
    }
    ++found;
    EXPECT_EQ(static_cast<int>(*type), number);
    names.insert(name(*type));
  }
  EXPECT_EQ(found, all_message_types().size());
  EXPECT_EQ(names.size(), found);
  EXPECT_FALSE(names.contains("?"));
}

Hello speaking(std::uint8_t least, std::uint8_t greatest) {
  Hello out;
  out.min_version = least;
  out.max_version = greatest;
  return out;
}

TEST(WireHello, TheGreatestCommonVersionIsTaken) {
  EXPECT_EQ(common_version(speaking(1, 1), speaking(1, 1)), 1);
  EXPECT_EQ(common_version(speaking(1, 2), speaking(2, 3)), 2);
  EXPECT_EQ(common_version(speaking(2, 3), speaking(1, 2)), 2);
  EXPECT_EQ(common_version(speaking(1, 9), speaking(3, 5)), 5);
  EXPECT_EQ(common_version(speaking(1, 1), speaking(2, 3)), std::nullopt);
  EXPECT_EQ(common_version(speaking(2, 3), speaking(1, 1)), std::nullopt);
}

}  // namespace
}  // namespace quorate::wire
