#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/sign_error.h"
#include "protocol/group/point.h"
#include "protocol/hash/identity.h"
#include "protocol/net/log.h"
#include "protocol/net/tls.h"
#include "protocol/wire/envelope.h"
#include "protocol/wire/online.h"

namespace quorate::coordinator {
struct Verdict;
}

namespace quorate::net {

/// Where a signer listens. With `identity` its hello has to be signed with that key, so that a stolen CA
/// alone cannot pose as this signer.
struct SignerEndpoint {
  PartyId id = kNobody;
  std::string host;  ///< an address, or a name that is resolved when the client is built
  std::uint16_t port = 0;
  std::optional<IdentityPublicKey> identity;
};

/// Where a coordinator of a tier listens, and the name that its certificate has.
struct CoordinatorEndpoint {
  std::string name;
  std::string host;  ///< as for signers
  std::uint16_t port = 0;
};

struct PublicKey {
  KeyId id;
  const Curve* curve = nullptr;
  Point point;  ///< X
};

/// Direct: this process coordinates and talks to the signers. Tier: coordinators in processes of their own do.
enum class SignMode : std::uint8_t { Direct, Tier };

struct SignClientConfig {
  std::string cluster;
  SignMode mode = SignMode::Direct;
  std::vector<SignerEndpoint> signers;            ///< Direct
  std::vector<CoordinatorEndpoint> coordinators;  ///< Tier
  TlsIdentity tls;
  std::chrono::milliseconds deadline{200};
  std::size_t max_in_flight{1024};
  std::chrono::milliseconds back_off{50};  ///< before a leader that had no presignatures, or refused, is asked again
  /// A forked child starts with its I/O thread waiting (io_thread.h), for servers whose workers may start none.
  bool thread_at_fork = false;
  /// Levels of LogLevel. Called from the I/O thread or from a caller's; has to be thread-safe. May be empty.
  Log log;
  /// A signer spoilt a signature, or is reported to: see report_verdict(). Called from the I/O side; may be empty.
  std::function<void(const coordinator::Verdict&)> on_blame;
};

struct SignedContent {
  Scalar r, s;  ///< verified under the key, low-s
  Quorum quorum;
  PresignatureId presignature;
  std::chrono::microseconds took{};
};

/// What is known about a key without asking anybody.
enum class Readiness : std::uint8_t {
  Unknown,   ///< nothing was heard yet; counts as ready
  Ready,     ///< enough signers are up and the pools are as deep as they should be
  NotReady,
};
struct KeyReadiness {
  Readiness state = Readiness::Unknown;
  bool can_sign = true;          ///< a request now has a chance, NotReady or not; true while nothing is known
  SignErrorCode reason = SignErrorCode::QuorumInsufficient;  ///< NotReady: what a request would get
  std::string detail;            ///< one line: who is missing, how deep the pools are
  std::size_t signers_up = 0;
  /// Another one, never 0, whenever the above changed in substance (not the text); 0 if nothing was begun yet. The
  /// upper half is the process's id.
  std::uint64_t version = 0;
};

/// Signatures for a program that does not want to know about signers: links to all of them, and the
/// coordinator on top; or links to a tier of coordinators, whose signatures are verified here. All methods may be called from any thread, and from a forked child: the child
/// leaves its parent's connections alone and makes its own.
class SignClient {
 public:
  /// Opens no connection and starts no thread. Resolves names, 1 s at most; what does not resolve is logged.
  explicit SignClient(SignClientConfig config);
  SignClient(const SignClient&) = delete;
  SignClient& operator=(const SignClient&) = delete;
  /// As shut_down().
  ~SignClient();
  /// The last call but for the destructor. Requests still waiting in other threads fail. Joins the I/O thread, in the process that
  /// started it; unless it is this one, which then ends by itself.
  void shut_down();

  void add_key(const PublicKey& key);

  /// Blocks until there is a signature, an error or the deadline (the configured one unless given). Runs I/O
  /// on the calling thread meanwhile (in an ASYNC job on a stack of its own).
  Result<SignedContent, SignError> sign(const KeyId& key, wire::Context context, wire::DigestAlgorithm digest,
                                        ByteView content,
                                        std::optional<std::chrono::milliseconds> deadline = std::nullopt);
  /// Returns at once; `done` is called exactly once, from the I/O thread (or, where no thread can be had,
  /// from within this call), and must not block. It is not called when the process forks meanwhile.
  using SignDone = std::function<void(Result<SignedContent, SignError>)>;
  void sign_async(const KeyId& key, wire::Context context, wire::DigestAlgorithm digest, ByteView content,
                  SignDone done, std::optional<std::chrono::milliseconds> deadline = std::nullopt);

  /// Starts connecting; does not block.
  void warm_up();
  /// What can be done without waiting lest readiness() grows old: starts connecting if nothing was begun; without an
  /// I/O thread it also handles what has arrived and, twice a second at most, dials lost links anew.
  void probe();
  /// From a cache; never blocks. Without an I/O thread it handles what has arrived on the sockets first.
  [[nodiscard]] KeyReadiness readiness(const KeyId& key);
  /// True where pthread_create failed and all I/O runs on the callers' threads.
  [[nodiscard]] bool inline_io() const;

  /// Asks every signer; answers of those that did by then. Fails if nobody did, and in tier mode.
  Result<std::vector<wire::StatusReply>, SignError> status(std::chrono::milliseconds timeout);

  /// Sends one message to one signer and hands over what comes back with the same sid, in order, until
  /// `on_reply` returns false (enough), the link is lost or the time is up. Blocks; on_reply runs on the
  /// calling thread. A Refusal comes back as its SignError. Fails in tier mode: no signer is linked there.
  using OnReply = std::function<bool(wire::Envelope)>;
  Result<void, SignError> request(PartyId signer, wire::MessageType type, Bytes payload, OnReply on_reply,
                                  std::chrono::milliseconds timeout);
  /// The same with a sid of the caller's choice (a ceremony id).
  Result<void, SignError> request(PartyId signer, wire::MessageType type, const SessionId& sid, Bytes payload,
                                  OnReply on_reply, std::chrono::milliseconds timeout);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::net
