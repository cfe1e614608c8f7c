#pragma once

#include "protocol/base/ids.h"
#include "protocol/group/point.h"
#include "protocol/ot/params.h"

namespace quorate::ot {

/// Both sides send the same three messages, each in both roles at once (SPEC section 2).
struct SetupMsg1 {
  Digest nonce;  ///< fresh, 32 bytes
  Point dh;      ///< ephemeral Diffie-Hellman share for the zero-share seed; not infinity
};

/// As base-OT receiver (future extension sender).
struct SetupMsg2 {
  std::vector<std::array<Point, 2>> r;  ///< kLambdaC pairs (r_0, r_1)
};

/// As base-OT sender (future extension receiver).
struct SetupMsg3 {
  std::vector<std::array<Point, 2>> b;                          ///< kLambdaC pairs (B_0, B_1)
  std::vector<std::array<Block, 2>> t;                          ///< kTrees * (k-1): t_{l,c} of tree i at i*(k-1)+(l-1)
  std::vector<std::array<std::uint8_t, 32>> check_sum;          ///< t~, one a tree
  std::vector<std::array<std::uint8_t, 32>> check_root;         ///< s~, one a tree
};

}  // namespace quorate::ot
