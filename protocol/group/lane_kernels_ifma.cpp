// Compiled with AVX-512 flags: see lanes.h for what must not be used here.
#include "protocol/group/lane_products.h"

namespace quorate {

extern const LaneKernels kIfmaP256, kIfmaP384;
const LaneKernels kIfmaP256 = kLaneKernels<IfmaLanes, 5>;
const LaneKernels kIfmaP384 = kLaneKernels<IfmaLanes, 8>;

}  // namespace quorate
