#pragma once

#include <memory>
#include <optional>

#include "protocol/group/scalar.h"

namespace quorate {

struct Affine;

/// A point of a curve's prime-order group, the neutral element included. Always public once it exists.
class Point {
 public:
  Point() = default;                   ///< belongs to no curve; only assignment is allowed
  explicit Point(const Curve& curve);  ///< the neutral element
  Point(const Point& other);
  Point& operator=(const Point& other);
  Point(Point&&) noexcept = default;
  Point& operator=(Point&&) noexcept = default;
  ~Point() = default;

  static Point generator(const Curve& curve);
  /// k G. Constant-time in a secret k.
  static Point mul_base(const SecretScalar& k);
  static Point mul_base(const Scalar& k);

  /// Uncompressed: 0x04, x, y (big-endian, field_size bytes each). Nothing for a wrong length, a
  /// coordinate out of range, a point off the curve or (on real curves) infinity. On toy curves
  /// infinity is the one byte 0.
  static std::optional<Point> decode(const Curve& curve, ByteView bytes);
  [[nodiscard]] Bytes encode() const;
  /// The point with coordinates that the caller knows to be on the curve.
  static Point from_checked(const Curve& curve, const Affine& p);
  /// Encodes many with one field inversion. Each point_size() bytes (toy infinity: 1).
  static std::vector<Bytes> encode_all(std::span<const Point> points);

  [[nodiscard]] const Curve& curve() const { return *curve_; }
  [[nodiscard]] bool valid() const { return curve_ != nullptr; }
  [[nodiscard]] bool is_infinity() const;
  /// x-coordinate reduced mod n: ECDSA's r. Not for infinity.
  [[nodiscard]] Scalar x_mod_order() const;

  /// k P, constant-time in k.
  [[nodiscard]] Point mul(const SecretScalar& k) const;
  /// k P, variable time: public scalars only.
  [[nodiscard]] Point mul_var(const Scalar& k) const;
  [[nodiscard]] Point negate() const;
  Point& operator+=(const Point& other);
  friend Point operator+(Point a, const Point& b) { return a += b; }
  friend Point operator-(Point a, const Point& b) { return a += b.negate(); }
  bool operator==(const Point& other) const;

  [[nodiscard]] const EC_POINT* get() const { return point_.get(); }

  friend Point mul_add_var(const Scalar& a, const Scalar& b, const Point& p);
  friend Point multi_mul_var(std::span<const Scalar> k, std::span<const Point> p);

 private:
  /// k P, or k G for a null pointer.
  template <bool kSecret>
  static Point multiply(const BasicScalar<kSecret>& k, const Point* p);
  struct Free {
    void operator()(EC_POINT* p) const { EC_POINT_clear_free(p); }
  };
  const Curve* curve_ = nullptr;
  std::unique_ptr<EC_POINT, Free> point_;
};

/// a G + b P for public a, b; variable time.
Point mul_add_var(const Scalar& a, const Scalar& b, const Point& p);
/// sum k_i P_i; variable time, public only. As many scalars as points, at least one.
Point multi_mul_var(std::span<const Scalar> k, std::span<const Point> p);
/// True if sum k_i P_i + g G + Q is infinity. Constant-time in k and g, of which only the answer is revealed.
/// As many scalars as points.
bool vanishes(std::span<const SecretScalar> k, std::span<const Point> p, const SecretScalar& g, const Point& q);

}  // namespace quorate
