#include "test/bench/fan_out.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <deque>
#include <stdexcept>

namespace quorate::bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Stream = asio::ssl::stream<tcp::socket>;

/// As protocol/net/tls.cpp has it, in what is felt after the handshake.
asio::ssl::context make_context(const std::string& tls) {
  asio::ssl::context context(asio::ssl::context::tls);
  context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  context.load_verify_file(tls + "/ca.crt");
  context.use_certificate_chain_file(tls + "/tls.crt");
  context.use_private_key_file(tls + "/tls.key", asio::ssl::context::pem);
  SSL_CTX* const native = context.native_handle();
  SSL_CTX_set_num_tickets(native, 0);
  if (SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(native, "TLS_AES_128_GCM_SHA256") != 1)
    throw std::runtime_error("the TLS library has no TLS_AES_128_GCM_SHA256");
  return context;
}

/// What the client says first: the two sizes.
using Opening = std::array<std::uint32_t, 2>;

class Answering : public std::enable_shared_from_this<Answering> {
 public:
  Answering(tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {
    stream_.next_layer().set_option(tcp::no_delay(true));
  }
  void start() {
    stream_.async_handshake(Stream::server, [self = shared_from_this()](error_code error) {
      if (error) return;
      asio::async_read(self->stream_, asio::buffer(self->opening_), [self](error_code failed, std::size_t) {
        if (failed || self->opening_[0] > kMost || self->opening_[1] > kMost) return;
        self->request_.resize(self->opening_[0]);
        self->reply_.resize(self->opening_[1]);
        self->next();
      });
    });
  }

 private:
  static constexpr std::uint32_t kMost = 16384;
  void next() {
    asio::async_read(stream_, asio::buffer(request_),
                     [self = shared_from_this()](error_code error, std::size_t) {
                       if (error) return;
                       asio::async_write(self->stream_, asio::buffer(self->reply_),
                                         [self](error_code failed, std::size_t) {
                                           if (!failed) self->next();
                                         });
                     });
  }
  Stream stream_;
  Opening opening_{};
  std::vector<std::uint8_t> request_, reply_;
};

void accept(tcp::acceptor& acceptor, asio::ssl::context& context) {
  acceptor.async_accept([&](error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Answering>(std::move(socket), context)->start();
    accept(acceptor, context);
  });
}

/// Tells its port and never returns.
[[noreturn]] void serve(const std::string& tls, int tell) {
  try {
    asio::io_context io(1);
    auto context = make_context(tls);
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const std::uint16_t port = acceptor.local_endpoint().port();
    if (write(tell, &port, sizeof port) != sizeof port) _exit(1);
    close(tell);
    accept(acceptor, context);
    io.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "echo peer: %s\n", error.what());
  }
  _exit(1);
}

}  // namespace

EchoPeer::EchoPeer(const std::string& tls) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    close(ends[0]);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    serve(tls, ends[1]);
  }
  close(ends[1]);
  const bool told = pid_ > 0 && read(ends[0], &port_, sizeof port_) == sizeof port_;
  close(ends[0]);
  if (!told) throw std::runtime_error("an echo peer does not start");
}

EchoPeer::~EchoPeer() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

class FanOut::Impl {
 public:
  Impl(const std::string& tls, const std::vector<std::uint16_t>& peers, MessageSizes sizes)
      : context_(make_context(tls)), request_(sizes.request) {
    for (const auto port : peers) {
      auto& peer = peers_.emplace_back(Stream(io_, context_), std::vector<std::uint8_t>(sizes.reply));
      peer.stream.next_layer().connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
      peer.stream.next_layer().set_option(tcp::no_delay(true));
      peer.stream.handshake(Stream::client);
      const Opening opening{static_cast<std::uint32_t>(sizes.request),
                            static_cast<std::uint32_t>(sizes.reply)};
      asio::write(peer.stream, asio::buffer(opening));
    }
  }

  void round_trip() {
    std::size_t open = peers_.size();
    const auto done = [&open](error_code error, std::size_t) {
      if (error) throw std::runtime_error("an echo peer is gone: " + error.message());
      --open;
    };
    for (auto& peer : peers_) {
      asio::async_write(peer.stream, asio::buffer(request_), [](error_code, std::size_t) {});
      asio::async_read(peer.stream, asio::buffer(peer.reply), done);
    }
    while (open > 0) {
      io_.restart();
      io_.run_one();
    }
    io_.restart();
    io_.poll();  // nothing that refers to this call is left behind
  }

 private:
  struct Peer {
    Peer(Stream its_stream, std::vector<std::uint8_t> its_reply)
        : stream(std::move(its_stream)), reply(std::move(its_reply)) {}
    Stream stream;
    std::vector<std::uint8_t> reply;
  };
  asio::io_context io_{1};
  asio::ssl::context context_;
  std::vector<std::uint8_t> request_;
  std::deque<Peer> peers_;
};

FanOut::FanOut(const std::string& tls, const std::vector<std::uint16_t>& peers, MessageSizes sizes)
    : impl_(std::make_unique<Impl>(tls, peers, sizes)) {}
FanOut::~FanOut() = default;
void FanOut::round_trip() { impl_->round_trip(); }

}  // namespace quorate::bench
