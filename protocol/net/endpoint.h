#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace quorate::net {

/// An IPv4 or IPv6 address in text form, also in brackets; nothing for a name.
std::optional<boost::asio::ip::address> literal_address(const std::string& host);

/// Addresses of a host, at most 8, as text. A literal costs nothing. A name is looked up on a thread of its
/// own, which is left behind if it takes longer; where no thread can be had, right here.
std::vector<std::string> resolve_host(const std::string& host, std::chrono::milliseconds limit);

/// A non-blocking TCP socket with close-on-exec set from the start (Asio's own open() leaves a gap in which
/// another thread's fork and exec would inherit it).
boost::asio::ip::tcp::socket open_socket(boost::asio::io_context& io, const boost::asio::ip::tcp& protocol,
                                         boost::system::error_code& error);

}  // namespace quorate::net
