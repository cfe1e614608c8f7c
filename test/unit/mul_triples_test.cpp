#include "protocol/mul/triples.h"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/mul/gadget.h"
#include "protocol/mul/rvole.h"
#include "test/sim/seeded_rng.h"

namespace quorate::mul {
namespace {

struct Triples : testing::TestWithParam<const Curve*> {
  const Curve& curve = *GetParam();
  const Modulus& m = curve.order();
  sim::SeededRng rng{31};

  Scalar random() { return Scalar::random(curve, rng); }
  // Values that sit on an edge more often than not.
  Scalar edgy() {
    switch (rng.below(5)) {
      case 0:
        return Scalar(curve);
      case 1:
        return Scalar(curve, 1);
      case 2:
        return Scalar(curve, 1).negate();
      default:
        return random();
    }
  }
  std::vector<Scalar> many(std::size_t n) {
    std::vector<Scalar> out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(edgy());
    return out;
  }
  std::vector<Word> pack(const std::vector<Scalar>& scalars) const {
    std::vector<Word> out;
    for (const auto& s : scalars) {
      const Limbs plain = s.plain();
      out.insert(out.end(), plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(m.limbs));
    }
    return out;
  }
  std::vector<Word> masks(std::size_t n) {
    std::vector<Word> out(n);
    for (auto& mask : out) mask = rng.below(2) == 1 ? ~Word{0} : 0;
    return out;
  }
  // One row of three integers, given big-endian, reduced.
  std::vector<Word> reduce_row(const std::array<Bytes, 3>& integers) const {
    const std::size_t width = curve.wide_size(), blocks = blocks_per_ot(curve);
    std::vector<ot::Block> in(blocks);
    for (std::size_t i = 0; i < 3; ++i)
      std::copy(integers[i].begin(), integers[i].end(), in.front().data() + i * width);
    std::vector<Word> out(3 * m.limbs);
    reduce_rows(m, tables(curve).reciprocal, out, in, blocks, width);
    return out;
  }
  void expect_reduced(const Bytes& wide) {
    Bytes other(wide.size());
    rng.fill(other);
    EXPECT_EQ(reduce_row({wide, other, wide}),
              pack({Scalar::reduce(curve, wide), Scalar::reduce(curve, other), Scalar::reduce(curve, wide)}))
        << to_hex(wide);
  }
};
INSTANTIATE_TEST_SUITE_P(Curves, Triples, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& i) {
                           return i.param->is_toy()                ? "toy"
                                  : i.param->id() == CurveId::P256 ? "P256"
                                                                   : "P384";
                         });

TEST_P(Triples, reduces_random_integers) {
  for (int i = 0; i < 3000; ++i) {
    Bytes wide(curve.wide_size());
    rng.fill(wide);
    expect_reduced(wide);
  }
}

// Long runs of ones and zeros reach the carries that random integers meet once in 2^32 or 2^64 times.
TEST_P(Triples, reduces_integers_of_runs) {
  const std::size_t bits = 8 * curve.wide_size();
  for (int i = 0; i < 20000; ++i) {
    Bytes wide(curve.wide_size());
    bool one = rng.below(2) == 1;
    for (std::size_t bit = 0; bit < bits; one = !one)
      for (std::size_t run = 1 + rng.below(rng.below(2) == 1 ? 8 : bits); run > 0 && bit < bits; --run, ++bit)
        if (one) wide[bit / 8] |= static_cast<std::uint8_t>(0x80 >> (bit % 8));
    expect_reduced(wide);
  }
  expect_reduced(Bytes(curve.wide_size(), 0));
  expect_reduced(Bytes(curve.wide_size(), 0xff));
}

// k n, k n - 1 and k n + 1, for k at both ends and in between, and n 2^i.
TEST_P(Triples, reduces_integers_beside_multiples_of_n) {
  const std::size_t size = curve.scalar_size(), wide_size = curve.wide_size();
  Bytes n(size);
  residue::to_big_endian(n, m.n);
  for (int i = 0; i < 3000; ++i) {
    Bytes k(16);
    if (i % 3 == 0) rng.fill(k);
    if (i % 3 == 1) std::fill(k.begin(), k.end(), std::uint8_t{0xff});
    if (i % 3 == 2) k[rng.below(16)] = static_cast<std::uint8_t>(1 << rng.below(8));
    Bytes product(wide_size);  // schoolbook, byte by byte, last byte lowest
    for (std::size_t a = 0; a < 16; ++a) {
      unsigned carry = 0;
      for (std::size_t b = 0; b < size; ++b) {
        auto& at = product[wide_size - 1 - a - b];
        const unsigned sum = at + unsigned{k[15 - a]} * n[size - 1 - b] + carry;
        at = static_cast<std::uint8_t>(sum);
        carry = sum >> 8;
      }
      if (a + size < wide_size) product[wide_size - 1 - a - size] = static_cast<std::uint8_t>(carry);
    }
    expect_reduced(product);
    Bytes more = product, less = product;
    for (std::size_t at = wide_size; at-- > 0 && ++more[at] == 0;) continue;
    for (std::size_t at = wide_size; at-- > 0 && less[at]-- == 0;) continue;
    expect_reduced(more);
    expect_reduced(less);
  }
}

TEST_P(Triples, blinds_rows) {
  const auto x = many(300), y = many(300), shift = many(3);
  auto rows = pack(y);
  blind_rows(m, rows, pack(x), pack(shift));
  std::vector<Scalar> expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(x[i] - y[i] + shift[i % 3]);
  EXPECT_EQ(rows, pack(expected));
}

TEST_P(Triples, corrects_rows_where_the_mask_says) {
  const auto x = many(300), a = many(300);
  const auto where = masks(100);
  auto rows = pack(x);
  correct_rows(m, rows, where, pack(a));
  std::vector<Scalar> expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(where[i / 3] != 0 ? x[i] + a[i] : x[i]);
  EXPECT_EQ(rows, pack(expected));
}

TEST_P(Triples, folds_rows) {
  for (int round = 0; round < 60; ++round) {
    const auto x = many(300);
    const Scalar t0 = edgy(), t1 = edgy();
    std::vector<Word> out(100 * m.limbs);
    fold_rows(m, out, pack(x), t0.montgomery(), t1.montgomery());
    std::vector<Scalar> expected;
    for (std::size_t j = 0; j < 100; ++j)
      expected.push_back(x[3 * j + 2] + t0 * x[3 * j] + t1 * x[3 * j + 1]);
    EXPECT_EQ(out, pack(expected));
  }
}

TEST_P(Triples, subtracts_and_sums_where_the_mask_says) {
  const auto x = many(544);
  const auto where = masks(x.size());
  const Scalar c = random();
  auto values = pack(x);
  EXPECT_EQ(Scalar::from_plain(curve, sum_where(m, values, std::vector<Word>(x.size(), ~Word{0}))), [&] {
    Scalar all(curve);
    for (const auto& s : x) all = all + s;
    return all;
  }());
  subtract_where(m, values, where, c.plain());
  std::vector<Scalar> expected;
  Scalar sum(curve);
  for (std::size_t j = 0; j < x.size(); ++j) {
    expected.push_back(where[j] != 0 ? x[j] - c : x[j]);
    if (where[j] != 0) sum = sum + expected.back();
  }
  EXPECT_EQ(values, pack(expected));
  EXPECT_EQ(Scalar::from_plain(curve, sum_where(m, values, where)), sum);
}

TEST_P(Triples, encodes_as_scalars_do_and_decodes_nothing_from_n_on) {
  const auto x = many(40);
  const std::size_t size = curve.scalar_size();
  Bytes encoded(x.size() * size), expected;
  encode(m, encoded, size, pack(x));
  for (const auto& s : x) append(expected, s.encode());
  EXPECT_EQ(encoded, expected);

  std::vector<Word> decoded(x.size() * m.limbs);
  EXPECT_TRUE(decode(m, decoded, encoded, size));
  EXPECT_EQ(decoded, pack(x));
  for (std::size_t at : {std::size_t{0}, x.size() / 2, x.size() - 1}) {
    Bytes bad = encoded;
    residue::to_big_endian(MutableByteView(bad).subspan(at * size, size), m.n);
    EXPECT_FALSE(decode(m, decoded, bad, size));
    bad[(at + 1) * size - 1] -= 1;
    EXPECT_TRUE(decode(m, decoded, bad, size));
    std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(at * size), size, std::uint8_t{0xff});
    EXPECT_FALSE(decode(m, decoded, bad, size));
  }
}

TEST_P(Triples, sizes_that_do_not_fit_end_the_process) {
  std::vector<Word> two(2 * m.limbs), three(3 * m.limbs), six(6 * m.limbs);
  EXPECT_DEATH(blind_rows(m, six, three, three), "");
  EXPECT_DEATH(correct_rows(m, six, std::vector<Word>(1), six), "");
  EXPECT_DEATH(fold_rows(m, three, six, {}, {}), "");
  Bytes bytes(1);
  EXPECT_DEATH(encode(m, bytes, curve.scalar_size(), two), "");
  EXPECT_DEATH(decode(m, two, bytes, curve.scalar_size()), "");
}

}  // namespace
}  // namespace quorate::mul
