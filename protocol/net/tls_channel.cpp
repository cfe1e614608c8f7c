#include "protocol/net/tls_channel.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdlib>

namespace quorate::net {
namespace {

constexpr std::size_t kRecord = 16384;
/// A key is changed long before RFC 8446 section 5.5 asks for it (2^24.5 full records of AES-GCM).
constexpr std::uint64_t kRecordsPerKey = std::uint64_t{1} << 22;
constexpr std::string_view kExporter = "EXPORTER-quorate-hello";

/// Keeps our errors and the application's apart in the one queue that a thread has. SSL_get_error() would
/// take an old error of the application for ours, as it looks whether there is any.
/// (OpenSSL itself empties the queue at every handshake step; nothing can be done about that.)
/// As a rule there is none before: then nothing has to be put into the queue, which copies two strings.
class ErrorScope {
 public:
  ErrorScope() {
    if (ERR_peek_last_error() == 0) return;
    ERR_set_mark();
    ERR_raise(ERR_LIB_USER, kSentinel);
  }
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
  ~ErrorScope() { ERR_pop_to_mark(); }

  /// True if an error was queued since the scope began.
  static bool dirty() {
    const unsigned long last = ERR_peek_last_error();
    return last != 0 && !(ERR_GET_LIB(last) == ERR_LIB_USER && ERR_GET_REASON(last) == kSentinel);
  }

 private:
  static constexpr int kSentinel = 251;
};

std::string failure_text(const SSL* ssl) {
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK) {
    return std::string("the peer's certificate is not accepted: ") + X509_verify_cert_error_string(verified);
  }
  const unsigned long code = ERR_peek_last_error();
  const char* text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  if (text == nullptr) return "the stream is damaged";
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET) {
    return std::string("the peer refused: ") + text;
  }
  return text;
}

}  // namespace

void TlsChannel::Free::operator()(SSL* ssl) const { SSL_free(ssl); }

TlsChannel::TlsChannel(const TlsIdentity& identity, Side side) : side_(side) {
  ErrorScope errors;
  SSL_CTX* context = side == Side::Client ? identity.client() : identity.server();
  if (context != nullptr) ssl_.reset(SSL_new(context));
  BIO* bio = bytes_.make();
  if (!ssl_ || bio == nullptr) {
    BIO_free(bio);
    state_ = State::Failed;
    reason_ = context == nullptr ? "no TLS identity is configured" : "out of memory";
    return;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  if (side == Side::Client) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

TlsChannel::~TlsChannel() = default;

void TlsChannel::start() {
  if (state_ == State::Handshake) advance();
}

void TlsChannel::feed(ByteView ciphertext) {
  if (state_ != State::Handshake && state_ != State::Open) return;
  bytes_.feed(ciphertext);
  if (state_ == State::Handshake) advance();
}

void TlsChannel::advance() {
  ErrorScope errors;
  if (SSL_do_handshake(ssl_.get()) == 1) {
    state_ = State::Open;
  } else {
    judge();
  }
}

/// Sorts out a result that is not success; within the ErrorScope of the call.
void TlsChannel::judge() {
  if (ErrorScope::dirty()) {
    state_ = State::Failed;
    reason_ = "TLS: " + failure_text(ssl_.get());
  } else if ((SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) {
    state_ = State::Closed;
    reason_ = "closed by the peer";
  }
}

std::size_t TlsChannel::read(MutableByteView out) {
  if (state_ != State::Open || out.empty()) return 0;
  if (!bytes_.has_input() && SSL_has_pending(ssl_.get()) == 0) return 0;  // to ask costs more than a record's decryption
  ErrorScope errors;
  std::size_t got = 0;
  if (SSL_read_ex(ssl_.get(), out.data(), out.size(), &got) == 1) return got;
  judge();
  return 0;
}

bool TlsChannel::write(ByteView plaintext) {
  if (state_ != State::Open) return false;
  ErrorScope errors;
  while (!plaintext.empty()) {
    if (records_ >= kRecordsPerKey) {
      if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) records_ = 0;
    }
    std::size_t done = 0;
    if (SSL_write_ex(ssl_.get(), plaintext.data(), std::min(plaintext.size(), kRecord), &done) != 1) {
      judge();
      if (state_ == State::Open) {  // a memory buffer is never full; nothing else is waited for here
        state_ = State::Failed;
        reason_ = "TLS: a write did not go through";
      }
      return false;
    }
    ++records_;
    plaintext = plaintext.subspan(done);
  }
  return true;
}

void TlsChannel::shutdown() {
  if (state_ != State::Open) return;
  ErrorScope errors;
  (void)SSL_shutdown(ssl_.get());
}

Result<PeerIdentity, TlsError> TlsChannel::peer() const {
  if (!ssl_ || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return fail(TlsError{"the peer is not authenticated"});
  return identity_of(SSL_get0_peer_certificate(ssl_.get()));
}

std::array<std::uint8_t, 32> TlsChannel::exporter() const {
  std::array<std::uint8_t, 32> value{};
  ErrorScope errors;
  if (SSL_export_keying_material(ssl_.get(), value.data(), value.size(), kExporter.data(), kExporter.size(), nullptr, 0,
                                 0) != 1) {
    std::abort();  // asked for before the handshake was done: a bug of ours
  }
  return value;
}

}  // namespace quorate::net
