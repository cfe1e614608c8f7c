#include "protocol/group/batch.h"

#include <cstdlib>

#include "protocol/group/lane_batch.h"
#include "protocol/group/lanes.h"

namespace quorate {
namespace {

/// From how many products on a group of eight lanes costs less than OpenSSL's P-256, one by one. Our own code for
/// P-384 is slower than eight lanes even for one.
constexpr std::size_t kFewestBase = 3, kFewestPoints = 2;

const LaneKernels* fitting(const Curve& curve, std::size_t count, std::size_t fewest) {
  const bool few = count < fewest && curve.id() == CurveId::P256 && lanes_in_use() == Lanes::Ifma;
  return count == 0 || few ? nullptr : lane_kernels(curve);
}

SecretVector<Limbs> plain(std::span<const SecretScalar> k) {
  SecretVector<Limbs> out(k.size());
  for (std::size_t i = 0; i < k.size(); ++i) {
    if (&k[i].curve() != &k.front().curve()) std::abort();
    out.reveal()[i] = k[i].plain();
  }
  return out;
}

}  // namespace

std::vector<Point> mul_base_each(std::span<const SecretScalar> k) {
  if (k.empty()) return {};
  const Curve& curve = k.front().curve();
  if (const LaneKernels* kernels = fitting(curve, k.size(), kFewestBase))
    return lane_base_products(*kernels, curve, plain(k).reveal());
  std::vector<Point> out;
  out.reserve(k.size());
  for (const auto& factor : k) out.push_back(Point::mul_base(factor));
  return out;
}

std::vector<Point> mul_each(std::span<const SecretScalar> k, std::span<const Point> p) {
  if (k.size() != p.size()) std::abort();
  if (k.empty()) return {};
  const Curve& curve = k.front().curve();
  if (const LaneKernels* kernels = fitting(curve, k.size(), kFewestPoints)) {
    const auto numbers = plain(k);
    const std::span<const Limbs> lists[] = {numbers.reveal()};
    return std::move(lane_products(*kernels, curve, lists, p)[0]);
  }
  std::vector<Point> out;
  out.reserve(k.size());
  for (std::size_t i = 0; i < k.size(); ++i) out.push_back(p[i].mul(k[i]));
  return out;
}

std::pair<std::vector<Point>, std::vector<Point>> mul_each(std::span<const SecretScalar> k,
                                                           std::span<const SecretScalar> l,
                                                           std::span<const Point> p) {
  if (k.size() != p.size() || l.size() != p.size()) std::abort();
  if (k.empty()) return {};
  const Curve& curve = k.front().curve();
  if (const LaneKernels* kernels = fitting(curve, k.size(), kFewestPoints)) {
    const auto first = plain(k), second = plain(l);
    const std::span<const Limbs> lists[] = {first.reveal(), second.reveal()};
    auto products = lane_products(*kernels, curve, lists, p);
    return {std::move(products[0]), std::move(products[1])};
  }
  return {mul_each(k, p), mul_each(l, p)};
}

}  // namespace quorate
