#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/coordinator/action.h"
#include "protocol/coordinator/lease_book.h"
#include "protocol/coordinator/signer.h"

namespace quorate::coordinator {

/// What one signer says of one key.
struct SignerView {
  EpochId epoch;
  std::size_t threshold = 0;
  std::vector<PartyId> members;
  bool operator==(const SignerView&) const = default;
};

/// One active quorum of one key, as its leader reports it, and what this coordinator has going there.
struct QuorumState {
  Quorum quorum;
  EpochId epoch;
  PartyId leader = kNobody;
  std::uint64_t stamp = 0;          ///< tells this state from a later one of the same quorum
  std::uint32_t available = 0;      ///< presignatures that nobody leased, by the leader's last word
  std::uint32_t target = 0, min = 0;
  bool on_demand = false;           ///< made up here, not listed by its leader
  Time demanded_until = kLongAgo;

  LeaseBook leases;
  std::size_t asked = 0;            ///< ids asked for and not answered yet
  std::size_t in_flight = 0;        ///< attempts
  unsigned consumed = 0;            ///< refusals as consumed in a row
  Breaker misfits;                  ///< opened by them
  Time dry_until = kLongAgo;        ///< the leader had none to give
  Time denied_until = kLongAgo;     ///< the leader denied the lease
  std::string denial;               ///< its reason
  SignErrorCode denial_code = SignErrorCode::PolicyDenied;
  Time silent_until = kLongAgo;     ///< the leader did not answer, or could not say
  Time suspect_until = kLongAgo;    ///< a sum of this quorum was wrong

  [[nodiscard]] Time not_before() const { return std::max({dry_until, denied_until, silent_until}); }
};

/// Everything about one key.
struct KeyState {
  KeyInfo info;
  std::map<PartyId, SignerView> views;
  std::map<Quorum, QuorumState> quorums;
  std::set<RequestHandle> waiting;      ///< for a quorum or a lease; first come, first served
  Rate rate;
  Time last_submit = kLongAgo;
  std::vector<Quorum> warm;             ///< quorums that leases are held of ahead of need
  Time warm_until = kLongAgo;
  bool dirty = false;                   ///< something changed for those who wait

  [[nodiscard]] bool idle(Time now, const CoordinatorConfig& config) const {
    return waiting.empty() && now - last_submit >= config.idle_after;
  }
  QuorumState* find(const Quorum& quorum, std::uint64_t stamp) {
    auto it = quorums.find(quorum);
    return it != quorums.end() && it->second.stamp == stamp ? &it->second : nullptr;
  }
};

/// A quorum that is no longer what it was, with the leases that were held of it.
struct LostQuorum {
  PartyId leader = kNobody;
  EpochId epoch;
  std::vector<Lease> leases;
  bool same_epoch = true;           ///< false: the presignatures themselves are gone
};

/// Takes over what `from` reports about the key: its view, and the pools that it leads. A signer speaks
/// for nobody else: quorums led by others are left alone, and a claim to lead what leader_of() gives to
/// another member is dropped. Lists that are out of order, out of range or too long make the whole report
/// malformed: nothing, and nothing is taken over.
std::optional<std::vector<LostQuorum>> learn(KeyState& key, PartyId from, const wire::KeyStatus& status,
                                             std::uint64_t& next_stamp);
/// The signer does not know the key, or starts afresh: its view and the quorums it leads are dropped.
std::vector<LostQuorum> forget(KeyState& key, PartyId signer);

}  // namespace quorate::coordinator
