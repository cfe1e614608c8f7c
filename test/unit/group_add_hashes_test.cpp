// Hashes added to points, eight at a time by both kinds of lanes and one by one.
#include <gtest/gtest.h>

#include "protocol/group/hash_to_curve.h"
#include "protocol/group/lane_batch.h"
#include "protocol/group/lanes.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"
#include "test/unit/rfc9380_vectors.h"

namespace quorate {
namespace {

using reference::Number;

class AddHashes : public testing::TestWithParam<Lanes> {
 protected:
  void SetUp() override {
    if (GetParam() == Lanes::Ifma && !lanes_available()) GTEST_SKIP() << "no AVX-512 IFMA";
    before_ = lanes_in_use();
    use_lanes(GetParam());
  }
  void TearDown() override {
    if (!IsSkipped()) use_lanes(before_);
  }

 private:
  Lanes before_ = Lanes::None;
};
std::string name_of(const testing::TestParamInfo<Lanes>& info) {
  return info.param == Lanes::None ? "OneByOne" : info.param == Lanes::Portable ? "Portable" : "Ifma";
}
INSTANTIATE_TEST_SUITE_P(Lanes, AddHashes, testing::Values(Lanes::None, Lanes::Portable, Lanes::Ifma),
                         name_of);

const auto kDst = as_bytes("quorate unit test");

/// P + H and P - H against one hash at a time and OpenSSL's addition, of points among which there are
/// infinity, H and -H.
void check(const Curve& curve, std::size_t count) {
  SCOPED_TRACE(testing::Message() << curve.name() << " " << count);
  sim::SeededRng rng(31, curve.name());
  std::vector<Digest> messages;
  std::vector<Point> points, hashes;
  for (std::size_t i = 0; i < count; ++i) {
    messages.push_back(rng.make_id<Digest>());
    const Point& hash = hashes.emplace_back(hash_to_curve(curve, messages.back().view(), kDst));
    const Point p = Point::mul_base(Scalar::random(curve, rng));
    const Point choices[] = {p, Point(curve), hash, hash.negate(), p + hash};  // the last one's Z is not 1
    points.push_back(choices[i % 5]);
  }
  const auto sums = add_hashes(points, messages, kDst), differences = subtract_hashes(points, messages, kDst);
  ASSERT_TRUE(sums.size() == count && differences.size() == count);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(sums[i], points[i] + hashes[i]) << i;
    EXPECT_EQ(differences[i], points[i] - hashes[i]) << i;
    EXPECT_EQ(sums[i].is_infinity(), (points[i] + hashes[i]).is_infinity()) << i;
  }
}

TEST_P(AddHashes, OfEverySizeOnP256) {
  for (const std::size_t n : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 129}) check(Curve::p256(), n);
}
TEST_P(AddHashes, OfSomeSizesOnP384) {
  for (const std::size_t n : {1, 8, 9, 65}) check(Curve::p384(), n);
}
TEST_P(AddHashes, OnTheToyCurve) { check(Curve::toy(), 300); }

TEST_P(AddHashes, RefusesUnequalCountsAndForeignPoints) {
  const Point p = Point::generator(Curve::p256()), q = Point::generator(Curve::p384());
  const std::vector<Digest> two(2);
  EXPECT_DEATH(static_cast<void>(add_hashes(std::vector{p}, two, kDst)), "");
  EXPECT_DEATH(static_cast<void>(subtract_hashes(std::vector{p, q}, two, kDst)), "");
  EXPECT_DEATH(static_cast<void>(add_hashes(std::vector{p, Point()}, two, kDst)), "");
}

// ---- the maps themselves, which take field elements only in lanes ----

std::vector<Point> mapped(const Curve& curve, std::span<const Limbs> fields) {
  const std::vector<Point> none(fields.size() / 2, Point(curve));
  return lane_add_hashes(*lane_kernels(curve), curve, none, fields, false);
}

Limbs limbs(std::string_view hex) { return Number(*from_hex(hex)).limbs(); }

void check_vectors(const Curve& curve, std::span<const rfc9380::Vector> vectors) {
  std::vector<Limbs> fields;
  for (const auto& v : vectors) fields.insert(fields.end(), {limbs(v.u0), limbs(v.u1)});
  const auto points = mapped(curve, fields);
  for (std::size_t i = 0; i < vectors.size(); ++i)
    EXPECT_EQ(to_hex(points[i].encode()), "04" + std::string(vectors[i].x) + std::string(vectors[i].y)) << i;
}

TEST_P(AddHashes, VectorsOfRfc9380InLanes) {
  if (GetParam() == Lanes::None) GTEST_SKIP() << "group_hash_to_curve_test.cpp has them";
  check_vectors(Curve::p256(), rfc9380::kP256);
  check_vectors(Curve::p384(), rfc9380::kP384);
}

/// Simplified SWU as RFC 9380 section 6.6.2 has it, with divisions and square roots.
class ReferenceMap {
 public:
  ReferenceMap(const Curve& curve, std::uint64_t minus_z)
      : curve_(curve), p_(Number::field(curve)), a_(p_ - Number(3)) {
    z_ = p_ - Number(minus_z);
    EC_GROUP_get_curve(curve.group(), nullptr, nullptr, b_.get(), nullptr);
  }
  [[nodiscard]] Point operator()(const Number& u) const {
    const Number zuu = mod(z_ * u * u), t = mod(zuu * zuu + zuu), zero(0);
    const Number x1 = t == zero ? mod(b_ * mod(z_ * a_).inverse(p_))
                                : mod((p_ - b_) * a_.inverse(p_) * (Number(1) + t.inverse(p_)));
    Number x = x1;
    auto y = root(x);
    if (!y) y = root(x = mod(zuu * x1));
    if (BN_is_odd(u.get()) != BN_is_odd(y->get())) *y = mod(p_ - *y);
    return Point::decode(curve_, uncompressed(curve_, x.limbs(), y->limbs())).value();
  }
  /// u for which t is 0, though u is not.
  [[nodiscard]] Number exceptional() const { return *square_root(mod((p_ - z_).inverse(p_))); }
  [[nodiscard]] const Number& p() const { return p_; }

 private:
  [[nodiscard]] Number mod(const Number& n) const { return n.mod(p_); }
  [[nodiscard]] std::optional<Number> square_root(const Number& n) const {
    Number e = p_ + Number(1), r;
    BN_rshift(e.get(), e.get(), 2);
    BN_CTX* ctx = BN_CTX_new();
    BN_mod_exp(r.get(), n.get(), e.get(), p_.get(), ctx);
    BN_CTX_free(ctx);
    if (!(mod(r * r) == n)) return std::nullopt;
    return r;
  }
  [[nodiscard]] std::optional<Number> root(const Number& x) const {
    return square_root(mod(mod(x * x + a_) * x + b_));
  }

  const Curve& curve_;
  Number p_, a_, z_, b_;
};

void check_fields(const Curve& curve, std::uint64_t minus_z) {
  SCOPED_TRACE(curve.name());
  const ReferenceMap map(curve, minus_z);
  sim::SeededRng rng(32, curve.name());
  const Number& p = map.p();
  const Number strange = map.exceptional(), one(1);
  std::vector<Number> u = {Number(0), one, p - one, Number(2), p - Number(2), strange, p - strange};
  for (std::size_t i = 0; i < 12; ++i) u.push_back(Number(Scalar::random(curve, rng)).mod(p));
  for (int bit = 51; bit < BN_num_bits(p.get()); bit += 52) {  // where limbs end
    Number power(1);
    BN_lshift(power.get(), power.get(), bit);
    u.insert(u.end(), {power, (power + power - one).mod(p), (p - power).mod(p)});
  }
  std::vector<Limbs> fields;
  std::vector<Point> expected;
  for (std::size_t i = 0; i < u.size(); ++i)
    for (const auto& other :
         {u[i], u[(i + 1) % u.size()], (p - u[i]).mod(p)}) {  // equal, opposite and others
      fields.insert(fields.end(), {u[i].limbs(), other.limbs()});
      expected.push_back(map(u[i]) + map(other));
    }
  const auto points = mapped(curve, fields);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(points[i], expected[i]) << i;
}

TEST_P(AddHashes, ExtremeFieldElementsInLanes) {
  if (GetParam() == Lanes::None) GTEST_SKIP() << "takes messages only";
  check_fields(Curve::p256(), 10);
  check_fields(Curve::p384(), 12);
}

/// A point off the curve can only come from a fault.
TEST_P(AddHashes, AFaultyPointEndsTheProcess) {
  const Curve& curve = Curve::p256();
  const std::vector<Point> off(9, Point::from_checked(curve, {Limbs{1}, Limbs{1}}));
  EXPECT_DEATH(static_cast<void>(add_hashes(off, std::vector<Digest>(9), kDst)), "");
}

}  // namespace
}  // namespace quorate
