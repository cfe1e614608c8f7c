#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "protocol/net/link.h"
#include "protocol/net/tls_channel.h"

namespace quorate::net {

/// A link over a connected socket. `expected`, if given, is whom the certificate has to name; an empty
/// name in it stands for any.
std::shared_ptr<Link> make_link(boost::asio::ip::tcp::socket socket, TlsChannel::Side side,
                                std::shared_ptr<const LinkSettings> settings,
                                std::optional<PeerIdentity> expected = std::nullopt);

/// No delay, keep-alive that finds a dead host within seconds, close-on-exec.
void tune(boost::asio::ip::tcp::socket& socket);

/// "10.0.0.2:7100" or "[::1]:7100".
std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace quorate::net
