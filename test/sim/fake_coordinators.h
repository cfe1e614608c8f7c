#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/net/sign_client.h"
#include "protocol/wire/tier.h"
#include "test/sim/test_pki.h"

namespace quorate::test {

/// A tier of coordinators named c1, c2, ... on loopback sockets with real mTLS, on one thread of their own. They sign
/// with a whole key, by themselves: everything that a front end sees of a tier. All methods may be called from
/// the test's thread.
class FakeCoordinators {
 public:
  explicit FakeCoordinators(std::size_t count = 2);
  ~FakeCoordinators();
  FakeCoordinators(const FakeCoordinators&) = delete;
  FakeCoordinators& operator=(const FakeCoordinators&) = delete;

  enum class Behaviour : std::uint8_t {
    Good,
    Silent,        ///< answers nothing about signatures
    AssignsOnly,   ///< says what it assigned, and no more
    Late,          ///< signs when it is told to by release()
    Lying,         ///< its s is wrong by one
    HighS,         ///< a signature that verifies, with high s
    OtherContent,  ///< a true signature, of something else
    Garbling,      ///< its replies cannot be decoded
    Refusing,      ///< Overloaded
  };
  /// What one of them was asked.
  struct Asked {
    SessionId sid;
    wire::TierSignRequest request;
  };

  [[nodiscard]] const TestCa& ca() const { return ca_; }
  [[nodiscard]] net::PublicKey key() const;
  [[nodiscard]] net::SignClientConfig config(const std::string& frontend = "web") const;

  void behave(std::size_t i, Behaviour behaviour);
  /// Answers what Late coordinators hold back.
  void release(std::size_t i);
  void set_readiness(std::size_t i, wire::ReadinessReply reply);
  void kill(std::size_t i);
  void restart(std::size_t i);
  /// From the next restart on it shows this identity.
  void set_identity(std::size_t i, const std::string& uri);
  [[nodiscard]] std::vector<Asked> asked(std::size_t i) const;
  /// Ids of requests that front ends no longer wanted.
  [[nodiscard]] std::vector<SessionId> withdrawn(std::size_t i) const;
  [[nodiscard]] std::size_t links(std::size_t i) const;

 private:
  class Impl;
  TestCa ca_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::test
