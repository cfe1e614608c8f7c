#include "protocol/net/mesh.h"

#include <array>

#include "protocol/net/dialer.h"
#include "protocol/net/log.h"

namespace quorate::net {

class Mesh::Impl : public std::enable_shared_from_this<Mesh::Impl> {
 public:
  Impl(boost::asio::io_context& io, PartyId self, std::vector<MeshMember> members, LinkSettings settings, Events events)
      : io_(io), self_(self), members_(std::move(members)), events_(std::make_shared<const Events>(std::move(events))) {
    std::array<std::optional<IdentityPublicKey>, kMaxParties + 1> keys;
    for (const MeshMember& member : members_) {
      if (member.id >= 1 && member.id <= kMaxParties) keys[member.id] = member.identity;
    }
    settings.pin_required = true;
    settings.pinned = [keys](PartyId id) { return id < keys.size() ? keys[id] : std::nullopt; };
    settings_ = std::make_shared<const LinkSettings>(std::move(settings));
  }

  void start() {
    for (const MeshMember& member : members_) {
      if (member.id <= self_ || member.id > kMaxParties || peers_[member.id].dialer) continue;
      DialTarget target{{member.host}, member.port, {wire::Role::Signer, member.id, {}, settings_->cluster}};
      Dialer::Events events;
      const PartyId id = member.id;
      events.up = [weak = weak_from_this(), id](const std::shared_ptr<Link>& link) {
        if (auto self = weak.lock()) self->came_up(id, link);
      };
      events.message = [weak = weak_from_this()](wire::Envelope envelope) {
        if (auto self = weak.lock()) self->deliver(std::move(envelope));
      };
      events.down = [weak = weak_from_this(), id](const std::string&) {
        if (auto self = weak.lock()) self->went_down(id);
      };
      peers_[id].dialer = std::make_shared<Dialer>(io_, settings_, std::move(target), std::move(events));
      peers_[id].dialer->start();
    }
  }

  void stop() {
    events_ = std::make_shared<const Events>();
    for (Peer& peer : peers_) {
      if (auto dialer = std::exchange(peer.dialer, nullptr)) dialer->stop();
      if (auto link = std::exchange(peer.link, nullptr)) link->close();
    }
  }

  void accept(std::shared_ptr<Link> link) {
    const PeerIdentity& who = link->peer();
    if (who.role != wire::Role::Signer || who.signer >= self_ || who.signer == kNobody) {
      write_log(settings_->log, kLogWarning, who.str() + " at " + link->address() + " dialed us, which is not its part");
      return link->close("in a mesh the lower id dials");
    }
    const PartyId id = who.signer;
    if (auto old = std::exchange(peers_[id].link, nullptr)) {
      old->close();
      tell_down(id);
    }
    Link::Events events;
    events.message = [weak = weak_from_this()](wire::Envelope envelope) {
      if (auto self = weak.lock()) self->deliver(std::move(envelope));
    };
    events.down = [weak = weak_from_this(), id, raw = link.get()](const std::string& reason) {
      auto self = weak.lock();
      if (!self || self->peers_[id].link.get() != raw) return;
      write_log(self->settings_->log, kLogWarning, "link from signer " + std::to_string(id) + " is lost: " + reason);
      self->went_down(id);
    };
    link->adopt(std::move(events));
    write_log(settings_->log, kLogInfo, "link from signer " + std::to_string(id) + " at " + link->address() + " is up");
    came_up(id, link);
  }

  bool send(PartyId to, const wire::Envelope& envelope) {
    return to < peers_.size() && peers_[to].link && peers_[to].link->send(envelope) == Link::Sent::Queued;
  }

  [[nodiscard]] std::shared_ptr<Link> link(PartyId id) const { return id < peers_.size() ? peers_[id].link : nullptr; }
  [[nodiscard]] const std::shared_ptr<const LinkSettings>& link_settings() const { return settings_; }

 private:
  struct Peer {
    std::shared_ptr<Dialer> dialer;  ///< higher ids only
    std::shared_ptr<Link> link;      ///< only while it is up
  };

  void came_up(PartyId id, const std::shared_ptr<Link>& link) {
    peers_[id].link = link;
    if (const auto events = events_; events->peer_up) events->peer_up(id, link->hello());
  }
  void went_down(PartyId id) {
    if (!std::exchange(peers_[id].link, nullptr)) return;
    tell_down(id);
  }
  void tell_down(PartyId id) {
    if (const auto events = events_; events->peer_down) events->peer_down(id);
  }
  void deliver(wire::Envelope envelope) {
    if (const auto events = events_; events->message) events->message(std::move(envelope));
  }

  boost::asio::io_context& io_;
  PartyId self_;
  std::vector<MeshMember> members_;
  std::shared_ptr<const Events> events_;
  std::shared_ptr<const LinkSettings> settings_;
  std::array<Peer, kMaxParties + 1> peers_;
};

Mesh::Mesh(boost::asio::io_context& io, PartyId self, std::vector<MeshMember> members, LinkSettings settings,
           Events events)
    : impl_(std::make_shared<Impl>(io, self, std::move(members), std::move(settings), std::move(events))) {}
Mesh::~Mesh() { impl_->stop(); }
void Mesh::start() { impl_->start(); }
void Mesh::stop() { impl_->stop(); }
const std::shared_ptr<const LinkSettings>& Mesh::link_settings() const { return impl_->link_settings(); }
void Mesh::accept(std::shared_ptr<Link> link) { impl_->accept(std::move(link)); }
bool Mesh::send(PartyId to, const wire::Envelope& envelope) { return impl_->send(to, envelope); }
bool Mesh::linked(PartyId peer) const { return impl_->link(peer) != nullptr; }
std::vector<PartyId> Mesh::linked() const {
  std::vector<PartyId> ids;
  for (PartyId id = 1; id <= kMaxParties; ++id) {
    if (linked(id)) ids.push_back(id);
  }
  return ids;
}
std::shared_ptr<Link> Mesh::link(PartyId peer) const { return impl_->link(peer); }

}  // namespace quorate::net
