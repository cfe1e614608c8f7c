#include "protocol/ot/soft_spoken.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/ot/aes.h"
#include "protocol/ot/gf128.h"
#include "test/unit/ot_fixture.h"

namespace quorate::ot {
namespace {

constexpr std::size_t kBatch = 3;

struct SoftSpoken : testing::TestWithParam<const Curve*> {
  const Curve& curve = *GetParam();
  std::size_t xi = ots_per_multiplication(curve);
  sim::SeededRng rng{11};
  DealtLeaves leaves{rng};
  Binding binding = extension_binding(curve);

  auto receive(ExtensionMessage& message) {
    auto [sent, bob] = ReceiverOts::extend(leaves.bob, binding, kBatch, xi, rng);
    message = std::move(sent);
    return std::move(bob);
  }
  Result<SenderOts, Abort> send(const ExtensionMessage& message) const {
    return SenderOts::extend(leaves.alice, binding, kBatch, xi, message);
  }
  void expect_dispute(const ExtensionMessage& message, Fault fault) const {
    const auto result = send(message);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().fault, fault) << result.error().what();
    EXPECT_EQ(result.error().blame, Blame::pair(kAlice, kBob));
  }
};
INSTANTIATE_TEST_SUITE_P(Curves, SoftSpoken, testing::Values(&Curve::p256(), &Curve::p384()),
                         [](const auto& i) { return i.param->id() == CurveId::P256 ? "P256" : "P384"; });

TEST(SoftSpokenWidth, rounds_up_and_adds_the_sacrificed) {
  EXPECT_EQ(extension_width(64, 416), 26624u + 128);
  EXPECT_EQ(extension_width(1, 416), 512u + 128);
  EXPECT_EQ(extension_width(1, 544), 640u + 128);
  EXPECT_EQ(extension_width(2, 64), 128u + 128);
}

// The heart: Bob's output is Alice's for his choice bit, and not the other one, block by block.
TEST_P(SoftSpoken, outputs_match_the_choice) {
  for (std::size_t width : {9, 12}) {
    ExtensionMessage message;
    const auto bob = receive(message);
    const auto alice = send(message);
    ASSERT_TRUE(alice) << alice.error().what();
    const std::size_t count = kBatch * xi;
    std::vector<Block> gamma(count * width), alpha0(gamma.size()), alpha1(gamma.size());
    bob.hash(0, count, width, gamma);
    alice->hash(0, count, width, alpha0, alpha1);
    std::size_t ones = 0;
    for (std::size_t j = 0; j < count; ++j) {
      ones += bob.choice(j);
      for (std::size_t b = 0; b < width; ++b) {
        const std::size_t at = j * width + b;
        ASSERT_EQ(gamma[at], bob.choice(j) == 1 ? alpha1[at] : alpha0[at]) << j;
        ASSERT_NE(gamma[at], bob.choice(j) == 1 ? alpha0[at] : alpha1[at]) << j;
      }
    }
    EXPECT_GT(ones, count / 3);
    EXPECT_LT(ones, count - count / 3);
    EXPECT_EQ(std::set<Block>(alpha0.begin(), alpha0.end()).size(), alpha0.size());
  }
}

TEST_P(SoftSpoken, a_range_hashes_as_part_of_the_whole) {
  ExtensionMessage message;
  const auto bob = receive(message);
  const auto alice = send(message);
  ASSERT_TRUE(alice);
  std::vector<Block> all(kBatch * xi * 2), all0(all.size()), all1(all.size());
  bob.hash(0, kBatch * xi, 2, all);
  alice->hash(0, kBatch * xi, 2, all0, all1);
  std::vector<Block> some(xi * 2), some0(some.size()), some1(some.size());
  bob.hash(xi, xi, 2, some);
  alice->hash(xi, xi, 2, some0, some1);
  EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + static_cast<std::ptrdiff_t>(2 * xi)));
  EXPECT_TRUE(std::equal(some0.begin(), some0.end(), all0.begin() + static_cast<std::ptrdiff_t>(2 * xi)));
  EXPECT_TRUE(std::equal(some1.begin(), some1.end(), all1.begin() + static_cast<std::ptrdiff_t>(2 * xi)));
  EXPECT_DEATH(bob.hash(kBatch * xi - 1, 2, 2, some), "");
  EXPECT_DEATH(bob.hash(kBatch * xi + 1, 0, 2, {}), "");
}

// Nabla of all zeros and all ones, and each single hole of the first tree.
TEST_P(SoftSpoken, works_for_every_hole) {
  std::vector<Block> nablas(2);
  nablas[1].fill(0xff);
  for (std::size_t x = 0; x < kLeaves; ++x) {
    nablas.push_back(rng.make<Block>());
    nablas.back()[0] = static_cast<std::uint8_t>(x);
  }
  for (const Block& nabla : nablas) {
    const DealtLeaves dealt(rng, nabla);
    const Extended run = extend(dealt, binding, 1, xi, rng);
    std::vector<Block> gamma(xi), alpha0(xi), alpha1(xi);
    run.bob.hash(0, xi, 1, gamma);
    run.alice.hash(0, xi, 1, alpha0, alpha1);
    for (std::size_t j = 0; j < xi; ++j) ASSERT_EQ(gamma[j], run.bob.choice(j) == 1 ? alpha1[j] : alpha0[j]);
  }
}

TEST_P(SoftSpoken, the_unknown_leaf_never_matters) {
  ExtensionMessage message;
  const auto bob = receive(message);
  for (std::size_t i = 0; i < kTrees; ++i)
    leaves.alice.leaves.reveal()[i * kLeaves + leaves.hole(i)] = rng.make<Block>();
  EXPECT_TRUE(send(message));
}

TEST_P(SoftSpoken, same_seed_same_message) {
  sim::SeededRng first(5), second(5), third(6);
  const auto a = ReceiverOts::extend(leaves.bob, binding, kBatch, xi, first).first;
  const auto b = ReceiverOts::extend(leaves.bob, binding, kBatch, xi, second).first;
  const auto c = ReceiverOts::extend(leaves.bob, binding, kBatch, xi, third).first;
  EXPECT_EQ(a.u, b.u);
  EXPECT_EQ(a.x_tilde, b.x_tilde);
  EXPECT_EQ(a.t_tilde, b.t_tilde);
  EXPECT_NE(a.u, c.u);
}

TEST_P(SoftSpoken, different_sessions_and_directions_share_nothing) {
  std::set<Block> rows;
  for (const Binding& other : {binding, extension_binding(curve, 2), binding.towards(kAlice, kBob)}) {
    sim::SeededRng same(5);
    const auto message = ReceiverOts::extend(leaves.bob, other, 1, xi, same).first;
    for (const Block& b : as_blocks(ByteView(message.u))) rows.insert(b);
  }
  EXPECT_EQ(rows.size(), 3 * kTrees * extension_width(1, xi) / 128);
}

TEST_P(SoftSpoken, rejects_every_kind_of_changed_u) {
  ExtensionMessage message;
  const auto bob = receive(message);
  const std::size_t row = extension_width(kBatch, xi) / 8;
  // First and last row; a used choice bit, a padding or last used bit, the sacrificed block.
  for (std::size_t tree : {std::size_t{0}, kTrees / 2, kTrees - 1})
    for (std::size_t byte : {std::size_t{0}, row / 2, row - 17, row - 16, row - 1}) {
      ExtensionMessage changed = message;
      changed.u[tree * row + byte] ^= static_cast<std::uint8_t>(1 << rng.below(8));
      expect_dispute(changed, Fault::OtCheck);
    }
  ExtensionMessage swapped = message;
  std::swap_ranges(swapped.u.begin(), swapped.u.begin() + static_cast<std::ptrdiff_t>(row),
                   swapped.u.begin() + static_cast<std::ptrdiff_t>(row));
  expect_dispute(swapped, Fault::OtCheck);
  EXPECT_TRUE(send(message));
}

TEST_P(SoftSpoken, rejects_a_change_in_each_t_tilde) {
  ExtensionMessage message;
  const auto bob = receive(message);
  for (std::size_t r = 0; r < kLambdaC; ++r) {
    ExtensionMessage changed = message;
    changed.t_tilde[r][rng.below(16)] ^= static_cast<std::uint8_t>(1 << rng.below(8));
    expect_dispute(changed, Fault::OtCheck);
  }
}

// x~ enters only where Nabla has a bit set: with Nabla = 0 a wrong one cannot be seen (and tells
// nothing else; 2^-128 for a random Nabla), with any other Nabla it is.
TEST_P(SoftSpoken, rejects_a_changed_x_tilde_exactly_if_nabla_is_not_zero) {
  std::vector<Block> nablas = {Block{}, rng.make<Block>()};
  for (std::size_t r : {0, 1, 77, 127}) {
    nablas.emplace_back();
    nablas.back()[r / 8] = static_cast<std::uint8_t>(1 << (r % 8));
  }
  for (const Block& nabla : nablas) {
    const DealtLeaves dealt(rng, nabla);
    auto [message, bob] = ReceiverOts::extend(dealt.bob, binding, kBatch, xi, rng);
    message.x_tilde[3] ^= 0x10;
    EXPECT_EQ(SenderOts::extend(dealt.alice, binding, kBatch, xi, message).has_value(), nabla == Block{});
  }
}

// Bob as the adversary of the proof: he puts other choice bits into the row of one tree, answers the
// challenges of what he sent, and bets on Delta of that tree. He passes if and only if the bet is
// right, for every value of Delta and every bet.
struct CheatingBob {
  Binding binding;
  std::size_t xi, blocks;
  Bytes choices;
  std::vector<Block> v, totals;

  CheatingBob(const AllLeaves& leaves, const Binding& b, std::size_t ots, Rng& rng)
      : binding(b),
        xi(ots),
        blocks(extension_width(1, ots) / 128),
        choices(16 * blocks),
        v(kLambdaC * blocks),
        totals(kTrees * blocks) {
    rng.fill(choices);
    TreeReader trees(leaves.leaves.reveal(), extension_keys(b).leaf, blocks);
    for (std::size_t i = 0; i < kTrees; ++i)
      trees.read(i, std::span(v).subspan(kTreeDepth * i * blocks, kTreeDepth * blocks),
                 std::span(totals).subspan(i * blocks, blocks));
  }
  ExtensionMessage cheat(std::size_t tree, std::span<const Block> error, std::size_t bet) {
    ExtensionMessage message;
    message.u.resize(kTrees * choices.size());
    const auto u = as_blocks(MutableByteView(message.u));
    for (std::size_t i = 0; i < kTrees; ++i) {
      const auto row = u.subspan(i * blocks, blocks);
      std::copy_n(totals.begin() + static_cast<std::ptrdiff_t>(i * blocks), blocks, row.begin());
      xor_into(row, as_blocks(ByteView(choices)));
      if (i == tree) xor_into(row, error);
    }
    const auto chi = challenges(binding, 1, xi, message.u);
    const Block shift = row_check(chi, error);
    message.x_tilde = row_check(chi, as_blocks(ByteView(choices)));
    for (std::size_t r = 0; r < kLambdaC; ++r) {
      message.t_tilde[r] = row_check(chi, std::span<const Block>(v).subspan(r * blocks, blocks));
      if (r / kTreeDepth == tree && (bet >> (r % kTreeDepth) & 1) != 0)
        message.t_tilde[r] = gf128::add(message.t_tilde[r], shift);
    }
    return message;
  }
};

TEST_P(SoftSpoken, other_choices_in_one_row_pass_exactly_on_a_right_bet_on_delta) {
  const std::size_t blocks = extension_width(1, xi) / 128;
  for (const std::size_t tree : {std::size_t{0}, kTrees - 1}) {
    CheatingBob bob(leaves.bob, binding, xi, rng);
    for (std::size_t where : {std::size_t{0}, blocks - 2, blocks - 1}) {
      std::vector<Block> error(blocks);
      error[where][rng.below(16)] = 0x20;
      std::size_t passed = 0;
      for (std::size_t bet = 0; bet < kLeaves; ++bet) {
        const auto message = bob.cheat(tree, error, bet);
        const auto result = SenderOts::extend(leaves.alice, binding, 1, xi, message);
        EXPECT_EQ(result.has_value(), bet == leaves.hole(tree)) << bet;
        EXPECT_TRUE(result || result.error().fault == Fault::OtCheck);
        passed += result.has_value() ? 1 : 0;
      }
      EXPECT_EQ(passed, 1u);
    }
  }
}

// The same error in every row is no cheat: it is another choice.
TEST_P(SoftSpoken, the_same_change_in_all_rows_is_another_choice) {
  CheatingBob bob(leaves.bob, binding, xi, rng);
  const std::vector<Block> nothing(bob.blocks);
  for (auto& byte : bob.choices) byte ^= 0x41;
  EXPECT_TRUE(SenderOts::extend(leaves.alice, binding, 1, xi, bob.cheat(0, nothing, 0)));
}

TEST_P(SoftSpoken, rejects_wrong_sizes_as_malformed) {
  ExtensionMessage message;
  const auto bob = receive(message);
  const std::size_t row = extension_width(kBatch, xi) / 8;
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, row, message.u.size() - 16, message.u.size() - 1,
                           message.u.size() + 1, message.u.size() + row}) {
    ExtensionMessage changed = message;
    changed.u.resize(size);
    expect_dispute(changed, Fault::Malformed);
  }
}

TEST_P(SoftSpoken, rejects_the_message_of_another_session_direction_batch_or_setup) {
  ExtensionMessage message;
  const auto bob = receive(message);
  for (const Binding& other :
       {extension_binding(curve, 2), binding.towards(kAlice, kBob), binding.towards(kBob, kAlice + 1)}) {
    const auto result = SenderOts::extend(leaves.alice, other, kBatch, xi, message);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().fault, Fault::OtCheck);
    EXPECT_EQ(result.error().blame, Blame::pair(other.to, other.from));
  }
  const DealtLeaves fresh(rng);
  EXPECT_EQ(SenderOts::extend(fresh.alice, binding, kBatch, xi, message).error().fault, Fault::OtCheck);
  EXPECT_EQ(SenderOts::extend(leaves.alice, binding, kBatch + 1, xi, message).error().fault,
            Fault::Malformed);
  // As many rows and columns, other parameters: the challenges are bound to them.
  EXPECT_EQ(SenderOts::extend(leaves.alice, binding, 2 * kBatch, xi / 2, message).error().fault,
            Fault::OtCheck);
}

// A leaf on which the two sides disagree makes the check fail unless it is the one Alice lacks.
TEST_P(SoftSpoken, rejects_if_a_known_leaf_differs) {
  ExtensionMessage message;
  const auto bob = receive(message);
  const std::size_t hole = leaves.hole(2);
  for (std::size_t x = 0; x < kLeaves; ++x) {
    Block& leaf = leaves.alice.leaves.reveal()[2 * kLeaves + x];
    leaf[0] ^= 1;
    EXPECT_EQ(send(message).has_value(), x == hole) << x;
    leaf[0] ^= 1;
  }
}

// The sums over leaves against their definition.
TEST_P(SoftSpoken, trees_sum_up_as_defined) {
  const std::size_t blocks = 5;
  const Block key = rng.make<Block>();
  TreeReader trees(leaves.bob.leaves.reveal(), key, blocks);
  std::vector<Block> keys(kTrees * kLeaves);
  FixedKeyAes(key).hash(leaves.bob.leaves.reveal(), 0, 1, keys);
  KeyStream prg;
  for (std::size_t i = 0; i < kTrees; ++i) {
    std::vector<Block> total(blocks), parts(kTreeDepth * blocks), r(blocks);
    for (std::size_t x = 0; x < kLeaves; ++x) {
      prg.generate(keys[i * kLeaves + x], r);
      xor_into(total, r);
      for (std::size_t b = 0; b < kTreeDepth; ++b)
        if ((x >> b & 1) != 0) xor_into(std::span(parts).subspan(b * blocks, blocks), r);
    }
    std::vector<Block> got_parts(parts.size(), rng.make<Block>()), got_total(blocks);
    trees.read(i, got_parts, got_total);
    EXPECT_EQ(got_total, total);
    EXPECT_EQ(got_parts, parts);
  }
}

}  // namespace
}  // namespace quorate::ot
