// Leaks on purpose: if memcheck did not see these, it would not see one in the library either.
#include <algorithm>

#include "protocol/group/lane_field.h"
#include "protocol/group/lane_kernels.h"
#include "test/ctime/cases.h"

namespace quorate::ctime {
namespace {

/// Keeps a result alive without looking at it.
template <class T>
void keep(const T& value) {
  __asm__ volatile("" : : "r"(&value) : "memory");
}

SecretScalar secret(const Curve& curve) {
  PoisonedRng rng("planted");
  return SecretScalar::random_nonzero(curve, rng);
}

void branch() {
  const auto k = secret(Curve::p256());
  volatile int taken = 0;
  if ((k.montgomery()[0] & 1) != 0) taken = taken + 1;
}

/// One bit that decides late: a secret's way through arithmetic does not hide it.
void branch_after_arithmetic() {
  const auto k = secret(Curve::p384());
  const auto product = (k * k + k).invert();
  volatile int taken = 0;
  if ((product.plain()[0] >> 13 & 1) != 0) taken = taken + 1;
}

/// One of eight that are worked on together.
void branch_on_a_lane() {
  using Field = LaneField<PortableLanes, lane_limbs(4)>;
  const auto k = secret(Curve::p256());
  std::array<std::uint64_t, kLanes * 4> words{};
  std::copy_n(k.montgomery().begin(), 4, words.begin() + 5 * 4);
  const Field f(Curve::p256().order());
  const auto a = Field::load(words.data(), 4);
  Field::store(words.data(), 4, f.canonical(f.mul(a, a)));
  volatile int taken = 0;
  if ((words[5 * 4] >> 13 & 1) != 0) taken = taken + 1;
}

/// A coordinate of one of eight points that were hashed, added and divided together, before it is declared
/// public.
void branch_on_a_point_in_lanes() {
  use_lanes(Lanes::Portable);
  const LaneKernels& kernels = *lane_kernels(Curve::p256());
  const auto u = secret(Curve::p256()).plain();
  const std::array<std::uint64_t, kLanes * 2 * 4> infinities{};
  std::array<std::uint64_t, kLanes * 2 * 4> fields{}, out{};
  std::copy_n(u.begin(), 4, fields.begin() + 5 * 2 * 4);
  std::array<std::uint64_t, kLanes> faults{};
  struct alignas(64) Block {
    std::array<std::uint64_t, kLanes> words;
  };
  std::vector<Block> work(kernels.work_size / sizeof(Block) + 1);
  kernels.add_hashes({.points = infinities.data(),
                      .groups = 1,
                      .out = out.data(),
                      .faults = faults.data(),
                      .work = work.data(),
                      .fields = fields.data()});
  volatile int taken = 0;
  if ((out[5 * 2 * 4] >> 13 & 1) != 0) taken = taken + 1;
}

void index() {
  static const std::array<std::uint32_t, 256> table{1, 2, 3};
  Secret<std::array<std::uint8_t, 1>> byte;
  PoisonedRng("planted").fill(byte.reveal());
  const auto found = *const_cast<const volatile std::uint32_t*>(&table[byte.reveal()[0]]);
  keep(found);
}

/// Comparing with memcmp's kind of loop, which ends at the first difference.
void early_exit() {
  Secret<std::array<std::uint8_t, 32>> mac;
  PoisonedRng("planted").fill(mac.reveal());
  const std::array<std::uint8_t, 32> expected{};
  volatile std::size_t at = 0;
  while (at < 32 && mac.reveal()[at] == expected[at]) at = at + 1;
}

/// The type system forbids this; whoever goes around it without declassify() is seen.
Scalar laundered(const SecretScalar& k) { return Scalar::from_montgomery(k.curve(), k.montgomery()); }

void mul_var() { keep(Point::generator(Curve::p256()).mul_var(laundered(secret(Curve::p256())))); }

void mul_add_var_on_p256() {
  const auto& curve = Curve::p256();
  keep(mul_add_var(Scalar(curve, 5), laundered(secret(curve)), Point::generator(curve)));
}

void multi_mul_var_on_p384() {
  const auto& curve = Curve::p384();
  const std::array<Scalar, 1> k{laundered(secret(curve))};
  const std::array<Point, 1> p{Point::generator(curve)};
  keep(multi_mul_var(k, p));
}

}  // namespace

std::vector<Case> planted_leaks() {
  return {{"leak-branch", branch},
          {"leak-branch-after-arithmetic", branch_after_arithmetic},
          {"leak-branch-on-a-lane", branch_on_a_lane},
          {"leak-branch-on-a-point-in-lanes", branch_on_a_point_in_lanes},
          {"leak-index", index},
          {"leak-early-exit", early_exit},
          {"leak-mul-var", mul_var},
          {"leak-mul-add-var", mul_add_var_on_p256},
          {"leak-multi-mul-var", multi_mul_var_on_p384}};
}

}  // namespace quorate::ctime
