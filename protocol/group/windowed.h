#pragma once

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

 private:
  static constexpr std::size_t kWidth = 5;
  static constexpr std::size_t kEntries = std::size_t{1} << (kWidth - 1);
  struct Affine {
    FieldElement<N> x, y;
  };
  /// A signed digit of a scalar: -16..16.
  struct Digit {
    std::uint64_t magnitude, negative;
  };

  [[nodiscard]] Digit digit(const Limbs& k, std::size_t window) const;
  [[nodiscard]] Projective<N> with_sign(Projective<N> p, const Digit& d) const;
  [[nodiscard]] Point finish(Projective<N>& sum) const;
  void fill_base_table(const Point& generator);

  GroupLaw<N> law_;
  std::size_t windows_;
  std::vector<Affine> base_;  ///< at kEntries w + j: (j + 1) 2^(kWidth w) G
};

/// The instance for P-384.
const Windowed<6>& p384_multiplication();

}  // namespace quorate
