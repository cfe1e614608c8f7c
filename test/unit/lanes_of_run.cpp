// Who does eight-lane arithmetic while this program's tests run: QUORATE_TEST_LANES=none or =portable, else who fits.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "protocol/group/lanes.h"

namespace quorate {
namespace {

class LanesOfRun : public testing::Environment {
 public:
  void SetUp() override {
    const char* wanted = std::getenv("QUORATE_TEST_LANES");
    if (wanted == nullptr) return;
    const std::string_view lanes(wanted);
    ASSERT_TRUE(lanes == "none" || lanes == "portable") << lanes;
    use_lanes(lanes == "none" ? Lanes::None : Lanes::Portable);
  }
};

[[maybe_unused]] const auto* const kLanesOfRun = testing::AddGlobalTestEnvironment(new LanesOfRun);

}  // namespace
}  // namespace quorate
