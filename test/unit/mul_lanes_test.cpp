// The kernels of lane_kernels.h, with either vector type, against arithmetic on one scalar at a time; and
// whole multiplications with and without them.
#include <gtest/gtest.h>

#include <cstring>

#include "protocol/group/lanes.h"
#include "protocol/group/montgomery.h"
#include "protocol/mul/gadget.h"
#include "protocol/mul/lane_kernels.h"
#include "protocol/mul/rvole.h"
#include "test/unit/big_number.h"
#include "test/unit/ot_fixture.h"

namespace quorate::mul {
namespace {

using reference::Number;

struct Case {
  const char* name;
  const Curve* curve;
  Lanes lanes;
};
std::vector<Case> all_cases() {
  std::vector<Case> out{{"PortableP256", &Curve::p256(), Lanes::Portable},
                        {"PortableP384", &Curve::p384(), Lanes::Portable}};
  if (lanes_available()) {
    out.push_back({"IfmaP256", &Curve::p256(), Lanes::Ifma});
    out.push_back({"IfmaP384", &Curve::p384(), Lanes::Ifma});
  }
  return out;
}

struct LaneKernelTest : testing::TestWithParam<Case> {
  const Curve& curve = *GetParam().curve;
  const Modulus& m = curve.order();
  const std::size_t words = m.limbs, limbs = lane_limbs(words), size = curve.scalar_size(),
                    wide = curve.wide_size();
  const Number n = Number::order(curve);
  sim::SeededRng rng{47};

  const LaneKernels& kernels() const {
#if defined(QUORATE_IFMA)
    if (GetParam().lanes == Lanes::Ifma) return ifma_kernels(m);
#endif
    return portable_kernels(m);
  }
  Scalar edgy() {
    switch (rng.below(5)) {
      case 0:
        return Scalar(curve);
      case 1:
        return Scalar(curve, 1);
      case 2:
        return Scalar(curve, 1).negate();
      default:
        return Scalar::random(curve, rng);
    }
  }
  std::vector<Scalar> many(std::size_t count) {
    std::vector<Scalar> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(edgy());
    return out;
  }
  Bytes random_bytes(std::size_t count) {
    Bytes out(count);
    rng.fill(out);
    return out;
  }
  // Random, of long runs of equal bits, a multiple of n, or beside one.
  Bytes wide_integer() {
    Bytes out(wide);
    const auto kind = rng.below(4);
    if (kind == 0) rng.fill(out);
    if (kind == 1) {
      bool one = rng.below(2) == 1;
      for (std::size_t bit = 0; bit < 8 * wide; one = !one)
        for (std::size_t run = 1 + rng.below(rng.below(2) == 1 ? 8 : 8 * wide); run > 0 && bit < 8 * wide;
             --run, ++bit)
          if (one) out[bit / 8] |= static_cast<std::uint8_t>(0x80 >> (bit % 8));
    }
    if (kind >= 2) {
      Number k(ByteView(rng.below(2) == 1 ? Bytes(16, 0xff) : random_bytes(16)));
      Number x = k * n;
      if (kind == 3) x = rng.below(2) == 1 ? x + Number(1) : x - Number(1);
      Number top(1);
      BN_lshift(top.get(), top.get(), static_cast<int>(8 * wide));
      out = x.mod(top).encode(wide);
    }
    return out;
  }
  std::vector<Bytes> wide_integers(std::size_t count) {
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(wide_integer());
    return out;
  }
  std::vector<Scalar> reduced(const std::vector<Bytes>& integers) const {
    std::vector<Scalar> out;
    for (const auto& x : integers) out.push_back(Scalar::reduce(curve, x));
    return out;
  }
  // integers[3 j + i] is number i of row j.
  std::vector<Word> hashed(const std::vector<Bytes>& integers) const {
    const std::size_t per_row = 3 * wide / 8;
    std::vector<Word> out(integers.size() / 3 * per_row);
    for (std::size_t j = 0; j < integers.size() / 3; ++j)
      for (std::size_t w = 0; w < per_row; ++w)
        std::memcpy(&out[(j / 8 * per_row + w) * 8 + j % 8],
                    integers[3 * j + w / (wide / 8)].data() + w % (wide / 8) * 8, 8);
    return out;
  }
  std::vector<Word> plain(const std::vector<Scalar>& scalars) const {
    std::vector<Word> out;
    for (const auto& s : scalars) {
      const Limbs p = s.plain();
      out.insert(out.end(), p.begin(), p.begin() + static_cast<std::ptrdiff_t>(words));
    }
    return out;
  }
  Bytes encoded(const std::vector<Scalar>& scalars) const {
    Bytes out;
    for (const auto& s : scalars) append(out, s.encode());
    return out;
  }
  // Values of any size, as rows of `columns` residues.
  std::vector<Word> in_limbs(const std::vector<Number>& values, std::size_t columns) const {
    std::vector<Word> out(values.size() * limbs);
    for (std::size_t e = 0; e < values.size(); ++e) {
      const std::size_t row = e / columns, column = e % columns;
      for (std::size_t i = 0; i < limbs; ++i) {
        Number part(values[e]), low(std::uint64_t{1} << 52);
        BN_rshift(part.get(), part.get(), static_cast<int>(52 * i));
        out[((row / 8 * columns + column) * limbs + i) * 8 + row % 8] = part.mod(low).limbs()[0];
      }
    }
    return out;
  }
  Number limbs_at(const std::vector<Word>& rows, std::size_t row, std::size_t column,
                  std::size_t columns) const {
    Number x(0);
    for (std::size_t i = limbs; i-- > 0;)
      x = x * Number(std::uint64_t{1} << 52) +
          Number(rows[((row / 8 * columns + column) * limbs + i) * 8 + row % 8]);
    return x;
  }
  // All that rows may hold: a scalar plus up to three times n, at the very top more often than not.
  Number loose(const Scalar& s) { return Number(s) + Number(rng.below(2) == 1 ? 3 : rng.below(4)) * n; }
  std::vector<Number> loose(const std::vector<Scalar>& scalars) {
    std::vector<Number> out;
    for (const auto& s : scalars) out.push_back(loose(s));
    return out;
  }
  Number lane_sum(const std::vector<Word>& sum) const {
    Number x(0);
    for (std::size_t lane = 0; lane < 8; ++lane) x = x + limbs_at(sum, lane, 0, 1);
    return x;
  }
};
INSTANTIATE_TEST_SUITE_P(All, LaneKernelTest, testing::ValuesIn(all_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

constexpr std::size_t kGroups = 3, kRows = 8 * kGroups;

TEST_P(LaneKernelTest, blinds) {
  for (int round = 0; round < 150; ++round) {
    const auto x = wide_integers(3 * kRows), y = wide_integers(3 * kRows);
    const auto shift = many(3);
    std::vector<Word> rows(3 * kRows * limbs);
    Bytes out(3 * kRows * size);
    kernels().blind(m, tables(curve).reciprocal, kGroups, hashed(x).data(), hashed(y).data(),
                    plain(shift).data(), rows.data(), out.data());
    const auto alpha0 = reduced(x), alpha1 = reduced(y);
    std::vector<Scalar> expected;
    for (std::size_t e = 0; e < 3 * kRows; ++e) {
      expected.push_back(alpha0[e] - alpha1[e] + shift[e % 3]);
      const Number row = limbs_at(rows, e / 3, e % 3, 3);
      ASSERT_EQ(row.mod(n), Number(alpha0[e]));
      ASSERT_TRUE(Number(10) * row < Number(31) * n)
          << "a remainder is larger than the other loops allow for";
    }
    ASSERT_EQ(out, encoded(expected));
  }
}

TEST_P(LaneKernelTest, corrects_where_the_choice_says_and_finds_what_is_not_below_n) {
  for (int round = 0; round < 100; ++round) {
    const auto x = wide_integers(3 * kRows);
    const auto a = many(3 * kRows);
    const auto choices = random_bytes(kGroups);
    auto in = encoded(a);
    std::vector<Word> rows(3 * kRows * limbs);
    const auto correct = [&] {
      return kernels().correct(m, tables(curve).reciprocal, kGroups, hashed(x).data(), choices.data(),
                               in.data(), rows.data());
    };
    EXPECT_EQ(correct(), ~Word{0});
    const auto gamma = reduced(x);
    for (std::size_t e = 0; e < 3 * kRows; ++e) {
      const std::size_t j = e / 3;
      const bool chosen = (choices[j / 8] >> (j % 8) & 1) != 0;
      ASSERT_EQ(limbs_at(rows, j, e % 3, 3).mod(n), Number(chosen ? gamma[e] + a[e] : gamma[e]));
    }
    const std::size_t at = rng.below(3 * kRows);
    residue::to_big_endian(MutableByteView(in).subspan(at * size, size), m.n);
    EXPECT_EQ(correct(), 0u);
    in[(at + 1) * size - 1] -= 1;
    EXPECT_EQ(correct(), ~Word{0});
    std::fill_n(in.begin() + static_cast<std::ptrdiff_t>(at * size), size, std::uint8_t{0xff});
    EXPECT_EQ(correct(), 0u);
  }
}

TEST_P(LaneKernelTest, folds) {
  for (int round = 0; round < 150; ++round) {
    const auto x = many(3 * kRows), theta = many(2), eta = many(1);
    const auto choices = random_bytes(kGroups);
    Bytes out(kRows * size);
    kernels().fold(m, kGroups, in_limbs(loose(x), 3).data(), plain(theta).data(), plain(eta).data(),
                   choices.data(), out.data());
    std::vector<Scalar> expected;
    for (std::size_t j = 0; j < kRows; ++j) {
      const Scalar mu = x[3 * j + 2] + theta[0] * x[3 * j] + theta[1] * x[3 * j + 1];
      expected.push_back((choices[j / 8] >> (j % 8) & 1) != 0 ? mu - eta[0] : mu);
    }
    ASSERT_EQ(out, encoded(expected));
  }
}

// As many rows as an instance has, and all at the top of their range.
TEST_P(LaneKernelTest, weighs_without_overflow) {
  const std::size_t rows = ot::ots_per_multiplication(curve);
  Number R(1);
  BN_lshift(R.get(), R.get(), static_cast<int>(52 * limbs));
  for (int round = 0; round < 4; ++round) {
    std::vector<Number> x, g;
    for (std::size_t e = 0; e < 3 * rows; ++e)
      x.push_back(round == 0 ? Number(4) * n + Number(1) : loose(edgy()));
    for (std::size_t j = 0; j < rows; ++j) g.push_back(round == 0 ? n - Number(1) : Number(edgy()));
    for (std::size_t i = 0; i < 2; ++i) {
      Number expected(0);
      for (std::size_t j = 0; j < rows; ++j) expected = expected + g[j] * x[3 * j + i];
      std::vector<Word> sum(8 * limbs);
      kernels().weigh(m, rows / 8, in_limbs(x, 3).data(), in_limbs(g, 1).data(), i, sum.data());
      for (const Word limb : sum) EXPECT_LT(limb, Word{1} << 52);
      EXPECT_EQ((lane_sum(sum) * R).mod(n), expected.mod(n));
    }
  }
}

TEST_P(LaneKernelTest, sums_what_is_chosen) {
  const std::size_t rows = ot::ots_per_multiplication(curve);
  for (int round = 0; round < 4; ++round) {
    const Bytes choices = round == 0 ? Bytes(rows / 8, 0xff) : random_bytes(rows / 8);
    std::vector<Number> g;
    Number expected(0);
    for (std::size_t j = 0; j < rows; ++j) {
      g.push_back(round == 0 ? n - Number(1) : Number(edgy()));
      if ((choices[j / 8] >> (j % 8) & 1) != 0) expected = expected + g.back();
    }
    std::vector<Word> sum(8 * limbs);
    kernels().choose(rows / 8, in_limbs(g, 1).data(), choices.data(), sum.data());
    EXPECT_EQ(lane_sum(sum), expected);
  }
}

struct Restored {
  Lanes before = lanes_in_use();
  ~Restored() { use_lanes(before); }
};

// Messages and results of three multiplications, in bytes.
Bytes run(const Curve& curve, Lanes lanes) {
  use_lanes(lanes);
  constexpr std::size_t kBatch = 3;
  sim::SeededRng rng(77);
  ot::DealtLeaves leaves{rng};
  const auto ots =
      ot::extend(leaves, ot::extension_binding(curve), kBatch, ot::ots_per_multiplication(curve), rng);
  Bytes out;
  for (std::uint32_t b = 0; b < kBatch; ++b) {
    const auto binding = ot::extension_binding(curve).towards(ot::kAlice, ot::kBob).at(b);
    // 0 and n - 1 are inputs, too.
    const SecretScalar a0 = b == 0 ? SecretScalar(curve) : SecretScalar::random(curve, rng);
    const SecretScalar a1 = b == 0 ? SecretScalar(curve, 1).negate() : SecretScalar::random(curve, rng);
    const auto sent = rvole_send(curve, binding, ots.alice, a0, a1, rng);
    const auto d = rvole_receive(curve, binding, ots.bob, sent.message);
    if (!d) return {};
    append(out, sent.message.a_tilde);
    append(out, sent.message.eta.encode());
    append(out, sent.message.mu.view());
    for (const auto* s : {&sent.c[0], &sent.c[1], &(*d)[0], &(*d)[1]}) append(out, declassify(*s).encode());
    append(out, declassify(rvole_chi(curve, ots.bob, b)).encode());
  }
  return out;
}

TEST_P(LaneKernelTest, a_multiplication_is_the_same_with_and_without_lanes) {
  const Restored restored;
  const Bytes with = run(curve, GetParam().lanes);
  EXPECT_FALSE(with.empty());
  EXPECT_EQ(with, run(curve, Lanes::None));
}

}  // namespace
}  // namespace quorate::mul
