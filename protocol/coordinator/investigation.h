#pragma once

#include <list>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "protocol/base/rng.h"
#include "protocol/coordinator/action.h"
#include "protocol/tecdsa/blame.h"
#include "protocol/wire/record.h"

namespace quorate::coordinator {

/// One question to one signer. It is answered exactly once, within the time given or with nothing.
struct Ask {
  PartyId to = kNobody;
  SessionId request;
  std::variant<wire::RecordRequest, wire::ConfirmRequest> message;
  Time within{};
};

/// What came to an Ask: the decoded reply, or why there is none (a refusal, a lost link, the time, a reply
/// that does not decode), for texts.
using Answer = std::variant<wire::RecordReply, wire::ConfirmReply, std::string>;

/// The outcome of one investigation.
struct Verdict {
  struct Proven {
    PartyId signer = kNobody;
    BlameEvidence evidence;      ///< has been verified
  };
  struct Suspected {
    PartyId signer = kNobody;
    std::string why;
    /// What came over its own link contradicts what it signed: it is at fault, but this cannot be shown to
    /// others. Otherwise it only looks so: it may be the victim of others.
    bool certain = false;
  };
  AttemptFailure failure{};
  KeyId key;
  EpochId epoch;
  Quorum quorum;
  PresignatureId presignature;
  std::vector<Proven> proven;
  std::vector<Suspected> suspected;
  std::string note;              ///< neither of them: why nothing could be found out
};

/// SPEC 6.4: finds out who spoilt an attempt, and has it confirmed. A pure machine: Suspicion in, questions
/// out, answers in, verdict out. It asks every member of the quorum once for its record and every offender
/// once for a repetition: at most 2T messages, in two waits. Few investigations at a time, one for a quorum, one
/// repetition of a signer; others are dropped and counted, since whoever cheats all the time will be met again. Nothing that a signer
/// says of another is believed without that one's signature, and no silence is held against anyone.
class Investigations {
 public:
  struct Limits {
    std::size_t at_once = 4;
    Time record_time = std::chrono::milliseconds(500);
    Time confirm_time = std::chrono::milliseconds(1000);
  };
  struct Counters {
    std::uint64_t opened = 0, dropped = 0, proven = 0, suspected = 0, inconclusive = 0, asked = 0;
  };

  /// pinned: identity keys of all signers, as far as they are known here; rng makes request ids and outlives this.
  Investigations(Identities pinned, Rng& rng) : Investigations(std::move(pinned), rng, Limits{}) {}
  Investigations(Identities pinned, Rng& rng, Limits limits);

  /// key: the one that the suspicion is about. Its verdict may be there at once.
  void open(const KeyInfo& key, Suspicion suspicion);
  /// The answer to an Ask. One to a question that is not open is ignored.
  void answer(PartyId from, const SessionId& request, Answer answer);

  std::vector<Ask> take_asks() { return std::exchange(asks_, {}); }
  std::vector<Verdict> take_verdicts() { return std::exchange(verdicts_, {}); }
  /// Of the key that an open question is about: what its reply is decoded with.
  [[nodiscard]] const Curve* curve_of(const SessionId& request) const;
  [[nodiscard]] std::size_t open_count() const { return cases_.size(); }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Case {
    KeyInfo key;
    Suspicion suspicion;
    PublicKeyInfo group;                             ///< members of the quorum with their pinned keys
    std::map<PartyId, SessionId> pending;            ///< questions not answered yet
    std::map<PartyId, PresignatureRecord> served;    ///< records that speak of this presignature
    std::set<PartyId> valid;                         ///< those whose record is valid
    std::map<PartyId, PartyId> offenders;            ///< and whose record convicts them
    bool confirming = false;
    Verdict verdict;
  };
  using Cases = std::list<Case>;

  void ask(Case& c, PartyId to, std::variant<wire::RecordRequest, wire::ConfirmRequest> message, Time within);
  void take_record(Case& c, PartyId from, const Answer& answer);
  [[nodiscard]] bool settled(const Case& c) const;
  void judge(Cases::iterator at);
  void compare_rows(Case& c);
  void judge_reply(Case& c, PartyId reference, const PartialReply& reply);
  void take_repetition(Case& c, PartyId from, const Answer& answer);
  void close(Cases::iterator at);
  [[nodiscard]] Scalar message_of(const Case& c) const;

  Identities pinned_;
  Rng& rng_;
  Limits limits_;
  Cases cases_;
  std::vector<Ask> asks_;
  std::vector<Verdict> verdicts_;
  Counters counters_;
};

}  // namespace quorate::coordinator
