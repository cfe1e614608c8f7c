#pragma once

#include <vector>

#include "protocol/group/curve.h"
#include "protocol/mul/triples.h"

namespace quorate::mul {

/// What multiplications on one curve share; public.
struct Tables {
  /// SPEC 4.1: the gadget g_j = H(Gadget, curve, j) mod n, j = 0 .. xi-1, in Montgomery form, packed
  /// (modulus.limbs words each).
  std::vector<Word> gadget;
  /// The same times 2^(52 L), as lane_kernels.h has it.
  std::vector<Word> lane_gadget;
  Reciprocal reciprocal;
};

/// Computed at the first call for a curve, kept for the life of the process; safe to call from several
/// threads.
const Tables& tables(const Curve& curve);

}  // namespace quorate::mul
