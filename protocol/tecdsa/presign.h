#pragma once

#include "protocol/group/shamir.h"
#include "protocol/ot/pair_state.h"
#include "protocol/tecdsa/presignature.h"
#include "protocol/tecdsa/round.h"

namespace quorate {

/// Number of the quorum's leader: member H(epoch, Q) mod T (SPEC 5.0).
PartyId leader_of(const EpochId& epoch, const Quorum& quorum);

/// What a member brings to a batch. All pointers outlive the run; nothing in them is changed.
struct PresignInputs {
  const KeyShare* share = nullptr;
  const IdentityKey* identity = nullptr;
  std::map<PartyId, const ot::PairState*> pairs;  ///< one per other member of the quorum
  PresignPlan plan;
};

/// SPEC 5.0: is this a plan that the holder of `inputs` can take part in? Checks quorum, key, epoch,
/// tree depth, batch size and the own set-up ids. Batch numbers are the session's business.
/// fails BadParameters, nobody
Result<void, Abort> check_plan(const PresignInputs& inputs);

struct PresignRun;  ///< state carried from round to round; wiped when dropped
struct DropPresignRun {
  void operator()(PresignRun* run) const;
};
using PresignRunPtr = std::unique_ptr<PresignRun, DropPresignRun>;

/// Waits for the fourth round's messages.
class PresignRound4 {
 public:
  explicit PresignRound4(PresignRunPtr run) : run_(std::move(run)) {}
  /// SPEC 5.4: check all rows and the sums.
  /// in    one PresignMsg4 per peer
  /// out   the batch, ready to be pooled
  /// fails RowMismatch, BadSignature, RowSum, Malformed: quorum
  Result<PresignedBatch, Abort> finish(const Inbox<PresignMsg4>& inbox) &&;

 private:
  PresignRunPtr run_;
};

/// Waits for the third round's messages.
class PresignRound3 {
 public:
  explicit PresignRound3(PresignRunPtr run) : run_(std::move(run)) {}
  /// SPEC 5.3-5.4: learn u, derive k_i and chi_i, publish K_i and C_i in a signed row.
  /// fails EchoMismatch, Malformed, Infinity (u = 0): quorum
  Result<Sent<PresignRound4, PresignMsg4>, Abort> next(const Inbox<PresignMsg3>& inbox) &&;

 private:
  PresignRunPtr run_;
};

/// Waits for the second round's messages.
class PresignRound2 {
 public:
  explicit PresignRound2(PresignRunPtr run) : run_(std::move(run)) {}
  /// SPEC 5.2-5.3: finish the multiplications and check them; publish u_i.
  /// fails EchoMismatch, SumCheck, Infinity (R): quorum; Malformed, RvoleCheck, CommitmentMismatch,
  ///       Infinity (R_j), GammaCheck: dispute with j
  /// time  constant in everything secret; every instance is checked before anything is reported
  Result<Sent<PresignRound3, PresignMsg3>, Abort> next(const Inbox<PresignMsg2>& inbox) &&;

 private:
  PresignRunPtr run_;
};

/// Waits for the first round's messages.
class PresignRound1 {
 public:
  explicit PresignRound1(PresignRunPtr run) : run_(std::move(run)) {}
  /// SPEC 5.1: draw nonces, commit, begin the OT extensions as Bob.
  /// fails as check_plan
  static Result<Sent<PresignRound1, PresignMsg1>, Abort> start(PresignInputs inputs, Rng& rng);
  /// SPEC 5.2: check every received extension; only if all hold, answer as Alice.
  /// out   RVOLE part xi x 3 scalars per instance, big-endian
  /// fails OtCheck, Malformed: dispute with j; no message at all is sent then
  /// time  constant in r_i, sk_i, phi_i, chi_ij and the OT state
  Result<Sent<PresignRound2, PresignMsg2>, Abort> next(const Inbox<PresignMsg1>& inbox, Rng& rng) &&;

 private:
  PresignRunPtr run_;
};

}  // namespace quorate
