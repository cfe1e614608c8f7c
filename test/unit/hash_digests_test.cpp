#include "protocol/hash/digests.h"

#include <gtest/gtest.h>

#include "protocol/group/lanes.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

Bytes random_bytes(Rng& rng, std::size_t size) {
  Bytes out(size);
  rng.fill(out);
  return out;
}

class DigestsTest : public testing::TestWithParam<Lanes> {
 protected:
  void SetUp() override {
    if (GetParam() == Lanes::Ifma && !lanes_available()) GTEST_SKIP() << "this processor has no AVX-512 IFMA";
    use_lanes(GetParam());
  }
  void TearDown() override { use_lanes(before_); }

  void expect_those_of_transcripts(std::size_t count, std::size_t length) {
    sim::SeededRng rng(count * 100'000 + length);
    std::vector<Bytes> strings;
    std::vector<ByteView> views;
    std::vector<Binding> bindings;
    for (std::size_t i = 0; i < count; ++i) {
      Binding binding;
      binding.sid = rng.make_id<SessionId>();
      binding.from = 1;
      binding.to = 2;
      binding.instance = static_cast<std::uint32_t>(i);
      bindings.push_back(binding);
      strings.push_back(random_bytes(rng, length));
    }
    for (const auto& string : strings) views.emplace_back(string);
    const auto all = digests(Label::RvoleMu, bindings, views);
    ASSERT_EQ(all.size(), count);
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_EQ(all[i], std::move(Transcript(Label::RvoleMu, bindings[i]).add(views[i])).digest())
          << count << " strings of " << length << ", number " << i;
  }

 private:
  Lanes before_ = lanes_in_use();
};

TEST_P(DigestsTest, are_those_of_the_transcripts_for_any_number_of_strings) {
  for (const std::size_t count : {0, 1, 7, 8, 9, 15, 16, 17, 23, 24, 33, 64})
    expect_those_of_transcripts(count, 1000);
}

// The strings begin anywhere in a block and end anywhere; padding takes one block or two.
TEST_P(DigestsTest, are_those_of_the_transcripts_for_every_length_around_a_block) {
  for (std::size_t length = 0; length <= 200; ++length) expect_those_of_transcripts(16, length);
  expect_those_of_transcripts(16, 39'936);
}

TEST_P(DigestsTest, want_strings_of_one_length_and_a_binding_for_each) {
  const Bytes a(64), b(65);
  const std::vector<ByteView> two{a, b}, same{a, a};
  EXPECT_DEATH(digests(Label::RvoleMu, std::vector<Binding>(2), two), "");
  EXPECT_DEATH(digests(Label::RvoleMu, std::vector<Binding>(1), same), "");
}

INSTANTIATE_TEST_SUITE_P(Hash, DigestsTest, testing::Values(Lanes::None, Lanes::Portable, Lanes::Ifma),
                         [](const auto& tested) {
                           return tested.param == Lanes::None   ? "none"
                                  : tested.param == Lanes::Ifma ? "ifma"
                                                                : "portable";
                         });

}  // namespace
}  // namespace quorate
