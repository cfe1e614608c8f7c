// A refresh by the machines that signers run, up to signatures with the new shares (SPEC 1.6).
#include <gtest/gtest.h>

#include "protocol/tecdsa/message.h"
#include "test/sim/whole_run.h"

namespace quorate {
namespace {

class Refreshed : public testing::Test {
 protected:
  static sim::WholeRun group() {
    return {Curve::p256(), 3, 2, 5,
            [](const std::string& stream) { return std::make_unique<sim::SeededRng>(5, stream); },
            [](const wire::Envelope&) {}};
  }
  static void presign(sim::WholeRun& group, const Quorum& quorum) {
    ASSERT_TRUE(group.setup(quorum[0], quorum[1]));
    ASSERT_TRUE(group.presign(quorum, 1));
  }
};

TEST_F(Refreshed, shares_sign_under_the_same_key) {
  for (const Quorum& quorum : {Quorum{1, 2}, Quorum{1, 3}, Quorum{2, 3}}) {
    auto run = group();
    ASSERT_TRUE(run.keygen());
    const auto before = run.info();
    ASSERT_TRUE(run.refresh());
    EXPECT_EQ(run.info().key, before.key);
    EXPECT_EQ(run.info().previous, before.epoch);
    presign(run, quorum);
    EXPECT_TRUE(run.sign(0, Bytes(97, 7))) << to_string(quorum);  // combine() verifies under X
  }
}

TEST_F(Refreshed, an_old_share_and_a_new_one_make_no_presignature) {
  auto run = group();
  ASSERT_TRUE(run.keygen());
  auto old = run.share_of(1);
  ASSERT_TRUE(run.refresh());
  ASSERT_TRUE(run.setup(1, 2));
  ASSERT_TRUE(run.presign({1, 2}, 1));
  run.set_share(1, std::move(old));
  const auto ended = run.presign({1, 2}, 1);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().fault, Fault::SumCheck);
}

}  // namespace
}  // namespace quorate
