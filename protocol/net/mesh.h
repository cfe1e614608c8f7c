#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/net/link.h"

namespace boost::asio {
class io_context;
}

namespace quorate::net {

/// A line of the group description.
struct MeshMember {
  PartyId id = kNobody;
  std::string host;
  std::uint16_t port = 0;
  IdentityPublicKey identity;  ///< its hello has to be signed with this key
};

/// The links of one signer to all others: of every pair the lower id dials, and there is at most one link
/// that is up. A newer link of the same peer replaces the older one, which may be left over from before the
/// peer's restart and not know it yet.
class Mesh {
 public:
  struct Events {
    /// A link came up. The same instance as before means a mere reconnect.
    std::function<void(PartyId, const wire::Hello&)> peer_up;
    std::function<void(PartyId)> peer_down;  ///< exactly once after each peer_up, also when it is replaced
    std::function<void(wire::Envelope)> message;
  };

  /// `settings` without pinned and pin_required: the mesh fills both in from the members. Members include
  /// ourselves, or not.
  Mesh(boost::asio::io_context& io, PartyId self, std::vector<MeshMember> members, LinkSettings settings, Events events);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
  /// As stop().
  ~Mesh();

  /// Starts dialing the higher ids.
  void start();
  /// Closes all links without callbacks.
  void stop();

  /// What the Listener uses for connections of signers, and of anybody else: identity keys are pinned.
  [[nodiscard]] const std::shared_ptr<const LinkSettings>& link_settings() const;
  /// Takes over a link that a Listener accepted from a signer. One that should not have dialed us is closed.
  void accept(std::shared_ptr<Link> link);

  /// False if there is no link to this peer, or it takes no more at present.
  bool send(const wire::Envelope& envelope) { return send(envelope.to, envelope); }
  bool send(PartyId to, const wire::Envelope& envelope);
  [[nodiscard]] bool linked(PartyId peer) const;
  [[nodiscard]] std::vector<PartyId> linked() const;
  /// nullptr if there is none.
  [[nodiscard]] std::shared_ptr<Link> link(PartyId peer) const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::net
