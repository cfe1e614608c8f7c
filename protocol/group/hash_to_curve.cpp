#include "protocol/group/hash_to_curve.h"

#include <cstdlib>

#include "protocol/group/lane_batch.h"
#include "protocol/group/projective.h"

namespace quorate {
namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

/// x = x_numerator / x_denominator, and y.
template <std::size_t N>
struct Mapped {
  FieldElement<N> x_numerator, x_denominator, y;
};

/// RFC 9380 section 8.2 and 8.3: simplified SWU with a random oracle, for a prime p = 3 mod 4.
template <std::size_t N>
class Suite {
 public:
  using Element = FieldElement<N>;

  /// minus_z: the suite's Z is its negative. wide: L of the RFC, bytes hashed for one field element.
  Suite(const Curve& curve, std::uint64_t minus_z, std::size_t wide)
      : curve_(curve),
        law_(curve),
        f_(law_.field()),
        wide_(wide),
        a_(f_.negate(f_.small(3))),
        z_(f_.negate(f_.small(minus_z))) {
    // (p - 3) / 4, and from it the root a^((p + 1) / 4) = a a^((p - 3) / 4) of -Z.
    const Limbs& p = curve.field().n;
    for (std::size_t i = 0; i < N; ++i) exponent_[i] = p[i] >> 2 | (i + 1 < N ? p[i + 1] << 62 : 0);
    const Element minus = f_.negate(z_);
    root_of_minus_z_ = f_.mul(minus, f_.pow(minus, exponent_));
    require(f_.equal(f_.square(root_of_minus_z_), minus) == 1);
  }

  Suite(const Suite&) = delete;
  Suite& operator=(const Suite&) = delete;

  [[nodiscard]] Point hash(ByteView message, ByteView dst) const {
    return law_.to_point(mapped(fields(message, dst)));
  }

  [[nodiscard]] Point add(const Point& p, ByteView message, ByteView dst, bool subtract) const {
    auto hash = mapped(fields(message, dst));
    if (subtract) hash.y = f_.negate(hash.y);
    auto addend = law_.from_point(p);
    ct::poison(&addend, sizeof addend);  // its time says nothing of the coordinates
    return law_.to_point(law_.add(addend, hash));
  }

  /// hash_to_field of the RFC: two elements.
  [[nodiscard]] std::array<Element, 2> fields(ByteView message, ByteView dst) const {
    Bytes uniform = expand_message_xmd(curve_.digest_name(), message, dst, 2 * wide_);
    const std::array<Element, 2> u = {f_.reduce(ByteView(uniform).first(wide_)),
                                      f_.reduce(ByteView(uniform).last(wide_))};
    ct::wipe(uniform.data(), uniform.size());
    return u;
  }
  [[nodiscard]] Limbs plain(const Element& u) const { return f_.plain(u); }

 private:
  [[nodiscard]] Projective<N> mapped(const std::array<Element, 2>& u) const {
    return law_.add(projective(map(u[0])), projective(map(u[1])));
  }

  /// Simplified SWU, straight-line (RFC 9380 appendix F.2), with x as a fraction.
  [[nodiscard]] Mapped<N> map(const Element& u) const {
    const auto zuu = f_.mul(z_, f_.square(u));
    const auto t = f_.add(f_.square(zuu), zuu);
    // x1 = -(b/a)(1 + 1/t), or b/(za) where t is 0.
    const auto n1 = f_.mul(law_.b(), f_.add(t, f_.one()));
    const auto d = f_.mul(a_, f_.choose(f_.is_zero(t), f_.negate(t), z_));
    // g(x1) = (n1^3 + a n1 d^2 + b d^3) / d^3
    const auto dd = f_.square(d), ddd = f_.mul(dd, d);
    const auto g = f_.add(f_.mul(f_.add(f_.square(n1), f_.mul(a_, dd)), n1), f_.mul(law_.b(), ddd));
    Element root;
    const std::uint64_t square = sqrt_ratio(root, g, ddd);
    // If g(x1) is no square, x2 = z u^2 x1 and y2 = z u^3 sqrt(z g(x1)).
    const auto numerator = f_.choose(square, f_.mul(zuu, n1), n1);
    auto y = f_.choose(square, f_.mul(f_.mul(zuu, u), root), root);
    y = f_.choose(f_.parity(u) ^ f_.parity(y), y, f_.negate(y));
    return {numerator, d, y};
  }

  /// root = sqrt(u/v) and 1 if that exists, else sqrt(z u/v) and 0 (RFC 9380 appendix F.2.1.2).
  [[nodiscard]] std::uint64_t sqrt_ratio(Element& root, const Element& u, const Element& v) const {
    const auto uv = f_.mul(u, v);
    const auto y1 = f_.mul(f_.pow(f_.mul(f_.square(v), uv), exponent_), uv);
    const auto y2 = f_.mul(y1, root_of_minus_z_);
    const std::uint64_t square = f_.equal(f_.mul(f_.square(y1), v), u);
    root = f_.choose(square, y2, y1);
    return square;
  }

  [[nodiscard]] Projective<N> projective(const Mapped<N>& q) const {
    return {q.x_numerator, f_.mul(q.y, q.x_denominator), q.x_denominator};
  }

  const Curve& curve_;
  GroupLaw<N> law_;
  const Field<N>& f_;
  std::size_t wide_;
  Limbs exponent_{};
  Element a_, z_, root_of_minus_z_;
};

/// The toy curve's own suite: a scalar from the same expander, times G. It gives the logarithm of the
/// point away, which on a real curve would break what is built on it; here there is nothing to protect.
Point hash_to_toy(const Curve& curve, ByteView message, ByteView dst) {
  const Bytes uniform = expand_message_xmd(curve.digest_name(), message, dst, curve.wide_size());
  return Point::mul_base(SecretScalar::reduce(curve, uniform));
}

const Suite<4>& p256_suite() {
  static const Suite<4> suite(Curve::p256(), 10, 48);
  return suite;
}
const Suite<6>& p384_suite() {
  static const Suite<6> suite(Curve::p384(), 12, 72);
  return suite;
}

/// Calls f with the real curve's suite.
template <class F>
auto with_suite(const Curve& curve, F&& f) {
  return curve.id() == CurveId::P256 ? f(p256_suite()) : f(p384_suite());
}

std::vector<Point> combine(std::span<const Point> p, std::span<const Digest> messages, ByteView dst,
                           bool subtract) {
  require(p.size() == messages.size());
  std::vector<Point> out;
  if (p.empty()) return out;
  const Curve& curve = p.front().curve();
  for (const auto& point : p) require(point.valid() && &point.curve() == &curve);
  if (const LaneKernels* kernels = lane_kernels(curve)) {
    SecretVector<Limbs> fields(2 * p.size());
    with_suite(curve, [&](const auto& suite) {
      for (std::size_t i = 0; i < p.size(); ++i) {
        const auto u = suite.fields(messages[i].view(), dst);
        for (std::size_t half = 0; half < 2; ++half) fields.reveal()[2 * i + half] = suite.plain(u[half]);
      }
    });
    return lane_add_hashes(*kernels, curve, p, fields.reveal(), subtract);
  }
  out.reserve(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto message = messages[i].view();
    if (curve.is_toy()) {
      const Point hash = hash_to_toy(curve, message, dst);
      out.push_back(subtract ? p[i] - hash : p[i] + hash);
    } else {
      out.push_back(
          with_suite(curve, [&](const auto& suite) { return suite.add(p[i], message, dst, subtract); }));
    }
  }
  return out;
}

}  // namespace

Point hash_to_curve(const Curve& curve, ByteView message, ByteView dst) {
  if (curve.is_toy()) return hash_to_toy(curve, message, dst);
  return with_suite(curve, [&](const auto& suite) { return suite.hash(message, dst); });
}

std::vector<Point> add_hashes(std::span<const Point> p, std::span<const Digest> messages, ByteView dst) {
  return combine(p, messages, dst, false);
}

std::vector<Point> subtract_hashes(std::span<const Point> p, std::span<const Digest> messages, ByteView dst) {
  return combine(p, messages, dst, true);
}

}  // namespace quorate
