#include <gmock/gmock.h>

#include <openssl/err.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "protocol/net/tls_channel.h"
#include "test/unit/net_fixture.h"

namespace quorate::net::test {
namespace {

using testing::HasSubstr;

std::string why_not(const Issued& issued, const std::string& ca) {
  auto identity = TlsIdentity::from_pem(issued.certificate, issued.key, ca);
  return identity ? "accepted" : identity.error().detail;
}

TEST(IdentityUri, RoundTrip) {
  const PeerIdentity signer{wire::Role::Signer, 3, {}, "prod.eu-1"};
  EXPECT_EQ(signer.uri(), "quorate:prod.eu-1/signer/3");
  const PeerIdentity frontend{wire::Role::Frontend, kNobody, "web-1", "prod"};
  for (const auto& identity : {signer, frontend, PeerIdentity{wire::Role::Coordinator, kNobody, "c", "prod"},
                               PeerIdentity{wire::Role::Admin, kNobody, "alice", "prod"}}) {
    auto parsed = parse_identity_uri(identity.uri());
    ASSERT_TRUE(parsed) << parsed.error().detail;
    EXPECT_EQ(*parsed, identity);
  }
}

TEST(IdentityUri, RejectsEverythingElse) {
  for (const char* bad :
       {"", "quorate:", "quorate:x", "quorate:x/signer", "quorate:x/signer/", "quorate:x/signer/0", "quorate:x/signer/17",
        "quorate:x/signer/01", "quorate:x/signer/+1", "quorate:x/signer/1 ", "quorate:x/signer/1/2", "quorate:/signer/1",
        "quorate:x/frontend/", "quorate:x/frontend/a/b", "quorate:x/frontend/a b", "quorate:x/root/a", "Quorate:x/signer/1",
        "quorate:x y/signer/1", "http://x/signer/1", "quorate:x/signer/999999999999999999999"}) {
    EXPECT_FALSE(parse_identity_uri(bad)) << bad;
  }
  EXPECT_FALSE(parse_identity_uri(std::string("quorate:x/frontend/a\0b", 22)));
  EXPECT_FALSE(parse_identity_uri("quorate:x/frontend/" + std::string(65, 'a')));
}

TEST(TlsIdentityTest, LoadsAndKnowsItself) {
  TestCa ca;
  auto identity = ca.signer(2);
  EXPECT_TRUE(identity.valid());
  EXPECT_EQ(identity.self(), (PeerIdentity{wire::Role::Signer, 2, {}, "test"}));
  EXPECT_GT(identity.not_after(), std::time(nullptr));
  EXPECT_NE(identity.client(), nullptr);
  EXPECT_NE(identity.server(), identity.client());
}

TEST(TlsIdentityTest, RejectsWhatDoesNotFitTogether) {
  TestCa ca;
  const Issued one = ca.issue("quorate:test/signer/1"), two = ca.issue("quorate:test/signer/2");
  EXPECT_THAT(why_not({one.certificate, two.key}, ca.certificate()), HasSubstr("does not belong"));
  EXPECT_THAT(why_not({one.certificate, "nothing"}, ca.certificate()), HasSubstr("no usable private key"));
  EXPECT_THAT(why_not({"nothing", one.key}, ca.certificate()), HasSubstr("no certificate"));
  EXPECT_THAT(why_not(one, one.key), HasSubstr("trusted CA: no certificate"));
  std::string damaged = one.certificate;
  damaged[damaged.size() / 2] = damaged[damaged.size() / 2] == 'A' ? 'B' : 'A';
  damaged[60] = damaged[60] == 'A' ? 'B' : 'A';
  EXPECT_NE(why_not({damaged, one.key}, ca.certificate()), "accepted");
}

TEST(TlsIdentityTest, RejectsExpiredAndNotYetValid) {
  TestCa ca;
  LeafSpec spec{.uris = {"quorate:test/signer/1"}, .dns = {}, .extended_key_usage = {}};
  spec.not_before = std::chrono::hours(-2);
  spec.not_after = std::chrono::hours(-1);
  EXPECT_THAT(why_not(ca.issue(spec), ca.certificate()), HasSubstr("expired on"));
  spec.not_before = std::chrono::hours(1);
  spec.not_after = std::chrono::hours(2);
  EXPECT_THAT(why_not(ca.issue(spec), ca.certificate()), HasSubstr("not valid before"));
}

TEST(TlsIdentityTest, RejectsNoNameTwoNamesAndForeignNames) {
  TestCa ca;
  const auto with = [&](std::vector<std::string> uris) {
    LeafSpec spec{.uris = std::move(uris), .dns = {"signer.example"}, .extended_key_usage = {}};
    return why_not(ca.issue(spec), ca.certificate());
  };
  EXPECT_THAT(with({}), HasSubstr("no subject alternative name quorate:"));
  EXPECT_THAT(with({"https://example.org/"}), HasSubstr("no subject alternative name quorate:"));
  EXPECT_THAT(with({"quorate:test/signer/1", "quorate:test/signer/2"}), HasSubstr("2 quorate: names"));
  EXPECT_THAT(with({"quorate:test/signer/1", "quorate:test/signer/1"}), HasSubstr("2 quorate: names"));
  EXPECT_THAT(with({"quorate:test/signer/99"}), HasSubstr("signer id from 1 to 16"));
  EXPECT_EQ(with({"quorate:test/signer/1", "https://example.org/"}), "accepted");
}

TEST(TlsIdentityTest, ErrorsNameTheFile) {
  TestCa ca;
  const Issued issued = ca.issue("quorate:test/signer/1");
  char folder[] = "/tmp/quorate-net-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string base = folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(base + "/" + name) << text;
    return base + "/" + name;
  };
  const auto certificate = write("c.pem", issued.certificate), key = write("k.pem", issued.key),
             trusted = write("ca.pem", ca.certificate()), empty = write("empty.pem", "");
  EXPECT_TRUE(TlsIdentity::from_files(certificate, key, trusted));
  const auto error = [](auto result) { return result ? std::string("accepted") : result.error().detail; };
  EXPECT_THAT(error(TlsIdentity::from_files(base + "/none.pem", key, trusted)),
              testing::AllOf(HasSubstr(base + "/none.pem"), HasSubstr("No such file")));
  EXPECT_THAT(error(TlsIdentity::from_files(certificate, base, trusted)), HasSubstr("private key " + base));
  EXPECT_THAT(error(TlsIdentity::from_files(certificate, empty, trusted)), HasSubstr(empty));
  EXPECT_THAT(error(TlsIdentity::from_files(certificate, key, key)), HasSubstr("trusted CA " + key));
  for (const auto& path : {certificate, key, trusted, empty}) std::remove(path.c_str());
  rmdir(folder);
}

/// Carries ciphertext between two channels until nothing moves.
void shuttle(TlsChannel& a, TlsChannel& b) {
  a.start();
  b.start();
  for (int i = 0; i < 20; ++i) {
    Bytes from_a, from_b;
    a.take_output(from_a);
    b.take_output(from_b);
    if (from_a.empty() && from_b.empty()) return;
    b.feed(from_a);
    a.feed(from_b);
    Bytes none(1);
    (void)a.read(none);
    (void)b.read(none);
  }
}

TEST(TlsChannelTest, BothSidesAgreeOnIdentityAndExporter) {
  TestCa ca;
  TlsChannel client(ca.signer(1), TlsChannel::Side::Client), server(ca.signer(2), TlsChannel::Side::Server);
  shuttle(client, server);
  ASSERT_EQ(client.state(), TlsChannel::State::Open) << client.reason();
  ASSERT_EQ(server.state(), TlsChannel::State::Open) << server.reason();
  EXPECT_EQ(client.peer()->signer, 2);
  EXPECT_EQ(server.peer()->signer, 1);
  EXPECT_EQ(client.exporter(), server.exporter());

  TlsChannel other_client(ca.signer(1), TlsChannel::Side::Client), other_server(ca.signer(2), TlsChannel::Side::Server);
  shuttle(other_client, other_server);
  EXPECT_NE(other_client.exporter(), client.exporter());
}

TEST(TlsChannelTest, AnErrorOfTheApplicationInTheQueueIsNotOurs) {
  TestCa ca;
  TlsChannel client(ca.signer(1), TlsChannel::Side::Client), server(ca.signer(2), TlsChannel::Side::Server);
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 42);
  shuttle(client, server);
  EXPECT_EQ(client.state(), TlsChannel::State::Open) << client.reason();
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 42);
  ASSERT_TRUE(client.write(Bytes(5, 1)));
  Bytes wire;
  client.take_output(wire);
  server.feed(wire);
  Bytes got(10);
  EXPECT_EQ(server.read(got), 5u);
  EXPECT_EQ(server.read(got), 0u);
  EXPECT_EQ(server.state(), TlsChannel::State::Open);
  server.shutdown();
  wire.clear();
  server.take_output(wire);
  client.feed(wire);
  EXPECT_EQ(client.read(got), 0u);
  EXPECT_EQ(client.state(), TlsChannel::State::Closed);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), 42);
  EXPECT_EQ(ERR_peek_error(), ERR_peek_last_error());
  ERR_clear_error();
}

TEST(TlsChannelTest, RefusesAPeerOfAnotherCa) {
  TestCa ours, theirs("another CA");
  TlsChannel client(theirs.signer(1), TlsChannel::Side::Client), server(ours.signer(2), TlsChannel::Side::Server);
  shuttle(client, server);
  EXPECT_EQ(client.state(), TlsChannel::State::Failed);
  EXPECT_THAT(client.reason(), HasSubstr("certificate"));
  EXPECT_EQ(server.state(), TlsChannel::State::Failed);
}

TEST(TlsChannelTest, TheServerRefusesAClientOfAnotherCa) {
  TestCa ours, theirs("another CA");
  // The stranger trusts our CA, so that it is the server who has to refuse.
  const Issued stranger = theirs.issue("quorate:test/signer/1");
  auto identity = TlsIdentity::from_pem(stranger.certificate, stranger.key, ours.certificate());
  ASSERT_TRUE(identity);
  TlsChannel client(*identity, TlsChannel::Side::Client), server(ours.signer(2), TlsChannel::Side::Server);
  shuttle(client, server);
  EXPECT_EQ(server.state(), TlsChannel::State::Failed);
  EXPECT_THAT(server.reason(), HasSubstr("not accepted"));
  EXPECT_EQ(client.state(), TlsChannel::State::Failed);
  EXPECT_THAT(client.reason(), HasSubstr("peer refused"));
}

TEST(TlsChannelTest, RefusesACertificateThatExpiredMeanwhile) {
  TestCa ca;
  LeafSpec spec{.uris = {"quorate:test/signer/1"}, .dns = {}, .extended_key_usage = {}};
  spec.not_after = std::chrono::seconds(2);
  const Issued brief = ca.issue(spec);
  auto identity = TlsIdentity::from_pem(brief.certificate, brief.key, ca.certificate());
  ASSERT_TRUE(identity);
  while (std::time(nullptr) <= identity->not_after()) usleep(20'000);
  TlsChannel client(*identity, TlsChannel::Side::Client), server(ca.signer(2), TlsChannel::Side::Server);
  shuttle(client, server);
  EXPECT_EQ(server.state(), TlsChannel::State::Failed);
  EXPECT_THAT(server.reason(), HasSubstr("expired"));
}

TEST(TlsChannelTest, ServesBothRolesOnlyIfTheCertificateDoesNotSayOtherwise) {
  TestCa ca;
  const Issued issued = ca.issue(LeafSpec{.uris = {"quorate:test/signer/1"}, .dns = {}, .extended_key_usage = "serverAuth"});
  auto identity = TlsIdentity::from_pem(issued.certificate, issued.key, ca.certificate());
  ASSERT_TRUE(identity);
  TlsChannel client(*identity, TlsChannel::Side::Client), server(ca.signer(2), TlsChannel::Side::Server);
  shuttle(client, server);
  EXPECT_EQ(server.state(), TlsChannel::State::Failed);
  EXPECT_THAT(server.reason(), HasSubstr("purpose"));
}

TEST(TlsChannelTest, RejectsGarbage) {
  TestCa ca;
  for (const char* text : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x40\x00 not a client hello", "SSH-2.0-x\r\n"}) {
    TlsChannel server(ca.signer(2), TlsChannel::Side::Server);
    server.start();
    Bytes noise(as_bytes(text).begin(), as_bytes(text).end());
    noise.resize(20'000);
    server.feed(noise);
    EXPECT_EQ(server.state(), TlsChannel::State::Failed) << text;
    EXPECT_THAT(server.reason(), testing::StartsWith("TLS: "));
  }
}

TEST(TlsChannelTest, RejectsAChangedRecord) {
  TestCa ca;
  TlsChannel client(ca.signer(1), TlsChannel::Side::Client), server(ca.signer(2), TlsChannel::Side::Server);
  shuttle(client, server);
  ASSERT_TRUE(client.write(Bytes(100, 1)));
  Bytes wire;
  client.take_output(wire);
  wire.back() ^= 1;
  server.feed(wire);
  Bytes got(200);
  EXPECT_EQ(server.read(got), 0u);
  EXPECT_EQ(server.state(), TlsChannel::State::Failed);
}

TEST(TlsChannelTest, WithoutAnIdentityItFailsInsteadOfCrashing) {
  TlsChannel channel(TlsIdentity(), TlsChannel::Side::Client);
  channel.start();
  EXPECT_EQ(channel.state(), TlsChannel::State::Failed);
  EXPECT_FALSE(channel.has_output());
  EXPECT_FALSE(channel.write(Bytes(1)));
}

}  // namespace
}  // namespace quorate::net::test
