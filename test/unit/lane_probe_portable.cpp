#include "test/unit/lane_probe.h"

namespace quorate {

void probe_portable_vector(VectorOp op, std::size_t stride, std::uint64_t* r, const std::uint64_t* a,
                           const std::uint64_t* b, const std::uint64_t* c) {
  probe_vector<PortableLanes>(op, stride, r, a, b, c);
}
void probe_portable_field(const Modulus& m, FieldOp op, std::uint64_t* r, const std::uint64_t* a,
                          const std::uint64_t* b, const std::uint64_t* c) {
  probe_field<PortableLanes>(m, op, r, a, b, c);
}

}  // namespace quorate
