#pragma once

#include <span>
#include <vector>

#include "protocol/base/secret.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/aes.h"
#include "protocol/ot/params.h"

/// The parts of the OT extension that both sides compute in the same way (SPEC 3.1, 3.2).
namespace quorate::ot {

/// Public AES keys of one batch and direction: the binding holds sid, Bob and Alice.
struct ExtensionKeys {
  Block leaf;  ///< turns leaves into PRG keys
  Block hash;  ///< hashes the transposed rows
};
ExtensionKeys extension_keys(const Binding& binding);

/// What a side reads off its trees, r_{i,x} being the PRG output of leaf x of tree i:
///   total of tree i         XOR over all x of r_{i,x}
///   part b of tree i        XOR over the x with bit b set of r_{i,x}
/// A leaf that is not known enters all of them as garbage; it drops out of part_b xor (Delta_b and total),
/// because bit b of Delta equals bit b of the missing leaf's number.
/// Constant-time; every leaf is touched in the same way.
class TreeReader {
 public:
  /// leaves: kTrees * kLeaves of them; rows are `blocks` long, extension_width / 128.
  TreeReader(std::span<const Block> leaves, const Block& leaf_key, std::size_t blocks);

  /// Overwrites parts, kTreeDepth rows, and total, one row, with what tree i gives.
  void read(std::size_t i, std::span<Block> parts, std::span<Block> total);

 private:
  std::size_t blocks_;
  SecretVector<Block> keys_;
  SecretVector<Block> space_;  // kTreeDepth + 1 rows
  KeyStream prg_;
};

/// The challenges chi_j of the consistency check, one per 128 OTs without the sacrificed ones, out
/// of a hash over the binding, the parameters and all rows u.
std::vector<Block> challenges(const Binding& binding, std::size_t batch, std::size_t xi, ByteView u);

/// sum_j chi_j row_j + row_last over the 128-bit blocks of one row of chi.size() + 1 blocks.
Block row_check(std::span<const Block> chi, std::span<const Block> row);

/// A byte string of whole blocks, read in place, and back.
inline std::span<const Block> as_blocks(ByteView bytes) {
  static_assert(sizeof(Block) == 16 && alignof(Block) == 1);
  return {reinterpret_cast<const Block*>(bytes.data()), bytes.size() / sizeof(Block)};
}
inline ByteView raw_bytes(std::span<const Block> blocks) {
  return {reinterpret_cast<const std::uint8_t*>(blocks.data()), blocks.size_bytes()};
}
inline std::span<Block> as_blocks(MutableByteView bytes) {
  return {reinterpret_cast<Block*>(bytes.data()), bytes.size() / sizeof(Block)};
}

}  // namespace quorate::ot
