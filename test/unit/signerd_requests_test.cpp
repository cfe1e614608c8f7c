// Who is answered next, and how old a request is (architecture.md: overload).
#include <gtest/gtest.h>

#include "signerd/request_queue.h"

namespace quorate::signerd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

RequestQueue::Request numbered(std::uint8_t n) {
  RequestQueue::Request request;
  request.envelope.sid.bytes[0] = n;
  return request;
}

TEST(RequestQueue, identities_take_turns_however_much_one_sends) {
  RequestQueue queue;
  for (std::uint8_t i = 0; i < 100; ++i) ASSERT_TRUE(queue.push("flood", numbered(i)));
  ASSERT_TRUE(queue.push("a", numbered(200)));
  ASSERT_TRUE(queue.push("b", numbered(201)));
  ASSERT_TRUE(queue.push("a", numbered(202)));
  std::vector<int> order;
  for (int i = 0; i < 6; ++i) order.push_back(queue.pop()->envelope.sid.bytes[0]);
  EXPECT_EQ(order, (std::vector<int>{0, 200, 201, 1, 202, 2}));
}

TEST(RequestQueue, of_one_identity_the_eldest_comes_first_and_nothing_is_lost) {
  RequestQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.pop());
  for (std::uint8_t i = 0; i < 50; ++i) ASSERT_TRUE(queue.push("a", numbered(i)));
  for (std::uint8_t i = 0; i < 50; ++i) EXPECT_EQ(queue.pop()->envelope.sid.bytes[0], i);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.pop());
  EXPECT_TRUE(queue.push("a", numbered(7)));
  EXPECT_EQ(queue.pop()->envelope.sid.bytes[0], 7);
}

TEST(RequestQueue, one_identity_has_so_many_waiting_and_no_more_and_others_are_not_touched) {
  RequestQueue queue;
  for (std::size_t i = 0; i < RequestQueue::kMaxWaiting; ++i) ASSERT_TRUE(queue.push("flood", numbered(0)));
  EXPECT_FALSE(queue.push("flood", numbered(1)));
  EXPECT_TRUE(queue.push("a", numbered(2)));
  queue.pop();
  EXPECT_TRUE(queue.push("flood", numbered(3))) << "one was answered";
}

TEST(RequestQueue, one_identity_has_so_many_bytes_waiting_and_a_long_request_still_gets_its_turn) {
  RequestQueue queue;
  const auto of_size = [](std::size_t size) {
    RequestQueue::Request request;
    request.envelope.payload.resize(size);
    return request;
  };
  constexpr std::size_t kQuarter = RequestQueue::kMaxWaitingBytes / 4;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue.push("flood", of_size(kQuarter)));
  EXPECT_FALSE(queue.push("flood", of_size(1)));
  EXPECT_TRUE(queue.push("a", of_size(2 * RequestQueue::kMaxWaitingBytes))) << "alone, whatever its size";
  for (int i = 0; i < 2; ++i) queue.pop();
  EXPECT_TRUE(queue.push("flood", of_size(kQuarter))) << "one was answered";
  EXPECT_FALSE(queue.push("flood", of_size(1)));
  while (queue.pop()) continue;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push("flood", of_size(kQuarter)));
}

TEST(Stalls, a_request_is_new_while_the_loop_turns) {
  Stalls stalls;
  auto now = Clock::now();
  EXPECT_EQ(stalls.arrived(now), now);
  for (int i = 0; i < 100; ++i) {
    stalls.turn(now += milliseconds(50));
    EXPECT_EQ(stalls.arrived(now + milliseconds(40)), now + milliseconds(40));
  }
}

TEST(Stalls, after_a_pause_what_is_read_is_as_old_as_the_pause) {
  Stalls stalls;
  const auto start = Clock::now();
  stalls.turn(start);
  // Read before the loop noticed, or just after: both came while it was stopped.
  EXPECT_EQ(stalls.arrived(start + seconds(5)), start);
  stalls.turn(start + seconds(5));
  EXPECT_EQ(stalls.arrived(start + seconds(5) + milliseconds(19)), start);
  EXPECT_EQ(stalls.arrived(start + seconds(5) + milliseconds(20)), start + seconds(5) + milliseconds(20));
}

}  // namespace
}  // namespace quorate::signerd
