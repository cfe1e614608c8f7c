// Compiled with AVX-512 flags, see protocol/group/lanes.h.
#include "test/unit/lane_probe.h"

namespace quorate {

void probe_ifma_vector(VectorOp op, std::size_t stride, std::uint64_t* r, const std::uint64_t* a,
                       const std::uint64_t* b, const std::uint64_t* c) {
  probe_vector<IfmaLanes>(op, stride, r, a, b, c);
}
void probe_ifma_field(const Modulus& m, FieldOp op, std::uint64_t* r, const std::uint64_t* a,
                      const std::uint64_t* b, const std::uint64_t* c) {
  probe_field<IfmaLanes>(m, op, r, a, b, c);
}

}  // namespace quorate
