#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "protocol/net/tls.h"

namespace quorate::test {

/// What a certificate is to say. The defaults are a good one for an hour.
struct LeafSpec {
  std::vector<std::string> uris;  ///< URI subject alternative names
  std::vector<std::string> dns;
  std::chrono::seconds not_before{-3600};  ///< from now
  std::chrono::seconds not_after{3600};
  std::string extended_key_usage;  ///< as in openssl.cnf, e.g. "serverAuth"; none if empty
};

struct Issued {
  std::string certificate;  ///< PEM
  std::string key;          ///< PEM, PKCS#8, P-256
};

/// A certificate authority in memory: P-256 keys, SHA-256. Not for anything but tests.
class TestCa {
 public:
  explicit TestCa(const std::string& name = "test CA");
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  [[nodiscard]] const std::string& certificate() const { return certificate_; }
  [[nodiscard]] Issued issue(const LeafSpec& spec) const;
  [[nodiscard]] Issued issue(const std::string& uri) const { return issue(LeafSpec{.uris = {uri}, .dns = {}, .extended_key_usage = {}}); }

  /// An identity of this CA that trusts this CA; ends the test program if it cannot be made.
  [[nodiscard]] net::TlsIdentity identity(const std::string& uri) const;
  [[nodiscard]] net::TlsIdentity signer(int id, const std::string& cluster = "test") const;

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string certificate_;
};

}  // namespace quorate::test
