#include "protocol/group/lanes.h"

#include <atomic>
#include <cstdlib>

namespace quorate {
namespace {

Lanes fitting() {
#if defined(QUORATE_VALGRIND)
  return Lanes::Portable;
#else
  return lanes_available() ? Lanes::Ifma : Lanes::None;
#endif
}

std::atomic<Lanes>& in_use() {
  static std::atomic<Lanes> lanes{fitting()};
  return lanes;
}

}  // namespace

bool lanes_available() {
#if defined(QUORATE_IFMA)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512ifma");
#else
  return false;
#endif
}

Lanes lanes_in_use() { return in_use().load(std::memory_order_relaxed); }

void use_lanes(Lanes lanes) {
  if (lanes == Lanes::Ifma && !lanes_available()) std::abort();
  in_use().store(lanes, std::memory_order_relaxed);
}

}  // namespace quorate
