#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quorate::bench {

/// Sizes of the plaintext of one message each way, one TLS record each.
struct MessageSizes {
  std::size_t request = 0, reply = 0;
};

/// A process that answers every message with another one, and nothing else: what a signer would be if it had
/// nothing to do. TLS 1.3 with both certificates checked, as between Quorate's processes. Ends with this
/// object, and with the process that started it.
class EchoPeer {
 public:
  /// `tls`: a directory with tls.crt, tls.key and ca.crt. Throws std::runtime_error if it does not start.
  explicit EchoPeer(const std::string& tls);
  ~EchoPeer();
  EchoPeer(const EchoPeer&) = delete;
  EchoPeer& operator=(const EchoPeer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

/// The floor under every signature: one message to each peer and one back, on the thread of the caller, who
/// blocks. For one thread at a time.
class FanOut {
 public:
  FanOut(const std::string& tls, const std::vector<std::uint16_t>& peers, MessageSizes sizes);
  ~FanOut();
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;
  void round_trip();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate::bench
