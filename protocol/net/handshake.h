#pragma once

#include "protocol/net/link.h"
#include "protocol/net/tls_channel.h"

namespace quorate::net {

/// Our hello for one connection, signed if we are a signer.
wire::Hello make_hello(const LinkSettings& settings, const std::array<std::uint8_t, 32>& exporter,
                       TlsChannel::Side our_side);

/// Judges the certificate before any hello: cluster, and who was expected if somebody was.
/// The error is for our log.
Result<void, std::string> check_certificate(const LinkSettings& settings, const PeerIdentity& peer,
                                            const std::optional<PeerIdentity>& expected);

/// Judges the peer's hello: it has to say what the certificate says, share a version with us and, for a
/// signer whose identity key is pinned, be signed with that key over this connection. Gives the version.
Result<std::uint8_t, std::string> check_hello(const LinkSettings& settings, const wire::Hello& theirs,
                                              const PeerIdentity& peer,
                                              const std::array<std::uint8_t, 32>& exporter,
                                              TlsChannel::Side our_side);

/// Types that only signers may send, and only to signers: everything up to presigning, and what they
/// tell each other of disputes. Evidence (QuarantineNotice) goes to signers only, from anybody.
bool between_signers(wire::MessageType type);

}  // namespace quorate::net
