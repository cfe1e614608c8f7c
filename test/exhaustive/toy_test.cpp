// The real code on a curve of 241 points: r = 0, u = 0, s = 0 and infinity are met, not argued about.
#include "test/unit/presign_fixture.h"

namespace quorate {
namespace {

class ToyRuns : public testing::TestWithParam<Quorum> {
 protected:
  void SetUp() override { Curve::allow_toy(); }
};

TEST_P(ToyRuns, every_batch_ends_with_good_presignatures_or_with_nobody_blamed) {
  const Curve& curve = Curve::toy();
  const Quorum quorum = GetParam();
  std::size_t good = 0, infinite = 0, zero_s = 0, signatures = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    PresignLockstep lockstep(curve, 4, quorum, 2, seed);
    if (lockstep.group().info().X.is_infinity()) continue;
    auto ended = lockstep.run();
    ASSERT_EQ(ended.size(), quorum.size());
    const bool failed = !ended.begin()->second;
    for (const auto& [id, result] : ended) {
      ASSERT_EQ(!result, failed) << "all members end alike";
      if (failed) {
        EXPECT_EQ(result.error().fault, Fault::Infinity) << result.error().what();
        EXPECT_EQ(result.error().blame, Blame::quorum());
      }
    }
    if (failed) {
      ++infinite;
      continue;
    }
    ++good;
    const VerificationKey X(lockstep.group().info().X);
    for (std::uint32_t b = 0; b < 2; ++b) {
      const auto record = *ended.begin()->second->record->record(b);
      EXPECT_TRUE(record_valid(lockstep.group().info(), record));
      for (std::uint64_t number = 0; number < 241; ++number) {
        const Scalar m(curve, number);
        std::vector<Scalar> partials;
        Scalar sum(curve), r;
        for (std::size_t j = 0; j < quorum.size(); ++j) {
          const auto& item = ended.at(quorum[j])->items[b];
          r = item.r;
          partials.push_back(partial_sign({item.index, item.r, item.record, item.k.clone(), item.chi.clone()}, m));
          sum = sum + partials.back();
          ASSERT_TRUE(verify_partial(record.R, record.K[j], record.C[j], m, r, partials.back()));
        }
        const auto signature = combine(X, m, r, partials);
        ASSERT_EQ(static_cast<bool>(signature), !sum.is_zero());
        if (!signature) {
          ++zero_s;
          continue;
        }
        ++signatures;
        ASSERT_FALSE(signature->s.is_high());
        ASSERT_TRUE(verify_ecdsa(X, m, *signature));
      }
    }
  }
  EXPECT_GT(good, 100U);
  EXPECT_GT(infinite, 0U) << "infinity, r = 0 or u = 0 must have been met";
  EXPECT_GT(zero_s, 0U) << "s = 0 must have been met";
  EXPECT_GT(signatures, 40'000U);
}
INSTANTIATE_TEST_SUITE_P(Quorums, ToyRuns, testing::Values(Quorum{1, 2}, Quorum{2, 4}, Quorum{1, 3, 4}));

}  // namespace
}  // namespace quorate
