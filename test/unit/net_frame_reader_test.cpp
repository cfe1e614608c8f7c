#include "protocol/net/frame_reader.h"

#include <gtest/gtest.h>

#include <cstring>

#include "test/unit/net_fixture.h"

namespace quorate::net::test {
namespace {

/// Feeds a stream in pieces of one size and collects frames until an error.
struct Feed {
  FrameReader reader;
  std::vector<wire::Envelope> frames;
  std::size_t greatest_room = 0;
  bool bad = false;

  void run(ByteView stream, std::size_t piece) {
    while (!bad) {
      auto room = reader.room();
      greatest_room = std::max(greatest_room, room.size());
      const std::size_t n = std::min({room.size(), piece, stream.size()});
      if (n == 0) return;
      std::memcpy(room.data(), stream.data(), n);
      stream = stream.subspan(n);
      auto event = reader.commit(n);
      if (event == FrameReader::Event::Header && reader.header().payload_size == 0) event = reader.commit(0);
      if (event == FrameReader::Event::Frame) frames.push_back(reader.take());
      bad = event == FrameReader::Event::Bad;
    }
  }
};

TEST(FrameReader, AnyFragmentationGivesTheSameFrames) {
  Bytes stream;
  std::vector<wire::Envelope> sent = {message(wire::MessageType::SignRequest, 300, 1),
                                      message(wire::MessageType::PresignPooled, 0, 2),
                                      message(wire::MessageType::PresignRound2, 700'000, 3),
                                      message(wire::MessageType::Refusal, 1, 4)};
  for (const auto& envelope : sent) append(stream, wire::encode_frame(envelope));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{37}, std::size_t{16384}, stream.size()}) {
    Feed feed;
    feed.run(stream, piece);
    ASSERT_FALSE(feed.bad);
    ASSERT_EQ(feed.frames.size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(feed.frames[i].type, sent[i].type);
      EXPECT_EQ(feed.frames[i].sid, sent[i].sid);
      EXPECT_EQ(feed.frames[i].payload, sent[i].payload);
    }
  }
}

TEST(FrameReader, RejectsALengthAboveTheTypesLimitBeforeAllocating) {
  const auto limit = wire::max_payload(wire::MessageType::Hello);
  for (const std::uint32_t payload : {std::uint32_t(limit + 1), std::uint32_t{1} << 30, std::uint32_t{0xffffffff} - 34}) {
    Bytes head(wire::kFrameHeader);
    const std::uint32_t length = payload + 34;
    for (int i = 0; i < 4; ++i) head[i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
    head[4] = wire::kWireVersion;
    head[5] = static_cast<std::uint8_t>(wire::MessageType::Hello);
    Feed feed;
    feed.run(head, head.size());
    EXPECT_TRUE(feed.bad);
    EXPECT_EQ(feed.reader.error().reason, wire::Reason::TooLong);
    EXPECT_TRUE(feed.reader.room().empty());
  }
}

TEST(FrameReader, RejectsUnknownTypesVersionsAndShortLengths) {
  const Bytes good = wire::encode_frame(message(wire::MessageType::Refusal, 10));
  for (const auto& [at, value] : {std::pair{4, 0}, {4, 2}, {5, 0}, {5, 255}, {3, 33}}) {
    Bytes head = good;
    head[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    Feed feed;
    feed.run(head, head.size());
    EXPECT_TRUE(feed.bad) << at;
  }
}

TEST(FrameReader, AnAnnouncementAloneOccupiesLittleMemory) {
  const Bytes frame = wire::encode_frame(message(wire::MessageType::PresignRound2, 3'000'000));
  Feed feed;
  feed.run(ByteView(frame).first(wire::kFrameHeader + 1), 1 << 20);
  EXPECT_FALSE(feed.bad);
  EXPECT_LE(feed.greatest_room, std::size_t{64} * 1024);
}

}  // namespace
}  // namespace quorate::net::test
