// Preloaded into servers by memcheck.py. It makes SIGTERM an ordinary exit, as LeakSanitizer judges at exit only; and
// with PLANT in the environment it is the control: it leaks, and decides by memory that nobody has written, in frames
// that the test has to take for the module's.
#include <csignal>
#include <cstdlib>

namespace quorate::planted {

volatile int sink = 0;

__attribute__((noinline)) void leak() {
  void* volatile lost = std::malloc(1234);
  lost = nullptr;
  (void)lost;
}

__attribute__((noinline)) void undefined() {
  auto* volatile memory = static_cast<int*>(std::malloc(sizeof(int)));
  if (*memory == 42) sink = 1;
  std::free(memory);
}

__attribute__((constructor)) void start() {
  std::free(std::malloc(1));  // AddressSanitizer is ready from its first allocation on, whoever is started first
  (void)std::signal(SIGTERM, [](int) { std::exit(0); });
  if (std::getenv("PLANT") == nullptr) return;
  leak();
  undefined();
}

}  // namespace quorate::planted
