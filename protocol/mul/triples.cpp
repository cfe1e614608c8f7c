#include "protocol/mul/triples.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "protocol/group/montgomery.h"

namespace quorate::mul {
namespace {

using mont::Wide;

static_assert(std::endian::native == std::endian::little, "big-endian input is byte-swapped");

void need(bool ok) {
  if (!ok) std::abort();
}

Word low(Wide w) { return static_cast<Word>(w); }
Word high(Wide w) { return static_cast<Word>(w >> 64); }

Word load_big_endian(const std::uint8_t* bytes) {
  Word w;
  std::memcpy(&w, bytes, sizeof w);
  return __builtin_bswap64(w);
}

// acc += x * b over N words; returns what is carried into the next one.
template <std::size_t N>
inline Word multiply_add(Word* acc, const Word* x, Word b) {
  Word carry = 0;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < N; ++i) {
    const Wide w = Wide{x[i]} * b + acc[i] + carry;
    acc[i] = low(w);
    carry = high(w);
  }
  return carry;
}

// r = t mod n for t < 4n in N + 1 words; t is overwritten. Non-restoring: t - 2n, then n is added or
// taken away as the sign of that says, then n is added back if the sign is still negative.
template <std::size_t N>
inline void finish(const Word* n, Word* r, Word* t) {
  Word twice[N + 1], step[N + 1];
#pragma GCC unroll 8
  for (std::size_t i = 0; i <= N; ++i) twice[i] = (i < N ? n[i] << 1 : 0) | (i > 0 ? n[i - 1] >> 63 : 0);
  mont::sub_words<N + 1>(t, t, twice);
  const Word positive = ct::mask(1 ^ t[N] >> 63);
#pragma GCC unroll 8
  for (std::size_t i = 0; i <= N; ++i) step[i] = (i < N ? n[i] : 0) ^ positive;
  Word carry = positive & 1;  // -n is its complement and one
#pragma GCC unroll 8
  for (std::size_t i = 0; i <= N; ++i) carry = mont::add_word(t[i], t[i], step[i], carry);
  const Word negative = ct::mask(t[N] >> 63);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < N; ++i) step[i] = n[i] & negative;
  mont::add_words<N>(r, t, step);
}

template <std::size_t N>
inline void negate(Word* r, const Word* n) {
  const Word zero[N] = {};
  mont::sub_words<N>(r, zero, n);
}

// Long division of (2^(64 N) - n) 2^128 by n, bit by bit. The modulus is public.
template <std::size_t N>
Reciprocal divide(const Modulus& m) {
  Word rest[N + 1] = {}, n[N + 1] = {}, d[N + 1];
  std::copy_n(m.n.begin(), N, n);
  negate<N>(rest, n);
  Reciprocal v;
  for (int bit = 0; bit < 128; ++bit) {
    mont::add_words<N + 1>(rest, rest, rest);
    const bool fits = mont::sub_words<N + 1>(d, rest, n) == 0;
    if (fits) std::copy_n(d, N + 1, rest);
    v.hi = v.hi << 1 | v.lo >> 63;
    v.lo = v.lo << 1 | (fits ? 1 : 0);
  }
  return v;
}

// r = t mod n for t of N + 2 words (Barrett); c is 2^(64 N) - n. With t = h 2^(64 N) + l the quotient is
// taken as q = h + floor(h v / 2^128), which is too small by less than 4; t - q n is computed as
// t + q c - q 2^(64 N), of which N + 1 words tell all.
template <std::size_t N>
inline void reduce_one(const Word* n, const Word* c, Reciprocal v, Word* r, const Word* t) {
  const Word h0 = t[N], h1 = t[N + 1];
  const Wide p01 = Wide{h0} * v.hi, p10 = Wide{h1} * v.lo;
  const Wide middle = Wide{low(p01)} + low(p10) + high(Wide{h0} * v.lo);
  const Wide more = Wide{h1} * v.hi + high(p01) + high(p10) + high(middle);
  Word q0, q1;
  const Word q2 = mont::add_word(q1, h1, high(more), mont::add_word(q0, h0, low(more), 0));

  Word acc[N + 1];
  std::copy_n(t, N + 1, acc);
  acc[N] += multiply_add<N>(acc, c, q0) - q0;
  acc[N] += multiply_add<N - 1>(acc + 1, c, q1) + q1 * c[N - 1];
  const Word top = ct::mask(q2);
  Word carry = 0;
#pragma GCC unroll 8
  for (std::size_t i = 2; i <= N; ++i) carry = mont::add_word(acc[i], acc[i], c[i - 2] & top, carry);
  finish<N>(n, r, acc);
}

bool fills_words(const Modulus& m) { return m.n[m.limbs - 1] >> 63 != 0; }

}  // namespace

Reciprocal reciprocal(const Modulus& m) {
  if (!fills_words(m)) return {};
  return mont::with_width(m, [&]<std::size_t N>() { return divide<N>(m); });
}

void reduce_rows(const Modulus& m, Reciprocal v, std::span<Word> rows, std::span<const ot::Block> in,
                 std::size_t blocks_per_row, std::size_t width) {
  const std::size_t count = in.size() / blocks_per_row;
  need(rows.size() == count * 3 * m.limbs && 3 * width <= blocks_per_row * sizeof(ot::Block));
  if (!fills_words(m)) {  // toy curves
    for (std::size_t e = 0; e < 3 * count; ++e) {
      Limbs wide, r;
      residue::from_big_endian(wide, {in[e / 3 * blocks_per_row].data() + e % 3 * width, width});
      residue::reduce_wide(m, r, std::span(wide).first((width + 7) / 8));
      std::copy_n(r.begin(), m.limbs, rows.begin() + e * m.limbs);
    }
    return;
  }
  need(width == 8 * (m.limbs + 2));
  mont::with_width(m, [&]<std::size_t N>() {
    Word n[N], c[N];
    std::copy_n(m.n.begin(), N, n);
    negate<N>(c, n);
    Word* out = rows.data();
    for (std::size_t j = 0; j < count; ++j) {
      const std::uint8_t* bytes = in[j * blocks_per_row].data();
      for (int i = 0; i < 3; ++i, bytes += width, out += N) {
        Word t[N + 2];
        for (std::size_t w = 0; w < N + 2; ++w) t[N + 1 - w] = load_big_endian(bytes + 8 * w);
        reduce_one<N>(n, c, v, out, t);
      }
    }
  });
}

void blind_rows(const Modulus& m, std::span<Word> rows, std::span<const Word> minuend,
                std::span<const Word> shift) {
  need(rows.size() == minuend.size() && shift.size() == 3 * m.limbs && rows.size() % shift.size() == 0);
  mont::with_width(m, [&]<std::size_t N>() {
    for (std::size_t j = 0; j < rows.size(); j += 3 * N)
      for (std::size_t i = 0; i < 3 * N; i += N) {
        mont::sub<N>(m, &rows[j + i], &minuend[j + i], &rows[j + i]);
        mont::add<N>(m, &rows[j + i], &rows[j + i], &shift[i]);
      }
  });
}

void correct_rows(const Modulus& m, std::span<Word> rows, std::span<const Word> masks,
                  std::span<const Word> correction) {
  need(rows.size() == masks.size() * 3 * m.limbs && rows.size() == correction.size());
  mont::with_width(m, [&]<std::size_t N>() {
    for (std::size_t e = 0; e < 3 * masks.size(); ++e) {
      Word chosen[N];
      for (std::size_t i = 0; i < N; ++i) chosen[i] = correction[e * N + i] & masks[e / 3];
      mont::add<N>(m, &rows[e * N], &rows[e * N], chosen);
    }
  });
}

void fold_rows(const Modulus& m, std::span<Word> out, std::span<const Word> rows, const Limbs& t0,
               const Limbs& t1) {
  need(rows.size() == 3 * out.size());
  mont::with_width(m, [&]<std::size_t N>() {
    for (std::size_t j = 0; j < out.size(); j += N) {
      const Word* row = &rows[3 * j];
      // Both products, below 2 n^2, then Montgomery's reduction to below 3n.
      Word sum[2 * N + 1] = {}, product[2 * N];
      for (std::size_t side = 0; side < 2; ++side) {
        const Word* t = side == 0 ? t0.data() : t1.data();
        const Word* x = row + side * N;
        std::fill_n(product, N, 0);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < N; ++i) product[N + i] = multiply_add<N>(product + i, t, x[i]);
        sum[2 * N] += mont::add_words<2 * N>(sum, sum, product);
      }
      Word carries[N];
#pragma GCC unroll 8
      for (std::size_t i = 0; i < N; ++i) carries[i] = multiply_add<N>(sum + i, m.n.data(), sum[i] * m.n0);
      Word acc[N + 1];
      acc[N] = sum[2 * N] + mont::add_words<N>(acc, sum + N, carries);
      Word last[N + 1];
      for (std::size_t i = 0; i < N; ++i) last[i] = row[2 * N + i];
      last[N] = 0;
      mont::add_words<N + 1>(acc, acc, last);
      finish<N>(m.n.data(), &out[j], acc);
    }
  });
}

void subtract_where(const Modulus& m, std::span<Word> values, std::span<const Word> masks, const Limbs& c) {
  need(values.size() == masks.size() * m.limbs);
  mont::with_width(m, [&]<std::size_t N>() {
    for (std::size_t j = 0; j < masks.size(); ++j) {
      Word chosen[N];
      for (std::size_t i = 0; i < N; ++i) chosen[i] = c[i] & masks[j];
      mont::sub<N>(m, &values[j * N], &values[j * N], chosen);
    }
  });
}

Limbs sum_where(const Modulus& m, std::span<const Word> values, std::span<const Word> masks) {
  need(values.size() == masks.size() * m.limbs);
  Limbs out{};
  mont::with_width(m, [&]<std::size_t N>() {
    Word acc[N + 1] = {};
    for (std::size_t j = 0; j < masks.size(); ++j) {
      Word chosen[N];
      for (std::size_t i = 0; i < N; ++i) chosen[i] = values[j * N + i] & masks[j];
      acc[N] += mont::add_words<N>(acc, acc, chosen);
    }
    residue::reduce_wide(m, out, acc);
    ct::wipe(acc, sizeof acc);
  });
  return out;
}

void encode(const Modulus& m, MutableByteView out, std::size_t size, std::span<const Word> values) {
  const std::size_t count = values.size() / m.limbs;
  need(out.size() == count * size);
  if (size == 8 * m.limbs) {
    std::uint8_t* at = out.data();
    for (std::size_t j = 0; j < values.size(); j += m.limbs)
      for (std::size_t i = m.limbs; i-- > 0; at += 8) {
        const Word w = __builtin_bswap64(values[j + i]);
        std::memcpy(at, &w, sizeof w);
      }
    return;
  }
  for (std::size_t j = 0; j < count; ++j) {
    Limbs limbs{};
    std::copy_n(values.begin() + j * m.limbs, m.limbs, limbs.begin());
    residue::to_big_endian(out.subspan(j * size, size), limbs);
  }
}

bool decode(const Modulus& m, std::span<Word> values, ByteView in, std::size_t size) {
  const std::size_t count = values.size() / m.limbs;
  need(in.size() == count * size);
  std::uint64_t all_below = 1;
  mont::with_width(m, [&]<std::size_t N>() {
    for (std::size_t j = 0; j < count; ++j) {
      Word* value = &values[j * N];
      if (size == 8 * N) {
        for (std::size_t i = 0; i < N; ++i) value[N - 1 - i] = load_big_endian(&in[j * size + 8 * i]);
      } else {
        Limbs limbs;
        residue::from_big_endian(limbs, in.subspan(j * size, size));
        std::copy_n(limbs.begin(), N, value);
      }
      Word difference[N];
      all_below &= mont::sub_words<N>(difference, value, m.n.data());
    }
  });
  return all_below == 1;
}

}  // namespace quorate::mul
