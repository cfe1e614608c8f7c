// OT extension and RVOLE. Items are OTs for the extension and hashing, instances for RVOLE.

#include <benchmark/benchmark.h>

#include "protocol/mul/rvole.h"
#include "protocol/ot/aes.h"
#include "protocol/ot/extension_rows.h"
#include "protocol/ot/transpose.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

using ot::Block;

constexpr std::size_t kBatch = 64;

const Curve& curve_of(const benchmark::State& state) {
  return state.range(0) == 256 ? Curve::p256() : Curve::p384();
}

// One direction of a dealt pair, extended.
struct Pair {
  const Curve& curve;
  sim::SeededRng rng{1};
  std::size_t xi = ot::ots_per_multiplication(curve);
  Binding binding;
  ot::AllLeaves all;
  ot::PuncturedLeaves punctured;

  explicit Pair(const Curve& c) : curve(c) {
    binding.curve = curve.id();
    binding.sid.bytes.fill(5);
    binding = binding.towards(2, 1);
    punctured.nabla = Secret<Block>(rng.make<Block>());
    const Block& nabla = punctured.nabla.reveal();
    for (std::size_t i = 0; i < ot::kTrees; ++i) {
      std::size_t hole = 0;
      for (std::size_t b = 0; b < ot::kTreeDepth; ++b) {
        const std::size_t r = ot::kTreeDepth * i + b;
        hole |= static_cast<std::size_t>(nabla[r / 8] >> (r % 8) & 1) << b;
      }
      for (std::size_t x = 0; x < ot::kLeaves; ++x) {
        const Block leaf = rng.make<Block>();
        all.leaves.reveal()[i * ot::kLeaves + x] = leaf;
        punctured.leaves.reveal()[i * ot::kLeaves + x] = x == hole ? Block{} : leaf;
      }
    }
  }
  auto receiver() { return ot::ReceiverOts::extend(all, binding, kBatch, xi, rng); }
  auto sender(const ot::ExtensionMessage& m) {
    return ot::SenderOts::extend(punctured, binding, kBatch, xi, m).value();
  }
  Binding instance(std::size_t i) const {
    return binding.towards(1, 2).at(static_cast<std::uint32_t>(i % kBatch));
  }
};

void ot_extend_receiver(benchmark::State& state) {
  Pair pair(curve_of(state));
  for (auto _ : state) benchmark::DoNotOptimize(pair.receiver());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch * pair.xi));
}
BENCHMARK(ot_extend_receiver)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

void ot_extend_sender(benchmark::State& state) {
  Pair pair(curve_of(state));
  const auto message = pair.receiver().first;
  for (auto _ : state) benchmark::DoNotOptimize(pair.sender(message));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch * pair.xi));
}
BENCHMARK(ot_extend_sender)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

void ot_read_trees(benchmark::State& state) {
  Pair pair(curve_of(state));
  const std::size_t blocks = ot::extension_width(kBatch, pair.xi) / 128;
  std::vector<Block> parts(ot::kTreeDepth * blocks), total(blocks);
  for (auto _ : state) {
    ot::TreeReader trees(pair.all.leaves.reveal(), Block{}, blocks);
    for (std::size_t i = 0; i < ot::kTrees; ++i) trees.read(i, parts, total);
    benchmark::DoNotOptimize(parts.data());
  }
}
BENCHMARK(ot_read_trees)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

void ot_transpose(benchmark::State& state) {
  const std::size_t blocks = static_cast<std::size_t>(state.range(0));
  std::vector<Block> in(128 * blocks), out(128 * blocks);
  for (auto _ : state) {
    ot::transpose(in, blocks, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(ot_transpose)->Arg(208)->Arg(272)->Unit(benchmark::kMicrosecond);

void ot_hash_receiver(benchmark::State& state) {
  Pair pair(curve_of(state));
  const auto bob = pair.receiver().second;
  const std::size_t width = mul::blocks_per_ot(pair.curve);
  std::vector<Block> out(pair.xi * width);
  for (auto _ : state) {
    bob.hash(0, pair.xi, width, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * pair.xi));
}
BENCHMARK(ot_hash_receiver)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

void rvole_send(benchmark::State& state) {
  Pair pair(curve_of(state));
  const auto alice = pair.sender(pair.receiver().first);
  const auto a0 = SecretScalar::random(pair.curve, pair.rng), a1 = SecretScalar::random(pair.curve, pair.rng);
  std::size_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(mul::rvole_send(pair.curve, pair.instance(i++), alice, a0, a1, pair.rng));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(rvole_send)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

void rvole_receive(benchmark::State& state) {
  Pair pair(curve_of(state));
  auto [extension, bob] = pair.receiver();
  const auto alice = pair.sender(extension);
  const auto a0 = SecretScalar::random(pair.curve, pair.rng), a1 = SecretScalar::random(pair.curve, pair.rng);
  const auto sent = mul::rvole_send(pair.curve, pair.instance(0), alice, a0, a1, pair.rng);
  for (auto _ : state)
    benchmark::DoNotOptimize(mul::rvole_receive(pair.curve, pair.instance(0), bob, sent.message).has_value());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(rvole_receive)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

void rvole_chi(benchmark::State& state) {
  Pair pair(curve_of(state));
  const auto bob = pair.receiver().second;
  for (auto _ : state) benchmark::DoNotOptimize(mul::rvole_chi(pair.curve, bob, 0));
}
BENCHMARK(rvole_chi)->Arg(256)->Arg(384)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace quorate
