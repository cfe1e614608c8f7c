// That nothing outgrows its limbs in lane_field.h, lane_coordinate.h and lane_curve.h: the inequalities that their
// comments state, and the formulas at the ends of what they take.
#include <gtest/gtest.h>

#include "protocol/group/lane_curve.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"
#include "test/unit/checked_lanes.h"

namespace quorate {
namespace {

using reference::Number;

Number power_of_two(std::size_t bits) {
  Number r(1);
  BN_lshift(r.get(), r.get(), static_cast<int>(bits));
  return r;
}
bool less(const Number& a, const Number& b) { return BN_cmp(a.get(), b.get()) < 0; }
bool at_most(const Number& a, const Number& b) { return BN_cmp(a.get(), b.get()) <= 0; }

std::vector<const Curve*> real_curves() { return {&Curve::p256(), &Curve::p384()}; }

TEST(LaneBounds, room_above_every_modulus) {
  for (const Curve* curve : real_curves())
    for (const Number& n : {Number::order(*curve), Number::field(*curve)}) {
      const bool p256 = curve->id() == CurveId::P256;
      const std::size_t limbs = p256 ? 5 : 8;
      const Number R = power_of_two(52 * limbs);
      EXPECT_TRUE(at_most((p256 ? Number(16) : power_of_two(32)) * n, R));
      // folded(): q has the bits from 64 kWords on, and q (2^(64 kWords) - n) stays below 2^(64 kWords - 27); the
      // highest column of q n is 0.
      const std::size_t words = p256 ? 4 : 6, bits = 64 * words;
      const Number most_q = power_of_two(52 * limbs - bits) - Number(1);
      EXPECT_TRUE(less(most_q * (power_of_two(bits) - n), power_of_two(bits - 27)));
      EXPECT_TRUE(less(power_of_two(bits) + power_of_two(bits - 27), Number(2) * n));
      EXPECT_TRUE(less(most_q * n, R));
      // invert() takes 2 from the lowest limb of n - 2 without a borrow.
      EXPECT_LT(1u, n.mod(power_of_two(52)).limbs()[0]);
    }
}

TEST(LaneBounds, less_multiples_of_p256_leaves_an_element) {
  const Number p = Number::field(Curve::p256()), most = Number(63);
  // What is left: less than 2^48 + 2^8 topmost limbs, the other limbs' 2^58 each, and q (2^256 - p).
  const Number others = power_of_two(58) * (power_of_two(156) + power_of_two(104) + power_of_two(52) + Number(1));
  const Number rest = (power_of_two(48) + Number(255)) * power_of_two(208) + others + most * (power_of_two(256) - p);
  EXPECT_TRUE(less(Number(100) * rest, Number(101) * p));
  // And never less than nothing: 2^8 topmost limbs are more than the others, q being -1 at least.
  EXPECT_TRUE(less(others, Number(256) * power_of_two(208)));
}

template <std::size_t L>
struct Formulas {
  using Law = LaneCurve<CheckedLanes, L>;
  using F = typename Law::F;
  using Element = typename F::Element;
  using Prime = LanePrime<L>;

  const Curve& curve = L == 5 ? Curve::p256() : Curve::p384();
  const Number p = Number::field(curve), room = Number(Prime::kRest) * p;
  sim::SeededRng rng{31, curve.name()};

  Number limit(const Number& x) const { return less(x, room) ? x : room - Number(1); }
  /// At the ends of what an Element holds, around multiples of p, of limbs full of ones, or anywhere.
  Number edgy() {
    const Number near = Number(rng.below(Prime::kRest + 1)) * p;
    switch (rng.below(7)) {
      case 0: return room - Number(1);
      case 1: return limit(near);
      case 2: return limit(near + Number(1));
      case 3: return limit(near + p - Number(1));
      case 4: return power_of_two(64 * Prime::kWords) - Number(1 + rng.below(2));
      case 5: return power_of_two(52 * (1 + rng.below(L - 1))) - Number(1);
      default: {
        Bytes wide(64);
        rng.fill(wide);
        return Number(ByteView(wide)).mod(room);
      }
    }
  }
  static Element element(const std::vector<Number>& x) {
    Element r;
    for (std::size_t i = 0; i < L; ++i) {
      std::uint64_t words[kLanes];
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        Number part(x[lane]);
        BN_rshift(part.get(), part.get(), static_cast<int>(52 * i));
        words[lane] = part.mod(power_of_two(52)).limbs()[0];
      }
      r.limbs[i] = CheckedLanes::load(words);
    }
    return r;
  }
  /// Also that it is an Element: tidy limbs, and below kRest p.
  std::vector<Number> numbers(const Element& a) const {
    std::vector<Number> out(kLanes, Number(0));
    for (std::size_t i = L; i-- > 0;) {
      std::uint64_t words[kLanes];
      a.limbs[i].store(words);
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        EXPECT_LT(words[lane], std::uint64_t{1} << 52) << "a limb is not tidy";
        out[lane] = out[lane] * power_of_two(52) + Number(words[lane]);
      }
    }
    for (auto& x : out) {
      EXPECT_TRUE(less(x, room)) << "a coordinate is not below what formulas take";
      x = x.mod(p);
    }
    return out;
  }
  /// f of six coordinates has to give the same residues for whatever integers stand for them.
  template <class Law6>
  void same_for_all_representatives(const char* name, Law6&& f) {
    SCOPED_TRACE(name);
    for (int round = 0; round < 400; ++round) {
      Element any[6], least[6];
      for (std::size_t c = 0; c < 6; ++c) {
        std::vector<Number> x, reduced;
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          x.push_back(edgy());
          reduced.push_back(x.back().mod(p));
        }
        any[c] = element(x);
        least[c] = element(reduced);
      }
      const auto got = f(any), wanted = f(least);
      for (std::size_t c = 0; c < got.size(); ++c) ASSERT_EQ(numbers(got[c]), numbers(wanted[c])) << "coordinate " << c;
    }
  }
  void check() {
    CheckedLanes::lost = 0;
    same_for_all_representatives("add", [](const Element* e) {
      const auto r = Law::add({e[0], e[1], e[2]}, {e[3], e[4], e[5]});
      return std::array{r.x, r.y, r.z};
    });
    same_for_all_representatives("twice", [](const Element* e) {
      const auto r = Law::twice({e[0], e[1], e[2]});
      return std::array{r.x, r.y, r.z};
    });
    same_for_all_representatives("add_different", [](const Element* e) {
      const auto r = Law::add_different({e[0], e[1], e[2]}, {e[3], e[4]});
      return std::array{r.x, r.y, r.z};
    });
    same_for_all_representatives("projective", [](const Element* e) {
      const auto r = Law::projective(typename Law::Jacobian{e[0], e[1], e[2]}, F::is_zero(e[3]));
      return std::array{r.x, r.y, r.z};
    });
    same_for_all_representatives("jacobian", [](const Element* e) {
      const auto r = Law::jacobian({e[0], e[1], e[2]});
      return std::array{r.x, r.y, r.z};
    });
    same_for_all_representatives("half", [](const Element* e) {
      return std::array<Element, 1>{F::rest(F::halve(F::one() - e[0]))};
    });
    same_for_all_representatives("inverse", [](const Element* e) { return std::array{F::invert(e[0])}; });
    same_for_all_representatives("whether on the curve", [](const Element* e) {
      return std::array{F::choose(Law::on_curve({e[0], e[1]}), F::one(), F::zero())};
    });
    EXPECT_EQ(CheckedLanes::lost, 0u) << "a sum left 64 bits, or a factor 52";
  }
  /// An element's negative is an element, too: that of 0 not 2 p, which is_zero() would not see.
  void check_negatives() {
    for (const Number& x : {Number(0), Number(1), p - Number(1), p, p + Number(1), room - Number(1)}) {
      const Element negative = F::negate(element(std::vector<Number>(kLanes, x)));
      EXPECT_EQ(numbers(negative), std::vector<Number>(kLanes, (room - x).mod(p)));
      std::uint64_t zero[kLanes];
      F::is_zero(negative).store(zero);
      EXPECT_EQ(zero[0] != 0, BN_is_zero(x.mod(p).get()) == 1);
    }
  }
};

TEST(LaneBounds, formulas_of_p256_take_all_that_elements_hold) { Formulas<5>().check(); }
TEST(LaneBounds, formulas_of_p384_take_all_that_elements_hold) { Formulas<8>().check(); }
/// Limbs as long as sums make them, of both signs, around every multiple of 2^256.
TEST(LaneBounds, sums_of_p256_come_to_rest) {
  using F = LaneCurve<CheckedLanes, 5>::F;
  const Formulas<5> law;
  const auto far = (std::int64_t{1} << 58) - 1;
  std::size_t tried = 0;
  for (std::int64_t k = 0; k < 63; ++k)
    for (const std::int64_t step : {-257, -256, -65, -64, -1, 0, 1, 32, 63, 64, 65, 255, 256, 257})
      for (const std::int64_t other : {-far, std::int64_t{0}, far}) {
        const std::int64_t limbs[] = {other, other, other, other, (k << 48) + step};
        Number x(0);
        LaneSum<CheckedLanes, 5, 63> sum;
        for (std::size_t i = 5; i-- > 0;) {
          const auto magnitude = static_cast<std::uint64_t>(limbs[i] < 0 ? -limbs[i] : limbs[i]);
          x = x * power_of_two(52);
          x = limbs[i] < 0 ? x - Number(magnitude) : x + Number(magnitude);
          sum.limbs[i] = CheckedLanes::broadcast(static_cast<std::uint64_t>(limbs[i]));
        }
        if (BN_is_negative(x.get()) || !less(x, Number(63) * law.p)) continue;
        ++tried;
        ASSERT_EQ(law.numbers(F::rest(sum)), std::vector<Number>(kLanes, x.mod(law.p))) << k << " " << step << " " << other;
      }
  EXPECT_GT(tried, 1000u);
}

/// Every limb is looked at.
template <std::size_t L>
void check_zeros() {
  using F = typename LaneCurve<CheckedLanes, L>::F;
  const Formulas<L> law;
  const Number R = power_of_two(52 * L).mod(law.p);
  for (std::size_t limb = 0; limb < L; ++limb)
    for (const Number& x : {power_of_two(52 * limb), power_of_two(52 * limb) * R, Number(0), law.p}) {
      const Number element = less(x, law.room) ? x : x.mod(law.p);
      std::uint64_t zero[kLanes];
      F::is_zero(law.element(std::vector<Number>(kLanes, element))).store(zero);
      EXPECT_EQ(zero[0], BN_is_zero(element.mod(law.p).get()) == 1 ? ~std::uint64_t{0} : 0) << limb;
    }
}
TEST(LaneBounds, zero_is_told_by_all_limbs) {
  check_zeros<5>();
  check_zeros<8>();
}

TEST(LaneBounds, negatives_are_elements_of_p256) { Formulas<5>().check_negatives(); }
TEST(LaneBounds, negatives_are_elements_of_p384) { Formulas<8>().check_negatives(); }

/// Products of limbs that are all ones, as many as one sum takes, and a reduction after them.
TEST(LaneBounds, columns_of_a_product_and_its_reduction_stay_in_64_bits) {
  for (const Curve* curve : real_curves()) {
    const auto check = [&]<std::size_t L>() {
      using Field = LaneField<CheckedLanes, L>;
      for (const Modulus* m : {&curve->order(), &curve->field()}) {
        CheckedLanes::lost = 0;
        CheckedLanes::long_factor = m->n0;
        const Field f(*m);
        typename Field::Element ones;
        for (auto& limb : ones) limb = CheckedLanes::broadcast((std::uint64_t{1} << 52) - 1);
        CheckedLanes t[2 * L];
        for (auto& column : t) column = CheckedLanes::broadcast(0);
        const std::size_t groups = (curve->order_bits() + 160) / kLanes;  // rows of one multiplication
        for (std::size_t g = 0; g < groups; ++g) Field::multiply_add(t, ones, ones);
        static_cast<void>(f.reduce(t));
        EXPECT_EQ(CheckedLanes::lost, 0u) << curve->name();
        for (const auto& column : t) {
          std::uint64_t words[kLanes];
          column.store(words);
          EXPECT_LT(words[0], std::uint64_t{1} << 63);
        }
        CheckedLanes::long_factor = 0;
      }
    };
    if (curve->id() == CurveId::P256) check.template operator()<5>();
    else check.template operator()<8>();
  }
}

}  // namespace
}  // namespace quorate
