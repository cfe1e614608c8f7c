#pragma once

#include "protocol/group/lanes.h"
#include "protocol/mul/gadget.h"
#include "protocol/mul/lane_kernels.h"
#include "protocol/mul/rows.h"

namespace quorate::mul {

/// Rows on the kernels of lane_kernels.h. Not for toy curves.
class LaneStore final : public Rows {
 public:
  explicit LaneStore(const Curve& curve);

  void blind(const ot::SenderOts& ots, std::size_t first, const std::array<const SecretScalar*, 3>& shift,
             MutableByteView a_tilde) override;
  bool correct(const ot::ReceiverOts& ots, std::size_t first, ByteView a_tilde) override;
  void fold(const std::array<Scalar, 2>& theta, const Scalar* eta, MutableByteView mus) const override;
  [[nodiscard]] SecretScalar weigh(std::size_t i) const override;

  static SecretScalar weigh_choices(const Curve& curve, const ot::ReceiverOts& ots, std::size_t first);

 private:
  const Curve& curve_;
  const Modulus& m_;
  const LaneKernels& kernels_;
  const Tables& tables_;
  const std::size_t groups_, blocks_, element_;  // element_: words of eight residues in limbs
  SecretVector<Word> rows_;
  SecretBytes choices_;  // Alice has none: zeros
};

}  // namespace quorate::mul
