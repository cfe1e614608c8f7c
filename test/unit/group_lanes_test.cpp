#include "protocol/group/lanes.h"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/group/scalar.h"
#include "test/sim/seeded_rng.h"
#include "test/unit/big_number.h"
#include "test/unit/lane_probe.h"

namespace quorate {
namespace {

using reference::Number;
using Words = std::vector<std::uint64_t>;

constexpr std::uint64_t kOnes = ~std::uint64_t{0};

/// Words that sit on an edge more often than not.
std::uint64_t edgy(sim::SeededRng& rng) {
  static constexpr std::uint64_t kEdges[] = {
      0,     1,        2, (1ULL << 52) - 1, 1ULL << 52, (1ULL << 51) + 1, 1ULL << 63, (1ULL << 63) - 1,
      kOnes, kOnes - 1};
  const auto choice = rng.below(20);
  return choice < std::size(kEdges) ? kEdges[choice] : rng.below(kOnes);
}

std::uint64_t expected_word(VectorOp op, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  __extension__ typedef unsigned __int128 Wide;
  constexpr std::uint64_t kLow = (1ULL << 52) - 1;
  const Wide product = Wide{b & kLow} * (c & kLow);
  switch (op) {
    case VectorOp::Copy:
      return a;
    case VectorOp::Add:
      return a + b;
    case VectorOp::Sub:
      return a - b;
    case VectorOp::And:
      return a & b;
    case VectorOp::Or:
      return a | b;
    case VectorOp::Xor:
      return a ^ b;
    case VectorOp::AndNot:
      return ~a & b;
    case VectorOp::Shl:
      return a << 13;
    case VectorOp::Shr:
      return a >> 52;
    case VectorOp::Sar:
      return a >> 52 | (a >> 63 != 0 ? kOnes << 12 : 0);
    case VectorOp::MadLo:
      return a + static_cast<std::uint64_t>(product & kLow);
    case VectorOp::MadHi:
      return a + static_cast<std::uint64_t>(product >> 52);
    case VectorOp::Select:
      return (a & b) | (~a & c);
    case VectorOp::Zero:
      return a == 0 ? kOnes : 0;
    case VectorOp::Negative:
      return a >> 63 != 0 ? kOnes : 0;
    case VectorOp::Swap:
      return __builtin_bswap64(a);
    case VectorOp::Count:
      break;
  }
  return 0;
}

struct Probes {
  const char* name;
  VectorProbe vector;
  FieldProbe field;
};
std::vector<Probes> all_probes() {
  std::vector<Probes> out{{"Portable", probe_portable_vector, probe_portable_field}};
#if defined(QUORATE_IFMA)
  if (lanes_available()) out.push_back({"Ifma", probe_ifma_vector, probe_ifma_field});
#endif
  return out;
}

TEST(Lanes, every_operation_on_every_lane_and_stride) {
  sim::SeededRng rng(3);
  for (const auto& probes : all_probes())
    for (int op = 0; op < static_cast<int>(VectorOp::Count); ++op)
      for (int round = 0; round < 200; ++round)
        for (const std::size_t stride : {1U, 2U, 6U}) {
          Words a(8 * stride), b(a), c(a), r(a);
          for (auto* words : {&a, &b, &c})
            for (auto& word : *words) word = edgy(rng);
          probes.vector(static_cast<VectorOp>(op), stride, r.data(), a.data(), b.data(), c.data());
          for (std::size_t i = 0; i < 8; ++i)
            ASSERT_EQ(r[i * stride],
                      expected_word(static_cast<VectorOp>(op), a[i * stride], b[i * stride], c[i * stride]))
                << probes.name << " operation " << op << " lane " << i;
        }
}

TEST(Lanes, an_implementation_can_be_chosen_and_ifma_only_where_it_is) {
  const Lanes before = lanes_in_use();
  EXPECT_EQ(before, lanes_available() ? Lanes::Ifma : Lanes::None);
  use_lanes(Lanes::Portable);
  EXPECT_EQ(lanes_in_use(), Lanes::Portable);
  use_lanes(before);
  EXPECT_EQ(lanes_in_use(), before);
  if (!lanes_available()) {
    EXPECT_DEATH(use_lanes(Lanes::Ifma), "");
  }
}

/// Orders and field primes of all curves, with either vector type.
struct Case {
  Probes probes;
  const Curve* curve;
  bool field;
};
std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const auto& probes : all_probes())
    for (const Curve* curve : {&Curve::p256(), &Curve::p384(), &Curve::toy()})
      for (const bool field : {false, true}) out.push_back({probes, curve, field});
  return out;
}

class LaneFieldTest : public testing::TestWithParam<Case> {
 protected:
  const Modulus& m_ = GetParam().field ? GetParam().curve->field() : GetParam().curve->order();
  Number n_ = GetParam().field ? Number::field(*GetParam().curve) : Number::order(*GetParam().curve);
  std::size_t limbs_ = lane_limbs(m_.limbs);
  sim::SeededRng rng_{5};

  static Number power_of_two(std::size_t bits) {
    Number r(1);
    BN_lshift(r.get(), r.get(), static_cast<int>(bits));
    return r;
  }
  Number R() const { return power_of_two(52 * limbs_); }
  Number times_n(std::uint64_t k) const { return Number(k) * n_; }
  /// At either end of 0 .. bound - 1, around the multiples of n in between, or anywhere.
  Number below(const Number& bound) {
    const Number top = bound - Number(1);
    Number x;
    switch (rng_.below(6)) {
      case 0:
        return Number(0);
      case 1:
        return top;
      case 2:
        x = times_n(rng_.below(9));
        break;
      case 3:
        x = times_n(1 + rng_.below(9)) - Number(1);
        break;
      case 4:
        x = times_n(rng_.below(9)) + Number(1);
        break;
      default: {
        Bytes wide(64);
        rng_.fill(wide);
        return Number(ByteView(wide)).mod(bound);
      }
    }
    return BN_cmp(x.get(), bound.get()) < 0 ? x : top;
  }
  std::vector<Number> eight_below(const Number& bound) {
    std::vector<Number> out;
    for (int i = 0; i < 8; ++i) out.push_back(below(bound));
    return out;
  }
  Words to_limbs(const std::vector<Number>& numbers) const {
    Words out;
    for (const auto& x : numbers)
      for (std::size_t i = 0; i < limbs_; ++i) {
        Number part(x);
        BN_rshift(part.get(), part.get(), static_cast<int>(52 * i));
        out.push_back(part.mod(power_of_two(52)).limbs()[0]);
      }
    return out;
  }
  std::vector<Number> from_limbs(const Words& words) const {
    std::vector<Number> out;
    for (std::size_t lane = 0; lane < 8; ++lane) {
      Number x(0);
      for (std::size_t i = limbs_; i-- > 0;) {
        const std::uint64_t limb = words[lane * limbs_ + i];
        EXPECT_LT(limb, 1ULL << 52) << "a limb is not tidy";
        x = x * power_of_two(52) + Number(limb);
      }
      out.push_back(x);
    }
    return out;
  }
  Words raw(FieldOp op, const Words& a, const Words& b = Words(64), const Words& c = Words(64)) const {
    Words r(8 * limbs_);
    GetParam().probes.field(m_, op, r.data(), a.data(), b.data(), c.data());
    return r;
  }
  std::vector<Number> run(FieldOp op, const std::vector<Number>& a, const std::vector<Number>& b = {}) const {
    return from_limbs(raw(op, to_limbs(a), b.empty() ? Words(64) : to_limbs(b)));
  }
  bool is_below(const Number& x, const Number& bound) const { return BN_cmp(x.get(), bound.get()) < 0; }
  /// Equal mod n, and below k n.
  void expect(const std::vector<Number>& got, const std::vector<Number>& wanted, std::uint64_t k) const {
    for (std::size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(got[i].mod(n_), wanted[i].mod(n_)) << "lane " << i;
      EXPECT_TRUE(is_below(got[i], times_n(k))) << "lane " << i;
    }
  }
  template <class F>
  static std::vector<Number> each(F&& f) {
    std::vector<Number> out;
    for (std::size_t i = 0; i < 8; ++i) out.push_back(f(i));
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(All, LaneFieldTest, testing::ValuesIn(all_cases()), [](const auto& test) {
  const Case& c = test.param;
  return std::string(c.probes.name) +
         (c.curve->is_toy() ? "Toy" : "P" + std::to_string(c.curve->order_bits())) +
         (c.field ? "Field" : "Order");
});

constexpr int kRounds = 100;

TEST_P(LaneFieldTest, products_and_squares_at_the_bounds) {
  const Number inverse = R().mod(n_).inverse(n_);
  const std::pair<unsigned, unsigned> bounds[] = {{4, 4}, {8, 2}, {2, 8}, {1, 1}};
  for (int round = 0; round < kRounds; ++round) {
    const auto [p, q] = bounds[round % 4];
    const auto a = eight_below(times_n(p)), b = eight_below(times_n(q));
    expect(run(FieldOp::Mul, a, b), each([&](auto i) { return a[i] * b[i] * inverse; }), 2);
    const auto c = eight_below(times_n(4));
    expect(run(FieldOp::Sqr, c), each([&](auto i) { return c[i] * c[i] * inverse; }), 2);
  }
}

TEST_P(LaneFieldTest, sums_and_differences_are_exact) {
  for (int round = 0; round < kRounds; ++round) {
    const auto a = eight_below(times_n(8)), b = eight_below(times_n(8));
    EXPECT_EQ(run(FieldOp::Add, a, b), each([&](auto i) { return a[i] + b[i]; }));
    const std::pair<FieldOp, unsigned> differences[] = {
        {FieldOp::Sub1, 1}, {FieldOp::Sub2, 2}, {FieldOp::Sub4, 4}, {FieldOp::Sub8, 8}};
    for (const auto& difference : differences) {
      const FieldOp op = difference.first;
      const unsigned k = difference.second;
      const auto c = eight_below(times_n(k) + Number(1)), d = eight_below(times_n(8));
      EXPECT_EQ(run(op, d, c), each([&](auto i) { return d[i] + times_n(k) - c[i]; }));
    }
    const auto c = eight_below(times_n(2) + Number(1));
    EXPECT_EQ(run(FieldOp::Negate2, c), each([&](auto i) { return times_n(2) - c[i]; }));
  }
}

TEST_P(LaneFieldTest, reductions_by_multiples_of_n) {
  for (int round = 0; round < kRounds; ++round) {
    const std::pair<FieldOp, unsigned> steps[] = {
        {FieldOp::Less1, 1}, {FieldOp::Less2, 2}, {FieldOp::Less4, 4}};
    for (const auto& step : steps) {
      const FieldOp op = step.first;
      const unsigned k = step.second;
      const auto a = eight_below(times_n(2 * k));
      EXPECT_EQ(run(op, a),
                each([&](auto i) { return is_below(a[i], times_n(k)) ? a[i] : a[i] - times_n(k); }));
    }
    const auto a = eight_below(times_n(4));
    EXPECT_EQ(run(FieldOp::Canonical, a), each([&](auto i) { return a[i].mod(n_); }));
  }
}

TEST_P(LaneFieldTest, folding_leaves_little_above_n) {
  if (m_.limbs == 1) return;  // not for moduli that do not fill their words
  const Number room = power_of_two(52 * limbs_),
               bound = power_of_two(64 * m_.limbs) + power_of_two(64 * m_.limbs - 27);
  for (int round = 0; round < kRounds; ++round) {
    const auto a = eight_below(round % 2 == 0 ? room : times_n(16));
    const auto r = run(FieldOp::Folded, a);
    for (std::size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(r[i].mod(n_), a[i].mod(n_));
      EXPECT_TRUE(is_below(r[i], bound));
    }
  }
}

TEST_P(LaneFieldTest, montgomery_form_there_and_back) {
  const Number inverse = R().mod(n_).inverse(n_);
  for (int round = 0; round < kRounds; ++round) {
    const auto a = eight_below(power_of_two(64 * m_.limbs)), b = eight_below(times_n(4));
    expect(run(FieldOp::ToMontgomery, a), each([&](auto i) { return a[i] * R(); }), 2);
    EXPECT_EQ(run(FieldOp::FromMontgomery, b), each([&](auto i) { return (b[i] * inverse).mod(n_); }));
  }
  EXPECT_EQ(run(FieldOp::One, eight_below(n_)), each([&](auto) { return R().mod(n_); }));
}

TEST_P(LaneFieldTest, zero_is_seen_in_every_form) {
  for (int round = 0; round < kRounds; ++round) {
    const auto a = eight_below(times_n(4));
    const auto masks = raw(FieldOp::IsZero, to_limbs(a));
    for (std::size_t i = 0; i < 8; ++i)
      EXPECT_EQ(masks[i * limbs_], BN_is_zero(a[i].mod(n_).get()) ? kOnes : 0);
  }
}

TEST_P(LaneFieldTest, zero_is_told_by_all_limbs) {
  std::vector<Number> a(8, times_n(1));
  for (std::size_t i = 0; i < limbs_; ++i) {
    const Number power = power_of_two(52 * i);
    a[i % 8] = is_below(power, n_) ? power : Number(1);
    const auto masks = raw(FieldOp::IsZero, to_limbs(a));
    for (std::size_t lane = 0; lane < 8; ++lane) EXPECT_EQ(masks[lane * limbs_], lane <= i ? 0 : kOnes);
  }
}

TEST_P(LaneFieldTest, chooses_lane_by_lane) {
  const auto a = eight_below(times_n(4)), b = eight_below(times_n(4));
  for (unsigned pattern = 0; pattern < 256; ++pattern) {
    Words masks(8 * limbs_);
    for (std::size_t i = 0; i < 8; ++i) masks[i * limbs_] = (pattern >> i & 1) != 0 ? kOnes : 0;
    EXPECT_EQ(from_limbs(raw(FieldOp::Choose, to_limbs(a), to_limbs(b), masks)),
              each([&](auto i) { return (pattern >> i & 1) != 0 ? a[i] : b[i]; }));
  }
}

TEST_P(LaneFieldTest, inverts_all_but_zero) {
  for (int round = 0; round < 10; ++round) {
    const auto a = eight_below(times_n(4));
    expect(run(FieldOp::Invert, a), each([&](auto i) {
             const Number x = a[i].mod(n_);
             return BN_is_zero(x.get()) ? Number(0) : x.inverse(n_) * R() * R();
           }),
           2);
  }
}

TEST_P(LaneFieldTest, words_there_and_back) {
  for (const std::size_t stride : {m_.limbs, kMaxLimbs, kMaxLimbs + 3})
    for (int round = 0; round < kRounds; ++round) {
      Words a(8 * stride), r(8 * stride, 7), expected(r);
      for (auto& word : a) word = edgy(rng_);
      GetParam().probes.field(m_, FieldOp::LoadAndStore, r.data(), a.data(), &stride, nullptr);
      for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t w = 0; w < m_.limbs; ++w) expected[i * stride + w] = a[i * stride + w];
      EXPECT_EQ(r, expected);
    }
}

}  // namespace
}  // namespace quorate
