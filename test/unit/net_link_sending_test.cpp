// What is sent and when it leaves, backpressure, and how a link ends. Who may have one at all: net_link_test.cpp.
#include <gmock/gmock.h>

#include "test/unit/net_fixture.h"

namespace quorate::net::test {
namespace {

using testing::HasSubstr;
using wire::MessageType;

class LinkSendingTest : public testing::Test {
 protected:
  TestCa ca_;
};

TEST_F(LinkSendingTest, AnEndSeesWhenTheOtherCloses) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.client.link->close();
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.down; }));
  EXPECT_EQ(pair.server.reason, "connection closed by the peer");
  EXPECT_FALSE(pair.client.down);
  EXPECT_EQ(pair.client.link->send(message(MessageType::Refusal, 1)), Link::Sent::Closed);
}

TEST_F(LinkSendingTest, AReasonReachesThePeer) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.loop.drain();
  pair.server.link->close("maintenance");
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.down; }));
  EXPECT_EQ(pair.client.reason, "refused by the peer: maintenance");
}

TEST_F(LinkSendingTest, BulkMeetsBackpressureAndEverythingElseEndsTheLink) {
  auto small = signer_settings(ca_, 1);
  small.bulk_bytes = 4'000'000;
  small.queue_bytes = 6'000'000;
  Pair pair(std::move(small), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  const auto bulk = message(MessageType::PresignRound2, 1'500'000);
  EXPECT_EQ(pair.client.link->send(bulk), Link::Sent::Queued);
  EXPECT_EQ(pair.client.link->send(bulk), Link::Sent::Queued);
  EXPECT_EQ(pair.client.link->send(bulk), Link::Sent::Full);
  EXPECT_TRUE(pair.client.link->is_up());
  // What is urgent still goes.
  EXPECT_EQ(pair.client.link->send(message(MessageType::SignRequest, 60'000)), Link::Sent::Queued);
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.got.size() == 3; }));
  EXPECT_EQ(pair.client.link->send(bulk), Link::Sent::Queued);
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.got.size() == 4; }));

  // A peer that does not read: the kernel's buffers fill up, then the queue.
  pair.server.link->pause();
  bool closed = false;
  for (int i = 0; i < 2000 && !closed; ++i) {
    closed = pair.client.link->send(message(MessageType::SignRequest, 60'000)) == Link::Sent::Closed;
    pair.loop.drain();
  }
  EXPECT_TRUE(closed);
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.down; }));
  EXPECT_THAT(pair.client.reason, HasSubstr("the peer does not read"));
}

TEST_F(LinkSendingTest, WhatIsPushedLeavesAtOnceAndNotBefore) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.loop.drain();
  EXPECT_EQ(pair.client.link->send(message(MessageType::SignRequest, 300), Link::Leaves::OnPush), Link::Sent::Queued);
  pair.loop.run_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(pair.server.got.empty());
  EXPECT_GT(pair.client.link->queued_bytes(), 300u);
  pair.client.link->push();
  EXPECT_EQ(pair.client.link->queued_bytes(), 0u);
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.got.size() == 1; }));
}

/// A socket that takes part of a short piece, or nothing: the rest follows in its order.
TEST_F(LinkSendingTest, WhatTheKernelDoesNotTakeAtOnceFollows) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.server.link->pause();
  pair.loop.drain();
  std::vector<wire::Envelope> all;
  // More than what the kernel keeps for both ends of a connection on loopback.
  for (int i = 0; pair.client.link->queued_bytes() < 4'000'000 && i < 4000; ++i) {
    all.push_back(message(MessageType::SignRequest, 7000 + i, static_cast<std::uint8_t>(i)));
    ASSERT_EQ(pair.client.link->send(all.back(), Link::Leaves::OnPush), Link::Sent::Queued) << i;
    pair.client.link->push();
  }
  EXPECT_GE(pair.client.link->queued_bytes(), 4'000'000u);
  pair.server.link->resume();
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.got.size() == all.size(); }));
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(pair.server.got[i].payload, all[i].payload) << i;
}

/// The last piece of a long queue is short and leaves at once; what came meanwhile must not be left behind.
TEST_F(LinkSendingTest, WhatComesWhileALongQueueLeavesFollowsIt) {
  for (const std::size_t size : {262'144 + 1, 262'144 + 5000, 524'288 + 100}) {
    Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
    ASSERT_TRUE(pair.comes_up());
    pair.loop.drain();
    EXPECT_EQ(pair.client.link->send(message(MessageType::PresignRound2, size), Link::Leaves::OnPush), Link::Sent::Queued);
    pair.client.link->push();
    EXPECT_EQ(pair.client.link->send(message(MessageType::PresignPooled, 0)), Link::Sent::Queued);
    ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.got.size() == 2; })) << size;
  }
}

TEST_F(LinkSendingTest, AReasonFollowsAnAnswerOfTheSameTurn) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.loop.drain();
  EXPECT_EQ(pair.server.link->send(message(MessageType::SignReply, 100), Link::Leaves::OnPush), Link::Sent::Queued);
  pair.server.link->push();
  pair.server.link->close("maintenance");
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.down; }));
  EXPECT_EQ(pair.client.got.size(), 1u);
  EXPECT_EQ(pair.client.reason, "refused by the peer: maintenance");
}

TEST_F(LinkSendingTest, TheNumberOfWaitingFramesIsLimitedToo) {
  auto small = signer_settings(ca_, 1);
  small.queue_frames = 10;
  Pair pair(std::move(small), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pair.client.link->send(message(MessageType::Refusal, 1)), Link::Sent::Queued);
  EXPECT_EQ(pair.client.link->send(message(MessageType::Refusal, 1)), Link::Sent::Closed);
}

TEST_F(LinkSendingTest, PauseHoldsMessagesBackAndResumeDeliversThem) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.server.on_message = [](End& end) {
    if (end.got.size() == 2) end.link->pause();
  };
  for (int i = 0; i < 5; ++i) (void)pair.client.link->send(message(MessageType::SignRequest, 100));
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.got.size() == 2; }));
  pair.loop.run_for(std::chrono::milliseconds(50));
  EXPECT_EQ(pair.server.got.size(), 2u);
  pair.server.link->resume();
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.got.size() == 5; }));
}

TEST_F(LinkSendingTest, ACallbackMayCloseAndDropTheLink) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.server.on_message = [](End& end) {
    end.link->close();
    end.link.reset();
  };
  for (int i = 0; i < 5; ++i) (void)pair.client.link->send(message(MessageType::SignRequest, 100));
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.down; }));
  EXPECT_EQ(pair.server.got.size(), 1u);
  EXPECT_FALSE(pair.server.down);
}

/// No memory: whoever runs the handlers goes on, and must not be left with a link that nobody reads.
TEST_F(LinkSendingTest, ACallbackThatThrowsEndsTheLink) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  pair.server.on_message = [](End&) { throw std::bad_alloc(); };
  (void)pair.client.link->send(message(MessageType::SignRequest, 100));
  // It is not swallowed: whoever runs the handlers decides what it means.
  EXPECT_THROW((void)pair.loop.run_until([&] { return pair.server.down; }), std::bad_alloc);
  (void)pair.client.link->send(message(MessageType::SignRequest, 100));
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.down; }));
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.down; }));
}

TEST_F(LinkSendingTest, WhatIsHeldIsReleasedWhenTheLinkEnds) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  auto token = std::make_shared<int>(1);
  pair.server.link->hold(token);
  EXPECT_EQ(token.use_count(), 2);
  pair.client.link->close();
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.down; }));
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(LinkSendingTest, AFrameAboveItsLimitIsNotSent) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  EXPECT_EQ(pair.client.link->send(message(MessageType::Refusal, wire::max_payload(MessageType::Refusal) + 1)),
            Link::Sent::Closed);
  EXPECT_TRUE(pair.client.link->is_up());
}

}  // namespace
}  // namespace quorate::net::test
