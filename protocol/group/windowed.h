#pragma once

#include <span>
#include <vector>

#include "protocol/group/projective.h"

namespace quorate {

/// Constant-time multiplication with signed windows of five bits, for curves on which OpenSSL has only its
/// generic ladder: k P takes about half of that, k G a fifth. Table entries are selected by
/// reading all of them. k is a plain integer below the order.
template <std::size_t N>
class Windowed {
 public:
  explicit Windowed(const Curve& curve);

  [[nodiscard]] Point multiply(const Limbs& k, const Point& p) const;
  [[nodiscard]] Point multiply_base(const Limbs& k) const;
  /// True if sum k_i P_i + g G + Q is infinity. Only the answer is revealed. All doublings are shared, so
  /// that each P_i costs a third of multiply().
  [[nodiscard]] bool vanishes(std::span<const Limbs> k, std::span<const Point> p, const Limbs& g, const Point& q) const;
  /// The same with sum k_i P_i given as points to be added.
  [[nodiscard]] bool vanishes(std::span<const Homogeneous> parts, const Limbs& g, const Point& q) const;
  /// The sum of points, public from here on.
  [[nodiscard]] Point sum(std::span<const Homogeneous> parts) const;
  /// (j + 1) 32^w G at 16 w + j.
  [[nodiscard]] std::vector<Affine> base_multiples() const;

 private:
  static constexpr std::size_t kTogether = 32;  ///< points whose tables fit the fast caches
  static constexpr std::size_t kWidth = 5;
  static constexpr std::size_t kEntries = std::size_t{1} << (kWidth - 1);
  /// A signed digit of a scalar: -16..16.
  struct Digit {
    std::uint64_t magnitude, negative;
  };

  [[nodiscard]] Digit digit(const Limbs& k, std::size_t window) const;
  [[nodiscard]] Projective<N> with_sign(Projective<N> p, const Digit& d) const;
  /// (j + 1) P at entry j.
  void fill_table(Projective<N>* table, const Point& p) const;
  [[nodiscard]] Projective<N> choose(const Projective<N>* table, const Digit& d) const;
  [[nodiscard]] Projective<N> base_product(const Limbs& k) const;
  [[nodiscard]] Projective<N> sum_of_products(std::span<const Limbs> k, std::span<const Point> p) const;
  /// Whether P + g G + Q is infinity; wipes P.
  [[nodiscard]] bool closes(Projective<N>& p, const Limbs& g, const Point& q) const;
  [[nodiscard]] Projective<N> add_up(std::span<const Homogeneous> parts) const;
  [[nodiscard]] Point finish(Projective<N>& sum) const;

  GroupLaw<N> law_;
  std::size_t windows_;
  std::vector<Finite<N>> base_;  ///< at kEntries w + j: (j + 1) 2^(kWidth w) G
};

/// One instance a curve, made at the first call.
const Windowed<6>& p384_multiplication();
const Windowed<4>& p256_multiplication();
const Windowed<1>& toy_multiplication();

}  // namespace quorate
