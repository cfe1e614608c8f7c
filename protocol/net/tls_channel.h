#pragma once

#include <array>
#include <string>

#include "protocol/net/byte_bio.h"
#include "protocol/net/tls.h"

namespace quorate::net {

/// The TLS of one connection without its socket: ciphertext in, ciphertext out, plaintext on the other
/// side. Never blocks, leaves nothing in OpenSSL's error queue and does not care what was there before.
class TlsChannel {
 public:
  enum class Side : std::uint8_t { Client, Server };
  enum class State : std::uint8_t {
    Handshake,
    Open,
    Closed,  ///< the peer ended the stream properly
    Failed,  ///< for good; reason() says why
  };

  TlsChannel(const TlsIdentity& identity, Side side);
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;
  ~TlsChannel();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Side side() const { return side_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

  /// Ciphertext from the network, any amount; drives the handshake as far as it goes.
  void feed(ByteView ciphertext);
  /// Begins the handshake; output() has the first flight for a client.
  void start();
  /// Plaintext, at most out.size() bytes; 0 if no more can be had now.
  std::size_t read(MutableByteView out);
  /// Encrypts all of it. False if the channel is not open.
  bool write(ByteView plaintext);
  /// Queues close_notify.
  void shutdown();

  [[nodiscard]] bool has_output() const { return bytes_.has_output(); }
  /// Moves what has to be sent to the end of `out`.
  void take_output(Bytes& out) { bytes_.take_output(out); }

  /// Who the peer's certificate says it is; after the handshake.
  [[nodiscard]] Result<PeerIdentity, TlsError> peer() const;
  /// 32 bytes that both ends of exactly this connection know (RFC 8446 section 7.5, label
  /// EXPORTER-quorate-hello, no context).
  [[nodiscard]] std::array<std::uint8_t, 32> exporter() const;

 private:
  void advance();
  void judge();
  struct Free {
    void operator()(SSL* ssl) const;
  };
  ByteBio bytes_;  ///< outlives ssl_
  std::unique_ptr<SSL, Free> ssl_;
  Side side_;
  State state_ = State::Handshake;
  std::uint64_t records_ = 0;  ///< written under the present key
  std::string reason_;
};

}  // namespace quorate::net
