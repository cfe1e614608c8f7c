#include "protocol/net/handshake.h"

#include <algorithm>

#include "protocol/hash/transcript.h"
#include "protocol/wire/hello_codec.h"

namespace quorate::net {

Digest hello_digest(const wire::Hello& hello, const std::array<std::uint8_t, 32>& exporter, bool from_client) {
  Binding binding;
  binding.from = hello.signer;
  Transcript transcript(Label::HelloSignature, binding);
  transcript.add(ByteView(exporter))
      .add(from_client ? "client" : "server")
      .add_number(hello.min_version)
      .add_number(hello.max_version)
      .add_number(static_cast<std::uint64_t>(hello.role))
      .add(hello.cluster)
      .add_number(hello.signer)
      .add(hello.instance);
  return std::move(transcript).digest();
}

wire::Hello make_hello(const LinkSettings& settings, const std::array<std::uint8_t, 32>& exporter,
                       TlsChannel::Side our_side) {
  const PeerIdentity& self = settings.tls.self();
  wire::Hello hello;
  hello.min_version = settings.min_version;
  hello.max_version = settings.max_version;
  hello.role = self.role;
  hello.cluster = settings.cluster;
  hello.signer = self.signer;
  hello.instance = settings.instance;
  if (self.role == wire::Role::Signer) {
    IdentitySignature signature{};
    if (settings.sign_hello) {
      signature = settings.sign_hello(hello_digest(hello, exporter, our_side == TlsChannel::Side::Client));
    }
    hello.signature.assign(signature.begin(), signature.end());
  }
  return hello;
}

Result<void, std::string> check_certificate(const LinkSettings& settings, const PeerIdentity& peer,
                                            const std::optional<PeerIdentity>& expected) {
  if (peer.cluster != settings.cluster) {
    return fail("the certificate of " + peer.str() + " is for cluster " + peer.cluster + ", this is " + settings.cluster);
  }
  if (expected && (peer.role != expected->role || peer.signer != expected->signer ||
                   (!expected->name.empty() && peer.name != expected->name))) {
    return fail("expected " + expected->str() + ", the certificate says " + peer.str());
  }
  return {};
}

Result<std::uint8_t, std::string> check_hello(const LinkSettings& settings, const wire::Hello& theirs,
                                              const PeerIdentity& peer,
                                              const std::array<std::uint8_t, 32>& exporter,
                                              TlsChannel::Side our_side) {
  const auto refuse = [&](const std::string& why) { return fail("hello of " + peer.str() + ": " + why); };
  wire::Hello mine;
  mine.min_version = settings.min_version;
  mine.max_version = settings.max_version;
  const auto version = wire::common_version(mine, theirs);
  if (!version) {
    return refuse("no common wire version: it speaks " + std::to_string(theirs.min_version) + " to " +
                  std::to_string(theirs.max_version) + ", we speak " + std::to_string(mine.min_version) + " to " +
                  std::to_string(mine.max_version));
  }
  if (theirs.cluster != settings.cluster) return refuse("cluster " + theirs.cluster + ", this is " + settings.cluster);
  if (theirs.role != peer.role) return refuse("the role is not that of the certificate");
  if (theirs.signer != peer.signer) return refuse("the signer id is not that of the certificate");
  if (peer.role != wire::Role::Signer) return *version;

  const auto pinned = settings.pinned ? settings.pinned(peer.signer) : std::nullopt;
  if (!pinned) {
    if (settings.pin_required) return refuse("no identity key is known for this signer");
    return *version;
  }
  IdentitySignature signature{};
  if (theirs.signature.size() != signature.size()) return refuse("not signed");
  std::copy(theirs.signature.begin(), theirs.signature.end(), signature.begin());
  const bool from_client = our_side == TlsChannel::Side::Server;
  if (!verify_identity(*pinned, hello_digest(theirs, exporter, from_client), signature)) {
    return refuse("not signed with the pinned identity key of this signer");
  }
  return *version;
}

bool between_signers(wire::MessageType type) {
  return type >= wire::MessageType::SetupOpen && type <= wire::MessageType::DisputeNotice;
}

}  // namespace quorate::net
