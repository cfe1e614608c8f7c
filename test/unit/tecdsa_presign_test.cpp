#include <set>

#include "test/unit/openssl_verification.h"
#include "test/unit/presign_fixture.h"

namespace quorate {
namespace {

void expect_signatures(PresignLockstep& lockstep, std::map<PartyId, Result<PresignedBatch, Abort>> ended) {
  const auto& info = lockstep.group().info();
  const VerificationKey X(info.X);
  const reference::OpensslKey openssl(info.X);
  const auto& quorum = lockstep.plan().quorum;
  ASSERT_EQ(ended.size(), quorum.size());
  for (const auto& [id, result] : ended) ASSERT_TRUE(result) << id << ": " << result.error().what();
  for (std::uint32_t b = 0; b < lockstep.plan().batch; ++b) {
    Bytes digest(info.curve->scalar_size());
    lockstep.rng().fill(digest);
    const Scalar m = Scalar::reduce(*info.curve, digest);
    std::vector<Scalar> partials;
    Scalar r;
    const auto record = ended.at(quorum[0])->record->record(b);
    ASSERT_TRUE(record);
    EXPECT_TRUE(record_valid(info, *record));
    for (std::size_t j = 0; j < quorum.size(); ++j) {
      auto& item = ended.at(quorum[j])->items[b];
      EXPECT_EQ(item.record, digest_of(*info.curve, *record));
      r = item.r;
      partials.push_back(partial_sign(std::move(item), m));
      EXPECT_TRUE(verify_partial(record->R, record->K[j], record->C[j], m, r, partials.back()));
      EXPECT_FALSE(verify_partial(record->R, record->K[j], record->C[j], m, r, partials.back() + Scalar(*info.curve, 1)));
    }
    auto signature = combine(X, m, r, partials);
    ASSERT_TRUE(signature) << signature.error().what();
    EXPECT_FALSE(signature->s.is_high());
    EXPECT_TRUE(openssl.verifies(digest, signature->r, signature->s));
    partials[0] = partials[0] + Scalar(*info.curve, 1);
    EXPECT_FALSE(combine(X, m, r, partials));
  }
}

class PresignSizes : public testing::TestWithParam<std::pair<std::size_t, std::size_t>> {};

TEST_P(PresignSizes, signs_with_a_random_quorum_on_p256) {
  const auto [n, t] = GetParam();
  sim::SeededRng rng(n * 100 + t);
  Quorum quorum;
  for (PartyId id = 1; id <= n; ++id) quorum.push_back(id);
  while (quorum.size() > t) quorum.erase(quorum.begin() + static_cast<std::ptrdiff_t>(rng.below(quorum.size())));
  PresignLockstep lockstep(Curve::p256(), n, quorum, 2, n * 10 + t);
  expect_signatures(lockstep, lockstep.run());
}
INSTANTIATE_TEST_SUITE_P(UpToFive, PresignSizes,
                         testing::Values(std::pair{2, 2}, std::pair{3, 2}, std::pair{3, 3}, std::pair{4, 2},
                                         std::pair{4, 3}, std::pair{4, 4}, std::pair{5, 2}, std::pair{5, 3},
                                         std::pair{5, 4}, std::pair{5, 5}));

TEST(Presign, signs_on_p384) {
  PresignLockstep lockstep(Curve::p384(), 3, {1, 3}, 1);
  expect_signatures(lockstep, lockstep.run());
}

TEST(Presign, full_batch_of_64) {
  PresignLockstep lockstep(Curve::p256(), 3, {2, 3}, 64);
  expect_signatures(lockstep, lockstep.run());
}

TEST(Presign, the_same_seed_gives_the_same_batch) {
  auto digest_of_run = [](std::uint64_t seed) {
    PresignLockstep lockstep(Curve::p256(), 3, {1, 2}, 1, seed);
    return lockstep.run().at(1)->items[0].record;
  };
  EXPECT_EQ(digest_of_run(7), digest_of_run(7));
  EXPECT_NE(digest_of_run(7), digest_of_run(8));
}

TEST(Presign, every_presignature_of_a_batch_has_its_own_nonce_and_shares) {
  PresignLockstep lockstep(Curve::p256(), 3, {1, 2}, 8);
  auto ended = lockstep.run();
  std::set<std::string> seen;
  for (const auto& [id, result] : ended)
    for (const auto& item : result->items) {
      if (id == 1) {
        EXPECT_TRUE(seen.insert(to_hex(item.r.encode())).second);
      }
      Bytes k(32);
      item.k.encode(k);
      EXPECT_TRUE(seen.insert(to_hex(k)).second);
    }
}

// ---- plans that are refused -------------------------------------------------------------------------

void expect_refused(const std::function<void(PresignInputs&)>& spoil) {
  PresignLockstep lockstep(Curve::p256(), 3, {1, 2}, 2);
  auto inputs = lockstep.inputs(1);
  ASSERT_TRUE(check_plan(inputs));
  spoil(inputs);
  auto refused = check_plan(inputs);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::BadParameters);
  EXPECT_EQ(refused.error().blame, Blame::nobody());
  EXPECT_FALSE(PresignRound1::start(std::move(inputs), lockstep.rng()));
}

TEST(PresignPlan, rejects_another_key) { expect_refused([](auto& in) { in.plan.key.bytes[0] ^= 1; }); }
TEST(PresignPlan, rejects_another_epoch) { expect_refused([](auto& in) { in.plan.epoch.bytes[0] ^= 1; }); }
TEST(PresignPlan, rejects_another_curve) { expect_refused([](auto& in) { in.plan.curve = CurveId::P384; }); }
TEST(PresignPlan, rejects_a_stranger) { expect_refused([](auto& in) { in.plan.quorum = {1, 9}; }); }
TEST(PresignPlan, rejects_a_quorum_without_me) { expect_refused([](auto& in) { in.plan.quorum = {2, 3}; }); }
TEST(PresignPlan, rejects_a_doubled_member) { expect_refused([](auto& in) { in.plan.quorum = {1, 1}; }); }
TEST(PresignPlan, rejects_descending_members) { expect_refused([](auto& in) { in.plan.quorum = {2, 1}; }); }
TEST(PresignPlan, rejects_a_larger_quorum) { expect_refused([](auto& in) { in.plan.quorum = {1, 2, 3}; }); }
TEST(PresignPlan, rejects_an_empty_batch) { expect_refused([](auto& in) { in.plan.batch = 0; }); }
TEST(PresignPlan, rejects_a_huge_batch) { expect_refused([](auto& in) { in.plan.batch = ot::kMaxBatch + 1; }); }
TEST(PresignPlan, rejects_another_tree_depth) { expect_refused([](auto& in) { in.plan.tree_depth ^= 1; }); }
TEST(PresignPlan, rejects_a_foreign_setup) { expect_refused([](auto& in) { in.plan.setups[0].bytes[0] ^= 1; }); }
TEST(PresignPlan, rejects_a_missing_setup) { expect_refused([](auto& in) { in.plan.setups.clear(); }); }

TEST(PresignPlan, sid_depends_on_every_field) {
  PresignLockstep lockstep(Curve::p256(), 3, {1, 2}, 2);
  const PresignPlan plan = lockstep.plan();
  std::set<std::string> sids{plan.sid().hex()};
  auto distinct = [&](const std::function<void(PresignPlan&)>& change) {
    PresignPlan changed = plan;
    change(changed);
    EXPECT_TRUE(sids.insert(changed.sid().hex()).second);
  };
  distinct([](auto& p) { p.curve = CurveId::P384; });
  distinct([](auto& p) { p.key.bytes[1] ^= 1; });
  distinct([](auto& p) { p.epoch.bytes[1] ^= 1; });
  distinct([](auto& p) { p.quorum = {1, 3}; });
  distinct([](auto& p) { p.batch = 3; });
  distinct([](auto& p) { p.tree_depth = 2; });
  distinct([](auto& p) { p.batch_number = 2; });
  distinct([](auto& p) { p.leader_nonce.bytes[1] ^= 1; });
  distinct([](auto& p) { p.setups[0].bytes[1] ^= 1; });
}

}  // namespace
}  // namespace quorate
