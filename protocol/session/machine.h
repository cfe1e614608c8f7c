#pragma once

#include <optional>
#include <vector>

#include "protocol/base/abort.h"
#include "protocol/base/rng.h"
#include "protocol/wire/envelope.h"

namespace quorate::session {

/// What a machine wants done after an event. Messages go out in order. At most one of done/abort.
struct Step {
  std::vector<wire::Envelope> out;
  bool persist = false;               ///< keygen: prepared() must be durable before `out` is sent
  bool done = false;                  ///< the result can be taken from the machine
  std::optional<Abort> abort;         ///< the machine is dead; nothing may be retried on its state
};

/// Counts what was dropped without blame: wrong sid, duplicates, late, foreign senders.
struct DropCounters {
  std::uint64_t wrong_session = 0, duplicate = 0, late = 0, unexpected = 0;
};

/// Drives one run of a protocol at one party: bytes in, bytes out, randomness injected. Time-outs are
/// events of the owner: it destroys the machine.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;

  virtual Step start(Rng& rng) = 0;
  /// The payload may be taken out of the envelope: a batch has megabytes of them.
  virtual Step on_message(wire::Envelope envelope, Rng& rng) = 0;
  [[nodiscard]] virtual const DropCounters& dropped() const = 0;
  /// Whose message it waits for: says who is to blame for a time-out to a person, never to the protocol.
  [[nodiscard]] virtual std::vector<PartyId> missing() const = 0;
};

}  // namespace quorate::session
