#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "protocol/group/montgomery.h"
#include "protocol/group/scalar.h"

namespace quorate::residue {
namespace {

/// Up to 8 bytes, big-endian.
inline std::uint64_t load(ByteView bytes) {
  std::uint64_t word = 0;
  if (std::endian::native == std::endian::little && bytes.size() == 8) {
    std::memcpy(&word, bytes.data(), 8);
    return __builtin_bswap64(word);
  }
  for (const auto byte : bytes) word = word << 8 | byte;
  return word;
}

/// The low out.size() bytes, at most 8.
inline void store(MutableByteView out, std::uint64_t word) {
  if (std::endian::native == std::endian::little && out.size() == 8) {
    word = __builtin_bswap64(word);
    std::memcpy(out.data(), &word, 8);
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(word >> (8 * (out.size() - 1 - i)));
}

/// One column of the sum of count products: all pairs of words whose indices add up to kColumn.
template <std::size_t N, std::size_t kColumn>
inline void sum_column(mont::Column& sum, const std::uint64_t* a, const std::uint64_t* b, std::size_t count,
                       std::size_t stride) {
  constexpr std::size_t kFirst = kColumn < N ? 0 : kColumn - N + 1, kLast = kColumn < N ? kColumn : N - 1;
  mont::Column local = sum;  // stays in registers
  for (std::size_t j = 0; j < count; ++j, a += N, b += stride * N) {
#pragma GCC unroll 6
    for (std::size_t i = kFirst; i <= kLast; ++i) local.multiply_add(a[i], b[kColumn - i]);
  }
  sum = local;
}

/// acc (2N + 1 words) = sum of a_j b_j. A column's sum fits three words for up to 2^61 terms.
template <std::size_t N>
void sum_products(std::uint64_t* acc, const std::uint64_t* a, const std::uint64_t* b, std::size_t count,
                  std::size_t stride) {
  mont::Column sum;
  [&]<std::size_t... kColumn>(std::index_sequence<kColumn...>) {
    ((sum_column<N, kColumn>(sum, a, b, count, stride), acc[kColumn] = sum.shift()), ...);
  }
  (std::make_index_sequence<2 * N - 1>{});
  acc[2 * N - 1] = sum.shift();
  acc[2 * N] = sum.shift();
}

/// r = acc / 2^(64 N) mod n; acc (2N + 1 words, overwritten) is below 2^32 n^2.
template <std::size_t N>
inline void reduce_accumulator(const Modulus& m, std::uint64_t* r, std::uint64_t* acc) {
  std::uint64_t top = 0;
  for (std::size_t i = 0; i < N; ++i) {
    const std::uint64_t q = acc[i] * m.n0;
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < N; ++j) {
      const mont::Wide w = mont::Wide{q} * m.n[j] + acc[i + j] + carry;
      acc[i + j] = static_cast<std::uint64_t>(w);
      carry = static_cast<std::uint64_t>(w >> 64);
    }
    const mont::Wide w = mont::Wide{acc[i + N]} + carry + top;
    acc[i + N] = static_cast<std::uint64_t>(w);
    top = static_cast<std::uint64_t>(w >> 64);
  }
  // What is left is acc[N..2N-1] + h 2^(64 N) with a small h. The first part is below 2n: on the real
  // curves n fills its words, on the toy curve the whole is.
  const std::uint64_t h[N] = {acc[2 * N] + top};
  std::uint64_t high[N], low[N];
  mont::mul<N>(m, high, h, m.r2.data());
  mont::reduce_once<N>(low, 0, acc + N, m.n.data());
  mont::add<N>(m, r, high, low);
}

/// Whether every N-word number is below 2n.
template <std::size_t N>
bool fills_its_words(const Modulus& m) {
  return m.n[N - 1] >> 63 != 0;
}

template <std::size_t N>
void clear_high(Limbs& r) {
  for (std::size_t i = N; i < kMaxLimbs; ++i) r[i] = 0;
}

}  // namespace

void mont_mul(const Modulus& m, Limbs& r, const Limbs& a, const Limbs& b) {
  mont::with_width(m, [&]<std::size_t N>() {
    mont::mul<N>(m, r.data(), a.data(), b.data());
    clear_high<N>(r);
  });
}

void add(const Modulus& m, Limbs& r, const Limbs& a, const Limbs& b) {
  mont::with_width(m, [&]<std::size_t N>() {
    mont::add<N>(m, r.data(), a.data(), b.data());
    clear_high<N>(r);
  });
}

void sub(const Modulus& m, Limbs& r, const Limbs& a, const Limbs& b) {
  mont::with_width(m, [&]<std::size_t N>() {
    mont::sub<N>(m, r.data(), a.data(), b.data());
    clear_high<N>(r);
  });
}

void reduce_wide(const Modulus& m, Limbs& r, std::span<const std::uint64_t> wide) {
  mont::with_width(m, [&]<std::size_t N>() {
    // Horner in base 2^(64 N), most significant chunk first.
    std::uint64_t acc[N] = {}, chunk[N];
    const std::size_t chunks = (wide.size() + N - 1) / N;
    for (std::size_t c = chunks; c-- > 0;) {
      for (std::size_t i = 0; i < N; ++i) chunk[i] = c * N + i < wide.size() ? wide[c * N + i] : 0;
      if (fills_its_words<N>(m)) {
        mont::reduce_once<N>(chunk, 0, chunk, m.n.data());
      } else {
        mont::mul<N>(m, chunk, chunk, m.r.data());
      }
      if (c + 1 < chunks) mont::mul<N>(m, acc, acc, m.r2.data());
      mont::add<N>(m, acc, acc, chunk);
    }
    for (std::size_t i = 0; i < N; ++i) r[i] = acc[i];
    clear_high<N>(r);
  });
}

void inner_product(const Modulus& m, Limbs& r, std::span<const std::uint64_t> mont,
                   std::span<const std::uint64_t> plain, std::size_t stride) {
  mont::with_width(m, [&]<std::size_t N>() {
    const std::size_t count = mont.size() / N;
    if (mont.size() != count * N || (count > 0 && plain.size() < ((count - 1) * stride + 1) * N))
      std::abort();
    std::uint64_t acc[2 * N + 1];
    sum_products<N>(acc, mont.data(), plain.data(), count, stride);
    reduce_accumulator<N>(m, r.data(), acc);
    clear_high<N>(r);
  });
}

std::uint64_t below(const Modulus& m, const Limbs& a) {
  std::uint64_t d[kMaxLimbs];
  return mont::sub_words<kMaxLimbs>(d, a.data(), m.n.data());
}

void from_big_endian(std::span<std::uint64_t> out, ByteView bytes) {
  if (bytes.size() > 8 * out.size()) std::abort();
  for (auto& word : out) {
    const std::size_t take = std::min<std::size_t>(8, bytes.size());
    word = load(bytes.last(take));
    bytes = bytes.first(bytes.size() - take);
  }
}

void from_big_endian(Limbs& r, ByteView bytes) { from_big_endian(std::span<std::uint64_t>(r), bytes); }

void to_big_endian(MutableByteView out, const Limbs& a) {
  if (out.size() > 8 * kMaxLimbs) std::abort();
  for (const auto word : a) {
    const std::size_t take = std::min<std::size_t>(8, out.size());
    store(out.last(take), word);
    out = out.first(out.size() - take);
  }
}

}  // namespace quorate::residue
