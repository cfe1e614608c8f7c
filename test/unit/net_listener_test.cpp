#include "protocol/net/listener.h"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>

#include "protocol/net/dialer.h"
#include "test/unit/net_fixture.h"

namespace quorate::net::test {
namespace {

using boost::asio::ip::tcp;
using testing::HasSubstr;

class ListenerTest : public testing::Test {
 protected:
  ~ListenerTest() override {
    dialers_.clear();
    for (auto& link : links_) link->close();
    listener_.reset();
    loop_.drain();
  }

  void listen(ListenerSettings settings = {}, std::optional<LinkSettings> link_settings = std::nullopt) {
    settings.address = "127.0.0.1";
    auto shared = std::make_shared<const LinkSettings>(link_settings ? std::move(*link_settings) : signer_settings(ca_, 2));
    auto opened = Listener::open(loop_.io, settings, shared, [this](std::shared_ptr<Link> link) {
      Link::Events events;
      events.message = [this](wire::Envelope envelope) { got_.push_back(std::move(envelope)); };
      link->adopt(std::move(events));
      links_.push_back(std::move(link));
    });
    ASSERT_TRUE(opened) << opened.error();
    listener_ = std::move(*opened);
  }

  Dialer& dial(LinkSettings settings, PartyId expected = 2) {
    Dialer::Events events;
    events.up = [this](const std::shared_ptr<Link>&) { ++ups_; };
    events.down = [this](const std::string& reason) {
      ++downs_;
      reasons_.push_back(reason);
    };
    events.failed = [this](const std::string& reason) {
      ++failures_;
      reasons_.push_back(reason);
    };
    dialers_.push_back(std::make_unique<Dialer>(
        loop_.io, std::make_shared<const LinkSettings>(std::move(settings)),
        DialTarget{{"127.0.0.1"}, port_ != 0 ? port_ : listener_->port(), {wire::Role::Signer, expected, {}, "test"}},
        std::move(events)));
    dialers_.back()->start();
    return *dialers_.back();
  }

  TestCa ca_;
  Loop loop_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::shared_ptr<Link>> links_;
  std::vector<std::unique_ptr<Dialer>> dialers_;
  std::vector<wire::Envelope> got_;
  std::vector<std::string> reasons_;
  std::uint16_t port_ = 0;
  int ups_ = 0, downs_ = 0, failures_ = 0;
};

TEST_F(ListenerTest, HandsOutLinks) {
  listen();
  auto& dialer = dial(frontend_settings(ca_));
  ASSERT_TRUE(loop_.run_until([&] { return ups_ == 1 && links_.size() == 1; }));
  EXPECT_EQ(links_[0]->peer().str(), "frontend web");
  EXPECT_EQ(listener_->counters().up, 1u);
  EXPECT_EQ(listener_->counters().half_open, 0u);
  (void)dialer.link()->send(message(wire::MessageType::StatusRequest, 32));
  ASSERT_TRUE(loop_.run_until([&] { return got_.size() == 1; }));
  dialer.stop();
  ASSERT_TRUE(loop_.run_until([&] { return listener_->counters().up == 0; }));
}

TEST_F(ListenerTest, AddressesThatCannotBeBoundAreErrorsWithTheirName) {
  listen();
  ListenerSettings taken;
  taken.address = "127.0.0.1";
  taken.port = listener_->port();
  auto second = Listener::open(loop_.io, taken, std::make_shared<const LinkSettings>(signer_settings(ca_, 2)), {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), testing::AllOf(HasSubstr("127.0.0.1:" + std::to_string(taken.port)), HasSubstr("in use")));
  taken.address = "localhost";
  EXPECT_FALSE(Listener::open(loop_.io, taken, nullptr, {}));
}

TEST_F(ListenerTest, ReconnectsAfterTheLinkWasKilled) {
  listen();
  auto& dialer = dial(frontend_settings(ca_));
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(loop_.run_until([&] { return ups_ == round && links_.size() == 1; }));
    EXPECT_NE(dialer.link(), nullptr);
    links_[0]->close();
    links_.clear();
    ASSERT_TRUE(loop_.run_until([&] { return downs_ == round; }));
    EXPECT_EQ(dialer.link(), nullptr);
  }
}

TEST_F(ListenerTest, TriesUntilSomebodyListens) {
  {
    tcp::acceptor reserved(loop_.io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    port_ = reserved.local_endpoint().port();
  }
  dial(frontend_settings(ca_));
  ASSERT_TRUE(loop_.run_until([&] { return failures_ >= 2; }));
  EXPECT_THAT(reasons_.at(0), HasSubstr("refused"));
  ListenerSettings settings;
  settings.port = port_;
  listen(settings);
  ASSERT_TRUE(loop_.run_until([&] { return ups_ == 1; }));
}

TEST_F(ListenerTest, AStoppedDialerStaysSilent) {
  listen();
  auto& dialer = dial(frontend_settings(ca_));
  dialer.stop();
  loop_.run_for(std::chrono::milliseconds(150));
  EXPECT_EQ(ups_ + downs_ + failures_, 0);
  auto& second = dial(frontend_settings(ca_));
  ASSERT_TRUE(loop_.run_until([&] { return ups_ == 1; }));
  second.stop();
  EXPECT_EQ(second.link(), nullptr);
  loop_.run_for(std::chrono::milliseconds(150));
  EXPECT_EQ(ups_, 1);
  EXPECT_EQ(downs_, 0);
}

/// Slow loris: a hundred connections that say nothing, with room for eight.
TEST_F(ListenerTest, SilentConnectionsDoNotKeepAnHonestPeerOut) {
  ListenerSettings settings;
  settings.max_half_open = 8;
  listen(settings);
  std::vector<tcp::socket> silent;
  for (int i = 0; i < 100; ++i) {
    silent.emplace_back(loop_.io);
    silent.back().connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), listener_->port()));
  }
  ASSERT_TRUE(loop_.run_until([&] { return listener_->counters().accepted == 100; }));
  EXPECT_EQ(listener_->counters().half_open, 8u);
  EXPECT_EQ(listener_->counters().pushed_out, 92u);
  dial(frontend_settings(ca_));
  ASSERT_TRUE(loop_.run_until([&] { return ups_ == 1 && links_.size() == 1; }));
  EXPECT_LE(listener_->counters().half_open, 8u);
}

TEST_F(ListenerTest, LimitsLinksPerIdentityAndInAll) {
  ListenerSettings settings;
  settings.max_per_identity = 2;
  settings.max_links = 3;
  listen(settings);
  dial(frontend_settings(ca_, "a"));
  dial(frontend_settings(ca_, "a"));
  ASSERT_TRUE(loop_.run_until([&] { return links_.size() == 2; }));
  auto& third = dial(frontend_settings(ca_, "a"));
  ASSERT_TRUE(loop_.run_until([&] { return !reasons_.empty(); }));
  EXPECT_THAT(reasons_[0], HasSubstr("too many connections of frontend a"));
  third.stop();
  dial(frontend_settings(ca_, "b"));
  ASSERT_TRUE(loop_.run_until([&] { return links_.size() == 3; }));
  reasons_.clear();
  auto& last = dial(frontend_settings(ca_, "c"));
  ASSERT_TRUE(loop_.run_until([&] { return !reasons_.empty(); }));
  EXPECT_THAT(reasons_[0], HasSubstr("too many connections"));
  // A place that becomes free is given to whoever still tries.
  links_[2]->close();
  ASSERT_TRUE(loop_.run_until([&] { return links_.size() >= 4; }));
  EXPECT_EQ(listener_->counters().up, 3u);
  last.stop();
}

TEST_F(ListenerTest, TheAdmissionRuleTellsThePeerWhy) {
  ListenerSettings settings;
  settings.admit = [](const PeerIdentity& who) -> std::optional<std::string> {
    if (who.name == "web") return "not in the table of identities";
    return std::nullopt;
  };
  listen(settings);
  dial(frontend_settings(ca_));
  ASSERT_TRUE(loop_.run_until([&] { return !reasons_.empty(); }));
  EXPECT_THAT(reasons_[0], HasSubstr("not in the table of identities"));
  EXPECT_TRUE(links_.empty());
}

TEST_F(ListenerTest, AHandedOutLinkThatNobodyAdoptedMayEnd) {
  auto shared = std::make_shared<const LinkSettings>(signer_settings(ca_, 2));
  ListenerSettings settings;
  settings.address = "127.0.0.1";
  int handed = 0;
  auto opened = Listener::open(loop_.io, settings, shared, [&](std::shared_ptr<Link>) { ++handed; });
  ASSERT_TRUE(opened);
  listener_ = std::move(*opened);
  auto& dialer = dial(frontend_settings(ca_));
  ASSERT_TRUE(loop_.run_until([&] { return handed == 1; }));
  dialer.stop();
  ASSERT_TRUE(loop_.run_until([&] { return listener_->counters().up == 0; }));
}

TEST_F(ListenerTest, SurvivesRunningOutOfDescriptors) {
  listen();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // The client's socket is there already; the server's would be one too many.
  tcp::socket client(loop_.io);
  client.open(tcp::v4());
  const int highest = dup(0);
  ASSERT_GE(highest, 0);
  close(highest);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(highest);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  client.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), listener_->port()));
  const bool noticed = loop_.run_until([&] { return listener_->counters().accept_errors > 0; });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(noticed);
  EXPECT_EQ(listener_->counters().accepted, 0u);
  ASSERT_TRUE(loop_.run_until([&] { return listener_->counters().accepted == 1; }));
  dial(frontend_settings(ca_));
  ASSERT_TRUE(loop_.run_until([&] { return ups_ == 1; }));
}

}  // namespace
}  // namespace quorate::net::test
