#include <benchmark/benchmark.h>

#include "protocol/group/hash_to_curve.h"
#include "protocol/ot/base_ot.h"
#include "protocol/ot/pprf.h"
#include "protocol/tecdsa/pair_setup.h"
#include "test/sim/seeded_rng.h"

// Pair set-up (SPEC section 2). PairSetup/one_side is what one signer's CPU pays for one peer, both
// directions; the two sides work at the same time on different machines.

namespace {

using namespace quorate;

const Curve& curve_of(const benchmark::State& state) {
  return state.range(0) == 256 ? Curve::p256() : Curve::p384();
}
Binding binding_of(const Curve& curve) { return {.curve = curve.id(), .from = 1, .to = 2}; }

void HashToCurve(benchmark::State& state) {
  const auto& curve = curve_of(state);
  Bytes message(32);
  for (auto _ : state) {
    ++message[0];
    benchmark::DoNotOptimize(hash_to_curve(curve, message, as_bytes("quorate benchmark, hash to curve")));
  }
}

void MulBase(benchmark::State& state) {
  sim::SeededRng rng(1);
  const auto k = SecretScalar::random_nonzero(curve_of(state), rng);
  for (auto _ : state) benchmark::DoNotOptimize(Point::mul_base(k));
}

void MulPoint(benchmark::State& state) {
  sim::SeededRng rng(1);
  const auto k = SecretScalar::random_nonzero(curve_of(state), rng);
  const auto point = Point::mul_base(k);
  for (auto _ : state) benchmark::DoNotOptimize(point.mul(k));
}

void BaseOtChoose(benchmark::State& state) {
  const auto& curve = curve_of(state);
  sim::SeededRng rng(1);
  for (auto _ : state)
    benchmark::DoNotOptimize(
        ot::BaseOtReceiver::choose(curve, binding_of(curve), Secret<ot::Block>(rng.make<ot::Block>()), rng));
}

void BaseOtSend(benchmark::State& state) {
  const auto& curve = curve_of(state);
  sim::SeededRng rng(1);
  const auto r =
      ot::BaseOtReceiver::choose(curve, binding_of(curve), Secret<ot::Block>(rng.make<ot::Block>()), rng)
          .first;
  for (auto _ : state) benchmark::DoNotOptimize(ot::base_ot_send(curve, binding_of(curve), r, rng));
}

template <std::size_t Depth>
void PprfSendAndReceive(benchmark::State& state) {
  sim::SeededRng rng(1);
  const Secret<ot::Block> nabla(rng.make<ot::Block>());
  const auto choices = ot::pprf_choices<Depth>(nabla);
  SecretVector<std::array<ot::Block, 2>> pairs(ot::kLambdaC);
  SecretVector<ot::Block> keys(ot::kLambdaC);
  for (std::size_t j = 0; j < ot::kLambdaC; ++j) {
    for (auto& key : pairs.reveal()[j]) rng.fill(key);
    keys.reveal()[j] = pairs.reveal()[j][(choices.reveal()[j / 8] >> (j % 8)) & 1];
  }
  const Binding binding{.from = 1, .to = 2};
  for (auto _ : state) {
    const auto sent = ot::pprf_send<Depth>(binding, pairs);
    const auto leaves = ot::pprf_receive<Depth>(binding, nabla, keys, sent.message);
    if (!leaves) state.SkipWithError("inconsistent");
  }
}

/// One side's three steps; the peer's are run with the clock stopped.
void PairSetupOneSide(benchmark::State& state) {
  const auto& curve = curve_of(state);
  const Binding binding{.curve = curve.id()};
  sim::SeededRng rng(1);
  for (auto _ : state) {
    state.PauseTiming();
    auto b1 = SetupRound1::start(curve, binding, {}, 2, 1, rng);
    state.ResumeTiming();
    auto a1 = SetupRound1::start(curve, binding, {}, 1, 2, rng);
    auto a2 = std::move(a1->next).next(b1->message, rng);
    state.PauseTiming();
    auto b2 = std::move(b1->next).next(a1->message, rng);
    state.ResumeTiming();
    auto a3 = std::move(a2->next).next(b2->message, rng);
    state.PauseTiming();
    auto b3 = std::move(b2->next).next(a2->message, rng);
    state.ResumeTiming();
    auto a4 = std::move(a3->next).next(b3->message);
    if (!a4) state.SkipWithError("failed");
  }
}

BENCHMARK(HashToCurve)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);
BENCHMARK(MulBase)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);
BENCHMARK(MulPoint)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);
BENCHMARK(BaseOtChoose)->Arg(256)->Arg(384)->Unit(benchmark::kMillisecond);
BENCHMARK(BaseOtSend)->Arg(256)->Arg(384)->Unit(benchmark::kMillisecond);
BENCHMARK(PprfSendAndReceive<1>)->Unit(benchmark::kMicrosecond);
BENCHMARK(PprfSendAndReceive<2>)->Unit(benchmark::kMicrosecond);
BENCHMARK(PprfSendAndReceive<4>)->Unit(benchmark::kMicrosecond);
BENCHMARK(PprfSendAndReceive<8>)->Unit(benchmark::kMicrosecond);
BENCHMARK(PairSetupOneSide)->Name("PairSetup/one_side")->Arg(256)->Arg(384)->Unit(benchmark::kMillisecond);

}  // namespace
