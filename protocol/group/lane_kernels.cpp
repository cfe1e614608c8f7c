#include "protocol/group/lane_kernels.h"

#include "protocol/group/curve.h"
#include "protocol/group/lane_products.h"

namespace quorate {

const LaneKernels* lane_kernels(const Curve& curve) {
  if (curve.is_toy()) return nullptr;
  const bool p256 = curve.id() == CurveId::P256;
  switch (lanes_in_use()) {
    case Lanes::None:
      return nullptr;
    case Lanes::Portable:
      return p256 ? &kLaneKernels<PortableLanes, 5> : &kLaneKernels<PortableLanes, 8>;
    case Lanes::Ifma:
#if defined(QUORATE_IFMA)
      return p256 ? &kIfmaP256 : &kIfmaP384;
#else
      return nullptr;
#endif
  }
  return nullptr;
}

}  // namespace quorate
