#pragma once

#include "protocol/base/ct.h"
#include "protocol/group/lane_curve.h"
#include "protocol/group/lane_kernels.h"
#include "protocol/group/lane_maps.h"
#include "protocol/group/lane_public_sum.h"

namespace quorate {

/// Eight products at a time. Constant-time in points and digits.
template <class V, std::size_t L>
class LaneProducts {
 public:
  using Law = LaneCurve<V, L>;
  using F = typename Law::F;
  using Element = typename F::Element;
  using Affine = typename Law::Affine;
  using Jacobian = typename Law::Jacobian;
  using Projective = typename Law::Projective;

  static constexpr std::size_t kWords = F::Prime::kWords;
  static constexpr std::size_t kPoint = 2 * kWords;
  static constexpr std::size_t kWidth = 5, kEntries = 16;
  static constexpr std::size_t kWindows = F::Prime::kBits / kWidth + 1;
  /// Windows of the lower half of a scalar.
  static constexpr std::size_t kHalf = (kWindows + 1) / 2;

  /// For multiply(), multiply_base() and add_hashes().
  struct Work {
    static constexpr std::size_t kGroups = 8;
    Affine point[kGroups][2];            ///< P and 32^kHalf P
    Affine table[kGroups][2][kEntries];  ///< their multiples, 1 to 16
    Element z[kGroups * 2 * kEntries], before[kGroups * 2 * kEntries];
    Projective product[kGroups];
  };
  /// For sum().
  struct SumWork {
    static constexpr std::size_t kGroups = 16;
    Projective table[kGroups][kEntries];
  };

  static void multiply(const LaneTask& task) {
    for (std::size_t first = 0; first < task.groups; first += Work::kGroups) {
      const std::size_t rest = task.groups - first;
      multiply_some(task, first, rest < Work::kGroups ? rest : Work::kGroups);
    }
  }

  static void multiply_base(const LaneTask& task) {
    Work& work = *static_cast<Work*>(task.work);
    for (std::size_t first = 0; first < task.groups; first += Work::kGroups) {
      const std::size_t rest = task.groups - first, groups = rest < Work::kGroups ? rest : Work::kGroups;
      for (std::size_t g = 0; g < groups; ++g) {
        Running sum;
        for (std::size_t w = 0; w < kWindows; ++w) {
          // The sum so far is shorter than 32^w, but for a highest digit that leaves no room to wrap: it is
          // neither the entry nor its negative.
          const Digit d(digit(task, w, first + g));
          sum.add(d, from_words(task.points + w * kEntries * 2 * L, d));
        }
        work.product[g] = Law::projective(sum.point, sum.none);
        ct::wipe(&sum, sizeof sum);
      }
      finish(task, work, groups, task.out + 8 * first * kPoint);
    }
  }

  static void sum(const LaneTask& task) {
    SumWork& work = *static_cast<SumWork*>(task.work);
    Projective total = Law::infinity();
    for (std::size_t first = 0; first < task.groups; first += SumWork::kGroups) {
      const std::size_t rest = task.groups - first, groups = rest < SumWork::kGroups ? rest : SumWork::kGroups;
      for (std::size_t g = 0; g < groups; ++g) {
        Projective* table = work.table[g];
        table[0] = load_any(task.points + 8 * (first + g) * kPoint);
        for (std::size_t j = 1; j < kEntries; ++j) table[j] = Law::add(table[j - 1], table[0]);
      }
      Projective part = Law::infinity();
      for (std::size_t w = task.windows; w-- > 0;) {
        if (w + 1 < task.windows) {
          Jacobian p = Law::jacobian(part);
          for (std::size_t i = 0; i < kWidth; ++i) p = Law::twice(p);
          part = Law::projective(p, F::is_zero(p.z));
        }
        for (std::size_t g = 0; g < groups; ++g)
          part = Law::add(part, from_table(work.table[g], Digit(digit(task, w, first + g))));
      }
      total = Law::add(total, part);
      ct::wipe(&part, sizeof part);
    }
    F::store(task.out, 3 * kWords, total.x);
    F::store(task.out + kWords, 3 * kWords, total.y);
    F::store(task.out + 2 * kWords, 3 * kWords, total.z);
    ct::wipe(&total, sizeof total);
  }

  static void add_hashes(const LaneTask& task) {
    using Maps = LaneMaps<V, L>;
    Work& work = *static_cast<Work*>(task.work);
    const V subtract = V::broadcast(0 - static_cast<std::uint64_t>(task.subtract));
    for (std::size_t first = 0; first < task.groups; first += Work::kGroups) {
      const std::size_t rest = task.groups - first, groups = rest < Work::kGroups ? rest : Work::kGroups;
      for (std::size_t g = 0; g < groups; ++g) {
        const std::uint64_t* u = task.fields + 8 * (first + g) * kPoint;
        Projective hash = Law::add(Maps::map(F::load(u, kPoint)), Maps::map(F::load(u + kWords, kPoint)));
        hash.y = F::choose(subtract, F::negate(hash.y), hash.y);
        work.product[g] = Law::add(load_any(task.points + 8 * (first + g) * kPoint), hash);
      }
      finish(task, work, groups, task.out + 8 * first * kPoint);
    }
  }

  static void prepare_base(std::uint64_t* limbs, const std::uint64_t* points, std::size_t count) {
    for (std::size_t i = 0; i < count; i += 8) {
      const Affine p = load(points + i * kPoint);
      for (std::size_t l = 0; l < L; ++l) {
        p.x.limbs[l].scatter(limbs + i * 2 * L + l, 2 * L);
        p.y.limbs[l].scatter(limbs + i * 2 * L + L + l, 2 * L);
      }
    }
  }

 private:
  struct Digit {
    explicit Digit(V biased) {
      const V d = biased - V::broadcast(16);
      negative = mask_if_negative(d);
      magnitude = select(negative, V::broadcast(0) - d, d);
    }
    [[nodiscard]] V is(std::uint64_t m) const { return mask_if_zero(magnitude ^ V::broadcast(m)); }
    V magnitude, negative;
  };

  /// A sum that starts at infinity and is added to only what it is not equal to.
  struct Running {
    Jacobian point{F::one(), F::one(), F::zero()};
    V none = mask_if_zero(V::broadcast(0));  ///< ones where it is still infinity

    void shift() {
      for (std::size_t i = 0; i < kWidth; ++i) point = Law::twice(point);
    }
    void add_from(const Affine* table, const Digit& d) { add(d, from_table(table, d)); }
    void add(const Digit& d, const Affine& q) {
      const V zero = d.is(0);
      Jacobian sum = Law::choose(none, {q.x, q.y, F::one()}, Law::add_different(point, q));
      point = Law::choose(zero, point, sum);
      none = none & zero;
    }
  };

  static V digit(const LaneTask& task, std::size_t window, std::size_t group) {
    return V::load(task.digits + 8 * (window * task.groups + group));
  }

  static Affine with_sign(const Affine& p, const Digit& d) {
    return {p.x, F::choose(d.negative, F::negate(p.y), p.y)};
  }
  /// The entry that the digit names; something for 0. All entries are read.
  static Affine from_table(const Affine* table, const Digit& d) {
    Affine chosen = table[0];
    for (std::size_t j = 1; j < kEntries; ++j) {
      const V here = d.is(j + 1);
      chosen = {F::choose(here, table[j].x, chosen.x), F::choose(here, table[j].y, chosen.y)};
    }
    return with_sign(chosen, d);
  }
  static Affine from_words(const std::uint64_t* words, const Digit& d) {
    Affine chosen{F::zero(), F::zero()};
    for (std::size_t j = 0; j < kEntries; ++j) {
      const V here = d.is(j + 1);
      for (std::size_t l = 0; l < L; ++l) {
        chosen.x.limbs[l] = select(here, V::broadcast(words[2 * L * j + l]), chosen.x.limbs[l]);
        chosen.y.limbs[l] = select(here, V::broadcast(words[2 * L * j + L + l]), chosen.y.limbs[l]);
      }
    }
    return with_sign(chosen, d);
  }
  static Projective from_table(const Projective* table, const Digit& d) {
    Projective chosen = Law::infinity();
    for (std::size_t j = 0; j < kEntries; ++j) {
      const V here = d.is(j + 1);
      chosen = {F::choose(here, table[j].x, chosen.x), F::choose(here, table[j].y, chosen.y),
                F::choose(here, table[j].z, chosen.z)};
    }
    chosen.y = F::choose(d.negative, F::negate(chosen.y), chosen.y);
    return chosen;
  }

  static Affine load(const std::uint64_t* points) {
    return {F::load(points, kPoint), F::load(points + kWords, kPoint)};
  }
  static Projective load_any(const std::uint64_t* points) {
    const Affine p = load(points);
    return Law::projective(p, F::is_zero(p.x) & F::is_zero(p.y));
  }

  /// Replaces z[i] by its inverse. None may be 0 in any lane.
  static void invert_all(Work& work, std::size_t count) {
    Element product = F::one();
    for (std::size_t i = 0; i < count; ++i) {
      work.before[i] = product;
      product = F::mul(product, work.z[i]);
    }
    Element inverse = F::invert(product);
    for (std::size_t i = count; i-- > 0;) {
      const Element z = work.z[i];
      work.z[i] = F::mul(inverse, work.before[i]);
      inverse = F::mul(inverse, z);
    }
  }
  static void make_affine(Affine& p, const Element& z_inverse) {
    const auto zz = F::sqr(z_inverse);
    p = {F::mul(p.x, zz), F::mul(p.y, F::mul(zz, z_inverse))};
  }

  /// P, 2 P .. 16 P but for the division by z.
  static void fill_table(Affine* table, Element* z, const Affine& p) {
    Jacobian multiple[kEntries];
    multiple[0] = {p.x, p.y, F::one()};
    for (std::size_t j = 1; j < kEntries; ++j)
      multiple[j] = j % 2 == 1 ? Law::twice(multiple[j / 2]) : Law::add_different(multiple[j - 1], p);
    for (std::size_t j = 0; j < kEntries; ++j) {
      table[j] = {multiple[j].x, multiple[j].y};
      z[j] = multiple[j].z;
    }
  }

  static void multiply_some(const LaneTask& task, std::size_t first, std::size_t groups) {
    Work& work = *static_cast<Work*>(task.work);
    for (std::size_t g = 0; g < groups; ++g) {
      const Affine p = load(task.points + 8 * (first + g) * kPoint);
      Jacobian upper{p.x, p.y, F::one()};
      for (std::size_t i = 0; i < kWidth * kHalf; ++i) upper = Law::twice(upper);
      work.point[g][0] = p;
      work.point[g][1] = {upper.x, upper.y};
      work.z[g] = upper.z;
    }
    invert_all(work, groups);
    for (std::size_t g = 0; g < groups; ++g) make_affine(work.point[g][1], work.z[g]);
    for (std::size_t i = 0; i < 2 * groups; ++i)
      fill_table(work.table[i / 2][i % 2], work.z + i * kEntries, work.point[i / 2][i % 2]);
    invert_all(work, 2 * kEntries * groups);
    for (std::size_t i = 0; i < 2 * kEntries * groups; ++i)
      make_affine(work.table[i / (2 * kEntries)][i / kEntries % 2][i % kEntries], work.z[i]);
    for (std::size_t s = 0; s < task.lists; ++s) {
      for (std::size_t g = 0; g < groups; ++g)
        work.product[g] = product(work.table[g], task, s * kWindows, first + g);
      finish(task, work, groups, task.out + 8 * (s * task.groups + first) * kPoint);
    }
  }

  /// The two halves of the scalar share the doublings: k P = l P + u 32^kHalf P.
  ///
  /// Why the sum never equals what is added to it before the last window: it is A P for an integer A that is a
  /// multiple of 32 when a digit d of l is added, and 32 (A' + 32^kHalf A'') + d when one of u is, with
  /// A' shorter than 32^(kHalf - 1). Digits are at most 16, so that A = d, or A = d 32^kHalf, holds for A = d = 0 only,
  /// when all digits so far were 0 and the sum is marked as infinity; and |A| is at most about 1/32 of the order,
  /// so that the same goes modulo the order. In the last window the scalars just below the order do reach
  /// an entry from the other side: there the formula without exceptions is used.
  static Projective product(const Affine (*table)[kEntries], const LaneTask& task, std::size_t row, std::size_t group) {
    Running sum;
    for (std::size_t w = kHalf; w-- > 1;) {
      if (w + 1 < kHalf) sum.shift();
      sum.add_from(table[0], Digit(digit(task, row + w, group)));
      if (kHalf + w < kWindows) sum.add_from(table[1], Digit(digit(task, row + kHalf + w, group)));
    }
    sum.shift();
    Projective p = Law::projective(sum.point, sum.none);
    for (std::size_t half = 0; half < 2; ++half) {
      const Digit d(digit(task, row + half * kHalf, group));
      p = Law::add(p, Law::projective(from_table(table[half], d), d.is(0)));
    }
    ct::wipe(&sum, sizeof sum);
    return p;
  }

  /// Divides and stores; which product is infinity is told by (0, 0).
  static void finish(const LaneTask& task, Work& work, std::size_t groups, std::uint64_t* out) {
    V infinite[Work::kGroups];
    for (std::size_t g = 0; g < groups; ++g) {
      infinite[g] = F::is_zero(work.product[g].z);
      work.z[g] = F::choose(infinite[g], F::one(), work.product[g].z);
    }
    invert_all(work, groups);
    V faults = V::load(task.faults);
    for (std::size_t g = 0; g < groups; ++g) {
      const Affine p{F::mul(work.product[g].x, work.z[g]), F::mul(work.product[g].y, work.z[g])};
      faults = faults | andnot(infinite[g] | Law::on_curve(p), mask_if_zero(V::broadcast(0)));
      F::store(out + 8 * g * kPoint, kPoint, F::choose(infinite[g], F::zero(), p.x));
      F::store(out + 8 * g * kPoint + kWords, kPoint, F::choose(infinite[g], F::zero(), p.y));
    }
    faults.store(task.faults);
  }
};

template <class V, std::size_t L>
inline constexpr LaneKernels kLaneKernels{
    LaneProducts<V, L>::kWords,        L,
    LaneProducts<V, L>::kWindows,      sizeof(typename LaneProducts<V, L>::Work),
    sizeof(typename LaneProducts<V, L>::SumWork), LaneProducts<V, L>::multiply,
    LaneProducts<V, L>::multiply_base, LaneProducts<V, L>::sum,
    LaneProducts<V, L>::prepare_base,  LanePublicSum<V, L>::sum,
    LaneProducts<V, L>::add_hashes};

}  // namespace quorate
