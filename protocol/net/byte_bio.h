#pragma once

#include <openssl/bio.h>

#include <memory>

#include "protocol/base/bytes.h"

namespace quorate::net {

/// What TLS reads and writes instead of a socket: two strings of bytes. OpenSSL's own memory BIO zeroes every piece of
/// its buffer before it is filled and all of it when it is emptied, which costs more than the copy.
class ByteBio {
 public:
  ByteBio();
  ByteBio(const ByteBio&) = delete;
  ByteBio& operator=(const ByteBio&) = delete;

  /// A BIO over these bytes, for SSL_set_bio(); this object outlives it. Null if there is no memory.
  BIO* make();

  /// More for TLS to read.
  void feed(ByteView more);
  [[nodiscard]] bool has_input() const { return in_done_ < in_.size(); }
  [[nodiscard]] bool has_output() const { return !out_.empty(); }
  /// Moves what TLS has written to the end of `out`.
  void take_output(Bytes& out);

 private:
  static int read(BIO* bio, char* out, int size);
  static int write(BIO* bio, const char* data, int size);
  static long control(BIO* bio, int what, long number, void* pointer);
  struct Free {
    void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
  };
  std::unique_ptr<BIO_METHOD, Free> method_;
  Bytes in_, out_;
  std::size_t in_done_ = 0;  ///< bytes of in_ that have been read
};

}  // namespace quorate::net
