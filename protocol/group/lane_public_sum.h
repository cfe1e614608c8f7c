#pragma once

#include "protocol/group/lane_curve.h"
#include "protocol/group/lane_kernels.h"

namespace quorate {

/// Sums of public points: unlike LaneProducts this looks at what it computes, and begins again where the fast
/// formula does not hold.
template <class V, std::size_t L>
class LanePublicSum {
 public:
  using Law = LaneCurve<V, L>;
  using F = typename Law::F;
  using Affine = typename Law::Affine;
  using Jacobian = typename Law::Jacobian;
  using Projective = typename Law::Projective;
  static constexpr std::size_t kWords = F::Prime::kWords;

  static void sum(const LaneEntries& entries) {
    Projective p;
    if (!each_lane(entries, p)) p = each_lane_completely(entries);
    for (std::size_t distance = kLanes / 2; distance > 0; distance /= 2) p = Law::add(p, moved(p, distance));
    std::uint64_t words[kLanes * kWords];
    F::store(words, kWords, p.x);
    for (std::size_t i = 0; i < kWords; ++i) entries.x[i] = words[i];
    F::store(words, kWords, p.z);
    for (std::size_t i = 0; i < kWords; ++i) entries.z[i] = words[i];
  }

 private:
  static Affine point(const LaneEntries& entries, std::size_t group) {
    const std::uint64_t* words = entries.points + kLanes * group * 2 * kWords;
    const auto y = F::load_montgomery(words + kWords, 2 * kWords);
    return {F::load_montgomery(words, 2 * kWords),
            F::choose(V::from_bits(entries.negative[group]), F::negate(y), y)};
  }
  static V absent(const LaneEntries& entries, std::size_t group) {
    const std::size_t rest = entries.count - kLanes * group;
    return V::from_bits(static_cast<std::uint8_t>(rest < kLanes ? 0xff << rest : 0));
  }
  static std::size_t groups(const LaneEntries& entries) { return (entries.count + kLanes - 1) / kLanes; }

  /// The sum of every eighth point, in each lane. False where one met itself or its negative on the way: then
  /// Z became 0, and stayed so.
  static bool each_lane(const LaneEntries& entries, Projective& out) {
    const Affine first = point(entries, 0);
    Jacobian sum{first.x, first.y, F::one()};
    for (std::size_t g = 1; g < groups(entries); ++g)
      sum = Law::choose(absent(entries, g), sum, Law::add_different(sum, point(entries, g)));
    const V none = absent(entries, 0);
    out = Law::projective(sum, none);
    std::uint64_t lost[kLanes];
    andnot(none, F::is_zero(sum.z)).store(lost);
    std::uint64_t any = 0;
    for (const auto lane : lost) any |= lane;
    return any == 0;
  }
  static Projective each_lane_completely(const LaneEntries& entries) {
    Projective sum = Law::infinity();
    for (std::size_t g = 0; g < groups(entries); ++g)
      sum = Law::add(sum, Law::projective(point(entries, g), absent(entries, g)));
    return sum;
  }

  /// What was in lane i + distance comes into lane i, around the end.
  static Projective moved(const Projective& p, std::size_t distance) {
    Projective r = p;
    for (auto* limbs : {&r.x.limbs, &r.y.limbs, &r.z.limbs})
      for (auto& limb : *limbs) {
        std::uint64_t twice[2 * kLanes];
        limb.store(twice);
        limb.store(twice + kLanes);
        limb = V::load(twice + distance);
      }
    return r;
  }
};

}  // namespace quorate
