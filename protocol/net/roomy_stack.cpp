#include "protocol/net/roomy_stack.h"

#include <openssl/async.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <exception>

namespace quorate::net {
namespace {

constexpr std::size_t kStack = std::size_t{512} * 1024;
constexpr std::size_t kGuard = std::size_t{64} * 1024;  ///< below it: an overflow is a fault, not a corruption

struct Visit {
  const std::function<void()>* work = nullptr;
  std::exception_ptr thrown;
  ucontext_t outside{}, inside{};
};

/// makecontext() passes ints; the pointer travels in two of them.
void enter(unsigned high, unsigned low) {
  auto* visit = reinterpret_cast<Visit*>((static_cast<std::uintptr_t>(high) << 32) | low);
  try {
    (*visit->work)();
  } catch (...) {
    visit->thrown = std::current_exception();  // nothing may unwind past the first frame of a stack
  }
}

}  // namespace

void with_roomy_stack(const std::function<void()>& work) {
  if (ASYNC_get_current_job() == nullptr) return work();
  void* memory = mmap(nullptr, kStack + kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return work();
  std::byte* stack = static_cast<std::byte*>(memory) + kGuard;
  Visit visit;
  visit.work = &work;
  if (mprotect(stack, kStack, PROT_READ | PROT_WRITE) != 0 || getcontext(&visit.inside) != 0) {
    munmap(memory, kStack + kGuard);
    return work();
  }
  visit.inside.uc_stack.ss_sp = stack;
  visit.inside.uc_stack.ss_size = kStack;
  visit.inside.uc_link = &visit.outside;
  const auto address = reinterpret_cast<std::uintptr_t>(&visit);
  makecontext(&visit.inside, reinterpret_cast<void (*)()>(enter), 2, static_cast<unsigned>(address >> 32),
              static_cast<unsigned>(address));
  ASYNC_block_pause();
  swapcontext(&visit.outside, &visit.inside);
  ASYNC_unblock_pause();
  munmap(memory, kStack + kGuard);
  if (visit.thrown) std::rethrow_exception(visit.thrown);
}

}  // namespace quorate::net
