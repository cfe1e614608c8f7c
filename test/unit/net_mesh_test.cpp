#include "protocol/net/mesh.h"

#include <gmock/gmock.h>

#include <map>

#include "protocol/net/dialer.h"
#include "protocol/net/listener.h"
#include "test/unit/net_fixture.h"

namespace quorate::net::test {
namespace {

using boost::asio::ip::tcp;

/// One signer process as far as the network sees it.
struct Node {
  PartyId id;
  std::unique_ptr<Mesh> mesh;
  std::unique_ptr<Listener> listener;
  std::map<PartyId, std::vector<Digest>> ups;
  std::map<PartyId, int> downs;
  std::vector<wire::Envelope> got;

  Node(Loop& loop, const TestCa& ca, PartyId self, const std::vector<MeshMember>& members, Digest instance) : id(self) {
    LinkSettings settings = signer_settings(ca, self);
    settings.instance = instance;
    Mesh::Events events;
    events.peer_up = [this](PartyId peer, const wire::Hello& hello) { ups[peer].push_back(hello.instance); };
    events.peer_down = [this](PartyId peer) { ++downs[peer]; };
    events.message = [this](wire::Envelope envelope) { got.push_back(std::move(envelope)); };
    mesh = std::make_unique<Mesh>(loop.io, self, members, std::move(settings), std::move(events));
    ListenerSettings listen;
    listen.address = "127.0.0.1";
    for (const auto& member : members) {
      if (member.id == self) listen.port = member.port;
    }
    auto opened = Listener::open(loop.io, listen, mesh->link_settings(),
                                 [this](std::shared_ptr<Link> link) { mesh->accept(std::move(link)); });
    EXPECT_TRUE(opened) << (opened ? "" : opened.error());
    if (opened) listener = std::move(*opened);
    mesh->start();
  }
};

class MeshTest : public testing::Test {
 protected:
  MeshTest() {
    std::vector<tcp::acceptor> reserved;
    for (PartyId id = 1; id <= 3; ++id) {
      reserved.emplace_back(loop_.io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
      members_.push_back({id, "127.0.0.1", reserved.back().local_endpoint().port(), identity_key(id).public_key()});
    }
  }
  ~MeshTest() override {
    nodes_.clear();
    loop_.drain();
  }
  void start(PartyId id, Digest instance) { nodes_[id] = std::make_unique<Node>(loop_, ca_, id, members_, instance); }
  bool whole() {
    return loop_.run_until([&] {
      return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return n.second->mesh->linked().size() == 2; });
    });
  }

  TestCa ca_;
  Loop loop_;
  std::vector<MeshMember> members_;
  std::map<PartyId, std::unique_ptr<Node>> nodes_;
};

TEST_F(MeshTest, ThreeSignersFindEachOther) {
  for (PartyId id = 1; id <= 3; ++id) start(id, instance_of(id));
  ASSERT_TRUE(whole());
  for (PartyId from = 1; from <= 3; ++from) {
    for (PartyId to = 1; to <= 3; ++to) {
      auto envelope = message(wire::MessageType::PresignRound1, 1000, from);
      envelope.to = to;
      EXPECT_EQ(nodes_[from]->mesh->send(envelope), from != to);
    }
  }
  ASSERT_TRUE(loop_.run_until([&] {
    return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return n.second->got.size() == 2; });
  }));
  for (const auto& [id, node] : nodes_) {
    for (const auto& envelope : node->got) {
      EXPECT_EQ(envelope.to, id);
      EXPECT_EQ(envelope.sid.bytes[0], envelope.from);
    }
  }
  EXPECT_FALSE(nodes_[1]->mesh->send(9, message(wire::MessageType::PresignPooled, 0)));
  EXPECT_FALSE(nodes_[1]->mesh->send(200, message(wire::MessageType::PresignPooled, 0)));
}

TEST_F(MeshTest, PeersSeeTheNewInstanceOfARestartedSigner) {
  for (PartyId id = 1; id <= 3; ++id) start(id, instance_of(id));
  ASSERT_TRUE(whole());
  nodes_.erase(2);
  ASSERT_TRUE(loop_.run_until([&] { return nodes_[1]->downs[2] == 1 && nodes_[3]->downs[2] == 1; }));
  EXPECT_FALSE(nodes_[1]->mesh->linked(2));
  start(2, instance_of(22));
  ASSERT_TRUE(whole());
  for (const PartyId other : {PartyId{1}, PartyId{3}}) {
    EXPECT_THAT(nodes_[other]->ups[2], testing::ElementsAre(instance_of(2), instance_of(22)));
    EXPECT_EQ(nodes_[other]->downs[2], 1);
    EXPECT_THAT(nodes_[other]->ups[other == 1 ? 3 : 1], testing::SizeIs(1));
  }
}

/// The restarted process dials before its peers have noticed that the old connection is dead.
TEST_F(MeshTest, ANewerLinkReplacesTheOlderOne) {
  start(3, instance_of(3));
  start(1, instance_of(1));
  ASSERT_TRUE(loop_.run_until([&] { return nodes_[3]->mesh->linked(1); }));
  const auto old = nodes_[3]->mesh->link(1);
  auto second = std::make_unique<Mesh>(loop_.io, PartyId{1}, members_, [&] {
    auto settings = signer_settings(ca_, 1);
    settings.instance = instance_of(11);
    return settings;
  }(), Mesh::Events{});
  second->start();
  ASSERT_TRUE(loop_.run_until([&] { return nodes_[3]->ups[1].size() >= 2; }));
  EXPECT_EQ(nodes_[3]->ups[1][1], instance_of(11));
  EXPECT_EQ(nodes_[3]->downs[1], 1);
  EXPECT_FALSE(old->is_up());
  EXPECT_TRUE(nodes_[3]->mesh->linked(1));
}

TEST_F(MeshTest, RefusesAHigherIdThatDialsAndAFrontend) {
  start(1, instance_of(1));
  for (const bool signer : {true, false}) {
    std::string reason;
    Dialer::Events events;
    events.down = [&](const std::string& why) { reason = why; };
    events.failed = events.down;
    Dialer dialer(loop_.io, std::make_shared<const LinkSettings>(signer ? signer_settings(ca_, 3) : frontend_settings(ca_)),
                  DialTarget{{"127.0.0.1"}, members_[0].port, {wire::Role::Signer, 1, {}, "test"}}, std::move(events));
    dialer.start();
    ASSERT_TRUE(loop_.run_until([&] { return !reason.empty(); }));
    EXPECT_THAT(reason, testing::HasSubstr("the lower id dials"));
    EXPECT_TRUE(nodes_[1]->mesh->linked().empty());
  }
}

/// A certificate for signer 1 from the right CA without signer 1's identity key does not get into the mesh,
/// and does not push the real signer 1 out.
TEST_F(MeshTest, AStolenCaPutsNobodyIntoASignersPlace) {
  start(3, instance_of(3));
  start(1, instance_of(1));
  ASSERT_TRUE(loop_.run_until([&] { return nodes_[3]->mesh->linked(1); }));
  auto settings = signer_settings(ca_, 1);
  settings.sign_hello = [](const Digest& digest) { return identity_key(66).sign(digest); };
  int failures = 0;
  Dialer::Events events;
  events.failed = [&](const std::string&) { ++failures; };
  events.down = events.failed;
  Dialer thief(loop_.io, std::make_shared<const LinkSettings>(std::move(settings)),
               DialTarget{{"127.0.0.1"}, members_[2].port, {wire::Role::Signer, 3, {}, "test"}}, std::move(events));
  thief.start();
  ASSERT_TRUE(loop_.run_until([&] { return failures >= 2; }));
  EXPECT_EQ(nodes_[3]->ups[1].size(), 1u);
  EXPECT_EQ(nodes_[3]->downs[1], 0);
  EXPECT_TRUE(nodes_[3]->mesh->linked(1));
}

}  // namespace
}  // namespace quorate::net::test
