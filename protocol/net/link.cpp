#include "protocol/net/link.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "protocol/net/fork_guard.h"
#include "protocol/net/frame_reader.h"
#include "protocol/net/handshake.h"
#include "protocol/net/link_socket.h"
#include "protocol/net/log.h"
#include "protocol/wire/hello_codec.h"
#include "protocol/wire/online_codec.h"

namespace quorate::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadBuffer = std::size_t{64} * 1024;
/// Plaintext that is encrypted for one write: large enough for one system call to be worth it, small
/// enough that bulk does not sit in memory twice.
constexpr std::size_t kWritePiece = std::size_t{256} * 1024;
constexpr std::size_t kAtOnce = std::size_t{16} * 1024;

class TcpLink final : public Link, public std::enable_shared_from_this<TcpLink> {
 public:
  TcpLink(tcp::socket socket, TlsChannel::Side side, std::shared_ptr<const LinkSettings> settings,
          std::optional<PeerIdentity> expected)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        settings_(std::move(settings)),
        expected_(std::move(expected)),
        tls_(settings_->tls, side),
        read_buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kReadBuffer)) {
    fork_guard::add(socket_.native_handle());
    error_code error;
    const auto remote = socket_.remote_endpoint(error);
    address_ = error ? "?" : text_of(remote);
  }
  ~TcpLink() override { end(); }

  void start(Events events) override;
  void adopt(Events events) override { events_ = std::make_shared<const Events>(std::move(events)); }
  Sent send(const wire::Envelope& envelope, Leaves leaves) override;
  void push() override { flush(); }
  void close(const std::string& reason_for_peer) override;
  void pause() override { paused_ = true; }
  void resume() override;
  void hold(std::shared_ptr<void> until_the_end) override {
    if (phase_ != Phase::Dead) held_.push_back(std::move(until_the_end));
  }

  [[nodiscard]] bool is_up() const override { return phase_ == Phase::Up; }
  [[nodiscard]] const PeerIdentity& peer() const override { return peer_; }
  [[nodiscard]] const wire::Hello& hello() const override { return hello_; }
  [[nodiscard]] std::uint8_t version() const override { return version_; }
  [[nodiscard]] std::size_t queued_bytes() const override {
    return waiting_.size() + (active_.size() - active_done_);
  }
  [[nodiscard]] const std::string& address() const override { return address_; }

 private:
  enum class Phase : std::uint8_t { New, Tls, Hello, Up, Dead };

  void read_more();
  void on_read(error_code error, std::size_t got);
  void on_secured();
  void pump();
  bool on_header();
  void on_frame(wire::Envelope envelope);
  void on_hello(const wire::Envelope& envelope);
  void enqueue(const wire::Envelope& envelope, Leaves leaves = Leaves::AfterHandler);
  void schedule_flush();
  void flush();
  void write_more();
  template <class Work>
  void or_fail(Work work);
  std::size_t write_at_once(error_code& error);
  void refuse(const std::string& reason);
  void tell_refusal(const std::string& reason);
  void fail_with(std::string reason);
  void fail_later(std::string reason);
  void send_last_words();
  void end();

  tcp::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<const LinkSettings> settings_;
  std::optional<PeerIdentity> expected_;
  TlsChannel tls_;
  FrameReader reader_;
  std::unique_ptr<std::uint8_t[]> read_buffer_;
  std::shared_ptr<const Events> events_ = std::make_shared<const Events>();  ///< a callback may replace them
  Phase phase_ = Phase::New;
  PeerIdentity peer_;
  wire::Hello hello_;
  std::uint8_t version_ = 0;
  std::string address_;
  std::vector<std::shared_ptr<void>> held_;

  bool reading_ = false, paused_ = false, pumping_ = false;
  bool writing_ = false, flush_posted_ = false;
  Bytes waiting_;                ///< frames that no write has taken yet
  std::size_t waiting_frames_ = 0;
  Bytes active_;                 ///< frames that are being encrypted piece by piece
  std::size_t active_done_ = 0;  ///< bytes of it that are encrypted
  Bytes cipher_;                 ///< what the present write sends
};

void TcpLink::start(Events events) {
  adopt(std::move(events));
  phase_ = Phase::Tls;
  timer_.expires_after(settings_->handshake_timeout);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    auto self = weak.lock();
    if (error || !self || self->phase_ == Phase::Up || self->phase_ == Phase::Dead) return;
    self->fail_with(self->phase_ == Phase::Tls ? "no TLS handshake in time" : "no hello in time");
  });
  tls_.start();
  if (tls_.state() == TlsChannel::State::Failed) return fail_later(tls_.reason());
  schedule_flush();
  read_more();
}

void TcpLink::read_more() {
  if (reading_ || paused_ || phase_ == Phase::Dead) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(read_buffer_.get(), kReadBuffer),
                          [self = shared_from_this()](error_code error, std::size_t got) { self->on_read(error, got); });
}

void TcpLink::on_read(error_code error, std::size_t got) {
  reading_ = false;
  if (phase_ == Phase::Dead) return;
  if (error) return fail_with(error == asio::error::eof ? "connection closed by the peer" : error.message());
  or_fail([&] {
    tls_.feed({read_buffer_.get(), got});
    if (phase_ == Phase::Tls && tls_.state() == TlsChannel::State::Open) on_secured();
    pump();
    read_more();
  });
}

/// Whoever runs the handlers may go on after one that threw, for want of memory; or end, as daemons do. If it goes on, a
/// link that nobody reads or that has lost part of what it sends would be up for ever: it ends, and its owner dials again.
template <class Work>
void TcpLink::or_fail(Work work) {
  try {
    work();
  } catch (const std::exception& error) {
    pumping_ = false;
    fail_later(error.what());
    throw;
  }
}

/// TLS is there: look at the certificate, introduce ourselves.
void TcpLink::on_secured() {
  auto peer = tls_.peer();
  if (!peer) return refuse(peer.error().detail);
  peer_ = std::move(*peer);
  if (auto good = check_certificate(*settings_, peer_, expected_); !good.has_value()) return refuse(good.error());
  phase_ = Phase::Hello;
  enqueue({wire::MessageType::Hello, {}, kNobody, kNobody, wire::encode(make_hello(*settings_, tls_.exporter(), tls_.side()))});
}

/// Takes all frames out of what TLS has decrypted. A callback may close the link, pause it, or send.
void TcpLink::pump() {
  if (pumping_) return;
  const auto self = shared_from_this();
  pumping_ = true;
  while (phase_ != Phase::Dead && !paused_) {
    const std::size_t got = tls_.read(reader_.room());
    if (got == 0) break;
    auto event = reader_.commit(got);
    if (event == FrameReader::Event::Header) {
      if (!on_header()) break;
      if (reader_.header().payload_size == 0) event = reader_.commit(0);
    }
    if (event == FrameReader::Event::Bad) {
      fail_with("bad frame: " + reader_.error().what());
      break;
    }
    if (event == FrameReader::Event::Frame) on_frame(reader_.take());
  }
  pumping_ = false;
  if (phase_ == Phase::Dead || paused_) return;
  switch (tls_.state()) {
    case TlsChannel::State::Closed: return fail_with("connection closed by the peer");
    case TlsChannel::State::Failed:
      send_last_words();  // the alert
      return fail_with(tls_.reason());
    case TlsChannel::State::Handshake:
    case TlsChannel::State::Open: break;
  }
  if (tls_.has_output()) schedule_flush();
}

/// Before memory is spent on a payload: may this peer send such a thing now?
bool TcpLink::on_header() {
  const wire::MessageType type = reader_.header().type;
  if (phase_ == Phase::Hello) {
    if (type == wire::MessageType::Hello || type == wire::MessageType::Refusal) return true;
    fail_with(std::string(wire::name(type)) + " before hello");
    return false;
  }
  if (type == wire::MessageType::Hello) {
    fail_with("a second hello");
    return false;
  }
  if (type == wire::MessageType::QuarantineNotice && settings_->tls.self().role != wire::Role::Signer) {
    fail_with("QuarantineNotice from " + peer_.str() + ", which only signers take");
    return false;
  }
  if (between_signers(type) &&
      (peer_.role != wire::Role::Signer || settings_->tls.self().role != wire::Role::Signer)) {
    fail_with(std::string(wire::name(type)) + " from " + peer_.str() + ", which is not between signers");
    return false;
  }
  return true;
}

void TcpLink::on_frame(wire::Envelope envelope) {
  if (envelope.type == wire::MessageType::Refusal && envelope.sid.is_zero()) {
    auto refusal = wire::decode<wire::Refusal>(envelope.payload);
    return fail_with("refused by the peer: " + (refusal ? refusal->reason : refusal.error().what()));
  }
  if (phase_ == Phase::Hello) return on_hello(envelope);
  envelope.from = peer_.role == wire::Role::Signer ? peer_.signer : kNobody;
  envelope.to = settings_->tls.self().signer;
  if (const auto events = events_; events->message) events->message(std::move(envelope));
}

void TcpLink::on_hello(const wire::Envelope& envelope) {
  auto hello = wire::decode<wire::Hello>(envelope.payload);
  if (!hello) return refuse("damaged hello: " + hello.error().what());
  auto version = check_hello(*settings_, *hello, peer_, tls_.exporter(), tls_.side());
  if (!version) return refuse(version.error());
  version_ = *version;
  hello_ = std::move(*hello);
  phase_ = Phase::Up;
  timer_.cancel();
  if (const auto events = events_; events->up) events->up();
}

Link::Sent TcpLink::send(const wire::Envelope& envelope, Leaves leaves) {
  if (phase_ != Phase::Up) return Sent::Closed;
  if (envelope.payload.size() > wire::max_payload(envelope.type)) {
    write_log(settings_->log, kLogError, std::string(wire::name(envelope.type)) + " of " +
                                             std::to_string(envelope.payload.size()) + " bytes is too long to be sent");
    return Sent::Closed;
  }
  const std::size_t after = queued_bytes() + wire::kFrameHeader + envelope.payload.size();
  if (after > settings_->queue_bytes || waiting_frames_ >= settings_->queue_frames) {
    fail_later("the peer does not read: " + std::to_string(queued_bytes()) + " bytes in " +
               std::to_string(waiting_frames_) + " frames are waiting");
    return Sent::Closed;
  }
  if (after > settings_->bulk_bytes && between_signers(envelope.type)) return Sent::Full;
  enqueue(envelope, leaves);
  return Sent::Queued;
}

void TcpLink::enqueue(const wire::Envelope& envelope, Leaves leaves) {
  const auto header = wire::encode_frame_header({envelope.type, envelope.payload.size(), envelope.sid});
  append(waiting_, header);
  append(waiting_, envelope.payload);
  ++waiting_frames_;
  if (leaves == Leaves::AfterHandler) schedule_flush();
}

/// Frames that are sent within one handler go out together.
void TcpLink::schedule_flush() {
  if (flush_posted_ || writing_ || phase_ == Phase::Dead) return;
  flush_posted_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
  });
}

void TcpLink::flush() {
  if (!writing_ && phase_ != Phase::Dead) or_fail([this] { write_more(); });
}

void TcpLink::write_more() {
  if (tls_.state() == TlsChannel::State::Open) {
    if (active_done_ == active_.size()) {
      active_.clear();
      active_done_ = 0;
      std::swap(active_, waiting_);
      waiting_frames_ = 0;
      if (waiting_.capacity() > kWritePiece) Bytes().swap(waiting_);
    }
    const ByteView piece = ByteView(active_).subspan(active_done_).first(std::min(active_.size() - active_done_, kWritePiece));
    if (!piece.empty() && !tls_.write(piece)) return fail_later(tls_.reason());
    active_done_ += piece.size();
  }
  cipher_.clear();
  tls_.take_output(cipher_);
  if (cipher_.empty()) return;
  error_code wrong;
  const std::size_t sent = write_at_once(wrong);
  if (sent == cipher_.size()) return;
  writing_ = true;
  if (wrong) return fail_later(wrong.message());
  asio::async_write(socket_, asio::buffer(cipher_) + sent, [self = shared_from_this()](error_code error, std::size_t) {
    self->writing_ = false;
    if (self->phase_ == Phase::Dead) return;
    if (error) return self->fail_with(error.message());
    self->flush();
  });
}

/// What the kernel takes without waiting of a short piece that nothing follows: then no handler is needed.
std::size_t TcpLink::write_at_once(error_code& error) {
  if (cipher_.size() > kAtOnce || active_done_ != active_.size() || !waiting_.empty()) return 0;
  if (!socket_.non_blocking()) socket_.non_blocking(true, error);
  const std::size_t sent = error ? 0 : socket_.write_some(asio::buffer(cipher_), error);
  if (error == asio::error::would_block || error == asio::error::try_again) error.clear();
  return sent;
}

void TcpLink::resume() {
  if (!paused_) return;
  paused_ = false;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::Dead) return;
    self->or_fail([&] {
      self->pump();
      self->read_more();
    });
  });
}

/// We do not accept this peer: say so, to it as well.
void TcpLink::refuse(const std::string& reason) {
  tell_refusal(reason);
  fail_with(reason);
}

void TcpLink::tell_refusal(const std::string& reason) {
  if (writing_ || tls_.state() != TlsChannel::State::Open || active_done_ != active_.size()) return;
  const wire::Envelope refusal{wire::MessageType::Refusal, {}, kNobody, kNobody,
                               wire::encode(wire::Refusal{SignErrorCode::PolicyDenied, reason})};
  append(waiting_, wire::encode_frame(refusal));
  (void)tls_.write(waiting_);
  waiting_.clear();
}

void TcpLink::fail_later(std::string reason) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), reason = std::move(reason)]() mutable {
    self->fail_with(std::move(reason));
  });
}

void TcpLink::fail_with(std::string reason) {
  if (phase_ == Phase::Dead) return;
  const auto self = shared_from_this();
  send_last_words();
  const auto events = events_;
  end();
  if (events->down) events->down(reason);
}

void TcpLink::close(const std::string& reason_for_peer) {
  if (phase_ == Phase::Dead) return;
  if (!reason_for_peer.empty()) tell_refusal(reason_for_peer);
  const auto self = shared_from_this();
  send_last_words();
  end();
}

/// close_notify or an alert, if the socket takes it at once and no other write is on its way.
void TcpLink::send_last_words() {
  if (writing_ || !socket_.is_open()) return;
  tls_.shutdown();
  Bytes words;
  tls_.take_output(words);
  error_code ignored;
  socket_.non_blocking(true, ignored);
  if (!words.empty()) socket_.write_some(asio::buffer(words), ignored);
}

void TcpLink::end() {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Dead;
  fork_guard::remove(socket_.native_handle());
  timer_.cancel();
  error_code ignored;
  // Explicitly: a forked child may still have this socket, and then closing it here would not end it.
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  held_.clear();
  events_ = std::make_shared<const Events>();
}

}  // namespace

std::shared_ptr<Link> make_link(tcp::socket socket, TlsChannel::Side side, std::shared_ptr<const LinkSettings> settings,
                                std::optional<PeerIdentity> expected) {
  return std::make_shared<TcpLink>(std::move(socket), side, std::move(settings), std::move(expected));
}

}  // namespace quorate::net
