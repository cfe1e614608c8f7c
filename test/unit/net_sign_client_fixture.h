#pragma once

#include <gtest/gtest.h>

#include <chrono>

#include "protocol/net/sign_client.h"
#include "test/sim/fake_signers.h"
#include "test/unit/eventually.h"

namespace quorate::net::test {

using quorate::test::eventually;
using quorate::test::FakeSigners;
using quorate::test::verifies;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

inline constexpr auto kContext = wire::Context::Tls13ServerCertificateVerify;
inline constexpr auto kDigest = wire::DigestAlgorithm::Sha256;

inline Bytes content_of(const std::string& text) { return {as_bytes(text).begin(), as_bytes(text).end()}; }

/// Three signers in this process and clients of them.
class SignClientTest : public testing::Test {
 public:
  bool signs(SignClient& client, const std::string& text) {
    const Bytes content = content_of(text);
    auto signature = client.sign(signers_.key().id, kContext, kDigest, content);
    last_ = signature ? "ok" : signature.error().what();
    return signature && verifies(signers_.key(), kDigest, content, signature->r, signature->s) && !signature->s.is_high();
  }

 protected:
  std::unique_ptr<SignClient> client(SignClientConfig config) {
    auto made = std::make_unique<SignClient>(std::move(config));
    made->add_key(signers_.key());
    return made;
  }
  std::unique_ptr<SignClient> client() { return client(signers_.config()); }

  FakeSigners signers_;
  std::string last_;
};

}  // namespace quorate::net::test
