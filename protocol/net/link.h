#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/hash/identity.h"
#include "protocol/net/log.h"
#include "protocol/net/tls.h"
#include "protocol/wire/envelope.h"
#include "protocol/wire/online.h"

namespace quorate::net {

/// What all links of one process have in common. Shared, never changed once links exist.
struct LinkSettings {
  TlsIdentity tls;
  std::string cluster;  ///< ours; has to be that of our certificate and of every peer
  Digest instance;      ///< random per process start
  std::uint8_t min_version = wire::kWireVersion, max_version = wire::kWireVersion;

  /// Signers: signs hello_digest() with the identity key. Empty for everybody else.
  std::function<IdentitySignature(const Digest&)> sign_hello;
  /// The identity key that is pinned for a signer; nothing if none is.
  std::function<std::optional<IdentityPublicKey>(PartyId)> pinned;
  /// True between signers: a signer without a pinned key is refused. Otherwise its signature is not looked at.
  bool pin_required = false;

  std::chrono::milliseconds handshake_timeout{10'000};  ///< TLS and hello together
  /// What may wait for a slow peer. Messages between signers beyond bulk_bytes are not queued and the sender
  /// is told; anything beyond queue_bytes or queue_frames ends the link.
  std::size_t bulk_bytes = std::size_t{24} << 20;
  std::size_t queue_bytes = std::size_t{48} << 20;
  std::size_t queue_frames = 16 * 1024;

  Log log;  ///< may be empty
};

/// What a signer's identity key signs in its hello: bound to this very TLS connection by the exporter
/// value, to its direction, and to everything else that the hello says.
Digest hello_digest(const wire::Hello& hello, const std::array<std::uint8_t, 32>& exporter, bool from_client);

/// One authenticated connection that carries frames. All calls and callbacks belong to the thread that runs
/// its io_context. It keeps itself alive while it is open; the owner may drop or close it at any moment, in
/// callbacks too.
class Link {
 public:
  enum class Sent : std::uint8_t {
    Queued,
    Full,    ///< backpressure: not queued, try again when the peer has read
    Closed,  ///< not up, gone, or the frame broke a limit
  };
  enum class Leaves : std::uint8_t {
    AfterHandler,  ///< together with all that is sent within one handler
    OnPush,        ///< the sender calls push() within this handler
  };
  struct Events {
    std::function<void()> up;                          ///< hello was exchanged and accepted
    std::function<void(wire::Envelope)> message;       ///< from and to are filled in
    std::function<void(const std::string& reason)> down;  ///< once, last; never after close()
  };

  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  /// Begins the handshake.
  virtual void start(Events events) = 0;
  /// Another owner takes over a link that is up; `up` is not called again.
  virtual void adopt(Events events) = 0;
  virtual Sent send(const wire::Envelope& envelope, Leaves leaves = Leaves::AfterHandler) = 0;
  /// Lets go what was sent, for whoever has nothing more to send and is waited for. Nobody is called back within this.
  virtual void push() = 0;
  /// No callback comes after this. What is queued already is not waited for; a reason that is not empty
  /// is told to the peer if it can be done without waiting.
  virtual void close(const std::string& reason_for_peer = {}) = 0;
  /// Stops and resumes reading: the peer is slowed down by TCP.
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// Destroyed when the link ends, for whoever counts links.
  virtual void hold(std::shared_ptr<void> until_the_end) = 0;

  [[nodiscard]] virtual bool is_up() const = 0;
  [[nodiscard]] virtual const PeerIdentity& peer() const = 0;  ///< valid from up on
  [[nodiscard]] virtual const wire::Hello& hello() const = 0;  ///< the peer's; valid from up on
  [[nodiscard]] virtual std::uint8_t version() const = 0;      ///< agreed wire version
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
  [[nodiscard]] virtual const std::string& address() const = 0;  ///< "10.0.0.2:7100"
};

}  // namespace quorate::net
