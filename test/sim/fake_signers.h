#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "protocol/net/sign_client.h"
#include "test/sim/test_pki.h"

namespace quorate::test {

/// N signers on loopback sockets with real mTLS and real shares of a key, dealt by the test, on one thread
/// of their own: everything that a front end sees of a group, without presigning behind it.
/// All methods may be called from the test's thread.
class FakeSigners {
 public:
  struct Options {
    std::size_t signers = 3, threshold = 2;
    const Curve* curve = &Curve::p256();
    std::string cluster = "test";
  };
  FakeSigners();
  explicit FakeSigners(const Options& options);
  ~FakeSigners();
  FakeSigners(const FakeSigners&) = delete;
  FakeSigners& operator=(const FakeSigners&) = delete;

  [[nodiscard]] const TestCa& ca() const { return ca_; }
  [[nodiscard]] net::PublicKey key() const;
  /// For a front end of that name, with all signers pinned.
  [[nodiscard]] net::SignClientConfig config(const std::string& frontend = "web") const;
  [[nodiscard]] std::uint16_t port(PartyId id) const;
  [[nodiscard]] IdentityPublicKey identity(PartyId id) const;

  /// The process ends: connections are cut, nobody listens.
  void kill(PartyId id);
  /// A new process of the same signer on the same port.
  void restart(PartyId id);
  /// Cuts connections; clients may come back at once.
  void cut(PartyId id);
  /// Still connected, but answers nothing but status.
  void set_silent(PartyId id, bool silent);
  /// Its partial signatures are wrong by one.
  void set_lying(PartyId id, bool lying);
  /// It does not repeat partials under its identity signature.
  void set_denying(PartyId id, bool denying);
  /// What it says it holds against others: version 0 and nothing, or one entry.
  void set_quarantine(PartyId id, std::uint64_t version, PartyId accused, Bytes evidence);
  /// Its statuses name the key once more, in another epoch; or are followed by one that nobody asked for.
  void set_ambiguous(PartyId id, bool ambiguous);
  void set_chatty(PartyId id, bool chatty);
  /// Its sign replies cannot be decoded.
  void set_garbling(PartyId id, bool garbling);
  /// Presignatures that leaders say they have; 0 leaves lease requests unanswered with ids.
  void set_pool(std::uint32_t available);

  [[nodiscard]] std::size_t links(PartyId id) const;      ///< connections that are up
  [[nodiscard]] std::size_t partials(PartyId id) const;   ///< partial signatures given so far
  [[nodiscard]] std::size_t statuses(PartyId id) const;   ///< times it was asked for its status
  [[nodiscard]] std::size_t confirms(PartyId id) const;   ///< times it was asked to repeat one
  [[nodiscard]] std::vector<Bytes> notices(PartyId id) const;  ///< evidence that was handed to it

 private:
  class Impl;
  TestCa ca_;
  std::unique_ptr<Impl> impl_;
};

/// Plain ECDSA verification of content, with the digest that the request named.
bool verifies(const net::PublicKey& key, wire::DigestAlgorithm digest, ByteView content, const Scalar& r, const Scalar& s);

}  // namespace quorate::test
