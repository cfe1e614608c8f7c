#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "protocol/base/ct.h"
#include "protocol/base/secret.h"
#include "protocol/group/point.h"
#include "test/sim/seeded_rng.h"

#if !defined(QUORATE_VALGRIND)
#error "built without -DQUORATE_VALGRIND nothing is poisoned, and every case would pass"
#endif

namespace quorate::ctime {

/// Seeded bytes that memcheck takes for undefined: whatever is drawn from it is a secret until a line of the
/// library declares it public.
class PoisonedRng final : public Rng {
 public:
  explicit PoisonedRng(std::string_view stream) : rng_(2026, stream) {}
  void fill(MutableByteView out) override {
    rng_.fill(out);
    ct::poison(out.data(), out.size());
  }

 private:
  sim::SeededRng rng_;
};

/// The end of a secret's way through a case.
template <class T>
T published(T value) {
  ct::unpoison(&value, sizeof value);
  return value;
}

/// Memcheck's reports so far: one for each time that a branch or an address hung on a secret.
std::size_t reports();
/// Ends the program if a case did not compute what it should: a wrong path is no proof of anything.
void require(bool holds, const char* what);

struct Case {
  std::string_view name;
  void (*run)();
};
/// Nothing may be reported in these.
std::vector<Case> arithmetic_cases();
std::vector<Case> lane_cases();
std::vector<Case> transfer_cases();
std::vector<Case> protocol_cases();
/// Each of these is a leak that must be reported.
std::vector<Case> planted_leaks();
/// OpenSSL's own code, which a secret enters as a BIGNUM: see README.md. Reports its own verdict.
std::vector<Case> library_cases();

}  // namespace quorate::ctime
