// What stands around the kernels of lane_kernels.h: seen through kernels that watch, or that go wrong.
#include "protocol/group/lane_batch.h"

#include <gtest/gtest.h>

#include <cstring>

#include "protocol/group/lanes.h"
#include "protocol/group/point.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

/// The kernels that are watched, and what was seen of the last call.
const LaneKernels* real = nullptr;
std::uint8_t* work = nullptr;
std::size_t work_size = 0, faulty_lane = kLanes;
std::vector<std::uint64_t> digits;

template <auto kKernel>
void watched(const LaneTask& task) {
  work = static_cast<std::uint8_t*>(task.work);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(work) % 64, 0u);
  work_size = kKernel == &LaneKernels::sum ? real->sum_size : real->work_size;
  digits.assign(task.digits, task.digits + task.lists * task.windows * task.groups * kLanes);
  (real->*kKernel)(task);
  std::memset(work, 0xa5, work_size);
  if (task.faults != nullptr && faulty_lane < kLanes) task.faults[faulty_lane] = 1;
}

class LaneBatch : public testing::TestWithParam<const Curve*> {
 protected:
  void SetUp() override {
    before_ = lanes_in_use();
    use_lanes(lanes_available() ? Lanes::Ifma : Lanes::Portable);
    real = lane_kernels(curve);
    ASSERT_NE(real, nullptr);
    kernels = *real;
    kernels.multiply = watched<&LaneKernels::multiply>;
    kernels.multiply_base = watched<&LaneKernels::multiply_base>;
    kernels.sum = watched<&LaneKernels::sum>;
    faulty_lane = kLanes;
    for (std::size_t i = 0; i < kItems; ++i) {
      const Scalar s = Scalar::random(curve, rng);
      k.push_back(s.plain());
      points.push_back(Point::mul_base(s));
    }
  }
  void TearDown() override { use_lanes(before_); }

  std::vector<Point> multiply(std::size_t lists) {
    const std::span<const Limbs> both[] = {k, k};
    return lane_products(kernels, curve, std::span(both).first(lists), points)[0];
  }
  static void expect_wiped(const char* after) {
    std::size_t left = 0;
    for (std::size_t i = 0; i < work_size; ++i) left += work[i] != 0;
    EXPECT_EQ(left, 0u) << "bytes of the workspace left after " << after;
  }

  static constexpr std::size_t kItems = 9;  // a group and one
  const Curve& curve = *GetParam();
  sim::SeededRng rng{61, curve.name()};
  LaneKernels kernels{};
  std::vector<Limbs> k;
  std::vector<Point> points;

 private:
  Lanes before_ = Lanes::None;
};
INSTANTIATE_TEST_SUITE_P(All, LaneBatch, testing::Values(&Curve::p256(), &Curve::p384()),
                         [](const auto& test) { return "P" + std::to_string(test.param->order_bits()); });

TEST_P(LaneBatch, the_workspace_is_wiped_after_each_kernel) {
  static_cast<void>(multiply(1));
  expect_wiped("products");
  static_cast<void>(multiply(2));
  expect_wiped("two lists of products");
  static_cast<void>(lane_base_products(kernels, curve, k));
  expect_wiped("products of the generator");
  static_cast<void>(lane_sum(kernels, curve, k, points, curve.order_bits()));
  expect_wiped("a sum");
}

TEST_P(LaneBatch, a_fault_in_any_lane_ends_the_process) {
  for (faulty_lane = 0; faulty_lane < kLanes; ++faulty_lane) {
    EXPECT_DEATH(static_cast<void>(multiply(1)), "") << faulty_lane;
    EXPECT_DEATH(static_cast<void>(lane_base_products(kernels, curve, k)), "") << faulty_lane;
  }
}

TEST_P(LaneBatch, one_point_off_the_curve_is_a_fault_whatever_its_lane) {
  for (std::size_t i = 0; i < kItems; ++i) {
    auto p = points;
    p[i] = Point::from_checked(curve, {Limbs{1}, Limbs{1}});
    const std::span<const Limbs> one[] = {k};
    EXPECT_DEATH(static_cast<void>(lane_products(*real, curve, one, p)), "") << i;
  }
}

/// What fills up a group is multiplied by 0, and digits are what they stand for: from -16 to 16, and the scalar.
TEST_P(LaneBatch, digits_make_up_the_scalar_and_idle_lanes_have_none) {
  k[0] = Limbs{};
  for (std::size_t i = 0; i < curve.order().limbs; ++i) k[1][i] = curve.order().n[i];
  k[1][0] -= 1;
  k[2] = Limbs{0x0108421084210842};  // digits of 2, ..
  k[3] = Limbs{16};
  k[4] = Limbs{15};
  k[5] = Limbs{~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}};
  static_cast<void>(lane_base_products(kernels, curve, k));
  const std::size_t items = 2 * kLanes;
  ASSERT_EQ(digits.size(), real->windows * items);
  for (std::size_t item = 0; item < items; ++item) {
    Scalar sum(curve);
    for (std::size_t w = real->windows; w-- > 0;) {
      const std::uint64_t biased = digits[w * items + item];
      ASSERT_LE(biased, 32u);
      sum = sum * Scalar(curve, 32) + Scalar(curve, biased) - Scalar(curve, 16);
      if (item >= kItems) {
        ASSERT_EQ(biased, 16u);
      }
    }
    EXPECT_EQ(sum, item < kItems ? Scalar::from_plain(curve, k[item]) : Scalar(curve)) << item;
  }
}

TEST_P(LaneBatch, lists_that_do_not_fit_end_the_process) {
  k.pop_back();
  EXPECT_DEATH(static_cast<void>(multiply(1)), "");
  EXPECT_DEATH(static_cast<void>(lane_sum(kernels, curve, k, points, curve.order_bits())), "");
}

}  // namespace
}  // namespace quorate
