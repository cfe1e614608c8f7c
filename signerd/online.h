#pragma once

#include "protocol/net/tls.h"
#include "protocol/wire/envelope.h"
#include "protocol/wire/record.h"
#include "signerd/allowance.h"
#include "signerd/key_ring.h"
#include "signerd/audit.h"
#include "signerd/policy.h"
#include "signerd/recent_partials.h"
#include "signerd/refusal_lines.h"

namespace quorate::signerd {

/// The on-line half of a signer (SPEC section 6): status, leases and partial signatures. One call a
/// request, no waiting. I/O thread only.
class Online {
 public:
  Online(PartyId me, const IdentityKey& identity, Digest instance, KeyRing& keys, Policy& policy, const Audit& audit,
         std::function<std::vector<PartyId>()> linked);

  /// The answer to a request of an authenticated caller: the matching reply, or a Refusal. Nothing for
  /// messages that want no answer. `waited`: how long it has been in this process already; `link`: over which it
  /// came, see link_lost().
  std::optional<wire::Envelope> answer(const net::PeerIdentity& who, const wire::Envelope& request,
                                       Clock::time_point now, Clock::duration waited = {}, LinkNumber link = 0);
  /// EpochPools::link_lost() of all.
  void link_lost(LinkNumber link);
  void tick(Clock::time_point now) {
    recent_.expire(now);
    refusals_.tick(now);
  }
  /// Asked whenever somebody wants leases of a quorum: may this key be used with it, and is it to be supplied?
  /// Presigner::want(); until it is set, every quorum is fine.
  std::function<Result<void, SignError>(ActiveKey&, const Quorum&, Clock::time_point)> on_want =
      [](ActiveKey&, const Quorum&, Clock::time_point) { return Result<void, SignError>{}; };
  /// Accusations::version(), which every status and lease carries.
  std::function<std::uint64_t()> quarantine_version = [] { return std::uint64_t{0}; };
  /// Presigner::why_blocked(): such quorums are not shown.
  std::function<std::optional<SignError>(const KeyId&, const Quorum&)> why_blocked =
      [](const KeyId&, const Quorum&) { return std::optional<SignError>{}; };
  /// Something was taken from a pool since the last call.
  bool take_consumed() { return std::exchange(consumed_, false); }

  struct Counters {
    std::uint64_t signed_ = 0, repeated = 0, refused = 0, leased = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  using Answer = Result<wire::Envelope, SignError>;
  Answer status(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now);
  Answer lease(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now, LinkNumber link);
  Answer sign(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now,
              Clock::duration waited, LinkNumber link);
  Answer record(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now);
  Answer confirm(const net::PeerIdentity& who, const wire::Envelope& request, Clock::time_point now);
  Result<ActiveKey*, SignError> key_for(const net::PeerIdentity& who, const KeyId& key, const EpochId& epoch);
  wire::LeaseReply lease_now(const net::PeerIdentity& who, ActiveKey& key, const Quorum& quorum, std::size_t count,
                             Clock::time_point now, LinkNumber link);

  PartyId me_;
  const IdentityKey& identity_;
  Digest instance_;
  KeyRing& keys_;
  Policy& policy_;
  const Audit& audit_;
  std::function<std::vector<PartyId>()> linked_;
  RecentPartials recent_;
  RefusalLines refusals_;
  Allowance records_;
  Counters counters_;
  bool consumed_ = false;
};

}  // namespace quorate::signerd
