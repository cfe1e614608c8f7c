#include "protocol/group/point.h"

#include <openssl/bn.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "protocol/group/coordinates.h"
#include "protocol/group/lane_batch.h"
#include "protocol/group/windowed.h"

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

struct ContextFree {
  void operator()(BN_CTX* c) const { BN_CTX_free(c); }
};

/// Scratch space of this thread. The secure variant wipes what it frees.
BN_CTX* scratch() {
  thread_local const std::unique_ptr<BN_CTX, ContextFree> context(BN_CTX_secure_new());
  require(context != nullptr);
  return context.get();
}

/// A scalar as OpenSSL takes it, wiped at the end.
///
/// The bytes go in behind a leading 1, which is masked off again: BN_bin2bn skips leading zero bytes one
/// by one, and how many a secret has must not be seen. A BIGNUM's top follows from its words, so the
/// memory-poisoning test cannot follow a secret through OpenSSL: the copy that it gets is declared public
/// here, and the product with it; test/ctime looks at OpenSSL's P-256 by itself. A public scalar is not
/// declared anything, so that the test sees a secret that was passed for one.
class Multiplier {
 public:
  template <bool kSecret>
  explicit Multiplier(const BasicScalar<kSecret>& k) : value_(BN_secure_new()) {
    const std::size_t size = k.curve().scalar_size();
    std::array<std::uint8_t, 1 + 8 * kMaxLimbs> bytes;
    bytes[0] = 1;
    k.encode(MutableByteView(bytes).subspan(1, size));
    if constexpr (kSecret) ct::unpoison(bytes.data(), bytes.size());
    require(value_ != nullptr &&
            BN_bin2bn(bytes.data(), static_cast<int>(1 + size), value_.get()) != nullptr &&
            BN_mask_bits(value_.get(), static_cast<int>(8 * size)) == 1);
    if constexpr (kSecret) {
      BN_set_flags(value_.get(), BN_FLG_CONSTTIME);
      ct::wipe(bytes.data(), bytes.size());
    }
  }
  [[nodiscard]] const BIGNUM* get() const { return value_.get(); }

 private:
  struct Free {
    void operator()(BIGNUM* b) const { BN_clear_free(b); }
  };
  std::unique_ptr<BIGNUM, Free> value_;
};

/// OpenSSL has special code for P-256; on P-384 its generic ladder is far slower than our own windows.
bool multiplies_itself(const Curve& curve) { return curve.id() == CurveId::P384; }

/// The scalar as a plain integer, wiped at the end.
template <bool kSecret>
struct Plain {
  explicit Plain(const BasicScalar<kSecret>& k) : limbs(k.plain()) {}
  Plain(const Plain&) = delete;
  Plain& operator=(const Plain&) = delete;
  ~Plain() {
    if constexpr (kSecret) ct::wipe(limbs.data(), sizeof limbs);
  }
  Limbs limbs;
};

/// From how many points on the eight lanes of a sum pay.
constexpr std::size_t kFewestInSum = 4;

std::size_t bit_length(const Limbs& k) {
  std::size_t bits = 0;
  for (std::size_t i = 0; i < k.size(); ++i)
    if (k[i] != 0) bits = 64 * i + static_cast<std::size_t>(std::bit_width(k[i]));
  return bits;
}

/// Calls f with the curve's own windows.
template <class F>
auto with_windows(const Curve& curve, F&& f) {
  switch (curve.id()) {
    case CurveId::P256: return f(p256_multiplication());
    case CurveId::P384: return f(p384_multiplication());
    case CurveId::Toy: break;
  }
  return f(toy_multiplication());
}

const Curve& common_curve(const Point& a, const Point& b) {
  if (!a.valid() || !b.valid() || &a.curve() != &b.curve()) std::abort();
  return a.curve();
}

}  // namespace

Point::Point(const Curve& curve) : curve_(&curve), point_(EC_POINT_new(curve.group())) {
  require(point_ != nullptr);
}

Point::Point(const Point& other)
    : curve_(other.curve_),
      point_(other.curve_ == nullptr ? nullptr : EC_POINT_dup(other.get(), other.curve_->group())) {
  require(curve_ == nullptr || point_ != nullptr);
}

Point& Point::operator=(const Point& other) {
  if (this == &other) return *this;
  if (curve_ != nullptr && curve_ == other.curve_) {
    require(EC_POINT_copy(point_.get(), other.get()) == 1);
    return *this;
  }
  return *this = Point(other);
}

Point Point::generator(const Curve& curve) {
  Point out(curve);
  require(EC_POINT_copy(out.point_.get(), EC_GROUP_get0_generator(curve.group())) == 1);
  return out;
}

template <bool kSecret>
Point Point::multiply(const BasicScalar<kSecret>& k, const Point* p) {
  require(k.valid() && (p == nullptr || p->curve_ == &k.curve()));
  const Curve& curve = k.curve();
  if (multiplies_itself(curve)) {
    const Plain number(k);
    return p == nullptr ? p384_multiplication().multiply_base(number.limbs)
                        : p384_multiplication().multiply(number.limbs, *p);
  }
  Point out(curve);
  if (p != nullptr && p->is_infinity()) return out;
  const Multiplier number(k);
  require(EC_POINT_mul(curve.group(), out.point_.get(), p == nullptr ? number.get() : nullptr,
                       p == nullptr ? nullptr : p->get(), p == nullptr ? nullptr : number.get(),
                       scratch()) == 1);
  return out;
}

Point Point::mul_base(const SecretScalar& k) { return multiply(k, nullptr); }
Point Point::mul_base(const Scalar& k) { return multiply(k, nullptr); }
Point Point::mul(const SecretScalar& k) const { return multiply(k, this); }
Point Point::mul_var(const Scalar& k) const { return multiply(k, this); }

std::optional<Point> Point::decode(const Curve& curve, ByteView bytes) {
  if (curve.is_toy() && bytes.size() == 1 && bytes[0] == 0) return Point(curve);
  if (bytes.size() != curve.point_size() || bytes[0] != POINT_CONVERSION_UNCOMPRESSED) return std::nullopt;
  Point out(curve);
  // Checks that both coordinates are below p and that the point is on the curve; the cofactor is 1.
  if (EC_POINT_oct2point(curve.group(), out.point_.get(), bytes.data(), bytes.size(), scratch()) != 1) {
    return std::nullopt;
  }
  return out;
}

Point Point::from_checked(const Curve& curve, const Affine& p) {
  Point out(curve);
  if (p.x == Limbs{} && p.y == Limbs{}) return out;
  BN_CTX* ctx = scratch();
  BN_CTX_start(ctx);
  BIGNUM *x = BN_CTX_get(ctx), *y = BN_CTX_get(ctx);
  // A coordinate may be what somebody guesses at, as base OTs have it: behind a leading 1, like Multiplier's
  // scalars.
  const std::size_t size = curve.field_size();
  std::array<std::uint8_t, 1 + 8 * kMaxLimbs> bytes;
  bytes[0] = 1;
  const auto number = [&](BIGNUM* to, const Limbs& from) {
    residue::to_big_endian(MutableByteView(bytes).subspan(1, size), from);
    require(to != nullptr && BN_bin2bn(bytes.data(), static_cast<int>(1 + size), to) != nullptr &&
            BN_mask_bits(to, static_cast<int>(8 * size)) == 1);
  };
  number(x, p.x);
  number(y, p.y);
  ct::wipe(bytes.data(), bytes.size());
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  // Not EC_POINT_set_affine_coordinates, which computes the curve's equation once more.
  require(EC_POINT_set_Jprojective_coordinates_GFp(curve.group(), out.point_.get(), x, y, BN_value_one(), ctx) == 1);
#pragma GCC diagnostic pop
  BN_CTX_end(ctx);
  return out;
}

Bytes Point::encode() const {
  Bytes out(is_infinity() ? 1 : curve_->point_size());
  require(EC_POINT_point2oct(curve_->group(), get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                             scratch()) == out.size());
  return out;
}

std::vector<Bytes> Point::encode_all(std::span<const Point> points) {
  std::vector<Bytes> out(points.size());
  if (points.empty()) return out;
  const Curve& curve = points.front().curve();
  const auto coordinates = affine_all(points);
  for (std::size_t i = 0; i < points.size(); ++i)
    out[i] = points[i].is_infinity() ? Bytes{0} : uncompressed(curve, coordinates[i].x, coordinates[i].y);
  return out;
}

bool Point::is_infinity() const { return EC_POINT_is_at_infinity(curve_->group(), get()) == 1; }

Scalar Point::x_mod_order() const {
  require(!is_infinity());
  const Bytes encoded = encode();
  return Scalar::reduce(*curve_, ByteView(encoded).subspan(1, curve_->field_size()));
}

Point Point::negate() const {
  Point out(*this);
  require(EC_POINT_invert(curve_->group(), out.point_.get(), scratch()) == 1);
  return out;
}

Point& Point::operator+=(const Point& other) {
  const Curve& curve = common_curve(*this, other);
  require(EC_POINT_add(curve.group(), point_.get(), get(), other.get(), scratch()) == 1);
  return *this;
}

bool Point::operator==(const Point& other) const {
  const int order = EC_POINT_cmp(common_curve(*this, other).group(), get(), other.get(), scratch());
  require(order >= 0);
  return order == 0;
}

Point mul_add_var(const Scalar& a, const Scalar& b, const Point& p) {
  require(p.valid() && &p.curve() == &a.curve() && &p.curve() == &b.curve());
  if (multiplies_itself(p.curve())) return Point::mul_base(a) + p.mul_var(b);
  Point out(p.curve());
  require(EC_POINT_mul(p.curve().group(), out.point_.get(), Multiplier(a).get(), p.get(), Multiplier(b).get(),
                       scratch()) == 1);
  return out;
}

Point multi_mul_var(std::span<const Scalar> k, std::span<const Point> p) {
  require(k.size() == p.size() && !p.empty());
  const Curve& curve = p.front().curve();
  for (std::size_t i = 0; i < p.size(); ++i) require(&p[i].curve() == &curve && &k[i].curve() == &curve);
  if (const LaneKernels* kernels = p.size() < kFewestInSum ? nullptr : lane_kernels(curve)) {
    std::vector<Limbs> numbers;
    std::size_t bits = 1;
    for (const auto& factor : k) bits = std::max(bits, bit_length(numbers.emplace_back(factor.plain())));
    const auto parts = lane_sum(*kernels, curve, numbers, p, bits);
    return with_windows(curve, [&](const auto& windowed) { return windowed.sum(parts.reveal()); });
  }
  std::vector<Multiplier> numbers;
  std::vector<const BIGNUM*> factors;
  std::vector<const EC_POINT*> points;
  numbers.reserve(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    factors.push_back(numbers.emplace_back(k[i]).get());
    points.push_back(p[i].get());
  }
  Point out(curve);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  require(EC_POINTs_mul(curve.group(), out.point_.get(), Multiplier(Scalar(curve)).get(), p.size(),
                        points.data(), factors.data(), scratch()) == 1);
#pragma GCC diagnostic pop
  return out;
}

bool vanishes(std::span<const SecretScalar> k, std::span<const Point> p, const SecretScalar& g, const Point& q) {
  const Curve& curve = q.curve();
  require(k.size() == p.size() && &g.curve() == &curve);
  SecretVector<Limbs> numbers(k.size());
  for (std::size_t i = 0; i < k.size(); ++i) {
    require(&k[i].curve() == &curve && &p[i].curve() == &curve);
    numbers.reveal()[i] = k[i].plain();
  }
  const Plain base(g);
  const auto factors = std::as_const(numbers).reveal();
  const LaneKernels* kernels = p.size() < kFewestInSum ? nullptr : lane_kernels(curve);
  SecretVector<Homogeneous> parts;
  if (kernels != nullptr) parts = lane_sum(*kernels, curve, factors, p, curve.order_bits());
  return with_windows(curve, [&](const auto& windowed) {
    return kernels == nullptr ? windowed.vanishes(factors, p, base.limbs, q)
                              : windowed.vanishes(std::as_const(parts).reveal(), base.limbs, q);
  });
}

}  // namespace quorate
