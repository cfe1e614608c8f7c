#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "protocol/base/ids.h"
#include "protocol/coordinator/breaker.h"
#include "protocol/coordinator/estimate.h"

namespace quorate::coordinator {

/// What this coordinator knows of one signer, whatever the key.
struct SignerState {
  enum class Link : std::uint8_t { Unknown, Up, Down };
  Link link = Link::Unknown;
  Digest instance;                      ///< of the process; changes with a restart
  Latency latency;
  unsigned in_flight = 0;               ///< sign requests that it has not answered
  Time unanswered_since = kNever;       ///< the first request after its last answer; kNever: none

  Breaker breaker;                      ///< opened by time-outs and refusals
  Time busy_until = kLongAgo;           ///< it said Overloaded
  bool quarantined = false;             ///< by the owner's word; never used
  unsigned suspicions = 0;              ///< failed sums it took part in since its last good signature
  Time suspect_until = kLongAgo;

  std::optional<SessionId> status_request;  ///< unanswered
  Time status_sent = kLongAgo;
  bool status_heard = false;            ///< since the link came up
  bool status_wanted = false;           ///< out of turn: something it said no longer holds

  [[nodiscard]] bool up() const { return link == Link::Up; }
  [[nodiscard]] bool busy(Time now) const { return now < busy_until; }
  [[nodiscard]] unsigned suspected(Time now) const { return now < suspect_until ? suspicions : 0; }

  void asked(Time now) { unanswered_since = std::min(unanswered_since, now); }
  void answered(Time round_trip) {
    latency.add(round_trip);
    unanswered_since = kNever;
    breaker.succeeded();
  }
  void suspect(Time now, const CoordinatorConfig& config);
};

/// Indexed by PartyId; entry 0 is unused.
using Signers = std::array<SignerState, kMaxParties + 1>;

inline bool is_signer(PartyId id) { return id >= 1 && id <= kMaxParties; }

}  // namespace quorate::coordinator
