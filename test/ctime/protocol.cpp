// The whole protocol as signers run it: key generation, pair set-ups, presigning, partial signatures. All
// randomness is secret; what leaves a signer must have been declared public by the line that reveals it.
#include <valgrind/memcheck.h>

#include <cstdio>
#include <string>

#include "protocol/group/lanes.h"
#include "test/ctime/cases.h"
#include "test/sim/whole_run.h"

namespace quorate::ctime {
namespace {

/// Whether memcheck takes a byte of the payload for undefined; asking is not reported as an error.
bool holds_secrets(const Bytes& payload) {
  Bytes bits(payload.size());
  require(VALGRIND_GET_VBITS(payload.data(), bits.data(), payload.size()) == 1, "shadow memory of a payload");
  return std::any_of(bits.begin(), bits.end(), [](auto b) { return b != 0; });
}

/// A share is secret on its way too, and to its receiver; nothing else is.
void leaves_a_signer(const wire::Envelope& envelope) {
  const bool expected = envelope.type == wire::MessageType::KeygenRound3;
  if (holds_secrets(envelope.payload) == expected) return;
  std::fprintf(stderr, "ctime: %s from %d: %s\n", std::string(wire::name(envelope.type)).c_str(),
               envelope.from, expected ? "the share was declared public" : "sent, but never declared public");
  std::exit(1);
}

template <const Curve& (*curve_of)()>
void whole() {
  const auto done = [](const auto& result) {
    if (!result) std::fprintf(stderr, "ctime: %s\n", result.error().what().c_str());
    require(result.has_value(), "the run was aborted");
  };
  sim::WholeRun group(
      curve_of(), 3, 2, 2026, [](const std::string& stream) { return std::make_unique<PoisonedRng>(stream); },
      leaves_a_signer);
  // One point at a time until the set-up is done: six times 128 OTs by PortableLanes would take half an hour here, and
  // base-ot-lanes-* has them.
  use_lanes(Lanes::None);
  done(group.keygen());
  const auto after_keygen = reports();
  done(group.setup(1, 3));
  const auto after_setup = reports();
  use_lanes(Lanes::Portable);
  done(group.presign({1, 3}, 2));
  const auto after_presign = reports();
  for (std::uint32_t index = 0; index < 2; ++index) done(group.sign(index, Bytes(130, 0x20)));
  std::fprintf(stderr, "ctime: keygen %zu, pair set-up %zu, presigning %zu, signing %zu\n", after_keygen,
               after_setup - after_keygen, after_presign - after_setup, reports() - after_presign);
}

}  // namespace

std::vector<Case> protocol_cases() {
  return {{"protocol-p256", whole<Curve::p256>}, {"protocol-p384", whole<Curve::p384>}};
}

}  // namespace quorate::ctime
