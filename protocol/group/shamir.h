#pragma once

#include <vector>

#include "protocol/base/ids.h"
#include "protocol/group/point.h"

namespace quorate {

/// f(X) = c_0 + c_1 X + ... of degree T-1 with secret coefficients.
class Polynomial {
 public:
  /// Every coefficient is random and not 0 (SPEC 1.2 refuses a commitment at infinity).
  static Polynomial random(const Curve& curve, std::size_t threshold, Rng& rng);
  /// The same with a given f(0), which may be 0: refresh and reshare.
  static Polynomial with_constant(SecretScalar constant, std::size_t threshold, Rng& rng);
  [[nodiscard]] std::size_t size() const { return coefficients_.size(); }
  [[nodiscard]] const SecretScalar& coefficient(std::size_t k) const { return coefficients_[k]; }
  /// f(at), constant-time in the coefficients.
  [[nodiscard]] SecretScalar evaluate(PartyId at) const;
  /// F_k = c_k G.
  [[nodiscard]] std::vector<Point> commit() const;

 private:
  std::vector<SecretScalar> coefficients_;
};

/// sum_k at^k F_k: f(at) G from Feldman commitments. Public, variable time. Not for an empty list.
Point evaluate_commitment(std::span<const Point> commitment, PartyId at);

/// lambda_i(Q): Lagrange coefficient of member i at 0. i must be in the quorum, whose
/// members are distinct and not 0.
Scalar lagrange_at_zero(const Curve& curve, const Quorum& quorum, PartyId i);

}  // namespace quorate
