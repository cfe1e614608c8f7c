// Whole runs of keygen, refresh, pair set-up and presigning, as daemons run them: the machines of session/,
// every message encoded and decoded, the system's randomness. All parties run in one thread, and what one of
// them costs is its part of the time. Left out are links: TLS, sockets, threads.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <sys/resource.h>

#include "protocol/net/system_rng.h"
#include "test/sim/whole_run.h"

namespace quorate {
namespace {

const Curve& curve_of(const benchmark::State& state) {
  return state.range(0) == 384 ? Curve::p384() : Curve::p256();
}

/// A cluster in this process that counts what it sends, with the headers of frames.
struct Cluster {
  Cluster(const Curve& curve, std::size_t n, std::size_t t)
      : run(
            curve, n, t, 1, [](const std::string&) { return std::make_unique<net::SystemRng>(); },
            [this](const wire::Envelope& envelope) {
              sent += wire::kFrameHeader + envelope.payload.size();
            }) {}
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  std::size_t sent = 0;
  sim::WholeRun run;
};

/// Members 1 to T, ready to presign. Made once for all repetitions.
Cluster& ready(const Curve& curve, std::size_t n, std::size_t t) {
  static std::map<std::tuple<CurveId, std::size_t, std::size_t>, std::unique_ptr<Cluster>> made;
  auto& cluster = made[{curve.id(), n, t}];
  if (!cluster) {
    cluster = std::make_unique<Cluster>(curve, n, t);
    bool fine = cluster->run.keygen().has_value();
    for (PartyId a = 1; a <= t; ++a)
      for (auto b = static_cast<PartyId>(a + 1); b <= t; ++b) fine = fine && cluster->run.setup(a, b);
    if (!fine) std::abort();
  }
  return *cluster;
}

Quorum first(std::size_t count) {
  Quorum quorum;
  for (std::size_t i = 1; i <= count; ++i) quorum.push_back(static_cast<PartyId>(i));
  return quorum;
}

void count_us_per(benchmark::State& state, const char* name, double shares) {
  state.counters[name] = benchmark::Counter(static_cast<double>(state.iterations()) * shares / 1e6,
                                            benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// curve, N, T, batch
void presign(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(1)), t = static_cast<std::size_t>(state.range(2));
  const auto batch = static_cast<std::uint32_t>(state.range(3));
  auto& cluster = ready(curve_of(state), n, t);
  cluster.sent = 0;
  for (auto _ : state)
    if (!cluster.run.presign(first(t), batch)) state.SkipWithError("presigning failed");
  const double each = static_cast<double>(batch) * static_cast<double>(t);
  count_us_per(state, "us", each);
  state.counters["bytes"] =
      benchmark::Counter(static_cast<double>(cluster.sent) / each, benchmark::Counter::kAvgIterations);
}
BENCHMARK(presign)->ArgsProduct({{256, 384}, {3}, {2}, {1, 2, 4, 8, 16, 32, 64}});
BENCHMARK(presign)
    ->Args({256, 2, 2, 64})
    ->Args({256, 5, 3, 64})
    ->Args({256, 7, 4, 64})
    ->Args({256, 9, 5, 64})
    ->Args({256, 11, 6, 64})
    ->Args({256, 16, 8, 64})
    ->Args({256, 16, 11, 64})
    ->Args({256, 5, 2, 64})
    ->Args({256, 9, 2, 64})
    ->Args({256, 16, 2, 64})
    ->Args({256, 9, 3, 64})
    ->Args({256, 16, 3, 64})
    ->Args({384, 5, 3, 64});

/// curve, N, T, how many batches of 64 one after the other. Meant to be the only benchmark of its process:
/// what was allocated in the end, and the most that the process ever had.
void presign_memory(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(1)), t = static_cast<std::size_t>(state.range(2));
  auto& cluster = ready(curve_of(state), n, t);
  for (auto _ : state)
    for (int i = 0; i < state.range(3); ++i)
      if (!cluster.run.presign(first(t), 64)) state.SkipWithError("presigning failed");
  const auto heap = mallinfo2();
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  state.counters["allocated_bytes"] = static_cast<double>(heap.uordblks + heap.hblkhd);
  state.counters["peak_bytes"] = static_cast<double>(used.ru_maxrss) * 1024;
}
BENCHMARK(presign_memory)->ArgsProduct({{256}, {3}, {2}, {1, 10, 100}})->Iterations(1);

/// curve, N, T
void keygen(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(1)), t = static_cast<std::size_t>(state.range(2));
  std::size_t sent = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Cluster cluster(curve_of(state), n, t);
    state.ResumeTiming();
    if (!cluster.run.keygen()) state.SkipWithError("keygen failed");
    sent += cluster.sent;
  }
  count_us_per(state, "us", static_cast<double>(n));
  state.counters["bytes"] = benchmark::Counter(static_cast<double>(sent) / static_cast<double>(n),
                                               benchmark::Counter::kAvgIterations);
}
BENCHMARK(keygen)
    ->Args({256, 3, 2})
    ->Args({256, 5, 3})
    ->Args({256, 16, 11})
    ->Args({384, 3, 2})
    ->Args({384, 5, 3});

/// curve, N, T
void refresh(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(1)), t = static_cast<std::size_t>(state.range(2));
  Cluster cluster(curve_of(state), n, t);
  if (!cluster.run.keygen()) state.SkipWithError("keygen failed");
  cluster.sent = 0;
  for (auto _ : state)
    if (!cluster.run.refresh()) state.SkipWithError("refresh failed");
  count_us_per(state, "us", static_cast<double>(n));
  state.counters["bytes"] = benchmark::Counter(static_cast<double>(cluster.sent) / static_cast<double>(n),
                                               benchmark::Counter::kAvgIterations);
}
BENCHMARK(refresh)
    ->Args({256, 3, 2})
    ->Args({256, 5, 3})
    ->Args({256, 16, 11})
    ->Args({384, 3, 2})
    ->Args({384, 5, 3});

/// curve. Both sides of one pair, both directions.
void pair_setup(benchmark::State& state) {
  Cluster cluster(curve_of(state), 2, 2);
  if (!cluster.run.keygen()) state.SkipWithError("keygen failed");
  cluster.sent = 0;
  for (auto _ : state)
    if (!cluster.run.setup(1, 2)) state.SkipWithError("set-up failed");
  count_us_per(state, "us", 2);
  state.counters["bytes"] =
      benchmark::Counter(static_cast<double>(cluster.sent) / 2, benchmark::Counter::kAvgIterations);
}
BENCHMARK(pair_setup)->Arg(256)->Arg(384);

}  // namespace
}  // namespace quorate
