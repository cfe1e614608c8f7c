// A network with a delay, on loopback: one forwarder for each port, which holds every piece back for half the
// round trip, in both directions and in order.
//
//   delay_line --round-trip-us 5000 7401 7402 ...
//
// Prints the ports to connect to instead, in one line; runs until its standard input ends.
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <deque>
#include <memory>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

/// One direction of a connection.
class Pump : public std::enable_shared_from_this<Pump> {
 public:
  Pump(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to, Clock::duration delay)
      : from_(std::move(from)), to_(std::move(to)), delay_(delay), timer_(from_->get_executor()) {}
  void read() {
    from_->async_read_some(
        asio::buffer(buffer_), [self = shared_from_this()](error_code error, std::size_t got) {
          // The end is delayed like everything else: an empty piece.
          if (error) got = 0;
          self->pieces_.push_back(
              {Clock::now() + self->delay_,
               {self->buffer_.begin(), self->buffer_.begin() + static_cast<std::ptrdiff_t>(got)}});
          if (self->pieces_.size() == 1) self->wait();
          if (got > 0) self->read();
        });
  }

 private:
  struct Piece {
    Clock::time_point due;
    std::vector<char> bytes;
  };
  void wait() {
    timer_.expires_at(pieces_.front().due);
    timer_.async_wait([self = shared_from_this()](error_code) { self->write(); });
  }
  void write() {
    error_code ignored;
    if (pieces_.front().bytes.empty()) {
      to_->shutdown(tcp::socket::shutdown_send, ignored);
      return;
    }
    asio::async_write(*to_, asio::buffer(pieces_.front().bytes),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        self->pieces_.pop_front();
                        if (!error && !self->pieces_.empty()) self->wait();
                      });
  }
  std::shared_ptr<tcp::socket> from_, to_;
  Clock::duration delay_;
  asio::steady_timer timer_;
  std::array<char, 65536> buffer_{};
  std::deque<Piece> pieces_;
};

class Forwarder {
 public:
  Forwarder(asio::io_context& io, std::uint16_t target, Clock::duration delay)
      : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), target_(target), delay_(delay) {
    accept();
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (!error) join(std::make_shared<tcp::socket>(std::move(socket)));
      accept();
    });
  }
  void join(const std::shared_ptr<tcp::socket>& near) {
    const auto far = std::make_shared<tcp::socket>(near->get_executor());
    error_code error;
    far->connect(tcp::endpoint(asio::ip::address_v4::loopback(), target_), error);
    if (error) return;
    for (const auto& socket : {near, far}) socket->set_option(tcp::no_delay(true), error);
    std::make_shared<Pump>(near, far, delay_)->read();
    std::make_shared<Pump>(far, near, delay_)->read();
  }
  tcp::acceptor acceptor_;
  std::uint16_t target_;
  Clock::duration delay_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"a network with a delay, on loopback"};
  unsigned round_trip = 0;
  std::vector<std::uint16_t> targets;
  app.add_option("--round-trip-us", round_trip)->required();
  app.add_option("ports", targets)->required();
  CLI11_PARSE(app, argc, argv);
  asio::io_context io(1);
  std::deque<Forwarder> forwarders;
  for (const auto target : targets) {
    forwarders.emplace_back(io, target, std::chrono::microseconds(round_trip) / 2);
    std::printf("%u ", unsigned{forwarders.back().port()});
  }
  std::printf("\n");
  std::fflush(stdout);
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  input.async_wait(asio::posix::stream_descriptor::wait_read, [&io](error_code) { io.stop(); });
  io.run();
  return 0;
}
