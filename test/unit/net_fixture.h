#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <functional>

#include "protocol/net/link_socket.h"
#include "test/sim/test_pki.h"

namespace quorate::net::test {

using quorate::test::Issued;
using quorate::test::LeafSpec;
using quorate::test::TestCa;

/// One event loop, run by the test itself until something has happened.
class Loop {
 public:
  boost::asio::io_context io;

  /// False if it did not become true within ten seconds.
  bool run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      if (io.stopped()) io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  /// Handles what is ready now.
  void drain() {
    if (io.stopped()) io.restart();
    io.poll();
  }
  /// Lets things happen for a bounded number of milliseconds, for "nothing happens" checks.
  void run_for(std::chrono::milliseconds span) {
    if (io.stopped()) io.restart();
    io.run_for(span);
  }
};

/// Two connected loopback sockets.
inline std::pair<boost::asio::ip::tcp::socket, boost::asio::ip::tcp::socket> socket_pair(boost::asio::io_context& io) {
  using boost::asio::ip::tcp;
  tcp::acceptor acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  tcp::socket client(io), server(io);
  client.connect(acceptor.local_endpoint());
  acceptor.accept(server);
  return {std::move(client), std::move(server)};
}

inline IdentityKey identity_key(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return IdentityKey::from_seed(Secret<std::array<std::uint8_t, 32>>(bytes));
}

inline Digest instance_of(std::uint8_t value) {
  Digest digest;
  digest.bytes.fill(value);
  return digest;
}

/// Settings of a signer whose identity key is identity_key(id), and who pins everybody's likewise.
inline LinkSettings signer_settings(const TestCa& ca, PartyId id, const std::string& cluster = "test") {
  LinkSettings settings;
  settings.tls = ca.signer(id, cluster);
  settings.cluster = cluster;
  settings.instance = instance_of(id);
  settings.sign_hello = [id](const Digest& digest) { return identity_key(id).sign(digest); };
  settings.pinned = [](PartyId peer) -> std::optional<IdentityPublicKey> { return identity_key(peer).public_key(); };
  settings.pin_required = true;
  return settings;
}

inline LinkSettings frontend_settings(const TestCa& ca, const std::string& name = "web") {
  LinkSettings settings;
  settings.tls = ca.identity("quorate:test/frontend/" + name);
  settings.cluster = "test";
  settings.instance = instance_of(99);
  return settings;
}

/// One end of a link and everything that happened to it.
struct End {
  std::shared_ptr<Link> link;
  std::shared_ptr<const LinkSettings> settings;
  bool up = false, down = false;
  std::string reason;
  std::vector<wire::Envelope> got;
  std::function<void(End&)> on_message;

  Link::Events events() {
    Link::Events e;
    e.up = [this] {
      EXPECT_FALSE(up);
      up = true;
    };
    e.message = [this](wire::Envelope envelope) {
      EXPECT_TRUE(up);
      got.push_back(std::move(envelope));
      if (on_message) on_message(*this);
    };
    e.down = [this](const std::string& why) {
      EXPECT_FALSE(down);
      down = true;
      reason = why;
    };
    return e;
  }
};

/// A client and a server end over loopback, not started.
struct Pair {
  Loop loop;
  End client, server;

  Pair(LinkSettings client_settings, LinkSettings server_settings, std::optional<PeerIdentity> expected = std::nullopt) {
    client.settings = std::make_shared<const LinkSettings>(std::move(client_settings));
    server.settings = std::make_shared<const LinkSettings>(std::move(server_settings));
    auto [a, b] = socket_pair(loop.io);
    client.link = make_link(std::move(a), TlsChannel::Side::Client, client.settings, std::move(expected));
    server.link = make_link(std::move(b), TlsChannel::Side::Server, server.settings);
  }
  ~Pair() {
    if (client.link) client.link->close();
    if (server.link) server.link->close();
    loop.drain();
  }
  void start() {
    client.link->start(client.events());
    server.link->start(server.events());
  }
  [[nodiscard]] bool comes_up() {
    start();
    return loop.run_until([&] { return client.up && server.up; });
  }
  /// Both ends have given up.
  [[nodiscard]] bool refused() {
    start();
    return loop.run_until([&] { return client.down && server.down; });
  }
};

inline wire::Envelope message(wire::MessageType type, std::size_t size, std::uint8_t fill = 7) {
  wire::Envelope envelope;
  envelope.type = type;
  envelope.sid.bytes.fill(fill);
  envelope.payload.resize(size);
  for (std::size_t i = 0; i < size; ++i) envelope.payload[i] = static_cast<std::uint8_t>(i * 31 + fill + (i >> 8));
  return envelope;
}

}  // namespace quorate::net::test
