#pragma once

#include <array>
#include <memory>

#include "protocol/group/scalar.h"
#include "protocol/ot/soft_spoken.h"

namespace quorate::mul {

/// The xi rows of three residues of one RVOLE instance (SPEC 4), alpha0 of Alice or d of Bob. blind() or
/// correct() comes first. Everything but a~ and theta is secret, and worked on in constant time.
class Rows {
 public:
  /// Eight rows at a time if lanes_in_use() says so and the curve is no toy, else one by one. The results
  /// are the same.
  static std::unique_ptr<Rows> of(const Curve& curve);
  virtual ~Rows() = default;

  /// SPEC 4.2, Alice: alpha0, and a~_j = alpha0_j - alpha1_j + shift as xi x 3 big-endian scalars; `first` is
  /// the number of the instance's first OT.
  virtual void blind(const ot::SenderOts& ots, std::size_t first,
                     const std::array<const SecretScalar*, 3>& shift, MutableByteView a_tilde) = 0;
  /// SPEC 4.6, Bob: d_j = gamma_j + beta_j a~_j. False if some value of a~ is not below n.
  [[nodiscard]] virtual bool correct(const ot::ReceiverOts& ots, std::size_t first, ByteView a_tilde) = 0;
  /// mu_j = row_j[2] + theta_0 row_j[0] + theta_1 row_j[1], less beta_j eta for Bob, as xi big-endian
  /// scalars.
  virtual void fold(const std::array<Scalar, 2>& theta, const Scalar* eta, MutableByteView mus) const = 0;
  /// sum_j g_j row_j[i]
  [[nodiscard]] virtual SecretScalar weigh(std::size_t i) const = 0;
};

/// sum_j beta_j g_j over the instance whose first OT is number `first`.
SecretScalar weigh_choices(const Curve& curve, const ot::ReceiverOts& ots, std::size_t first);

}  // namespace quorate::mul
