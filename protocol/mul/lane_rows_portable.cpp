#include "protocol/mul/lane_rows.h"

namespace quorate::mul {

const LaneKernels& portable_kernels(const Modulus& m) {
  return m.limbs == 4 ? Kernels<PortableLanes>::Of<4>::kTable : Kernels<PortableLanes>::Of<6>::kTable;
}

}  // namespace quorate::mul
