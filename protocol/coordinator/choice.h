#pragma once

#include <compare>

#include "protocol/coordinator/key_view.h"

namespace quorate::coordinator {

/// How well a quorum stands; the smaller the better. Who stands badly is the last choice, never out.
struct Standing {
  bool suspect = false;        ///< a sum of exactly this quorum was wrong
  unsigned suspicions = 0;     ///< of its members together
  bool slow = false;           ///< a member did not answer lately, or its presignatures were refused as spent
  auto operator<=>(const Standing&) const = default;
};

/// Whether signers that are up differ in the epoch of the key, as they do while it is refreshed.
bool epochs_differ(const KeyState& key, const Signers& signers);

/// What keeps a quorum from being used at all.
enum class Obstacle : std::uint8_t { None, Unreachable, Quarantined, EpochsDiffer, Busy };
Obstacle obstacle(const KeyState& key, const QuorumState& state, const Signers& signers, Time now);
Standing standing(const QuorumState& state, const Signers& signers, Time now);
/// Mean round trip of the slowest member.
Time expected_latency(const QuorumState& state, const Signers& signers);

/// What one request must not be given again for a moment: whoever kept it waiting or turned it away.
struct Avoid {
  std::array<Time, kMaxParties + 1> signer_until;
  std::vector<std::pair<Quorum, Time>> quorum_until;

  Avoid() { signer_until.fill(kLongAgo); }
  void add(const Quorum& quorum, Time until);
  [[nodiscard]] bool excludes(const Quorum& quorum, Time now) const;
  /// When the next exclusion after now ends.
  [[nodiscard]] Time next_end(Time now) const;
};

/// Whether a hint fits what is known of the key: quorum, epoch, everybody at hand.
enum class Likelihood : std::uint8_t { No, Open, Yes };
Likelihood judge_hint(const KeyState& key, const Assignment& hint, const Signers& signers, Time now);

struct Option {
  QuorumState* state = nullptr;
  Standing standing;
  Time latency{};
};

/// Quorums that can serve a request now or after a lease has come, those of the best standing only,
/// fastest first.
std::vector<Option> best_options(KeyState& key, const Signers& signers, const Avoid& avoid, Time now);

/// Of the options that hold a lease one that is about as fast as the fastest, with the least going on at its
/// signers. nullptr if none of them holds a lease.
QuorumState* choose_held(const std::vector<Option>& options, const Signers& signers, Time now);

/// Quorums to hold leases of ahead of need: fast ones such that whoever drops out, one of them is left
/// (as far as N - T allows), and that together load every signer.
std::vector<Quorum> warm_set(KeyState& key, const Signers& signers, Time now);

}  // namespace quorate::coordinator
