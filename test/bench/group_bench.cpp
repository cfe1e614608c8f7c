// Scalars, points and hash-to-curve on P-256 and P-384: the costs under every other number.
#include <benchmark/benchmark.h>

#include <vector>

#include "protocol/group/batch.h"
#include "protocol/group/hash_to_curve.h"
#include "protocol/group/point.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

/// The argument of every benchmark here is the curve: 256 or 384.
const Curve& curve_of(const benchmark::State& state) {
  return state.range(0) == 256 ? Curve::p256() : Curve::p384();
}

/// One multiplication's number of OTs (SPEC 0: xi).
std::size_t products(const Curve& curve) { return curve.order_bits() + 160; }

sim::SeededRng rng() { return sim::SeededRng(1, "bench"); }

void scalar_multiply(benchmark::State& state) {
  auto random = rng();
  const Curve& curve = curve_of(state);
  const Scalar a = Scalar::random(curve, random);
  Scalar b = Scalar::random(curve, random);
  for (auto _ : state) benchmark::DoNotOptimize(b = a * b);
}

void scalar_invert(benchmark::State& state) {
  auto random = rng();
  Scalar a = Scalar::random_nonzero(curve_of(state), random);
  for (auto _ : state) benchmark::DoNotOptimize(a = a.invert());
}

void scalar_invert_var(benchmark::State& state) {
  auto random = rng();
  Scalar a = Scalar::random_nonzero(curve_of(state), random);
  const Scalar one(curve_of(state), 1);
  for (auto _ : state) benchmark::DoNotOptimize(a = a.invert_var() + one);
}

void scalar_reduce_wide(benchmark::State& state) {
  auto random = rng();
  const Curve& curve = curve_of(state);
  std::vector<std::uint64_t> wide(curve.wide_size() / 8);
  for (auto& w : wide) w = random.below(~std::uint64_t{0});
  Limbs r;
  for (auto _ : state) {
    residue::reduce_wide(curve.order(), r, wide);
    benchmark::DoNotOptimize(r);
  }
}

/// The hot loop of SPEC 4: xi products, one reduction.
void inner_product(benchmark::State& state) {
  auto random = rng();
  const Curve& curve = curve_of(state);
  const Modulus& m = curve.order();
  std::vector<std::uint64_t> a, b;
  for (std::size_t i = 0; i < products(curve); ++i) {
    const Limbs x = Scalar::random(curve, random).montgomery(), y = Scalar::random(curve, random).plain();
    a.insert(a.end(), x.begin(), x.begin() + static_cast<std::ptrdiff_t>(m.limbs));
    b.insert(b.end(), y.begin(), y.begin() + static_cast<std::ptrdiff_t>(m.limbs));
  }
  Limbs r;
  for (auto _ : state) {
    residue::inner_product(m, r, a, b);
    benchmark::DoNotOptimize(r);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(products(curve)));
}

void base_multiply(benchmark::State& state) {
  auto random = rng();
  const SecretScalar k = SecretScalar::random(curve_of(state), random);
  for (auto _ : state) benchmark::DoNotOptimize(Point::mul_base(k));
}

void point_multiply(benchmark::State& state) {
  auto random = rng();
  const SecretScalar k = SecretScalar::random(curve_of(state), random);
  const Point p = Point::mul_base(SecretScalar::random(curve_of(state), random));
  for (auto _ : state) benchmark::DoNotOptimize(p.mul(k));
}

void point_multiply_var(benchmark::State& state) {
  auto random = rng();
  const Scalar k = Scalar::random(curve_of(state), random);
  const Point p = Point::mul_base(Scalar::random(curve_of(state), random));
  for (auto _ : state) benchmark::DoNotOptimize(p.mul_var(k));
}

void double_multiply_var(benchmark::State& state) {
  auto random = rng();
  const Scalar a = Scalar::random(curve_of(state), random), b = Scalar::random(curve_of(state), random);
  const Point p = Point::mul_base(a);
  for (auto _ : state) benchmark::DoNotOptimize(mul_add_var(a, b, p));
}

/// A sum of 64 products, as when a batch is checked as one random linear combination.
void multi_multiply_var_64(benchmark::State& state) {
  auto random = rng();
  std::vector<Scalar> k;
  std::vector<Point> p;
  for (int i = 0; i < 64; ++i) {
    k.push_back(Scalar::random(curve_of(state), random));
    p.push_back(Point::mul_base(k.back()));
  }
  for (auto _ : state) benchmark::DoNotOptimize(multi_mul_var(k, p));
}

/// What presigning multiplies: 64 scalars with the base point, and 64 points with two scalars each.
void base_multiply_each_64(benchmark::State& state) {
  auto random = rng();
  std::vector<SecretScalar> k;
  for (int i = 0; i < 64; ++i) k.push_back(SecretScalar::random(curve_of(state), random));
  for (auto _ : state) benchmark::DoNotOptimize(mul_base_each(k));
}

void point_multiply_twice_each_64(benchmark::State& state) {
  auto random = rng();
  std::vector<SecretScalar> k, l;
  for (int i = 0; i < 64; ++i) {
    k.push_back(SecretScalar::random(curve_of(state), random));
    l.push_back(SecretScalar::random(curve_of(state), random));
  }
  const std::vector<Point> p = mul_base_each(k);
  for (auto _ : state) benchmark::DoNotOptimize(mul_each(k, l, p));
}

void point_add(benchmark::State& state) {
  auto random = rng();
  Point p = Point::mul_base(Scalar::random(curve_of(state), random));
  const Point q = Point::mul_base(Scalar::random(curve_of(state), random));
  for (auto _ : state) benchmark::DoNotOptimize(p += q);
}

void point_decode(benchmark::State& state) {
  auto random = rng();
  const Bytes encoded = Point::mul_base(Scalar::random(curve_of(state), random)).encode();
  for (auto _ : state) benchmark::DoNotOptimize(Point::decode(curve_of(state), encoded));
}

void encode_all_64(benchmark::State& state) {
  auto random = rng();
  std::vector<Point> points;
  for (int i = 0; i < 64; ++i) points.push_back(Point::mul_base(Scalar::random(curve_of(state), random)));
  for (auto _ : state) benchmark::DoNotOptimize(Point::encode_all(points));
  state.SetItemsProcessed(state.iterations() * 64);
}

void hash_to_point(benchmark::State& state) {
  Bytes message(200, 7);
  for (auto _ : state) {
    ++message[0];
    benchmark::DoNotOptimize(hash_to_curve(curve_of(state), message, as_bytes("quorate bench")));
  }
}

void both_curves(benchmark::internal::Benchmark* b) { b->Arg(256)->Arg(384); }
BENCHMARK(scalar_multiply)->Apply(both_curves);
BENCHMARK(scalar_invert)->Apply(both_curves);
BENCHMARK(scalar_invert_var)->Apply(both_curves);
BENCHMARK(scalar_reduce_wide)->Apply(both_curves);
BENCHMARK(inner_product)->Apply(both_curves);
BENCHMARK(base_multiply)->Apply(both_curves);
BENCHMARK(point_multiply)->Apply(both_curves);
BENCHMARK(point_multiply_var)->Apply(both_curves);
BENCHMARK(double_multiply_var)->Apply(both_curves);
BENCHMARK(multi_multiply_var_64)->Apply(both_curves);
BENCHMARK(base_multiply_each_64)->Apply(both_curves);
BENCHMARK(point_multiply_twice_each_64)->Apply(both_curves);
BENCHMARK(point_add)->Apply(both_curves);
BENCHMARK(point_decode)->Apply(both_curves);
BENCHMARK(encode_all_64)->Apply(both_curves);
BENCHMARK(hash_to_point)->Apply(both_curves);

}  // namespace
}  // namespace quorate
