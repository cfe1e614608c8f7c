#pragma once

#include <optional>

#include "protocol/base/ct.h"
#include "protocol/base/rng.h"
#include "protocol/group/curve.h"

namespace quorate {

/// An integer mod the curve's order, kept in Montgomery form. All arithmetic is constant-time in the
/// values. Mixing curves is a caller's bug and ends the process.
/// Scalar is public, SecretScalar is not: it cannot be copied or printed, wipes itself, and what is
/// computed from it is secret again until declassify().
template <bool kSecret>
class BasicScalar {
 public:
  BasicScalar() = default;  ///< belongs to no curve; only assignment is allowed
  explicit BasicScalar(const Curve& curve) : curve_(&curve) {}  ///< zero
  BasicScalar(const Curve& curve, std::uint64_t small);

  BasicScalar(const BasicScalar&) requires(!kSecret) = default;
  BasicScalar& operator=(const BasicScalar&) requires(!kSecret) = default;
  BasicScalar(const BasicScalar&) requires(kSecret) = delete;
  BasicScalar& operator=(const BasicScalar&) requires(kSecret) = delete;
  BasicScalar(BasicScalar&& other) noexcept;
  BasicScalar& operator=(BasicScalar&& other) noexcept;
  /// Public to secret is always allowed.
  template <bool kOther>
  requires(kSecret && !kOther) explicit BasicScalar(const BasicScalar<kOther>& other)
      : curve_(other.curve_), limbs_(other.limbs_) {}
  ~BasicScalar();

  /// Uniform, by expanding wide_size() bytes and reducing. May be 0 with probability 1/n.
  static BasicScalar random(const Curve& curve, Rng& rng);
  /// Uniform and not 0.
  static BasicScalar random_nonzero(const Curve& curve, Rng& rng);
  /// wide: any number of bytes, big-endian; reduced mod n. Constant-time in the bytes.
  static BasicScalar reduce(const Curve& curve, ByteView wide);
  /// Exactly scalar_size() bytes, big-endian; nothing if the value is n or more.
  static std::optional<BasicScalar> decode(const Curve& curve, ByteView bytes);
  static BasicScalar from_montgomery(const Curve& curve, const Limbs& limbs);
  /// limbs is a canonical integer below n.
  static BasicScalar from_plain(const Curve& curve, const Limbs& limbs);

  [[nodiscard]] const Curve& curve() const { return *curve_; }
  [[nodiscard]] bool valid() const { return curve_ != nullptr; }
  [[nodiscard]] const Limbs& montgomery() const { return limbs_; }
  [[nodiscard]] Limbs plain() const;

  [[nodiscard]] BasicScalar negate() const;
  /// Constant-time (Fermat). Zero gives zero.
  [[nodiscard]] BasicScalar invert() const;
  /// The same in variable time, several times as fast.
  [[nodiscard]] BasicScalar invert_var() const requires(!kSecret);
  [[nodiscard]] BasicScalar clone() const { return from_montgomery(*curve_, limbs_); }
  void wipe() { ct::wipe(limbs_.data(), sizeof limbs_); }

  /// Big-endian, scalar_size() bytes.
  void encode(MutableByteView out) const;
  [[nodiscard]] Bytes encode() const requires(!kSecret);
  [[nodiscard]] bool is_zero() const requires(!kSecret);
  /// > n/2, for low-s.
  [[nodiscard]] bool is_high() const requires(!kSecret);
  bool operator==(const BasicScalar& other) const requires(!kSecret);

 private:
  template <bool kOther>
  friend class BasicScalar;
  const Curve* curve_ = nullptr;
  Limbs limbs_{};
};

using Scalar = BasicScalar<false>;
using SecretScalar = BasicScalar<true>;

template <bool A, bool B>
BasicScalar<A || B> operator+(const BasicScalar<A>& a, const BasicScalar<B>& b);
template <bool A, bool B>
BasicScalar<A || B> operator-(const BasicScalar<A>& a, const BasicScalar<B>& b);
template <bool A, bool B>
BasicScalar<A || B> operator*(const BasicScalar<A>& a, const BasicScalar<B>& b);

/// Makes a secret public on purpose. Every call is a step of the protocol that reveals this value.
Scalar declassify(const SecretScalar& secret);

/// Replaces each by its inverse with one inversion (Montgomery's trick). None may be 0.
void invert_all(std::span<Scalar> scalars);

/// Loops over plain (non-Montgomery) residues below n, for the hot paths. Constant-time.
namespace residue {
/// r = a * b * R^-1 mod n. With b in Montgomery form and a plain, r is the plain product.
void mont_mul(const Modulus& m, Limbs& r, const Limbs& a, const Limbs& b);
void add(const Modulus& m, Limbs& r, const Limbs& a, const Limbs& b);
void sub(const Modulus& m, Limbs& r, const Limbs& a, const Limbs& b);
/// r = wide mod n for any number of little-endian words; the time depends on that number only.
void reduce_wide(const Modulus& m, Limbs& r, std::span<const std::uint64_t> wide);
/// sum_j mont[j] * plain[j * stride], one reduction at the end. mont is in Montgomery form, the
/// result plain. Both are packed arrays of m.limbs words per element (not Limbs), all elements below
/// n; mont.size() / m.limbs is the number of terms, at most 2^32.
void inner_product(const Modulus& m, Limbs& r, std::span<const std::uint64_t> mont,
                   std::span<const std::uint64_t> plain, std::size_t stride = 1);
/// 1 if a < n, else 0, in constant time.
std::uint64_t below(const Modulus& m, const Limbs& a);
/// At most 8 * kMaxLimbs bytes.
void from_big_endian(Limbs& r, ByteView bytes);
/// At most 8 * out.size() bytes; the rest becomes 0.
void from_big_endian(std::span<std::uint64_t> out, ByteView bytes);
/// The low out.size() bytes.
void to_big_endian(MutableByteView out, const Limbs& a);
}  // namespace residue

}  // namespace quorate
