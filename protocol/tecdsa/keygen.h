#pragma once

#include "protocol/group/shamir.h"
#include "protocol/tecdsa/keygen_evidence.h"
#include "protocol/tecdsa/round.h"

namespace quorate {

/// How a keygen ends without a key.
struct KeygenAbort {
  KeygenAbort(Abort why) : abort(std::move(why)) {}

  Abort abort;
  /// There for every fault of rounds 1 to 4 that is blamed on a party.
  std::optional<KeygenEvidence> evidence;
  /// After EchoMismatch: the broadcasts of that round as this member saw them, to exchange with the others
  /// and to search with find_equivocation().
  std::vector<KeygenStatement> seen;
};

/// What all rounds of one run carry: no secret but the shares in seen[2], which wipe themselves.
struct KeygenRun {
  KeygenRun() = default;
  KeygenRun(const KeygenRun&) = delete;
  KeygenRun& operator=(const KeygenRun&) = delete;
  KeygenRun(KeygenRun&&) noexcept = default;
  KeygenRun& operator=(KeygenRun&&) noexcept = default;
  ~KeygenRun() = default;

  KeygenTerms terms;
  PartyId me = kNobody;
  const KeyShare* old = nullptr;  ///< of a refresh, until its share is part of the new one
  SessionId sid;
  /// By round - 1 and sender: the messages accepted, with the own broadcasts.
  std::array<std::map<PartyId, KeygenStatement>, 4> seen;
};

class KeygenRound2;
class KeygenRound3;
class KeygenRound4;
class KeygenRound5;

/// SPEC section 1: trustless key generation by N members, any T of whom sign, and in the same rounds the refresh
/// of such a key's shares (SPEC 1.6). Each member runs start(), then
/// each round's next() with one message of every other member; a failed step leaves nothing to go on with.
/// The identity key is this member's own, the same in every step.
///
/// Common to all steps, before anything else: a message missing, of a stranger or of oneself is Unexpected,
/// a signature that is not the sender's under these very terms is BadSignature; neither blames anyone.
class KeygenRound1 {
 public:
  /// SPEC 1.1, 1.6: samples f_i and commits to it. In a refresh f_i(0) is 0.
  /// in    old: this member's share of the epoch in the terms, which outlives rounds 1 and 2; null for a new key
  /// out   KeygenMsg1 to all
  /// fails BadParameters: flawed terms, me not a member, or not with this identity key; old is missing, not
  ///       wanted, or not my share of that epoch
  /// time  constant in f_i and x_i
  static Result<Sent<KeygenRound1, KeygenMsg1>, KeygenAbort> start(KeygenTerms terms, PartyId me,
                                                                   const IdentityKey& identity, Rng& rng,
                                                                   const KeyShare* old = nullptr);

  /// SPEC 1.1, 1.2: fixes sid, opens the commitment and proves knowledge of every coefficient.
  /// in    KeygenMsg1 of all others
  /// out   KeygenMsg2 to all
  /// time  constant in f_i
  Result<Sent<KeygenRound2, KeygenMsg2>, KeygenAbort> next(const Inbox<KeygenMsg1>& inbox,
                                                           const IdentityKey& identity, Rng& rng) &&;
  [[nodiscard]] const KeygenRun& run() const { return run_; }

 private:
  KeygenRound1() = default;
  KeygenRun run_;
  std::optional<Polynomial> polynomial_;
  std::vector<Point> coefficients_;         ///< F_i0 .. F_i(T-1); from F_i1 on in a refresh
  std::array<std::uint8_t, 32> opening_{};  ///< rand_i
};

class KeygenRound2 {
 public:
  /// SPEC 1.2, 1.3: compares the echoes of round 1, then judges the openings, then deals the shares.
  /// in    KeygenMsg2 of all others
  /// out   KeygenMsg3, another one to each member
  /// fails EchoMismatch: nobody, and nothing else is judged. Malformed (a list is not of length T, or T-1 in a
  ///       refresh, a value does not decode), CommitmentMismatch, Infinity (an F_jk), BadProof: blame j, with evidence.
  ///       Infinity (X): nobody
  /// time  constant in f_i
  Result<Sent<KeygenRound3, KeygenMsg3>, KeygenAbort> next(const Inbox<KeygenMsg2>& inbox,
                                                           const IdentityKey& identity, Rng& rng) &&;
  [[nodiscard]] const KeygenRun& run() const { return run_; }

 private:
  friend class KeygenRound1;
  KeygenRound2(KeygenRun run, Polynomial polynomial)
      : run_(std::move(run)), polynomial_(std::move(polynomial)) {}
  KeygenRun run_;
  Polynomial polynomial_;
  std::map<PartyId, KeygenMsg1> commitments_;
  Digest echo_;
};

class KeygenRound3 {
 public:
  /// SPEC 1.3, 1.4: compares the echoes of round 2, then checks the shares and adds them up.
  /// in    KeygenMsg3 of all others
  /// out   KeygenMsg4 to all
  /// fails EchoMismatch: nobody, and nothing else is judged. Malformed (the share is not a scalar),
  ///       BadShare: blame j, with evidence that shows this share
  /// time  constant in all shares and x_i
  Result<Sent<KeygenRound4, KeygenMsg4>, KeygenAbort> next(const Inbox<KeygenMsg3>& inbox,
                                                           const IdentityKey& identity, Rng& rng) &&;
  [[nodiscard]] const KeygenRun& run() const { return run_; }

 private:
  friend class KeygenRound2;
  KeygenRound3(KeygenRun run, PublicKeyInfo info, SecretScalar own)
      : run_(std::move(run)), info_(std::move(info)), own_(std::move(own)) {}
  KeygenRun run_;
  PublicKeyInfo info_;
  SecretScalar own_;  ///< f_i(i); in a refresh with the old x_i
  std::map<PartyId, KeygenMsg2> openings_;
  Digest echo_;
};

class KeygenRound4 {
 public:
  /// SPEC 1.4, 1.5: checks every X_j, X and proof, then confirms the key.
  /// in    KeygenMsg4 of all others
  /// out   KeygenMsg5 to all
  /// fails Malformed, KeyMismatch (X_j or X), BadProof: blame j, with evidence
  Result<Sent<KeygenRound5, KeygenMsg5>, KeygenAbort> next(const Inbox<KeygenMsg4>& inbox,
                                                           const IdentityKey& identity, Rng& rng) &&;
  [[nodiscard]] const KeygenRun& run() const { return run_; }

 private:
  friend class KeygenRound3;
  KeygenRound4(KeygenRun run, KeyShare share) : run_(std::move(run)), share_(std::move(share)) {}
  KeygenRun run_;
  KeyShare share_;
};

class KeygenRound5 {
 public:
  /// SPEC 1.5: the key, once all N members have confirmed it.
  /// in    KeygenMsg5 of all others
  /// fails BadSignature: blame j, who is known from the authenticated link alone
  Result<KeyShare, KeygenAbort> next(const Inbox<KeygenMsg5>& inbox, const IdentityKey& identity,
                                     Rng& rng) &&;

  /// What has to be durable before this member's KeygenMsg5 leaves: the whole share, confirmed by itself
  /// only. Confirmations that are missing after a crash can be had from any member: confirmations_valid()
  /// judges.
  [[nodiscard]] const KeyShare& prepared() const { return share_; }
  [[nodiscard]] const KeygenRun& run() const { return run_; }

 private:
  friend class KeygenRound4;
  KeygenRound5(KeygenRun run, KeyShare share) : run_(std::move(run)), share_(std::move(share)) {}
  KeygenRun run_;
  KeyShare share_;
};

}  // namespace quorate
