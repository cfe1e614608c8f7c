#include "protocol/ot/pprf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "test/sim/seeded_rng.h"

namespace quorate::ot {
namespace {

using sim::SeededRng;

std::uint64_t bit_of(const Block& bits, std::size_t j) { return (bits[j / 8] >> (j % 8)) & 1; }

Binding binding() {
  Binding out{.from = 1, .to = 2};
  out.sid.bytes.fill(0x44);
  return out;
}

/// One run over ideal base OTs: the receiver is handed the key of its choice.
template <class DepthConstant>
class Pprf : public testing::Test {
 protected:
  static constexpr std::size_t kDepth = DepthConstant::value;
  using Shape = PprfShape<kDepth>;

  void deal(std::uint64_t seed = 1) {
    SeededRng rng(seed);
    rng.fill(nabla);
    deal_with_nabla(rng);
  }
  void deal_with_nabla(SeededRng& rng) {
    pairs = SecretVector<std::array<Block, 2>>(kLambdaC);
    for (auto& pair : pairs.reveal())
      for (auto& key : pair) rng.fill(key);
    choices = pprf_choices<kDepth>(Secret<Block>(nabla));
    keys = SecretVector<Block>(kLambdaC);
    for (std::size_t j = 0; j < kLambdaC; ++j)
      keys.reveal()[j] = pairs.reveal()[j][bit_of(choices.reveal(), j)];
    sent = pprf_send<kDepth>(binding(), pairs);
  }
  Result<SecretVector<Block>, Abort> receive(const Binding& bound = binding()) {
    return pprf_receive<kDepth>(bound, Secret<Block>(nabla), keys, sent.message);
  }
  /// Delta_i from its definition.
  [[nodiscard]] std::size_t delta(std::size_t tree) const {
    std::size_t out = 0;
    for (std::size_t b = 0; b < kDepth; ++b) out |= bit_of(nabla, kDepth * tree + b) << b;
    return out;
  }
  void expect_punctured(const SecretVector<Block>& leaves) const {
    ASSERT_EQ(leaves.size(), Shape::kTrees * Shape::kLeaves);
    for (std::size_t i = 0; i < Shape::kTrees; ++i)
      for (std::size_t x = 0; x < Shape::kLeaves; ++x) {
        const auto at = i * Shape::kLeaves + x;
        if (x == delta(i)) {
          EXPECT_EQ(leaves.reveal()[at], Block{}) << i << "/" << x;
          EXPECT_NE(sent.leaves.reveal()[at], Block{}) << i << "/" << x;
        } else {
          EXPECT_EQ(leaves.reveal()[at], sent.leaves.reveal()[at]) << i << "/" << x;
        }
      }
  }
  void expect_fault(Fault fault, const Binding& bound = binding()) {
    auto result = receive(bound);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().fault, fault) << result.error().what();
    EXPECT_EQ(result.error().blame, Blame::pair(bound.to, bound.from)) << result.error().what();
  }

  Block nabla{};
  Secret<Block> choices;
  SecretVector<std::array<Block, 2>> pairs;
  SecretVector<Block> keys;
  PprfSent sent;
};

template <std::size_t N>
using Depth = std::integral_constant<std::size_t, N>;
using Depths = testing::Types<Depth<1>, Depth<2>, Depth<4>, Depth<8>>;
TYPED_TEST_SUITE(Pprf, Depths);

TYPED_TEST(Pprf, ReceiverGetsEveryLeafButDelta) {
  this->deal();
  auto leaves = this->receive();
  ASSERT_TRUE(leaves.has_value());
  this->expect_punctured(*leaves);
}

TYPED_TEST(Pprf, EveryDeltaWorksInEveryTree) {
  constexpr auto kDepth = TestFixture::kDepth;
  for (std::size_t delta = 0; delta < TestFixture::Shape::kLeaves; delta += kDepth == 8 ? 17 : 1) {
    this->nabla = {};
    for (std::size_t j = 0; j < kLambdaC; ++j)
      this->nabla[j / 8] =
          static_cast<std::uint8_t>(this->nabla[j / 8] | (delta >> (j % kDepth) & 1) << (j % 8));
    SeededRng rng(delta + 100);
    this->deal_with_nabla(rng);
    for (std::size_t i = 0; i < TestFixture::Shape::kTrees; ++i) ASSERT_EQ(this->delta(i), delta);
    auto leaves = this->receive();
    ASSERT_TRUE(leaves.has_value()) << delta;
    this->expect_punctured(*leaves);
  }
}

TYPED_TEST(Pprf, ChoicesAreTheComplementOfDeltasPath) {
  constexpr auto kDepth = TestFixture::kDepth;
  this->deal(3);
  for (std::size_t i = 0; i < TestFixture::Shape::kTrees; ++i)
    for (std::size_t l = 0; l < kDepth; ++l)
      EXPECT_EQ(bit_of(this->choices.reveal(), kDepth * i + l), 1 - (this->delta(i) >> (kDepth - 1 - l) & 1));
}

TYPED_TEST(Pprf, AllLeavesOfAllTreesDiffer) {
  // Also with the same base-OT keys in every tree and level: places and trees are hashed.
  this->deal();
  for (auto& pair : this->pairs.reveal()) pair = {Block{1}, Block{1}};
  const auto sent = pprf_send<TestFixture::kDepth>(binding(), this->pairs);
  const auto leaves = sent.leaves.reveal();
  const std::set<Block> distinct(leaves.begin(), leaves.end());
  EXPECT_EQ(distinct.size(), TestFixture::kDepth == 1 ? 1 : leaves.size());
}

// Of t_{l,0} and t_{l,1} the receiver uses the one of its choice. A change of it is always seen; a change
// of the other one changes nothing. So passing or failing tells one bit of Nabla, which is why a failure
// destroys the set-up (SPEC 2.2).
TYPED_TEST(Pprf, ChangedTIsCaughtExactlyIfItIsTheReceiversSide) {
  constexpr auto kDepth = TestFixture::kDepth;
  this->deal(5);
  for (std::size_t tree = 0; tree < TestFixture::Shape::kTrees; tree += kDepth == 8 ? 3 : 1) {
    for (std::size_t level = 1; level < kDepth; ++level) {
      const std::size_t at = tree * (kDepth - 1) + (level - 1);
      for (std::size_t c = 0; c < 2; ++c) {
        auto& byte = this->sent.message.t[at][c][15];
        byte ^= 0x40;
        if (bit_of(this->choices.reveal(), kDepth * tree + level) == c) {
          this->expect_fault(Fault::PprfCheck);
        } else {
          auto leaves = this->receive();
          ASSERT_TRUE(leaves.has_value());
          this->expect_punctured(*leaves);
        }
        byte ^= 0x40;
      }
    }
  }
}

TYPED_TEST(Pprf, ChangedCheckSumIsCaughtInEveryTree) {
  this->deal();
  for (auto& sum : this->sent.message.check_sum) {
    sum[31] ^= 1;
    this->expect_fault(Fault::PprfCheck);
    sum[31] ^= 1;
  }
}

TYPED_TEST(Pprf, ChangedCheckRootIsCaughtInEveryTree) {
  this->deal();
  for (auto& root : this->sent.message.check_root) {
    root[0] ^= 0x80;
    this->expect_fault(Fault::PprfCheck);
    root[0] ^= 0x80;
  }
}

TYPED_TEST(Pprf, DisagreeingBaseOtKeyIsCaughtInEveryInstance) {
  this->deal();
  for (std::size_t j = 0; j < kLambdaC; j += TestFixture::kDepth == 8 ? 5 : 1) {
    this->keys.reveal()[j][0] ^= 1;
    this->expect_fault(Fault::PprfCheck);
    this->keys.reveal()[j][0] ^= 1;
  }
  EXPECT_TRUE(this->receive().has_value());
}

TYPED_TEST(Pprf, SwappedTreesAreCaught) {
  constexpr auto kDepth = TestFixture::kDepth;
  this->deal();
  auto& message = this->sent.message;
  std::swap_ranges(message.t.begin(), message.t.begin() + (kDepth - 1), message.t.begin() + (kDepth - 1));
  std::swap(message.check_sum[0], message.check_sum[1]);
  std::swap(message.check_root[0], message.check_root[1]);
  this->expect_fault(Fault::PprfCheck);
}

TYPED_TEST(Pprf, AnyOtherBindingIsCaught) {
  this->deal();
  Binding sid = binding();
  sid.sid.bytes[0] ^= 1;
  this->expect_fault(Fault::PprfCheck, sid);
  this->expect_fault(Fault::PprfCheck, binding().towards(2, 1));
  Binding epoch = binding();
  epoch.epoch.bytes[31] ^= 1;
  this->expect_fault(Fault::PprfCheck, epoch);
}

TYPED_TEST(Pprf, RejectsWrongCounts) {
  using Change = std::function<void(PprfMessage&)>;
  const Change changes[] = {
      [](PprfMessage& m) { m.t.emplace_back(); },      [](PprfMessage& m) { m.check_sum.emplace_back(); },
      [](PprfMessage& m) { m.check_sum.pop_back(); },  [](PprfMessage& m) { m.check_root.emplace_back(); },
      [](PprfMessage& m) { m.check_root.pop_back(); }, [](PprfMessage& m) { m.check_root.clear(); },
  };
  for (const auto& change : changes) {
    this->deal();
    change(this->sent.message);
    this->expect_fault(Fault::Malformed);
  }
  if (TestFixture::kDepth > 1) {
    this->deal();
    this->sent.message.t.pop_back();
    this->expect_fault(Fault::Malformed);
  }
}

}  // namespace
}  // namespace quorate::ot
