#pragma once

#include <array>
#include <vector>

#include "protocol/base/abort.h"
#include "protocol/base/secret.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/params.h"

namespace quorate::ot {

/// SPEC 2.2: kLambdaC base OTs make kLambdaC / Depth GGM trees of 2^Depth leaves. Base OT Depth*i + l
/// is level l of tree i. The functions are instantiated for Depth 1, 2, 4 and 8.
template <std::size_t Depth>
struct PprfShape {
  static_assert(Depth > 0 && kLambdaC % Depth == 0);
  static constexpr std::size_t kTrees = kLambdaC / Depth;
  static constexpr std::size_t kLeaves = std::size_t{1} << Depth;
  static constexpr std::size_t kSums = kTrees * (Depth - 1);
};

/// From the holder of all leaves to the holder of the punctured ones.
struct PprfMessage {
  std::vector<std::array<Block, 2>> t;                   ///< t_{l,c} of tree i at i*(Depth-1) + (l-1), l >= 1
  std::vector<std::array<std::uint8_t, 32>> check_sum;   ///< t~, one a tree
  std::vector<std::array<std::uint8_t, 32>> check_root;  ///< s~, one a tree
};

struct PprfSent {
  PprfMessage message;
  SecretVector<Block> leaves;  ///< leaf x of tree i at i*kLeaves + x
};

/// The base-OT choices that leave the hole at Delta_i: c_{i,l} = 1 - bit (Depth-1-l) of Delta_i, where
/// bit b of Delta_i is bit Depth*i + b of nabla. Constant-time.
template <std::size_t Depth>
Secret<Block> pprf_choices(const Secret<Block>& nabla);

/// SPEC 2.2, the base-OT sender. binding: sid = set-up id, from = sender, to = receiver.
/// keys  kLambdaC pairs F_{l,c}; constant-time in them
template <std::size_t Depth>
PprfSent pprf_send(const Binding& binding, const SecretVector<std::array<Block, 2>>& keys);

/// SPEC 2.2, the base-OT receiver: all leaves but number Delta_i of tree i, that slot zero.
/// keys   kLambdaC blocks F_{l,c_l}
/// fails  Malformed: a list has the wrong length. PprfCheck: a consistency value does not fit; never to
///        be retried, the set-up must be destroyed (SPEC 3.5). Blame pair(to, from)
/// time   constant in nabla and keys; all trees are judged by one comparison
template <std::size_t Depth>
Result<SecretVector<Block>, Abort> pprf_receive(const Binding& binding, const Secret<Block>& nabla,
                                                const SecretVector<Block>& keys, const PprfMessage& message);

}  // namespace quorate::ot
