#pragma once

#include "protocol/base/ids.h"
#include "protocol/base/secret.h"
#include "protocol/ot/params.h"

namespace quorate::ot {

/// What the extension receiver (Bob, base-OT sender) holds: every leaf of every tree.
/// Leaf x of tree i is leaves[i * kLeaves + x].
struct AllLeaves {
  SecretVector<Block> leaves{kTrees * kLeaves};
};

/// What the extension sender (Alice, base-OT receiver) holds: every leaf but number Delta_i of tree i
/// (that slot is zero), and Nabla, bit k*i+b = bit b of Delta_i. Which slot is empty is secret.
struct PuncturedLeaves {
  SecretVector<Block> leaves{kTrees * kLeaves};
  Secret<Block> nabla;
};

/// Everything two signers share for one key epoch after a pair set-up (SPEC section 2). Lives in
/// memory only. One object per side; both directions in it.
struct PairState {
  SetupId id;
  PartyId me = kNobody;
  PartyId peer = kNobody;
  AllLeaves as_receiver;        ///< for extensions in which I am Bob
  PuncturedLeaves as_sender;    ///< for extensions in which I am Alice
  SecretBytes zero_seed;        ///< 32 bytes, the same on both sides
};

}  // namespace quorate::ot
