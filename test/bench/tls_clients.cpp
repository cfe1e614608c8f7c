// Full TLS 1.3 handshakes against a server on loopback, cheap for the client: one key share (X25519), no
// sessions.
//
//   tls_clients --port 8443 --ca ca.crt --count 500 --clients 4
//
// With --at RATE a handshake is begun every 1/RATE s, each client taking the next one that is due; latencies
// count from when it was due. With --first it tries until one succeeds, and says when that was
// (CLOCK_MONOTONIC). One object of JSON, times in microseconds. All handshakes have to succeed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

using Clock = std::chrono::steady_clock;

namespace {

struct Context {
  explicit Context(const std::string& ca) : ctx(SSL_CTX_new(TLS_client_method())) {
    if (ctx == nullptr || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519") != 1 || SSL_CTX_load_verify_file(ctx, ca.c_str()) != 1)
      throw std::runtime_error("no TLS client with the CA " + ca);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  }
  ~Context() { SSL_CTX_free(ctx); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  SSL_CTX* ctx;
};

/// Nothing, or what went wrong.
std::string handshake(SSL_CTX* ctx, std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  std::string failure;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    failure = "not connected";
  } else {
    SSL* ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    SSL_set1_host(ssl, "localhost");
    if (SSL_connect(ssl) != 1) {
      const char* reason = ERR_reason_error_string(ERR_peek_last_error());
      failure = reason != nullptr ? reason : "the server ended the handshake";
      ERR_clear_error();
    } else {
      if (SSL_session_reused(ssl) != 0) failure = "a resumed session";
      // The server's connection ends with this: it is not left in TIME_WAIT there, and no answer is waited
      // for.
      SSL_set_quiet_shutdown(ssl, 1);
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
  }
  const linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
  return failure;
}

double microseconds(Clock::duration span) { return std::chrono::duration<double, std::micro>(span).count(); }

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"full TLS 1.3 handshakes"};
  std::uint16_t port = 0;
  std::string ca;
  std::size_t count = 100, clients = 1;
  double rate = 0;
  bool first = false;
  app.add_option("--port", port)->required();
  app.add_option("--ca", ca)->required();
  app.add_option("--count", count);
  app.add_option("--clients", clients);
  app.add_option("--at", rate, "handshakes a second; 0: each client one after the other");
  app.add_flag("--first", first);
  CLI11_PARSE(app, argc, argv);
  try {
    const Context context(ca);
    if (first) {
      std::string failure;
      for (const auto end = Clock::now() + std::chrono::seconds(30); Clock::now() < end;
           std::this_thread::sleep_for(std::chrono::milliseconds(2))) {
        failure = handshake(context.ctx, port);
        if (!failure.empty()) continue;
        std::printf("{\"at_us\": %.0f}\n", microseconds(Clock::now().time_since_epoch()));
        return 0;
      }
      throw std::runtime_error("no handshake in 30 s: " + failure);
    }
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::vector<double> took;
    std::string failure;
    const auto begun = Clock::now();
    const auto work = [&] {
      std::vector<double> own;
      for (std::size_t i = next++; i < count; i = next++) {
        auto from = Clock::now();
        if (rate > 0) {
          from = begun +
                 std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / rate * static_cast<double>(i)));
          std::this_thread::sleep_until(from);
        }
        if (auto problem = handshake(context.ctx, port); !problem.empty()) {
          const std::lock_guard lock(mutex);
          failure = problem;
          return;
        }
        own.push_back(microseconds(Clock::now() - from));
      }
      const std::lock_guard lock(mutex);
      took.insert(took.end(), own.begin(), own.end());
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < clients; ++i) threads.emplace_back(work);
    work();
    for (auto& thread : threads) thread.join();
    if (!failure.empty()) throw std::runtime_error(failure);
    std::printf("%s\n",
                nlohmann::json{{"seconds", microseconds(Clock::now() - begun) / 1e6}, {"took_us", took}}
                    .dump()
                    .c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tls_clients: %s\n", error.what());
    return 1;
  }
}
