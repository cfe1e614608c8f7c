// Names that take long to be looked up hold up nobody else, and not the end.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <netdb.h>

#include <atomic>

#include "protocol/net/dialer.h"
#include "test/unit/net_fixture.h"

namespace {

constexpr std::chrono::seconds kSlow{4};
std::atomic<int> slow_look_ups = 0;

}  // namespace

/// In place of libc's for all of this program.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  if (node != nullptr && std::string_view(node) == "slow.test") {
    ++slow_look_ups;
    std::this_thread::sleep_for(kSlow);
    return EAI_AGAIN;
  }
  const auto real = reinterpret_cast<int (*)(const char*, const char*, const addrinfo*, addrinfo**)>(
      dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(node, service, hints, found);
}

namespace quorate::net::test {
namespace {

using testing::HasSubstr;

class DialerNamesTest : public testing::Test {
 protected:
  std::unique_ptr<Dialer> dial(const std::string& host, std::string& reason) {
    Dialer::Events events;
    events.failed = [&reason](const std::string& why) { reason = why; };
    auto dialer = std::make_unique<Dialer>(
        loop_->io, std::make_shared<const LinkSettings>(signer_settings(ca_, 2)),
        DialTarget{{host}, 1, {wire::Role::Signer, 1, {}, "test"}}, std::move(events));
    dialer->start();
    return dialer;
  }
  TestCa ca_;
  std::unique_ptr<Loop> loop_ = std::make_unique<Loop>();
};

TEST_F(DialerNamesTest, ASlowNameHoldsUpNeitherOthersNorTheEnd) {
  std::string slow, quick;
  auto first = dial("slow.test", slow);
  loop_->run_for(std::chrono::milliseconds(50));
  auto second = dial("localhost", quick);
  ASSERT_TRUE(loop_->run_until([&] { return !quick.empty(); }));
  EXPECT_THAT(quick, HasSubstr("refused"));  // by the port, so the name was known
  ASSERT_TRUE(loop_->run_until([&] { return !slow.empty(); }));
  EXPECT_EQ(slow, "no connection to slow.test in time");
  first.reset();
  second.reset();
  const auto from = std::chrono::steady_clock::now();
  loop_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - from, kSlow / 2);
}

TEST_F(DialerNamesTest, ANameThatCannotBeLookedUpIsSaidAndLookedUpAgain) {
  std::string reason;
  slow_look_ups = 0;
  const auto dialer = dial("slow.test", reason);
  ASSERT_TRUE(loop_->run_until([&] { return reason.find("resolved") != std::string::npos; }));
  EXPECT_EQ(reason, "slow.test cannot be resolved");
  EXPECT_EQ(slow_look_ups, 1);  // one at a time, however many attempts
  EXPECT_TRUE(loop_->run_until([&] { return slow_look_ups == 2; }));
}

}  // namespace
}  // namespace quorate::net::test
