#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "fuzz/wire_samples.h"

namespace {
std::atomic<std::size_t> greatest_allocation{0};
}

// Replaced for the whole program, to see how much a decoder asks for at once.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (size > greatest_allocation) greatest_allocation = size;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace quorate::wire {
namespace {

using sample::recode;
using sim::SeededRng;

struct Case {
  MessageType type;
  const Curve* curve;
  std::string name() const { return std::string(wire::name(type)) + (curve->is_toy() ? "Toy" : "P256"); }
};

class WireHostile : public ::testing::TestWithParam<Case> {
 protected:
  WireHostile() { Curve::allow_toy(); }
  /// Long messages, which are lists of like items, are tried with a coarser step that falls on every place
  /// of an item in the end.
  static std::size_t step(const Bytes& payload) { return payload.size() < 2000 ? 1 : toy() ? 11 : 97; }
  static bool toy() { return GetParam().curve->is_toy(); }
  static Bytes payload(std::uint64_t seed) {
    SeededRng rng(seed, GetParam().name());
    return sample::payload(GetParam().type, *GetParam().curve, rng);
  }
  static Result<Bytes, WireError> recoded(ByteView payload) {
    return recode(GetParam().type, *GetParam().curve, payload);
  }
};

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const auto type : all_message_types())
    for (const auto* curve : {&Curve::p256(), &Curve::toy()}) out.push_back({type, curve});
  return out;
}
INSTANTIATE_TEST_SUITE_P(Messages, WireHostile, ::testing::ValuesIn(all_cases()),
                         [](const auto& each) { return each.param.name(); });

TEST_P(WireHostile, EveryTruncationIsRejected) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const auto whole = payload(seed);
    ASSERT_EQ(*recoded(whole), whole);
    for (std::size_t size = 0; size < whole.size(); size += step(whole)) {
      // A copy of exactly this size, so that a sanitizer sees any read beyond it.
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const auto result = recoded(cut);
      ASSERT_FALSE(result) << size << " of " << whole.size();
      EXPECT_NE(result.error().reason, Reason::Trailing);
      EXPECT_FALSE(result.error().field.empty());
    }
  }
}

TEST_P(WireHostile, TrailingBytesAreRejected) {
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    for (const unsigned extra : {0x00u, 0x01u, 0xffu}) {
      auto longer = payload(seed);
      longer.push_back(static_cast<std::uint8_t>(extra));
      const auto result = recoded(longer);
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().reason, Reason::Trailing);
    }
}

TEST_P(WireHostile, WhateverDecodesIsTheOnlyEncodingOfWhatItMeans) {
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    const auto good = payload(seed);
    for (std::size_t at = 0; at < good.size(); at += step(good))
      for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
        auto mutated = good;
        mutated[at] = static_cast<std::uint8_t>(mutated[at] ^ flip);
        const auto result = recoded(mutated);
        ASSERT_TRUE(!result || *result == mutated) << at;
      }
  }
}

TEST_P(WireHostile, NoFieldSetToItsGreatestValueCostsMemory) {
  const auto good = payload(1);
  // A struct takes more room than its encoding: a point on the toy curve 16 bytes instead of 1.
  const std::size_t allowed = 4096 + good.size() * (toy() ? 32 : 8);
  for (std::size_t at = 0; at < good.size(); at += step(good))
    for (const std::size_t width : {1, 2, 4, 8}) {
      if (at + width > good.size()) continue;
      auto mutated = good;
      std::fill_n(mutated.begin() + static_cast<std::ptrdiff_t>(at), width, std::uint8_t{0xff});
      greatest_allocation = 0;
      const auto result = recoded(mutated);
      ASSERT_LE(greatest_allocation, allowed) << at << " " << width;
      ASSERT_TRUE(!result || *result == mutated) << at;
    }
}

TEST_P(WireHostile, RandomBytesDoNoHarm) {
  SeededRng rng(3, GetParam().name());
  for (int run = 0; run < 500; ++run) {
    Bytes noise(rng.below(300));
    rng.fill(noise);
    const auto result = recoded(noise);
    ASSERT_TRUE(!result || *result == noise);
  }
}

TEST(WireHostileCurve, AMessageOfAnotherCurveIsRejected) {
  SeededRng rng(4);
  for (const auto type : all_message_types()) {
    const bool same_layout_for_all = type == MessageType::KeygenRound1 || type == MessageType::KeygenRound5 ||
                                     type == MessageType::PresignRound1;
    if (!sample::takes_curve(type) || same_layout_for_all) continue;
    const auto payload = sample::payload(type, Curve::p256(), rng);
    EXPECT_FALSE(recode(type, Curve::p384(), payload)) << name(type);
    EXPECT_FALSE(recode(type, Curve::toy(), payload)) << name(type);
  }
}

}  // namespace
}  // namespace quorate::wire
