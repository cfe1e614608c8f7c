// Runs one case under valgrind's memcheck: ctime CASE. See README.md.
#include <valgrind/memcheck.h>

#include <cstdio>
#include <cstdlib>

#include "test/ctime/cases.h"

namespace quorate::ctime {

std::size_t reports() { return VALGRIND_COUNT_ERRORS; }

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "ctime: %s\n", what);
  std::exit(2);
}

namespace {

int verdict(bool good, const Case& chosen, const char* text) {
  std::fprintf(stderr, "ctime %.*s: %zu reports: %s\n", static_cast<int>(chosen.name.size()),
               chosen.name.data(), reports(), text);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace quorate::ctime

int main(int argc, char** argv) {
  using namespace quorate::ctime;
  if (argc != 2) {
    std::fprintf(stderr, "usage: valgrind ctime CASE\n");
    return 2;
  }
  if (RUNNING_ON_VALGRIND == 0) {
    std::fprintf(stderr, "ctime: without valgrind nothing is seen\n");
    return 2;
  }
  const std::string_view wanted = argv[1];
  for (const auto& cases : {arithmetic_cases(), lane_cases(), transfer_cases(), protocol_cases()})
    for (const auto& chosen : cases)
      if (chosen.name == wanted) {
        chosen.run();
        const bool clean = reports() == 0;
        return verdict(clean, chosen, clean ? "no decision hangs on a secret" : "A SECRET DECIDES");
      }
  for (const auto& chosen : planted_leaks())
    if (chosen.name == wanted) {
      chosen.run();
      const bool seen = reports() > 0;
      return verdict(seen, chosen, seen ? "the planted leak is seen" : "A PLANTED LEAK WENT UNSEEN");
    }
  for (const auto& chosen : library_cases())
    if (chosen.name == wanted) {
      chosen.run();
      return verdict(true, chosen, "OpenSSL as README.md says");
    }
  std::fprintf(stderr, "ctime: no such case: %s\n", argv[1]);
  return 2;
}
