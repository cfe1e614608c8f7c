// Scalars, points, hash-to-curve and GF(2^128) on secret operands.
#include <algorithm>

#include "protocol/group/hash_to_curve.h"
#include "protocol/group/lane_field.h"
#include "protocol/group/lanes.h"
#include "protocol/group/shamir.h"
#include "protocol/hash/identity.h"
#include "protocol/hash/schnorr.h"
#include "protocol/ot/gf128.h"
#include "test/ctime/cases.h"

namespace quorate::ctime {
namespace {

template <const Curve& (*curve_of)()>
void scalar() {
  const Curve& curve = curve_of();
  PoisonedRng rng("scalar");
  const auto a = SecretScalar::random(curve, rng), b = SecretScalar::random_nonzero(curve, rng);
  // (a - b)(a + b) = a^2 - b^2, b / b = 1, and -(-a) = a through the encoding.
  const auto left = (a - b) * (a + b), right = a * a - b * b;
  require(declassify(left) == declassify(right), "scalar arithmetic");
  require(declassify(b * b.invert()) == Scalar(curve, 1), "scalar inversion");
  SecretBytes encoded(curve.scalar_size());
  a.negate().encode(encoded.reveal());
  const auto decoded = SecretScalar::decode(curve, encoded.reveal());
  require(decoded && declassify(decoded->negate()) == declassify(a), "scalar encoding");

  // Both sides of the order, where a comparison would decide.
  for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{255}}) {
    SecretBytes wide(curve.wide_size());
    std::fill(wide.reveal().begin(), wide.reveal().end(), fill);
    ct::poison(wide.reveal().data(), wide.size());
    const auto reduced = SecretScalar::reduce(curve, wide.reveal());
    require(declassify(reduced).is_zero() == (fill == 0), "reduction");
    SecretBytes narrow(curve.scalar_size());
    std::fill(narrow.reveal().begin(), narrow.reveal().end(), fill);
    ct::poison(narrow.reveal().data(), narrow.size());
    require(SecretScalar::decode(curve, narrow.reveal()).has_value() == (fill == 0), "range check");
  }
  const auto f = Polynomial::with_constant(a.clone(), 3, rng);
  require(declassify(f.evaluate(0)) == declassify(a), "polynomial");
}

template <const Curve& (*curve_of)()>
void point() {
  const Curve& curve = curve_of();
  PoisonedRng rng("point");
  const Point base = Point::mul_base(Scalar(curve, 12345));
  std::vector<SecretScalar> scalars;
  for (int i = 0; i < 2; ++i) scalars.push_back(SecretScalar::random(curve, rng));
  for (const std::uint64_t small : {0U, 1U, 2U, 16U, 31U}) {
    SecretScalar k(curve, small);
    scalars.push_back(SecretScalar(curve) - k);
    scalars.push_back(std::move(k));
  }
  for (auto& k : scalars) {
    ct::poison(k.montgomery().data(), sizeof(Limbs));
    const auto kG = Point::mul_base(k), kP = base.mul(k);
    const auto open = declassify(k);
    require(kG == Point::mul_base(open) && kP == Point::mul_base(open * Scalar(curve, 12345)),
            "multiplication");
  }
}

template <const Curve& (*curve_of)()>
void schnorr() {
  const Curve& curve = curve_of();
  PoisonedRng rng("schnorr");
  const auto x = SecretScalar::random_nonzero(curve, rng);
  const auto X = Point::mul_base(x);
  const Binding binding{.curve = curve.id()};
  require(verify_knowledge(Label::KeygenProof, binding, X,
                           prove_knowledge(Label::KeygenProof, binding, x, X, rng)),
          "Schnorr proof");
}

template <const Curve& (*curve_of)()>
void curve_hash() {
  const Curve& curve = curve_of();
  PoisonedRng rng("message");
  for (int i = 0; i < 4; ++i) {
    auto message = rng.make<std::array<std::uint8_t, 32>>();
    const auto secret = hash_to_curve(curve, message, as_bytes("tag"));
    require(secret == hash_to_curve(curve, published(message), as_bytes("tag")), "hash to curve");
  }
}

/// Hashes added to and subtracted from points: secret messages, and coordinates, which the library poisons
/// itself.
template <const Curve& (*curve_of)(), Lanes lanes>
void add_to_hashes() {
  use_lanes(lanes);
  const Curve& curve = curve_of();
  PoisonedRng rng("messages");
  std::vector<Digest> messages, open;
  std::vector<Point> points;
  for (int i = 0; i < 9; ++i) {
    messages.push_back(rng.make_id<Digest>());
    open.push_back(published(messages.back()));
    points.push_back(i == 4 ? Point(curve) : Point::mul_base(SecretScalar::random(curve, rng)));
  }
  const auto sums = add_hashes(points, messages, as_bytes("tag")),
             differences = subtract_hashes(points, messages, as_bytes("tag"));
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto hash = hash_to_curve(curve, open[i].view(), as_bytes("tag"));
    require(sums[i] == points[i] + hash && differences[i] == points[i] - hash, "hashes added to points");
  }
}

/// Eight residues below n; secret.
template <class Field>
typename Field::Element lanes_of(const Curve& curve, Rng& rng) {
  SecretVector<std::uint64_t> words(kLanes * kMaxLimbs);
  for (std::size_t i = 0; i < kLanes; ++i) {
    const Secret<Limbs> plain(SecretScalar::random(curve, rng).plain());
    std::copy(plain.reveal().begin(), plain.reveal().end(),
              words.reveal().begin() + static_cast<std::ptrdiff_t>(i * kMaxLimbs));
  }
  return Field::load(words.reveal().data(), kMaxLimbs);
}

template <const Curve& (*curve_of)(), std::size_t L>
void lane_field() {
  using Field = LaneField<PortableLanes, L>;
  const Curve& curve = curve_of();
  const Modulus& m = curve.order();
  const Field f(m);
  PoisonedRng rng("lanes");
  const auto a = f.to_montgomery(lanes_of<Field>(curve, rng)),
             b = f.to_montgomery(lanes_of<Field>(curve, rng));
  // (a - b)(a + b) = a^2 - b^2, b / b = 1; a itself where a mask says so.
  const auto left = f.mul(f.sub(a, b), f.add(a, b)), right = f.sub(f.sqr(a), f.sqr(b));
  const auto unit = f.sub(f.mul(b, f.invert(b, m)), f.one());
  const auto same = f.template less<4>(f.template sub<4>(left, right)),
             odd = f.choose(f.is_zero(a), f.one(), unit);
  const auto there = f.canonical(f.to_montgomery(f.from_montgomery(a)));
  std::array<std::uint64_t, kLanes> vanishes;
  (f.is_zero(same) & f.is_zero(unit) & f.is_zero(odd) & f.is_zero(f.sub(f.folded(a), there)))
      .store(vanishes.data());
  for (const auto lane : published(vanishes)) require(lane == ~std::uint64_t{0}, "arithmetic in lanes");
}

void identity() {
  PoisonedRng rng("identity");
  const auto key = IdentityKey::generate(rng);
  require(verify_identity(key.public_key(), Digest{}, key.sign(Digest{})), "identity signature");
}

void gf128() {
  PoisonedRng rng("gf128");
  SecretVector<ot::Block> a(9), b(9);
  for (auto& block : a.reveal()) rng.fill(block);
  for (auto& block : b.reveal()) rng.fill(block);
  const auto fast = ot::gf128::inner_product(a.reveal(), b.reveal());
  const auto portable = ot::gf128::inner_product_portable(a.reveal(), b.reveal());
  require(published(fast) == published(portable), "GF(2^128)");
}

}  // namespace

std::vector<Case> arithmetic_cases() {
  return {{"scalar-p256", scalar<Curve::p256>},
          {"scalar-p384", scalar<Curve::p384>},
          {"point-p256", point<Curve::p256>},
          {"point-p384", point<Curve::p384>},
          {"schnorr-p256", schnorr<Curve::p256>},
          {"schnorr-p384", schnorr<Curve::p384>},
          {"hash-to-curve-p256", curve_hash<Curve::p256>},
          {"hash-to-curve-p384", curve_hash<Curve::p384>},
          {"add-hashes-p256", add_to_hashes<Curve::p256, Lanes::None>},
          {"add-hashes-p384", add_to_hashes<Curve::p384, Lanes::None>},
          {"add-hashes-lanes-p256", add_to_hashes<Curve::p256, Lanes::Portable>},
          {"add-hashes-lanes-p384", add_to_hashes<Curve::p384, Lanes::Portable>},
          {"lane-field-p256", lane_field<Curve::p256, lane_limbs(4)>},
          {"lane-field-p384", lane_field<Curve::p384, lane_limbs(6)>},
          {"identity", identity},
          {"gf128", gf128}};
}

}  // namespace quorate::ctime
