#include "protocol/ot/extension_rows.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "protocol/ot/gf128.h"

namespace quorate::ot {
namespace {

// part ^= right; left ^= right; three different rows.
void absorb(Block* __restrict part, Block* __restrict left, const Block* __restrict right,
            std::size_t blocks) {
  for (std::size_t i = 0; i < blocks; ++i) {
    std::uint64_t p[2], l[2], r[2];
    std::memcpy(p, part + i, sizeof p);
    std::memcpy(l, left + i, sizeof l);
    std::memcpy(r, right + i, sizeof r);
    for (int w = 0; w < 2; ++w) {
      p[w] ^= r[w];
      l[w] ^= r[w];
    }
    std::memcpy(part + i, p, sizeof p);
    std::memcpy(left + i, l, sizeof l);
  }
}

}  // namespace

ExtensionKeys extension_keys(const Binding& binding) {
  const Bytes raw = Transcript(Label::OtExtKeys, binding).expand(2 * sizeof(Block));
  ExtensionKeys keys;
  std::memcpy(keys.leaf.data(), raw.data(), sizeof(Block));
  std::memcpy(keys.hash.data(), raw.data() + sizeof(Block), sizeof(Block));
  return keys;
}

TreeReader::TreeReader(std::span<const Block> leaves, const Block& leaf_key, std::size_t blocks)
    : blocks_(blocks), keys_(leaves.size()), space_((kTreeDepth + 1) * blocks) {
  if (leaves.size() != kTrees * kLeaves) std::abort();
  FixedKeyAes(leaf_key).hash(leaves, 0, 1, keys_.reveal());
}

// Sums the leaves' streams as a binary counter adds: a row waits at each height until its right-hand
// sibling arrives. The sibling, a sum over leaves whose number has bit `height` set, goes into that part
// and into the waiting row, which then stands one level higher. Two XORs per node instead of k per leaf,
// and k + 1 rows of memory.
void TreeReader::read(std::size_t i, std::span<Block> parts, std::span<Block> total) {
  std::array<std::span<Block>, kTreeDepth + 1> row;  // row[h] waits at height h; the last one is filled
  for (std::size_t h = 0; h <= kTreeDepth; ++h) row[h] = space_.reveal().subspan(h * blocks_, blocks_);
  auto& fresh = row[kTreeDepth];
  std::memset(parts.data(), 0, parts.size_bytes());
  for (std::size_t x = 0; x < kLeaves; ++x) {
    prg_.generate(keys_.reveal()[i * kLeaves + x], fresh);
    std::size_t height = 0;
    for (; (x >> height & 1) != 0; ++height) {
      absorb(&parts[height * blocks_], row[height].data(), fresh.data(), blocks_);
      std::swap(fresh, row[height]);
    }
    if (height == kTreeDepth)
      std::memcpy(total.data(), fresh.data(), total.size_bytes());
    else
      std::swap(fresh, row[height]);
  }
}

std::vector<Block> challenges(const Binding& binding, std::size_t batch, std::size_t xi, ByteView u) {
  const std::size_t blocks = u.size() / sizeof(Block) / kTrees;
  std::vector<Block> chi(blocks - 1);
  Transcript hash(Label::OtExtChallenge, binding);
  hash.add_number(kTreeDepth).add_number(batch).add_number(xi).add(u);
  const Bytes raw = std::move(hash).expand(chi.size() * sizeof(Block));
  std::memcpy(chi.data(), raw.data(), raw.size());
  return chi;
}

Block row_check(std::span<const Block> chi, std::span<const Block> row) {
  return gf128::add(gf128::inner_product(chi, row.first(chi.size())), row[chi.size()]);
}

}  // namespace quorate::ot
