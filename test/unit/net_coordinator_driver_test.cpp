// The driver's promises that need no signer.
#include "protocol/net/coordinator_driver.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "test/sim/seeded_rng.h"

namespace quorate::net {
namespace {

class CoordinatorDriverTest : public testing::Test {
 protected:
  CoordinatorDriverTest() : driver_(io_, {std::make_shared<const LinkSettings>(), {}, {}}, rng_) { driver_.start(); }
  coordinator::RequestHandle ask() {
    coordinator::SigningJob job;
    job.content = {1};
    return driver_.sign(std::move(job), std::chrono::milliseconds(50), [this](auto outcome) {
      ASSERT_FALSE(outcome);
      outcomes_.push_back(outcome.error());
    });
  }

  boost::asio::io_context io_;
  sim::SeededRng rng_{1};
  std::vector<SignError> outcomes_;
  CoordinatorDriver driver_;
};

TEST_F(CoordinatorDriverTest, ARequestAfterStopEndsWithAnErrorAndNotWithinTheCall) {
  driver_.stop();
  (void)ask();
  EXPECT_TRUE(outcomes_.empty());
  io_.run_for(std::chrono::seconds(1));
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_EQ(outcomes_[0].code, SignErrorCode::QuorumInsufficient);
  EXPECT_EQ(outcomes_[0].detail, "the client is shutting down");
}

/// Such as one that finds no memory.
TEST_F(CoordinatorDriverTest, ARequestIsAnsweredThoughTheAnswerToTheOneBeforeThrew) {
  coordinator::SigningJob job;
  job.content = {1};
  (void)driver_.sign(std::move(job), std::chrono::milliseconds(50), [](auto) { throw std::bad_alloc(); });
  (void)ask();
  EXPECT_THROW(io_.run_for(std::chrono::seconds(1)), std::bad_alloc);
  io_.run_for(std::chrono::milliseconds(100));
  EXPECT_EQ(outcomes_.size(), 1u);
}

TEST_F(CoordinatorDriverTest, ARequestThatIsCancelledAfterStopIsNotAnswered) {
  driver_.stop();
  const auto first = ask(), second = ask();
  EXPECT_NE(first, second);
  driver_.cancel(first);
  io_.run_for(std::chrono::seconds(1));
  EXPECT_EQ(outcomes_.size(), 1u);
}

}  // namespace
}  // namespace quorate::net
