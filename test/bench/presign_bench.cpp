// The rounds of presigning alone, without machines and codec, for one party of 2 of 3; and the on-line arithmetic.
#include <benchmark/benchmark.h>

#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "test/unit/lanes_used.h"
#include "test/unit/presign_fixture.h"

namespace quorate {
namespace {

const Curve& curve_of(const benchmark::State& state) { return state.range(0) == 384 ? Curve::p384() : Curve::p256(); }

/// Both parties of the quorum run in this thread, so one party's share is half of the measured time.
void presign_batch(benchmark::State& state) {
  const auto batch = static_cast<std::uint32_t>(state.range(1));
  PresignLockstep lockstep(curve_of(state), 3, {1, 2}, batch);
  for (auto _ : state) {
    ++lockstep.plan().batch_number;
    auto ended = lockstep.run();
    if (!ended.at(1) || !ended.at(2)) state.SkipWithError("presigning failed");
  }
  state.counters["us_per_presignature_and_party"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * batch * 2 / 1e6,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["per_core_per_s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * batch * 2, benchmark::Counter::kIsRate);
}
BENCHMARK(presign_batch)->Args({256, 64})->Args({384, 64})->Unit(benchmark::kMillisecond);

struct Online {
  explicit Online(const Curve& c, std::uint32_t batch) : curve(c), lockstep(c, 3, {1, 2}, batch) {
    auto ended = lockstep.run();
    first = std::move(ended.at(1)).value();
    second = std::move(ended.at(2)).value();
    m = message_scalar(curve, MessageDigest::Sha256, Bytes(130, 0x20));
  }
  const Curve& curve;
  PresignLockstep lockstep;
  PresignedBatch first, second;
  Scalar m;
};

void partial_signature(benchmark::State& state) {
  Online online(curve_of(state), 1);
  const auto& item = online.first.items[0];
  for (auto _ : state) {
    Presignature copy{item.index, item.r, item.record, item.k.clone(), item.chi.clone()};
    benchmark::DoNotOptimize(partial_sign(std::move(copy), online.m));
  }
}
BENCHMARK(partial_signature)->Arg(256)->Arg(384);

void partial_verification(benchmark::State& state) {
  Online online(curve_of(state), 1);
  const auto record = *online.first.record->record(0);
  const Scalar r = online.first.items[0].r;
  const Scalar s = partial_sign(std::move(online.first.items[0]), online.m);
  for (auto _ : state)
    benchmark::DoNotOptimize(verify_partial(record.R, record.K[0], record.C[0], online.m, r, s));
}
BENCHMARK(partial_verification)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

/// The second argument is 1 where the computation in words is measured though there be lanes.
Lanes lanes_of(const benchmark::State& state) { return state.range(1) == 1 ? Lanes::None : lanes_in_use(); }

void combine_and_verify(benchmark::State& state) {
  const LanesUsed lanes(lanes_of(state));
  Online online(curve_of(state), 1);
  const VerificationKey X(online.lockstep.group().info().X);
  const Scalar r = online.first.items[0].r;
  const std::vector<Scalar> partials{partial_sign(std::move(online.first.items[0]), online.m),
                                     partial_sign(std::move(online.second.items[0]), online.m)};
  for (auto _ : state) benchmark::DoNotOptimize(combine(X, online.m, r, partials));
}
BENCHMARK(combine_and_verify)->ArgsProduct({{256, 384}, {0, 1}})->Unit(benchmark::kMicrosecond);

/// What adding a key costs: the table of its multiples.
void verification_key(benchmark::State& state) {
  const LanesUsed lanes(lanes_of(state));
  const Point X = Point::mul_base(Scalar(curve_of(state), 12345));
  benchmark::DoNotOptimize(VerificationKey(X));  // G's
  for (auto _ : state) benchmark::DoNotOptimize(VerificationKey(X));
}
BENCHMARK(verification_key)->ArgsProduct({{256, 384}, {0, 1}})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace quorate
