// Time inside the provider's sign call beside a bare mTLS fan-out of messages of the same sizes to as many
// processes.
//
//   sign_calls --conf openssl.cnf --key key.pem --tls frontend --peers 2 --blocks 7 --block 500
//
// Blocks of both alternate. The sizes are those of the calls themselves, by what the kernel counted on their
// connections. One object of JSON: per block a list of times in microseconds.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "test/bench/fan_out.h"
#include "test/bench/provider_key.h"

using namespace quorate::bench;
using Clock = std::chrono::steady_clock;

namespace {

/// TLS 1.3 adds to each record: header, content type, tag.
constexpr std::uint64_t kRecord = 5 + 1 + 16;

struct Traffic {
  std::uint64_t sent = 0, received = 0, segments = 0;
};

/// All TCP connections of this process.
Traffic traffic() {
  Traffic all;
  for (int fd = 3; fd < 128; ++fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) continue;
    all.sent += info.tcpi_bytes_sent;
    all.received += info.tcpi_bytes_received;
    all.segments += info.tcpi_data_segs_out;
  }
  return all;
}

struct Options {
  std::string conf, key, tls;
  std::size_t peers = 2, blocks = 7, block = 500, threads = 1, hash = 48, warm_up = 100;
  double rate = 0;
  bool no_floor = false, ask_ports = false;
  std::vector<int> signers;
};

struct Block {
  std::vector<double> took, init, begun_ns;
};

double microseconds(std::chrono::nanoseconds span) { return static_cast<double>(span.count()) / 1e3; }

/// `threads` callers make the calls of one block together, at `rate` a second or each one after the other.
template <class Call>
Block run_block(const Options& options, std::size_t calls, Call call) {
  Block all;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto begun = Clock::now();
  const auto work = [&](std::size_t caller) {
    Block own;
    try {
      for (std::size_t i = caller; i < calls; i += options.threads) {
        if (options.rate > 0)
          std::this_thread::sleep_until(begun + std::chrono::nanoseconds(static_cast<std::int64_t>(
                                                    1e9 / options.rate * static_cast<double>(i))));
        call(caller, own);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    for (const auto part : {&Block::took, &Block::init, &Block::begun_ns})
      (all.*part).insert((all.*part).end(), (own.*part).begin(), (own.*part).end());
  };
  std::vector<std::thread> others;
  for (std::size_t caller = 1; caller < options.threads; ++caller) others.emplace_back(work, caller);
  work(0);
  for (auto& thread : others) thread.join();
  if (failure) std::rethrow_exception(failure);
  return all;
}

Block sign_block(const Options& options, std::size_t calls, const ProviderKey& key) {
  return run_block(options, calls, [&](std::size_t, Block& out) {
    const auto content = server_certificate_verify(options.hash);
    out.begun_ns.push_back(static_cast<double>(Clock::now().time_since_epoch().count()));
    const auto times = key.sign(content);
    out.took.push_back(microseconds(times.sign));
    out.init.push_back(microseconds(times.init));
  });
}

/// Bytes of plaintext of one request and one reply: the medians of calls that sent one message to each peer.
MessageSizes measured_sizes(const ProviderKey& key, const Options& options) {
  std::vector<std::uint64_t> sent, received;
  for (std::size_t i = 0; i < 600 && sent.size() < 51; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const Traffic before = traffic();
    key.sign(server_certificate_verify(options.hash));
    const Traffic after = traffic();
    if (after.segments - before.segments != options.peers) continue;
    sent.push_back(after.sent - before.sent);
    received.push_back(after.received - before.received);
  }
  if (sent.empty()) throw std::runtime_error("no call took one message to each signer");
  const auto median = [&](std::vector<std::uint64_t>& values) {
    std::sort(values.begin(), values.end());
    return static_cast<std::size_t>(values[values.size() / 2] / options.peers - kRecord);
  };
  return {median(sent), median(received)};
}

/// CPU time of the signers' background threads, by what the kernel counts. A signer's main thread has its
/// number.
std::uint64_t background_ns(const std::vector<int>& signers) {
  std::uint64_t all = 0;
  for (const int pid : signers) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      if (task.path().filename() == std::to_string(pid)) continue;
      std::uint64_t ns = 0;
      std::ifstream(task.path() / "schedstat") >> ns;
      all += ns;
    }
  }
  return all;
}

/// Until no presignatures are made.
void wait_until_idle(const Options& options) {
  const auto end = Clock::now() + std::chrono::seconds(5);
  for (auto before = background_ns(options.signers); Clock::now() < end;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    const auto after = background_ns(options.signers);
    if (after - before < 20'000) return;
    before = after;
  }
}

int run(const Options& options) {
  // Before any thread and connection of ours: they are forked.
  std::vector<std::unique_ptr<EchoPeer>> peers;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < options.peers && !options.no_floor; ++i) {
    peers.push_back(std::make_unique<EchoPeer>(options.tls));
    ports.push_back(peers.back()->port());
  }
  if (options.ask_ports) {
    for (auto& port : ports) std::printf("%u ", unsigned{port});
    std::printf("\n");
    std::fflush(stdout);
    for (auto& port : ports) std::cin >> port;
  }
  const ProviderKey key(options.conf, options.key);
  (void)sign_block(options, options.warm_up, key);
  const auto sizes = options.no_floor ? MessageSizes{} : measured_sizes(key, options);
  std::vector<std::unique_ptr<FanOut>> floors;
  for (std::size_t i = 0; i < options.threads && !options.no_floor; ++i)
    floors.push_back(std::make_unique<FanOut>(options.tls, ports, sizes));

  nlohmann::ordered_json report{{"request_bytes", sizes.request},
                                {"reply_bytes", sizes.reply},
                                {"record_bytes", kRecord},
                                {"content_bytes", server_certificate_verify(options.hash).size()}};
  for (std::size_t i = 0; i < options.blocks; ++i) {
    if (!options.signers.empty()) wait_until_idle(options);
    const auto before = background_ns(options.signers);
    const auto begun = Clock::now();
    auto block = sign_block(options, options.block, key);
    report["background_cores"].push_back(static_cast<double>(background_ns(options.signers) - before) /
                                         static_cast<double>((Clock::now() - begun).count()));
    report["sign"].push_back(std::move(block.took));
    report["init"].push_back(std::move(block.init));
    report["begun_ns"].push_back(std::move(block.begun_ns));
    if (floors.empty()) continue;
    if (!options.signers.empty()) wait_until_idle(options);
    block = run_block(options, options.block, [&](std::size_t caller, Block& out) {
      const auto from = Clock::now();
      floors[caller]->round_trip();
      out.took.push_back(microseconds(Clock::now() - from));
    });
    report["floor"].push_back(std::move(block.took));
  }
  std::printf("%s\n", report.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"time inside the provider's sign call, beside a bare fan-out"};
  Options options;
  app.add_option("--conf", options.conf, "openssl.cnf that activates the module")->required();
  app.add_option("--key", options.key, "key file")->required();
  app.add_option("--tls", options.tls, "directory with tls.crt, tls.key and ca.crt for the bare fan-out")
      ->required();
  app.add_option("--peers", options.peers, "T");
  app.add_option("--blocks", options.blocks, "of each kind");
  app.add_option("--block", options.block, "calls in one")->check(CLI::Range(1, 100000));
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 64));
  app.add_option("--rate", options.rate, "calls a second; 0: one after the other");
  app.add_option("--hash", options.hash, "bytes of the transcript hash: 32 or 48");
  app.add_option("--warm-up", options.warm_up, "calls before the first block");
  app.add_option("--signers", options.signers,
                 "wait before each block until these processes make no presignatures");
  app.add_flag("--no-floor", options.no_floor);
  app.add_flag("--ask-ports", options.ask_ports,
               "print the ports of the bare fan-out's peers, read the ports to use instead");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sign_calls: %s\n", error.what());
    return 1;
  }
}
