#include "protocol/ot/pprf.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "protocol/base/ct.h"

namespace quorate::ot {
namespace {

using Check = std::array<std::uint8_t, 32>;

constexpr std::uint64_t kAll = ~std::uint64_t{0};

/// out ^= in where the mask is all ones; out stays as it is where it is 0.
template <class Bytes>
void xor_masked(Bytes& out, std::uint64_t mask, const Bytes& in) {
  static_assert(sizeof(Bytes) % 8 == 0);
  for (std::size_t at = 0; at < sizeof(Bytes); at += 8) {
    std::uint64_t a, b;
    std::memcpy(&a, out.data() + at, 8);
    std::memcpy(&b, in.data() + at, 8);
    a ^= mask & b;
    std::memcpy(out.data() + at, &a, 8);
  }
}

/// Zeros where the mask is all ones.
template <class Bytes>
void clear_masked(Bytes& out, std::uint64_t mask) {
  for (std::size_t at = 0; at < sizeof(Bytes); at += 8) {
    std::uint64_t a;
    std::memcpy(&a, out.data() + at, 8);
    a &= ~mask;
    std::memcpy(out.data() + at, &a, 8);
  }
}

std::uint64_t equals(std::uint64_t a, std::uint64_t b) { return ct::mask(ct::is_zero(a ^ b)); }

std::uint64_t bit_of(const Block& bits, std::size_t j) { return (bits[j / 8] >> (j % 8)) & 1; }

/// Where bit (Depth-1-level) of Delta_i stands in nabla.
template <std::size_t Depth>
constexpr std::size_t path_bit(std::size_t tree, std::size_t level) {
  return Depth * tree + (Depth - 1 - level);
}

/// The GGM tree's PRG: node y of a level to its two children. The node's place is hashed with the seed,
/// so that equal seeds of different places or trees have unrelated children.
void grow_node(const Binding& tree, std::size_t level, std::size_t y, const Block& seed, Block& left,
               Block& right) {
  Transcript transcript(Label::PprfTreeKey, tree);
  transcript.add_number(level).add_number(y).add(seed);
  const auto wide = std::move(transcript).expand_secret(2 * sizeof(Block));
  std::memcpy(left.data(), wide.reveal().data(), sizeof left);
  std::memcpy(right.data(), wide.reveal().data() + sizeof left, sizeof right);
}

/// Turns the first `count` nodes into 2 * count children, in place.
void grow_level(const Binding& tree, std::size_t level, std::span<Block> nodes, std::size_t count) {
  Secret<Block> seed;
  for (std::size_t y = count; y-- > 0;) {
    seed.reveal() = nodes[y];
    grow_node(tree, level, y, seed.reveal(), nodes[2 * y], nodes[2 * y + 1]);
  }
}

/// s~_y = Hp(s_y), 256 bits.
void check_leaf(const Binding& tree, std::size_t y, const Block& leaf, Check& out) {
  Transcript transcript(Label::PprfCheckLeaf, tree);
  transcript.add_number(y).add(leaf);
  auto digest = std::move(transcript).digest();
  out = digest.bytes;
  ct::wipe(digest.bytes.data(), digest.bytes.size());
}

/// s~ = H(s~_0 .. s~_{2^k-1}).
Check check_root(const Binding& tree, std::span<const Check> leaves) {
  Transcript transcript(Label::PprfCheckRoot, tree);
  transcript.add_number(leaves.size());
  for (const auto& leaf : leaves) transcript.add(leaf);
  return std::move(transcript).digest().bytes;
}

/// One tree from its Depth pairs of base-OT keys. t has Depth - 1 entries.
void grow_tree(const Binding& tree, std::span<const std::array<Block, 2>> keys, std::span<Block> leaves,
               std::span<std::array<Block, 2>> t, Check& sum, Check& root) {
  leaves[0] = keys[0][0];
  leaves[1] = keys[0][1];
  for (std::size_t level = 1; level < keys.size(); ++level) {
    const std::size_t count = std::size_t{1} << level;
    grow_level(tree, level, leaves, count);
    t[level - 1] = keys[level];
    for (std::size_t y = 0; y < 2 * count; ++y) xor_masked(t[level - 1][y % 2], kAll, leaves[y]);
  }
  SecretVector<Check> checks(leaves.size());
  sum = {};
  for (std::size_t y = 0; y < leaves.size(); ++y) {
    check_leaf(tree, y, leaves[y], checks.reveal()[y]);
    xor_masked(sum, kAll, checks.reveal()[y]);
  }
  root = check_root(tree, checks.reveal());
}

/// One tree from the key of one side a level, and what s~ must be. Every loop runs over all nodes; the
/// hole and the side are only ever masks. leaves start as zeros, and slot Delta_i ends as zeros.
template <std::size_t Depth>
Check rebuild_tree(const Binding& tree, std::size_t index, const Block& nabla, std::span<const Block> keys,
                   std::span<Block> leaves, std::span<const std::array<Block, 2>> t, const Check& sum) {
  std::uint64_t hole = 0;  // the missing node of the level above
  for (std::size_t level = 0; level < Depth; ++level) {
    const std::size_t count = std::size_t{1} << level;
    const std::uint64_t side = 1 ^ bit_of(nabla, path_bit<Depth>(index, level));
    // The hole's sibling below: F_{l,c} xor t_{l,c} xor the known nodes of side c.
    Secret<Block> sibling(keys[level]);
    if (level > 0) {
      grow_level(tree, level, leaves, count);
      for (std::size_t c = 0; c < 2; ++c) {
        const auto on_side = equals(side, c);
        xor_masked(sibling.reveal(), on_side, t[level - 1][c]);
        for (std::size_t y = 0; y < count; ++y) {
          Block& node = leaves[2 * y + c];
          clear_masked(node, equals(y, hole));
          xor_masked(sibling.reveal(), on_side, node);
        }
      }
    }
    for (std::size_t y = 0; y < 2 * count; ++y)
      xor_masked(leaves[y], equals(y, 2 * hole + side), sibling.reveal());
    hole = 2 * hole + (1 ^ side);
  }

  SecretVector<Check> checks(leaves.size());
  Secret<Check> missing(sum);
  for (std::size_t y = 0; y < leaves.size(); ++y) {
    Check& check = checks.reveal()[y];
    check_leaf(tree, y, leaves[y], check);
    clear_masked(check, equals(y, hole));
    xor_masked(missing.reveal(), kAll, check);
  }
  for (std::size_t y = 0; y < leaves.size(); ++y)
    xor_masked(checks.reveal()[y], equals(y, hole), missing.reveal());
  return check_root(tree, checks.reveal());
}

}  // namespace

template <std::size_t Depth>
Secret<Block> pprf_choices(const Secret<Block>& nabla) {
  Secret<Block> choices;
  for (std::size_t i = 0; i < PprfShape<Depth>::kTrees; ++i)
    for (std::size_t level = 0; level < Depth; ++level) {
      const std::size_t j = Depth * i + level;
      const auto bit = 1 ^ bit_of(nabla.reveal(), path_bit<Depth>(i, level));
      choices.reveal()[j / 8] = static_cast<std::uint8_t>(choices.reveal()[j / 8] | bit << (j % 8));
    }
  return choices;
}

template <std::size_t Depth>
PprfSent pprf_send(const Binding& binding, const SecretVector<std::array<Block, 2>>& keys) {
  using Shape = PprfShape<Depth>;
  PprfSent out;
  out.leaves = SecretVector<Block>(Shape::kTrees * Shape::kLeaves);
  out.message.t.resize(Shape::kSums);
  out.message.check_sum.resize(Shape::kTrees);
  out.message.check_root.resize(Shape::kTrees);
  for (std::size_t i = 0; i < Shape::kTrees; ++i)
    grow_tree(binding.at(static_cast<std::uint32_t>(i)), keys.reveal().subspan(i * Depth, Depth),
              out.leaves.reveal().subspan(i * Shape::kLeaves, Shape::kLeaves),
              std::span(out.message.t).subspan(i * (Depth - 1), Depth - 1), out.message.check_sum[i],
              out.message.check_root[i]);
  // Sent.
  ct::unpoison(out.message.t.data(), out.message.t.size() * sizeof out.message.t[0]);
  ct::unpoison(out.message.check_sum.data(), out.message.check_sum.size() * sizeof(Check));
  ct::unpoison(out.message.check_root.data(), out.message.check_root.size() * sizeof(Check));
  return out;
}

template <std::size_t Depth>
Result<SecretVector<Block>, Abort> pprf_receive(const Binding& binding, const Secret<Block>& nabla,
                                                const SecretVector<Block>& keys, const PprfMessage& message) {
  using Shape = PprfShape<Depth>;
  const auto blame = Blame::pair(binding.to, binding.from);
  if (message.t.size() != Shape::kSums || message.check_sum.size() != Shape::kTrees ||
      message.check_root.size() != Shape::kTrees)
    return fail(Abort{Fault::Malformed, blame, "PPRF: wrong count"});

  SecretVector<Block> leaves(Shape::kTrees * Shape::kLeaves);
  SecretBytes roots(Shape::kTrees * sizeof(Check)), expected(Shape::kTrees * sizeof(Check));
  for (std::size_t i = 0; i < Shape::kTrees; ++i) {
    const auto root = rebuild_tree<Depth>(
        binding.at(static_cast<std::uint32_t>(i)), i, nabla.reveal(), keys.reveal().subspan(i * Depth, Depth),
        leaves.reveal().subspan(i * Shape::kLeaves, Shape::kLeaves),
        std::span(message.t).subspan(i * (Depth - 1), Depth - 1), message.check_sum[i]);
    std::memcpy(roots.reveal().data() + i * sizeof root, root.data(), sizeof root);
    std::memcpy(expected.reveal().data() + i * sizeof root, message.check_root[i].data(), sizeof root);
  }
  if (!ct::equal(roots.reveal(), expected.reveal()))
    return fail(Abort{Fault::PprfCheck, blame, "PPRF: inconsistent tree"});
  return leaves;
}

#define QUORATE_PPRF(depth)                                                                      \
  template Secret<Block> pprf_choices<depth>(const Secret<Block>&);                              \
  template PprfSent pprf_send<depth>(const Binding&, const SecretVector<std::array<Block, 2>>&); \
  template Result<SecretVector<Block>, Abort> pprf_receive<depth>(                               \
      const Binding&, const Secret<Block>&, const SecretVector<Block>&, const PprfMessage&);
QUORATE_PPRF(1)
QUORATE_PPRF(2)
QUORATE_PPRF(4)
QUORATE_PPRF(8)
#undef QUORATE_PPRF

}  // namespace quorate::ot
