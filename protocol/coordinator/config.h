#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/sign_error.h"
#include "protocol/coordinator/monotonic.h"

namespace quorate::coordinator {

struct CoordinatorConfig {
  /// All signers that the owner has addresses of: error texts name those that are down, and readiness
  /// stays unknown while they may still come up. May be empty.
  std::vector<PartyId> signers{};

  std::size_t max_in_flight = 1024;          ///< requests; one more is refused as Overloaded
  std::size_t max_content = 65536;           ///< bytes to be signed
  unsigned max_attempts = 8;                 ///< presignatures that one request may spend

  Time attempt_floor = std::chrono::milliseconds(25);  ///< an attempt waits at least this long for its signers
  unsigned attempt_p99_factor = 3;           ///< ... or this many times the slowest member's p99
  Time back_off = std::chrono::milliseconds(50);       ///< before asking again what was just refused or dry

  unsigned hedge_percent = 5;                ///< second fan-outs of slow requests, of 100 requests; 0: none
  unsigned hedge_burst = 8;                  ///< as many at once, after a quiet time
  Time hedge_floor = std::chrono::milliseconds(5);     ///< a fan-out is not slow before this

  Time status_interval = std::chrono::milliseconds(800);        ///< readiness is never older than a second
  Time eager_status_interval = std::chrono::milliseconds(200);  ///< while nothing can be signed
  Time idle_after = std::chrono::seconds(5); ///< without a request a key's leases are given back

  Time lease_window = std::chrono::milliseconds(100);  ///< leases held ahead: own rate x this, at least one
  unsigned pool_share = 4;                   ///< at most this fraction (1/n) of a pool is held
  unsigned max_lease = 256;                  ///< ids in one lease request

  Time suspect_for = std::chrono::seconds(30);  ///< a quorum whose sum was wrong stays the last choice
  Time denied_for = std::chrono::seconds(1);    ///< before asking a leader again who said PolicyDenied
  Time slow_limit = std::chrono::seconds(10);   ///< longest pause between two trials of a silent signer
};

/// What the owner shows as metrics. Never reset.
struct Counters {
  std::uint64_t submitted = 0, signatures = 0, cancelled = 0;
  std::uint64_t attempts = 0;          ///< fan-outs; one presignature each
  std::uint64_t retried = 0;           ///< fan-outs beyond a request's first
  std::uint64_t hedged = 0;            ///< fan-outs beside one that was slow
  std::uint64_t hedges_won = 0;        ///< of these the ones that made the signature
  std::uint64_t hinted = 0;            ///< fan-outs with the presignature that another coordinator had assigned
  std::uint64_t demanded = 0;          ///< quorums asked for because no active one could be used
  std::uint64_t late = 0;              ///< replies nobody waits for any more
  std::uint64_t duplicate = 0;         ///< second replies of one signer to one request
  std::uint64_t malformed = 0;         ///< replies that contradict their link, request or key
  std::uint64_t suspicions = 0;        ///< attempts whose replies did not make a signature
  std::uint64_t leases_granted = 0, leases_discarded = 0, leases_returned = 0;
  std::uint64_t leases_refused = 0;    ///< granted ids that were spent or held already
  std::array<std::uint64_t, 10> failed_by_code{};

  [[nodiscard]] std::uint64_t failed(SignErrorCode code) const {
    return failed_by_code[static_cast<std::size_t>(code)];
  }
  [[nodiscard]] std::uint64_t failed_total() const {
    std::uint64_t sum = 0;
    for (auto n : failed_by_code) sum += n;
    return sum;
  }
};

}  // namespace quorate::coordinator
