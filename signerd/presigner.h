#pragma once

#include <set>

#include "protocol/base/sign_error.h"
#include "protocol/tecdsa/presign.h"
#include "signerd/pacing.h"
#include "signerd/pair_setups.h"
#include "signerd/refill_order.h"

namespace quorate::signerd {

/// Limits of background presigning; from signerd.json ("presign").
struct PresignLimits {
  /// Of a batch that this signer leads; also the greatest that it joins, but those of up to kCommonBatch it
  /// joins always. So signers with different values get on: a leader that was refused makes smaller ones.
  std::uint32_t batch = 64;
  /// Batches in flight that this signer leads; also, but at least 2, those of one leader that it joins. A leader
  /// with a greater value than its members is refused what is beyond theirs, and comes again later.
  std::size_t parallel = 2;
  std::chrono::milliseconds timeout{15'000};
  /// Million bits a second that presigning sends; 0: no limit.
  double max_mbit = 0;
  /// Of the group: each has its share of max_mbit for the batches that it leads.
  std::size_t signers = kMaxParties;
};
/// The batch that every signer joins.
inline constexpr std::uint32_t kCommonBatch = 64;

/// Keeps the pools filled (SPEC section 5): starts batches for the quorums that this signer leads, active ones and
/// those that somebody asked for, shallowest pool first, and takes part in those of others. I/O thread only.
class Presigner {
 public:
  Presigner(PartyId me, const IdentityKey& identity, KeyRing& keys, PairSetups& setups, SessionHost& sessions,
            Disputes& disputes, const Log& log, MeshView mesh, PresignLimits limits);

  void on_message(wire::Envelope envelope, Clock::time_point now);
  /// Starts what is missing. Call it after every change and a few times a second.
  void tick(Clock::time_point now);
  /// Somebody who may use the key found no presignature of this quorum: it is filled next, if this signer leads it,
  /// and activated first if it has to be. An error: why that cannot be. Does nothing for a quorum that another leads.
  Result<void, SignError> want(ActiveKey& key, const Quorum& quorum, Clock::time_point now);
  /// Who may not work together: somebody in quarantine, or a dispute.
  [[nodiscard]] std::optional<SignError> why_blocked(const KeyId& key, const Quorum& quorum) const;
  /// A signer was put into quarantine: ends its batches.
  void leave_out(PartyId signer);
  /// An epoch is wiped: its sessions end, and nothing is remembered of it.
  void forget(const EpochId& epoch);
  /// Tells the members of a quorum which presignatures will not be used.
  void announce_retired(const std::vector<std::pair<Quorum, PresignatureId>>& retired);

  struct Counters {
    std::uint64_t batches_led = 0, batches_joined = 0, failed = 0, refused = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  /// A batch under way, led or joined.
  struct Batch {
    Task task;
    bool leading = false;
    Clock::time_point last_step;
  };
  struct Accepted {
    std::vector<SetupId> setups;                  ///< this signer's own at that time
    std::uint64_t batch_number = 0;
    std::uint32_t batch = 0;
    std::optional<Clock::time_point> pooled;      ///< when it succeeded
  };
  struct Notice {
    Task task;
    SessionId sid;
    Abort why;
  };

  std::optional<Task> next_task(Clock::time_point now) const;
  [[nodiscard]] bool possible(const ActiveKey& key, const Task& task, Clock::time_point now) const;
  [[nodiscard]] bool stuck(const Batch& batch, Clock::time_point now) const;
  [[nodiscard]] bool has_slot(PartyId leader, std::size_t limit, Clock::time_point now) const;
  [[nodiscard]] bool beside_stuck(const Quorum& quorum, Clock::time_point now) const;
  [[nodiscard]] bool room_beyond_active(const ActiveKey& key, const Quorum& quorum, PartyId leader) const;
  void warn_beyond_active(const PresignPlan& plan, PartyId leader, Clock::time_point now);
  void let_go(Clock::time_point now);
  void lead(const Task& task, Clock::time_point now);
  void join(const wire::Envelope& envelope, Clock::time_point now);
  [[nodiscard]] bool acceptable(ActiveKey& key, const PresignPlan& plan, PartyId leader, Clock::time_point now);
  [[nodiscard]] bool wasteful(const ActiveKey& key, const Task& task, Clock::time_point now) const;
  [[nodiscard]] std::vector<SetupId> own_setups(const PresignPlan& plan) const;
  void run(ActiveKey& key, const PresignPlan& plan, bool leading, Clock::time_point now);
  void ended(const Task& task, const SessionId& sid, bool leading, SessionHost::Ending ending);
  void record_verdict(const Task& task, const Abort& why);
  void answer_failure(const Task& task, const SessionId& sid, const Abort& why);
  void retry_writing(Clock::time_point now);
  void give_up(const Task& task, const SessionId& sid, const Abort& why);
  void on_abort(const wire::Envelope& envelope);
  [[nodiscard]] PresignInputs inputs_for(ActiveKey& key, const PresignPlan& plan,
                                         std::vector<std::shared_ptr<const void>>& keep) const;

  PartyId me_;
  const IdentityKey& identity_;
  KeyRing& keys_;
  PairSetups& setups_;
  SessionHost& sessions_;
  Disputes& disputes_;
  const Log& log_;
  MeshView mesh_;
  PresignLimits limits_;
  Counters counters_;
  RefillOrder order_;
  SendBudget budget_;
  std::map<Task, SessionId> leading_;
  std::map<SessionId, Batch> running_;
  std::map<Task, std::uint64_t> next_number_;
  std::map<Task, Accepted> accepted_;         ///< a quorum has one leader
  std::set<Task> modest_;                         ///< led by this signer, and a member refused more than kCommonBatch
  std::vector<Notice> kept_back_;                 ///< not sent before the disputes are durable
  std::map<PartyId, Clock::time_point> warned_;   ///< of a leader's quorums beyond the active ones
  Clock::time_point next_write_, next_let_go_;
};

}  // namespace quorate::signerd
