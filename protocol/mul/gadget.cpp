#include "protocol/mul/gadget.h"

#include <algorithm>

#include "protocol/group/lanes.h"
#include "protocol/group/montgomery.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/params.h"

namespace quorate::mul {
namespace {

Tables compute(const Curve& curve) {
  const std::size_t xi = ot::ots_per_multiplication(curve), words = curve.order().limbs;
  const std::size_t limbs = lane_limbs(words);
  Tables out{std::vector<Word>(xi * words), std::vector<Word>(xi * limbs), reciprocal(curve.order())};
  const Scalar step(curve, std::uint64_t{1} << (52 * limbs - 64 * words));
  Binding binding;
  binding.curve = curve.id();
  for (std::size_t j = 0; j < xi; ++j) {
    const Scalar g = Transcript(Label::Gadget, binding.at(static_cast<std::uint32_t>(j))).scalar(curve);
    std::copy_n(g.montgomery().begin(), words, out.gadget.begin() + static_cast<std::ptrdiff_t>(j * words));
    Word split[kMaxLaneLimbs];
    mont::to_lane_limbs(split, limbs, (g * step).montgomery());
    for (std::size_t i = 0; i < limbs; ++i)
      out.lane_gadget[(j / kLanes * limbs + i) * kLanes + j % kLanes] = split[i];
  }
  return out;
}

}  // namespace

const Tables& tables(const Curve& curve) {
  switch (curve.id()) {
    case CurveId::P256: {
      static const Tables p256 = compute(Curve::p256());
      return p256;
    }
    case CurveId::P384: {
      static const Tables p384 = compute(Curve::p384());
      return p384;
    }
    case CurveId::Toy:
      break;
  }
  static const Tables toy = compute(Curve::toy());
  return toy;
}

}  // namespace quorate::mul
