// One whole seeded run of each curve against what is committed in test/golden.
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "protocol/tecdsa/message.h"
#include "protocol/wire/content.h"
#include "test/sim/whole_run.h"

namespace quorate {
namespace {

std::string sha256(ByteView bytes) { return to_hex(digest_content(MessageDigest::Sha256, bytes)); }

/// RFC 8446 section 4.4.3 over a transcript hash of 32 bytes 0, 1, 2, ...
Bytes certificate_verify() {
  std::string content = std::string(64, ' ') + "TLS 1.3, server CertificateVerify" + '\0';
  for (char i = 0; i < 32; ++i) content += i;
  return {content.begin(), content.end()};
}

std::string party(PartyId id) { return id == kNobody ? "-" : std::to_string(id); }

/// The run as the files have it, one line a message.
std::string run(const Curve& curve) {
  std::ostringstream out;
  const auto section = [&](const std::string& what) { out << "\n" << what << "\n"; };
  const auto expect = [](auto&& result) { EXPECT_TRUE(result) << result.error().what(); };
  out << "# " << curve.name()
      << ", seed 2026: key generation 2 of 3, pair set-ups, a batch of 2 for signers 1 and 3, a signature.\n"
      << "# message, sender, receiver, bytes of the payload, SHA-256 of the payload. - is the coordinator.\n"
      << "# How to write this file anew: test/README.md.\n";
  sim::WholeRun group(
      curve, 3, 2, 2026,
      [](const std::string& stream) { return std::make_unique<sim::SeededRng>(2026, stream); },
      [&](const wire::Envelope& e) {
        out << wire::name(e.type) << " " << party(e.from) << " " << party(e.to) << " " << e.payload.size()
            << " " << sha256(e.payload) << "\n";
      });
  section("key generation");
  expect(group.keygen());
  for (const auto& [a, b] : {std::pair<PartyId, PartyId>{1, 2}, {1, 3}, {2, 3}}) {
    section("pair set-up " + std::to_string(a) + "-" + std::to_string(b));
    expect(group.setup(a, b));
  }
  section("presigning");
  expect(group.presign({1, 3}, 2));
  section("signing");
  const auto signature = group.sign(1, certificate_verify());
  expect(signature);
  section("result");
  out << "key " << to_hex(spki_der(group.info().X)) << "\n"
      << "epoch " << group.info().epoch.hex() << "\n"
      << "content " << to_hex(certificate_verify()) << "\n"
      << "r " << to_hex(signature->r.encode()) << "\n"
      << "s " << to_hex(signature->s.encode()) << "\n";
  return out.str();
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

void expect_golden(const Curve& curve, const std::string& file) {
  const auto path = QUORATE_SOURCE_ROOT "/test/golden/" + file;
  const auto now = run(curve);
  if (const char* update = std::getenv("QUORATE_UPDATE_GOLDEN"); update != nullptr && *update != '\0')
    std::ofstream(path) << now;
  std::ifstream in(path);
  const std::string committed{std::istreambuf_iterator<char>(in), {}};
  const auto expected = lines(committed), actual = lines(now);
  // The first line that differs tells which message changed; all later ones follow from it.
  for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
    ASSERT_LT(i, expected.size()) << file << " ends too early";
    ASSERT_LT(i, actual.size()) << "the run ends before " << file;
    ASSERT_EQ(actual[i], expected[i]) << file << ":" << i + 1;
  }
}

TEST(GoldenRun, p256_sends_the_committed_bytes) { expect_golden(Curve::p256(), "run-p256.txt"); }
TEST(GoldenRun, p384_sends_the_committed_bytes) { expect_golden(Curve::p384(), "run-p384.txt"); }

TEST(GoldenRun, what_is_signed_is_a_handshake) {
  EXPECT_EQ(wire::recognise(certificate_verify()), wire::Context::Tls13ServerCertificateVerify);
}

/// The signature as a verifier that shares no code with the signers sees it.
TEST(GoldenRun, openssl_verifies_the_committed_signatures) {
  for (const auto& [file, digest] : {std::pair{"run-p256.txt", "SHA256"}, {"run-p384.txt", "SHA384"}}) {
    std::ifstream in(std::string(QUORATE_SOURCE_ROOT "/test/golden/") + file);
    std::map<std::string, Bytes> field;
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string name, value;
      words >> name >> value;
      if (auto bytes = from_hex(value)) field[name] = *std::move(bytes);
    }
    const std::uint8_t* der = field["key"].data();
    EVP_PKEY* key = d2i_PUBKEY(nullptr, &der, static_cast<long>(field["key"].size()));
    ASSERT_NE(key, nullptr) << file;
    ECDSA_SIG* pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn(field["r"].data(), static_cast<int>(field["r"].size()), nullptr),
                   BN_bin2bn(field["s"].data(), static_cast<int>(field["s"].size()), nullptr));
    std::uint8_t* encoded = nullptr;
    const int size = i2d_ECDSA_SIG(pair, &encoded);
    EVP_MD_CTX* ctx = EVP_MD_CTX_new();
    const auto valid = [&] {
      return EVP_DigestVerifyInit_ex(ctx, nullptr, digest, nullptr, nullptr, key, nullptr) == 1 &&
             EVP_DigestVerify(ctx, encoded, static_cast<std::size_t>(size), field["content"].data(),
                              field["content"].size()) == 1;
    };
    EXPECT_TRUE(valid()) << file;
    field["content"].back() ^= 1;
    EXPECT_FALSE(valid()) << file;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(encoded);
    ECDSA_SIG_free(pair);
    EVP_PKEY_free(key);
  }
}

}  // namespace
}  // namespace quorate
