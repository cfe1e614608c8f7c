#include "protocol/net/byte_bio.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <exception>

namespace quorate::net {
namespace {

/// OpenSSL has few numbers for types of BIOs.
int type_number() {
  static const int number = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
  return number;
}

}  // namespace

ByteBio::ByteBio() : method_(BIO_meth_new(type_number(), "quorate bytes")) {
  if (!method_) return;
  BIO_meth_set_create(method_.get(), [](BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  });
  BIO_meth_set_read(method_.get(), read);
  BIO_meth_set_write(method_.get(), write);
  BIO_meth_set_ctrl(method_.get(), control);
}

BIO* ByteBio::make() {
  BIO* bio = method_ ? BIO_new(method_.get()) : nullptr;
  if (bio != nullptr) BIO_set_data(bio, this);
  return bio;
}

void ByteBio::feed(ByteView more) {
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(in_done_));  // all of it, as a rule
  in_done_ = 0;
  append(in_, more);
}

void ByteBio::take_output(Bytes& out) {
  if (out.empty()) {
    std::swap(out, out_);
  } else {
    append(out, out_);
  }
  out_.clear();
}

int ByteBio::read(BIO* bio, char* out, int size) {
  auto& self = *static_cast<ByteBio*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::size_t got = std::min(self.in_.size() - self.in_done_, static_cast<std::size_t>(std::max(size, 0)));
  if (got == 0) {  // means "later", not the end
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(out, self.in_.data() + self.in_done_, got);
  self.in_done_ += got;
  return static_cast<int>(got);
}

int ByteBio::write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  try {
    append(static_cast<ByteBio*>(BIO_get_data(bio))->out_, as_bytes({data, static_cast<std::size_t>(size)}));
  } catch (const std::exception&) {  // no memory: a write that failed, and not one to be repeated
    ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
    return -1;
  }
  return size;
}

long ByteBio::control(BIO* bio, int what, long, void*) {
  const auto& self = *static_cast<ByteBio*>(BIO_get_data(bio));
  switch (what) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_PENDING: return static_cast<long>(self.in_.size() - self.in_done_);
    case BIO_CTRL_WPENDING: return static_cast<long>(self.out_.size());
    default: return 0;
  }
}

}  // namespace quorate::net
