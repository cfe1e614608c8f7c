// The control of memcheck.py: preloaded into a server, it leaks and decides by memory that nobody has written, in
// frames that the test has to take for the module's.
#include <cstdio>
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

__attribute__((constructor)) void plant() {
  leak();
  undefined();
}

}  // namespace quorate::planted
