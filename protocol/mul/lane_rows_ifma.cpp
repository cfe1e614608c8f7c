// Compiled with AVX-512 flags, see protocol/group/lanes.h.
#include "protocol/mul/lane_rows.h"

namespace quorate::mul {

const LaneKernels& ifma_kernels(const Modulus& m) {
  return m.limbs == 4 ? Kernels<IfmaLanes>::Of<4>::kTable : Kernels<IfmaLanes>::Of<6>::kTable;
}

}  // namespace quorate::mul
