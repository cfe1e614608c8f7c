#include "protocol/net/link.h"

#include <gmock/gmock.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "protocol/net/handshake.h"
#include "protocol/wire/frame.h"
#include "protocol/wire/hello_codec.h"
#include "test/unit/net_fixture.h"

namespace quorate::net::test {
namespace {

using testing::HasSubstr;
using wire::MessageType;

class LinkTest : public testing::Test {
 protected:
  TestCa ca_;
};

/// A stranger that speaks TLS with a valid certificate and writes whatever it likes.
class RawClient {
 public:
  RawClient(Loop& loop, boost::asio::ip::tcp::socket socket, const TlsIdentity& identity)
      : loop_(loop), socket_(std::move(socket)), tls_(identity, TlsChannel::Side::Client) {
    socket_.non_blocking(true);
    tls_.start();
  }
  /// False if the connection ended before TLS was up.
  bool handshake() {
    const bool done = loop_.run_until([&] { return pump() || tls_.state() == TlsChannel::State::Open; });
    (void)pump();  // our last flight
    return done && tls_.state() == TlsChannel::State::Open;
  }
  void write(ByteView bytes) {
    EXPECT_TRUE(tls_.write(bytes));
    (void)pump();
  }
  TlsChannel& tls() { return tls_; }
  bool ended() {
    return loop_.run_until([&] { return pump(); });
  }

 private:
  /// True when the connection has ended.
  bool pump() {
    Bytes out;
    tls_.take_output(out);
    boost::system::error_code error;
    std::size_t done = 0;
    while (done < out.size()) {
      done += socket_.write_some(boost::asio::buffer(out.data() + done, out.size() - done), error);
      if (error && error != boost::asio::error::would_block) return true;
    }
    Bytes in(65536);
    const std::size_t got = socket_.read_some(boost::asio::buffer(in), error);
    if (error) return error != boost::asio::error::would_block;
    tls_.feed(ByteView(in).first(got));
    Bytes clear(65536);
    while (tls_.read(clear) > 0) {
    }
    return false;
  }
  Loop& loop_;
  boost::asio::ip::tcp::socket socket_;
  TlsChannel tls_;
};

struct Attacked {
  Loop loop;
  End server;
  std::unique_ptr<RawClient> client;
  Attacked(LinkSettings server_settings, const TlsIdentity& identity) {
    server.settings = std::make_shared<const LinkSettings>(std::move(server_settings));
    auto [a, b] = socket_pair(loop.io);
    server.link = make_link(std::move(b), TlsChannel::Side::Server, server.settings);
    server.link->start(server.events());
    client = std::make_unique<RawClient>(loop, std::move(a), identity);
  }
  ~Attacked() {
    server.link->close();
    loop.drain();
  }
  void hello(const wire::Hello& hello) {
    client->write(wire::encode_frame({MessageType::Hello, {}, 0, 0, wire::encode(hello)}));
  }
  bool server_down() {
    return loop.run_until([&] { return server.down; });
  }
};

TEST_F(LinkTest, SignersExchangeFramesBothWays) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up()) << pair.client.reason << pair.server.reason;
  EXPECT_EQ(pair.client.link->peer().signer, 2);
  EXPECT_EQ(pair.server.link->peer().signer, 1);
  EXPECT_EQ(pair.client.link->hello().instance, instance_of(2));
  EXPECT_EQ(pair.server.link->hello().instance, instance_of(1));
  EXPECT_EQ(pair.client.link->version(), wire::kWireVersion);

  std::vector<wire::Envelope> there, back;
  for (int i = 0; i < 50; ++i) {
    there.push_back(message(MessageType::SignRequest, 1 + 17 * i, static_cast<std::uint8_t>(i)));
    back.push_back(message(MessageType::SignReply, 1 + 3 * i, static_cast<std::uint8_t>(i)));
  }
  there.push_back(message(MessageType::PresignRound2, 3'000'000));
  there.push_back(message(MessageType::PresignPooled, 0));
  back.push_back(message(MessageType::PresignRound2, 3'000'000, 9));
  for (const auto& envelope : there) EXPECT_EQ(pair.client.link->send(envelope), Link::Sent::Queued);
  for (const auto& envelope : back) EXPECT_EQ(pair.server.link->send(envelope), Link::Sent::Queued);
  ASSERT_TRUE(pair.loop.run_until(
      [&] { return pair.server.got.size() == there.size() && pair.client.got.size() == back.size(); }));
  for (std::size_t i = 0; i < there.size(); ++i) {
    EXPECT_EQ(pair.server.got[i].type, there[i].type);
    EXPECT_EQ(pair.server.got[i].sid, there[i].sid);
    EXPECT_EQ(pair.server.got[i].payload, there[i].payload);
    EXPECT_EQ(pair.server.got[i].from, 1);
    EXPECT_EQ(pair.server.got[i].to, 2);
  }
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_EQ(pair.client.got[i].payload, back[i].payload);
  EXPECT_EQ(pair.client.link->queued_bytes(), 0u);
}

TEST_F(LinkTest, FrontendAndSignerWithoutAPinnedKey) {
  Pair pair(frontend_settings(ca_), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.comes_up());
  EXPECT_EQ(pair.server.link->peer().str(), "frontend web");
  EXPECT_EQ(pair.server.link->send(message(MessageType::Refusal, 5)), Link::Sent::Queued);
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.got.size() == 1; }));
  EXPECT_EQ(pair.client.got[0].from, 2);
  EXPECT_EQ(pair.client.got[0].to, kNobody);
}

TEST_F(LinkTest, RejectsAPeerOfAnotherCa) {
  TestCa stranger("stranger");
  Pair pair(signer_settings(stranger, 1), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.refused());
  EXPECT_FALSE(pair.client.up || pair.server.up);
  EXPECT_THAT(pair.client.reason, HasSubstr("certificate"));
}

TEST_F(LinkTest, RejectsACertificateOfAnotherCluster) {
  auto foreign = signer_settings(ca_, 1, "other");
  Pair pair(std::move(foreign), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.refused());
  EXPECT_FALSE(pair.client.up || pair.server.up);
  EXPECT_THAT(pair.server.reason + pair.client.reason, HasSubstr("cluster other"));
}

TEST_F(LinkTest, RejectsAHelloThatNamesAnotherClusterThanTheCertificate) {
  Attacked attack(signer_settings(ca_, 2), ca_.identity("quorate:test/frontend/web"));
  ASSERT_TRUE(attack.client->handshake());
  wire::Hello hello = make_hello(frontend_settings(ca_), attack.client->tls().exporter(), TlsChannel::Side::Client);
  hello.cluster = "other";
  attack.hello(hello);
  ASSERT_TRUE(attack.server_down());
  EXPECT_THAT(attack.server.reason, HasSubstr("cluster other"));
  EXPECT_FALSE(attack.server.up);
}

TEST_F(LinkTest, RejectsTwoNamesInOneCertificate) {
  // Loading such a certificate is refused as well, so the stranger's own TLS is made without our checks:
  // a certificate with one name for itself, and one with two shown to the peer, needs raw OpenSSL.
  const Issued two = ca_.issue(LeafSpec{
      .uris = {"quorate:test/frontend/web", "quorate:test/signer/1"}, .dns = {}, .extended_key_usage = {}});
  auto identity = TlsIdentity::from_pem(two.certificate, two.key, ca_.certificate());
  ASSERT_FALSE(identity);
  EXPECT_THAT(identity.error().detail, HasSubstr("2 quorate: names"));

  const Issued base = ca_.issue("quorate:test/frontend/web");
  auto usable = TlsIdentity::from_pem(base.certificate, base.key, ca_.certificate());
  ASSERT_TRUE(usable);
  BIO* bio = BIO_new_mem_buf(two.certificate.data(), static_cast<int>(two.certificate.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(two.key.data(), static_cast<int>(two.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  ASSERT_EQ(SSL_CTX_use_cert_and_key(usable->client(), certificate, key, nullptr, 1), 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  Attacked attack(signer_settings(ca_, 2), *usable);
  (void)attack.client->handshake();
  ASSERT_TRUE(attack.server_down());
  EXPECT_THAT(attack.server.reason, HasSubstr("2 quorate: names"));
}

TEST_F(LinkTest, RejectsAnotherSignerThanTheOneThatWasDialed) {
  Pair pair(signer_settings(ca_, 1), signer_settings(ca_, 3), PeerIdentity{wire::Role::Signer, 2, {}, "test"});
  ASSERT_TRUE(pair.refused());
  EXPECT_THAT(pair.client.reason, HasSubstr("expected signer 2, the certificate says signer 3"));
  EXPECT_THAT(pair.server.reason, testing::AnyOf(HasSubstr("refused by the peer: expected signer 2"), HasSubstr("closed")));
}

/// Stolen CA: a certificate for signer 1 from the right CA, but not its identity key.
TEST_F(LinkTest, RejectsASignerWhoseHelloIsNotSignedWithThePinnedKey) {
  auto thief = signer_settings(ca_, 1);
  thief.sign_hello = [](const Digest& digest) { return identity_key(77).sign(digest); };
  Pair pair(std::move(thief), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.loop.run_until([&, started = (pair.start(), true)] { return started && pair.server.down; }));
  EXPECT_THAT(pair.server.reason, HasSubstr("not signed with the pinned identity key"));
  EXPECT_FALSE(pair.server.up);
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.down; }));
}

TEST_F(LinkTest, AFrontendThatPinsASignerRejectsAThief) {
  auto thief = signer_settings(ca_, 2);
  thief.sign_hello = [](const Digest& digest) { return identity_key(77).sign(digest); };
  auto careful = frontend_settings(ca_);
  careful.pinned = [](PartyId) { return std::optional(identity_key(2).public_key()); };
  Pair pair(std::move(careful), std::move(thief));
  pair.start();
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.client.down; }));
  EXPECT_THAT(pair.client.reason, HasSubstr("not signed with the pinned identity key"));
  EXPECT_FALSE(pair.client.up);
}

TEST_F(LinkTest, RejectsASignerThatNobodyPinned) {
  auto lonely = signer_settings(ca_, 2);
  lonely.pinned = [](PartyId) { return std::optional<IdentityPublicKey>(); };
  Pair pair(signer_settings(ca_, 1), std::move(lonely));
  pair.start();
  ASSERT_TRUE(pair.loop.run_until([&] { return pair.server.down; }));
  EXPECT_THAT(pair.server.reason, HasSubstr("no identity key is known"));
}

/// A hello that was signed for another connection, or for the other direction, is worth nothing.
TEST_F(LinkTest, RejectsAReplayedAndAReflectedHello) {
  for (const bool reflect : {false, true}) {
    Attacked attack(signer_settings(ca_, 2), ca_.signer(1));
    ASSERT_TRUE(attack.client->handshake());
    auto exporter = attack.client->tls().exporter();
    if (!reflect) exporter[0] ^= 1;
    attack.hello(make_hello(signer_settings(ca_, 1), exporter,
                            reflect ? TlsChannel::Side::Server : TlsChannel::Side::Client));
    ASSERT_TRUE(attack.server_down());
    EXPECT_THAT(attack.server.reason, HasSubstr("not signed with the pinned identity key"));
  }
}

TEST_F(LinkTest, EveryFieldOfTheHelloIsSigned) {
  const auto settings = signer_settings(ca_, 1);
  std::array<std::uint8_t, 32> exporter{};
  const PeerIdentity peer{wire::Role::Signer, 1, {}, "test"};
  const auto good = make_hello(settings, exporter, TlsChannel::Side::Client);
  const auto judge = [&](const wire::Hello& hello) {
    return check_hello(signer_settings(ca_, 2), hello, peer, exporter, TlsChannel::Side::Server).has_value();
  };
  ASSERT_TRUE(judge(good));
  auto changed = good;
  changed.instance.bytes[31] ^= 1;
  EXPECT_FALSE(judge(changed));
  changed = good;
  changed.max_version = 9;
  EXPECT_FALSE(judge(changed));
  changed = good;
  changed.signature[63] ^= 1;
  EXPECT_FALSE(judge(changed));
  changed.signature.clear();
  EXPECT_FALSE(judge(changed));
}

TEST_F(LinkTest, RejectsARoleThatIsNotTheCertificates) {
  Attacked attack(signer_settings(ca_, 2), ca_.identity("quorate:test/frontend/web"));
  ASSERT_TRUE(attack.client->handshake());
  auto hello = make_hello(frontend_settings(ca_), attack.client->tls().exporter(), TlsChannel::Side::Client);
  hello.role = wire::Role::Admin;
  attack.hello(hello);
  ASSERT_TRUE(attack.server_down());
  EXPECT_THAT(attack.server.reason, HasSubstr("the role is not that of the certificate"));
}

TEST_F(LinkTest, RejectsASignerIdThatIsNotTheCertificates) {
  Attacked attack(signer_settings(ca_, 2), ca_.signer(3));
  ASSERT_TRUE(attack.client->handshake());
  attack.hello(make_hello(signer_settings(ca_, 1), attack.client->tls().exporter(), TlsChannel::Side::Client));
  ASSERT_TRUE(attack.server_down());
  EXPECT_THAT(attack.server.reason, HasSubstr("the signer id is not that of the certificate"));
}

TEST_F(LinkTest, VersionRangesWithoutOverlapAreRefusedWithAReason) {
  auto newer = signer_settings(ca_, 1);
  newer.min_version = 3;
  newer.max_version = 4;
  Pair pair(std::move(newer), signer_settings(ca_, 2));
  ASSERT_TRUE(pair.refused());
  EXPECT_THAT(pair.server.reason + pair.client.reason, HasSubstr("no common wire version: it speaks"));
}

TEST_F(LinkTest, OverlappingVersionRangesAgreeOnTheGreatestCommonOne) {
  auto newer = signer_settings(ca_, 1);
  newer.max_version = 4;
  auto older = signer_settings(ca_, 2);
  older.max_version = 3;
  Pair pair(std::move(newer), std::move(older));
  ASSERT_TRUE(pair.comes_up());
  EXPECT_EQ(pair.client.link->version(), 3);
  EXPECT_EQ(pair.server.link->version(), 3);
}

TEST_F(LinkTest, RejectsFramesBeforeHelloAndASecondHello) {
  {
    Attacked attack(signer_settings(ca_, 2), ca_.identity("quorate:test/frontend/web"));
    ASSERT_TRUE(attack.client->handshake());
    attack.client->write(wire::encode_frame(message(MessageType::SignRequest, 10)));
    ASSERT_TRUE(attack.server_down());
    EXPECT_EQ(attack.server.reason, "SignRequest before hello");
    EXPECT_TRUE(attack.server.got.empty());
  }
  Attacked attack(signer_settings(ca_, 2), ca_.identity("quorate:test/frontend/web"));
  ASSERT_TRUE(attack.client->handshake());
  const auto hello = make_hello(frontend_settings(ca_), attack.client->tls().exporter(), TlsChannel::Side::Client);
  attack.hello(hello);
  ASSERT_TRUE(attack.loop.run_until([&] { return attack.server.up; }));
  attack.hello(hello);
  ASSERT_TRUE(attack.server_down());
  EXPECT_EQ(attack.server.reason, "a second hello");
}

TEST_F(LinkTest, RejectsPresigningFromAFrontend) {
  Attacked attack(signer_settings(ca_, 2), ca_.identity("quorate:test/frontend/web"));
  ASSERT_TRUE(attack.client->handshake());
  attack.hello(make_hello(frontend_settings(ca_), attack.client->tls().exporter(), TlsChannel::Side::Client));
  ASSERT_TRUE(attack.loop.run_until([&] { return attack.server.up; }));
  const Bytes frame = wire::encode_frame(message(MessageType::PresignRound2, 1'000'000));
  attack.client->write(ByteView(frame).first(wire::kFrameHeader));
  ASSERT_TRUE(attack.server_down());
  EXPECT_THAT(attack.server.reason, HasSubstr("not between signers"));
}

TEST_F(LinkTest, AnOversizedLengthEndsTheLinkAtTheHeader) {
  Attacked attack(signer_settings(ca_, 2), ca_.identity("quorate:test/frontend/web"));
  ASSERT_TRUE(attack.client->handshake());
  attack.hello(make_hello(frontend_settings(ca_), attack.client->tls().exporter(), TlsChannel::Side::Client));
  ASSERT_TRUE(attack.loop.run_until([&] { return attack.server.up; }));
  Bytes head = wire::encode_frame(message(MessageType::SignRequest, 0));
  head[0] = 0x7f;
  attack.client->write(head);
  ASSERT_TRUE(attack.server_down());
  EXPECT_THAT(attack.server.reason, HasSubstr("bad frame: frame.length: TooLong"));
  EXPECT_TRUE(attack.client->ended());
}

TEST_F(LinkTest, RejectsGarbageInsteadOfTls) {
  Loop loop;
  End server;
  server.settings = std::make_shared<const LinkSettings>(signer_settings(ca_, 2));
  auto [a, b] = socket_pair(loop.io);
  server.link = make_link(std::move(b), TlsChannel::Side::Server, server.settings);
  server.link->start(server.events());
  boost::asio::write(a, boost::asio::buffer(std::string("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")));
  ASSERT_TRUE(loop.run_until([&] { return server.down; }));
  EXPECT_THAT(server.reason, testing::StartsWith("TLS: "));
}

TEST_F(LinkTest, RejectsGarbageInsideTls) {
  Attacked attack(signer_settings(ca_, 2), ca_.identity("quorate:test/frontend/web"));
  ASSERT_TRUE(attack.client->handshake());
  attack.client->write(Bytes(1000, 0xee));
  ASSERT_TRUE(attack.server_down());
  EXPECT_THAT(attack.server.reason, HasSubstr("bad frame"));
}

TEST_F(LinkTest, GivesUpOnAPeerThatSaysNothing) {
  for (const bool with_tls : {false, true}) {
    auto settings = signer_settings(ca_, 2);
    settings.handshake_timeout = std::chrono::milliseconds(100);
    Attacked attack(std::move(settings), ca_.identity("quorate:test/frontend/web"));
    if (with_tls) {
      ASSERT_TRUE(attack.client->handshake());
    }
    ASSERT_TRUE(attack.server_down());
    EXPECT_EQ(attack.server.reason, with_tls ? "no hello in time" : "no TLS handshake in time");
  }
}

}  // namespace
}  // namespace quorate::net::test
