// signerd for tests, with a fault. It is honest until it gets SIGUSR1.
//
//   QUORATE_FAULT=wrong-partial faulty_signerd CONFIG     lies from then on
//   QUORATE_VERSIONS=1..2 faulty_signerd CONFIG           says in its hello that it speaks these wire versions
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "signerd/server.h"
#include "test/system/faulty/lies.h"

using namespace quorate;

namespace {

volatile std::sig_atomic_t lying = 0;
void begin_to_lie(int) {
  lying = 1;
  constexpr char kText[] = "{\"event\":\"lying\"}\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
}

/// So that a test knows that it was lied to.
void tell_of_lie(wire::MessageType type) {
  std::fprintf(stderr, "{\"event\":\"lied\",\"message\":\"%s\"}\n", std::string(wire::name(type)).c_str());
}

bool read_versions(const char* text, signerd::Interposer& interposer) {
  unsigned least = 0, greatest = 0;
  if (std::sscanf(text, "%u..%u", &least, &greatest) != 2 || least < 1 || least > greatest || greatest > 255) return false;
  interposer.min_version = static_cast<std::uint8_t>(least);
  interposer.max_version = static_cast<std::uint8_t>(greatest);
  return true;
}

int complain(const std::string& text) {
  std::fprintf(stderr, "faulty_signerd: %s\n", text.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return complain("usage: [QUORATE_FAULT=NAME] [QUORATE_VERSIONS=1..2] faulty_signerd CONFIG");
  auto config = signerd::load_config(argv[1]);
  auto again = signerd::load_config(argv[1]);  // for the identity key, which lies are signed with
  if (!config || !again) return complain(config ? again.error() : config.error());

  signerd::Interposer interposer;
  std::unique_ptr<faulty::Lie> lie;
  faulty::Memory memory;
  if (const char* name = std::getenv("QUORATE_FAULT")) {
    lie = faulty::make_lie(name, config->id, *again->identity);
    if (!lie) return complain("no fault '" + std::string(name) + "'; there are " + faulty::lie_names());
    std::signal(SIGUSR1, begin_to_lie);
    interposer.incoming = [&](const wire::Envelope& envelope) {
      memory.note(envelope, lying != 0);
      lie->incoming(envelope, memory);
    };
    interposer.outgoing = [&](const wire::Envelope& envelope, const signerd::Interposer::Pass& pass) {
      memory.note(envelope, lying != 0);
      if (lying == 0) return pass(envelope);
      lie->outgoing(envelope, memory, [&](const wire::Envelope& passed) {
        if (passed.type != envelope.type || passed.payload != envelope.payload) tell_of_lie(passed.type);
        pass(passed);
      });
    };
  }
  if (const char* versions = std::getenv("QUORATE_VERSIONS"); versions != nullptr && !read_versions(versions, interposer))
    return complain("QUORATE_VERSIONS: expected 1..2, not '" + std::string(versions) + "'");

  auto server = signerd::Server::start(std::move(config).value(), std::move(interposer));
  if (!server) return complain(server.error());
  return (*server)->run() ? 0 : 1;
}
