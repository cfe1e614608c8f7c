#include "protocol/group/shamir.h"

#include <algorithm>
#include <cstdlib>

namespace quorate {
namespace {

/// k P by doubling and adding: k is a signer's number, a few bits.
Point mul_small(const Point& p, PartyId k) {
  Point sum(p.curve());
  for (int bit = 7; bit >= 0; --bit) {
    sum += Point(sum);
    if ((k >> bit & 1) != 0) sum += p;
  }
  return sum;
}

}  // namespace

Polynomial Polynomial::random(const Curve& curve, std::size_t threshold, Rng& rng) {
  return with_constant(SecretScalar::random_nonzero(curve, rng), threshold, rng);
}

Polynomial Polynomial::with_constant(SecretScalar constant, std::size_t threshold, Rng& rng) {
  if (threshold == 0) std::abort();
  const Curve& curve = constant.curve();
  Polynomial f;
  f.coefficients_.reserve(threshold);
  f.coefficients_.push_back(std::move(constant));
  while (f.coefficients_.size() < threshold) {
    f.coefficients_.push_back(SecretScalar::random_nonzero(curve, rng));
  }
  return f;
}

SecretScalar Polynomial::evaluate(PartyId at) const {
  const Curve& curve = coefficients_.front().curve();
  const Scalar x(curve, at);
  SecretScalar y(curve);
  for (auto c = coefficients_.rbegin(); c != coefficients_.rend(); ++c) y = y * x + *c;
  return y;
}

std::vector<Point> Polynomial::commit() const {
  std::vector<Point> out;
  out.reserve(coefficients_.size());
  for (const auto& c : coefficients_) out.push_back(Point::mul_base(c));
  return out;
}

Point evaluate_commitment(std::span<const Point> commitment, PartyId at) {
  if (commitment.empty()) std::abort();
  Point y(commitment.front().curve());
  for (auto f = commitment.rbegin(); f != commitment.rend(); ++f) y = mul_small(y, at) + *f;
  return y;
}

Scalar lagrange_at_zero(const Curve& curve, const Quorum& quorum, PartyId i) {
  if (std::find(quorum.begin(), quorum.end(), i) == quorum.end()) std::abort();
  Scalar numerator(curve, 1), denominator(curve, 1);
  for (const PartyId j : quorum) {
    if (j == i) continue;
    numerator = numerator * Scalar(curve, j);
    denominator = denominator * (Scalar(curve, j) - Scalar(curve, i));
  }
  return numerator * denominator.invert();
}

}  // namespace quorate
