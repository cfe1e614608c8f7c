#pragma once

#include <utility>

#include "protocol/base/abort.h"
#include "protocol/base/rng.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/base_ot.h"
#include "protocol/ot/pair_state.h"
#include "protocol/ot/setup_messages.h"

namespace quorate {

/// SPEC section 2: the set-up between two signers, run when their link comes up. Both send the same
/// three messages, each in both roles. Every fault blames the pair: neither side can prove to a third
/// who is at fault. Whoever gets a PprfCheck destroys the set-up and never retries on it; the session
/// layer tells the other side.
///
///   SetupRound1 --SetupMsg1--> SetupRound2 --SetupMsg2--> SetupRound3 --SetupMsg3--> ot::PairState
///
/// A step consumes its round, also when it fails: nothing secret is left in it.

/// The next round, and what to send to the peer for it.
template <class Next, class Msg>
struct SetupSent {
  Next next;
  Msg message;
};

/// What all rounds know.
struct SetupContext {
  const Curve* curve = nullptr;
  Binding binding;  ///< curve, key, epoch; sid is the open sid in round 1 and the set-up id from then on
  PartyId me = kNobody;
  PartyId peer = kNobody;
};

/// Waits for the base-OT sender's part (B, t, t~, s~).
class SetupRound3 {
 public:
  /// SPEC 2.1-2.2, as extension sender: the base-OT keys, then all leaves but Delta_i.
  /// fails  Malformed (counts), Infinity (a B_c), PprfCheck
  /// time   constant in Nabla and t_a
  Result<ot::PairState, Abort> next(const ot::SetupMsg3& theirs) &&;

 private:
  friend class SetupRound2;
  SetupRound3(SetupContext context, Secret<ot::Block> nabla, ot::BaseOtReceiver receiver,
              SecretBytes zero_seed, SecretVector<ot::Block> leaves);
  SetupContext context_;
  Secret<ot::Block> nabla_;
  ot::BaseOtReceiver receiver_;
  SecretBytes zero_seed_;
  SecretVector<ot::Block> leaves_;
};

/// Waits for the base-OT receiver's part (r_0, r_1).
class SetupRound2 {
 public:
  /// SPEC 2.1-2.2, as extension receiver: answers the base OTs and grows the trees.
  /// fails  Malformed (counts), Infinity (an r_c or A_c)
  Result<SetupSent<SetupRound3, ot::SetupMsg3>, Abort> next(const ot::SetupMsg2& theirs, Rng& rng) &&;

  /// The id that both sides computed; what follows is bound to it.
  [[nodiscard]] SetupId id() const;

 private:
  friend class SetupRound1;
  SetupRound2(SetupContext context, Secret<ot::Block> nabla, ot::BaseOtReceiver receiver,
              SecretBytes zero_seed);
  SetupContext context_;
  Secret<ot::Block> nabla_;
  ot::BaseOtReceiver receiver_;
  SecretBytes zero_seed_;
};

/// Waits for the peer's nonce and Diffie-Hellman share.
class SetupRound1 {
 public:
  /// SPEC 2.0. binding: curve, key and epoch; open_sid: chosen by whoever opened the session.
  /// fails  BadParameters: equal or out-of-range ids, a binding for another curve; nobody is blamed
  static Result<SetupSent<SetupRound1, ot::SetupMsg1>, Abort> start(const Curve& curve,
                                                                    const Binding& binding,
                                                                    const SessionId& open_sid, PartyId me,
                                                                    PartyId peer, Rng& rng);

  /// SPEC 2.0-2.1: the set-up id, the zero-share seed, a fresh Nabla, the base OTs as receiver.
  /// fails  Infinity (dh), Malformed (a point of another curve, or our own nonce sent back)
  Result<SetupSent<SetupRound2, ot::SetupMsg2>, Abort> next(const ot::SetupMsg1& theirs, Rng& rng) &&;

 private:
  SetupRound1(SetupContext context, SecretScalar x, ot::SetupMsg1 mine);
  SetupContext context_;
  SecretScalar x_;
  ot::SetupMsg1 mine_;
};

}  // namespace quorate
