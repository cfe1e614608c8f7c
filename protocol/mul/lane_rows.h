#pragma once

#include "protocol/group/lane_field.h"
#include "protocol/mul/lane_kernels.h"

namespace quorate::mul {

/// The loops of lane_kernels.h over eight rows at a time. N words per residue, the modulus one of the curves'
/// orders: within 2^(64 N - 31) of 2^(64 N). See protocol/group/lanes.h for what may be used here.
template <class V, std::size_t N>
class LaneRows {
 public:
  static constexpr std::size_t L = lane_limbs(N);
  using Field = LaneField<V, L>;
  using Element = typename Field::Element;

  LaneRows(const Modulus& m, Reciprocal v) : f_(m) {
    constexpr std::uint64_t kLow = (std::uint64_t{1} << 52) - 1;
    v_[0] = V::broadcast(v.lo << 28 & kLow);
    v_[1] = V::broadcast((v.lo >> 24 | v.hi << 40) & kLow);
    v_[2] = V::broadcast(v.hi >> 12);
  }

  void blind(std::size_t groups, const std::uint64_t* hashed0, const std::uint64_t* hashed1,
             const std::uint64_t* shift, std::uint64_t* rows, std::uint8_t* out) const {
    const Element shifts[3] = {same(shift), same(shift + N), same(shift + 2 * N)};
    for (std::size_t g = 0; g < groups; ++g)
      for (std::size_t i = 0; i < 3; ++i) {
        const Element alpha0 = reduce(hashed0 + (3 * g + i) * kWide),
                      alpha1 = reduce(hashed1 + (3 * g + i) * kWide);
        store(rows + (3 * g + i) * kElement, alpha0);
        // below 3.1n + 4n + n
        encode(out + (24 * g + i) * 8 * N, 24 * N, Field::add(f_.template sub<4>(alpha0, alpha1), shifts[i]));
      }
  }

  std::uint64_t correct(std::size_t groups, const std::uint64_t* hashed, const std::uint8_t* choices,
                        const std::uint8_t* in, std::uint64_t* rows) const {
    V all_below = V::broadcast(~std::uint64_t{0});
    for (std::size_t g = 0; g < groups; ++g) {
      const V mask = V::from_bits(choices[g]);
      for (std::size_t i = 0; i < 3; ++i) {
        V w[N], swapped[N];
        V::template load_words<N>(w, in + (24 * g + i) * 8 * N, 24 * N);
        for (std::size_t k = 0; k < N; ++k) swapped[k] = swap_bytes(w[N - 1 - k]);
        Element a = Field::split(swapped);
        all_below = all_below & f_.is_below(a);
        for (std::size_t k = 0; k < L; ++k) a[k] = a[k] & mask;
        store(rows + (3 * g + i) * kElement, Field::add(reduce(hashed + (3 * g + i) * kWide), a));
      }
    }
    std::uint64_t each[kLanes], all = ~std::uint64_t{0};
    all_below.store(each);
    for (const std::uint64_t one : each) all &= one;
    return all;
  }

  void fold(std::size_t groups, const std::uint64_t* rows, const std::uint64_t* theta,
            const std::uint64_t* eta, const std::uint8_t* choices, std::uint8_t* out) const {
    const Element theta0 = f_.to_montgomery(same(theta)), theta1 = f_.to_montgomery(same(theta + N));
    const Element t0 = f_.canonical(theta0), t1 = f_.canonical(theta1);
    const Element minus_eta = f_.template negate<1>(same(eta));
    for (std::size_t g = 0; g < groups; ++g) {
      const std::uint64_t* row = rows + 3 * g * kElement;
      V t[2 * L];
#pragma GCC unroll 16
      for (auto& column : t) column = V::broadcast(0);
      f_.multiply_add(t, t0, load(row));
      f_.multiply_add(t, t1, load(row + kElement));
      // below 2 * 4.1 n^2 / R + n, then 4.1n and n more
      Element sum = Field::add(f_.reduce(t), load(row + 2 * kElement));
      const V mask = V::from_bits(choices[g]);
#pragma GCC unroll 16
      for (std::size_t k = 0; k < L; ++k) sum[k] = sum[k] + (minus_eta[k] & mask);
      encode(out + 8 * g * 8 * N, 8 * N, Field::carried(sum));
    }
  }

  void weigh(std::size_t groups, const std::uint64_t* rows, const std::uint64_t* gadget, std::size_t i,
             std::uint64_t* sum) const {
    V t[2 * L];
#pragma GCC unroll 16
    for (auto& column : t) column = V::broadcast(0);
    for (std::size_t g = 0; g < groups; ++g)
      f_.multiply_add(t, load(gadget + g * kElement), load(rows + (3 * g + i) * kElement));
    store(sum, f_.reduce(t));
  }

  static void choose(std::size_t groups, const std::uint64_t* gadget, const std::uint8_t* choices,
                     std::uint64_t* sum) {
    Element total = Field::zero();
    for (std::size_t g = 0; g < groups; ++g) {
      const V mask = V::from_bits(choices[g]);
      const Element a = load(gadget + g * kElement);
#pragma GCC unroll 16
      for (std::size_t k = 0; k < L; ++k) total[k] = total[k] + (a[k] & mask);
    }
    store(sum, total);
  }

 private:
  /// Words that one group of eight residues takes: in limbs, and as integers of wide_size() bytes.
  static constexpr std::size_t kElement = kLanes * L, kWide = kLanes * (N + 2);

  static Element load(const std::uint64_t* p) {
    Element r;
#pragma GCC unroll 16
    for (std::size_t k = 0; k < L; ++k) r[k] = V::load(p + kLanes * k);
    return r;
  }
  static void store(std::uint64_t* p, const Element& a) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < L; ++k) a[k].store(p + kLanes * k);
  }
  /// One residue in all lanes.
  static Element same(const std::uint64_t* words) {
    V w[N];
    for (std::size_t i = 0; i < N; ++i) w[i] = V::broadcast(words[i]);
    return Field::split(w);
  }
  /// a mod n in big-endian bytes, for any tidy a.
  void encode(std::uint8_t* out, std::size_t stride, const Element& a) const {
    V w[N], swapped[N];
    Field::join(w, f_.template less<1>(f_.folded(a)));
#pragma GCC unroll 16
    for (std::size_t k = 0; k < N; ++k) swapped[k] = swap_bytes(w[N - 1 - k]);
    V::template store_words<N>(out, stride, swapped);
  }
  /// Bits bit .. bit + 51 of words.
  template <std::size_t bit>
  static V limb(const V* w) {
    constexpr std::size_t word = bit / 64, shift = bit % 64;
    V r = shr<shift>(w[word]);
    if constexpr (shift > 12 && word + 1 < N + 2) r = r | shl<64 - shift>(w[word + 1]);
    return r & V::broadcast((std::uint64_t{1} << 52) - 1);
  }

  /// t mod n, below 3.1n, for the big-endian integer t of N + 2 words in memory. Barrett: with t = h 2^(64 N)
  /// + l the quotient is taken as q = h + floor(h v / 2^128), v being the reciprocal. h v / 2^128 is too
  /// small by less than 1 (v is cut off), its floor by less than 1 again, and l / n is below 1 + 2^-30. The
  /// two lowest columns of h v are left out, which costs 2^-48 more.
  [[nodiscard]] Element reduce(const std::uint64_t* t) const {
    V w[N + 2];
#pragma GCC unroll 16
    for (std::size_t i = 0; i < N + 2; ++i) w[N + 1 - i] = swap_bytes(V::load(t + kLanes * i));
    const V none = V::broadcast(0), low = V::broadcast((std::uint64_t{1} << 52) - 1);
    const V h[3] = {limb<64 * N>(w), limb<64 * N + 52>(w), limb<64 * N + 104>(w)};

    // v_ is v 2^28, so that the quotient begins with a limb: the third column and on.
    const V c2 = madhi(madlo(madlo(madhi(madlo(none, h[0], v_[2]), h[0], v_[1]), h[1], v_[1]), h[2], v_[0]),
                       h[1], v_[0]);
    V q0 = madhi(madlo(madhi(madlo(madhi(none, h[0], v_[2]), h[1], v_[2]), h[1], v_[1]), h[2], v_[1]), h[2],
                 v_[0]);
    V q1 = madhi(madlo(madhi(none, h[1], v_[2]), h[2], v_[2]), h[2], v_[1]);
    V q2 = madhi(none, h[2], v_[2]);
    q0 = q0 + shr<52>(c2) + h[0];
    q1 = q1 + h[1] + shr<52>(q0);
    q2 = q2 + h[2] + shr<52>(q1);
    const V q[3] = {q0 & low, q1 & low, q2};

    // The remainder is below 2^(52 L): higher columns need not be computed.
    V product[L + 1];
#pragma GCC unroll 16
    for (auto& column : product) column = none;
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 3; ++i)
#pragma GCC unroll 16
      for (std::size_t j = 0; i + j < L; ++j) {
        product[i + j] = madlo(product[i + j], q[i], f_.modulus()[j]);
        product[i + j + 1] = madhi(product[i + j + 1], q[i], f_.modulus()[j]);
      }
    Element r;
    each<L>([&]<std::size_t i>() { r[i] = limb<52 * i>(w) - product[i]; });
    r = Field::carried(r);
    r[L - 1] = r[L - 1] & low;
    return r;
  }

  template <std::size_t count, std::size_t i = 0, class F>
  static void each(F&& f) {
    if constexpr (i < count) {
      f.template operator()<i>();
      each<count, i + 1>(f);
    }
  }

  Field f_;
  V v_[3];
};

template <class V>
struct Kernels {
  template <std::size_t N>
  struct Of {
    using Rows = LaneRows<V, N>;
    static void blind(const Modulus& m, Reciprocal v, std::size_t groups, const std::uint64_t* hashed0,
                      const std::uint64_t* hashed1, const std::uint64_t* shift, std::uint64_t* rows,
                      std::uint8_t* out) {
      Rows(m, v).blind(groups, hashed0, hashed1, shift, rows, out);
    }
    static std::uint64_t correct(const Modulus& m, Reciprocal v, std::size_t groups,
                                 const std::uint64_t* hashed, const std::uint8_t* choices,
                                 const std::uint8_t* in, std::uint64_t* rows) {
      return Rows(m, v).correct(groups, hashed, choices, in, rows);
    }
    static void fold(const Modulus& m, std::size_t groups, const std::uint64_t* rows,
                     const std::uint64_t* theta, const std::uint64_t* eta, const std::uint8_t* choices,
                     std::uint8_t* out) {
      Rows(m, {}).fold(groups, rows, theta, eta, choices, out);
    }
    static void weigh(const Modulus& m, std::size_t groups, const std::uint64_t* rows,
                      const std::uint64_t* gadget, std::size_t i, std::uint64_t* sum) {
      Rows(m, {}).weigh(groups, rows, gadget, i, sum);
    }
    static void choose(std::size_t groups, const std::uint64_t* gadget, const std::uint8_t* choices,
                       std::uint64_t* sum) {
      Rows::choose(groups, gadget, choices, sum);
    }
    static constexpr LaneKernels kTable{blind, correct, fold, weigh, choose};
  };
};

}  // namespace quorate::mul
