#pragma once

#include <functional>
#include <memory>

#include "protocol/tecdsa/keygen.h"
#include "test/sim/seeded_rng.h"

namespace quorate::sim {

/// 1, 2, .. count
inline std::vector<PartyId> first(std::size_t count) {
  std::vector<PartyId> ids;
  for (std::size_t i = 1; i <= count; ++i) ids.push_back(static_cast<PartyId>(i));
  return ids;
}

/// All of that size, each ascending.
inline std::vector<Quorum> subsets(const std::vector<PartyId>& ids, std::size_t size) {
  std::vector<Quorum> out;
  for (std::uint32_t set = 0; set < 1u << ids.size(); ++set) {
    Quorum quorum;
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (set >> i & 1u) quorum.push_back(ids[i]);
    if (quorum.size() == size) out.push_back(quorum);
  }
  return out;
}

/// Runs keygen among members in one process, round by round, with reproducible randomness. Header only:
/// whoever includes it links tecdsa_dep and sim_dep.
class KeygenDriver {
 public:
  /// Sees, and may change, what member `to` is about to take in one round.
  template <class Msg>
  using Hook = std::function<void(PartyId to, Inbox<Msg>& inbox)>;
  struct Hooks {
    Hook<KeygenMsg1> round1;
    Hook<KeygenMsg2> round2;
    Hook<KeygenMsg3> round3;
    Hook<KeygenMsg4> round4;
    Hook<KeygenMsg5> round5;
  };
  /// How it ended for one member. When somebody aborts, those who could go on are left waiting: TimedOut.
  using Outcome = std::map<PartyId, Result<KeyShare, KeygenAbort>>;

  KeygenDriver(const Curve& curve, std::vector<PartyId> ids, std::size_t threshold, std::uint64_t seed,
               std::string name = "test key") {
    SeededRng setup(seed, "keygen set-up");
    terms = {setup.make_id<CeremonyId>(), &curve, threshold, std::move(name), setup.make_id<Digest>(), {}, {}};
    for (auto id : ids) {
      auto key = IdentityKey::generate(setup);
      terms.members.push_back({id, key.public_key()});
      identities.emplace(id, std::move(key));
      rngs.emplace(id, std::make_unique<SeededRng>(seed, "keygen party " + std::to_string(id)));
    }
  }

  /// From now on a refresh of what `last`, which outlives the runs, ended with at these members.
  void refresh(const Outcome& last, std::uint64_t seed) {
    SeededRng setup(seed, "refresh set-up");
    for (const auto& [id, result] : last) {
      old[id] = &result.value();
      rngs[id] = std::make_unique<SeededRng>(seed, "refresh party " + std::to_string(id));
    }
    terms = refresh_terms(last.begin()->second->info, setup.make_id<CeremonyId>(), terms.group);
  }

  /// Puts the cheating sender's own signature on a changed message of rounds 1 to 4.
  template <class Msg>
  void sign_as(PartyId from, PartyId to, std::uint8_t round, Msg& message) const {
    const KeygenStatement statement{round, from, keygen_receiver(round, to), encode_body(message), {}};
    message.signature = identities.at(from).sign(statement_digest(terms, statement));
  }

  Outcome run(const Hooks& hooks = {}) {
    Outcome outcome;
    std::map<PartyId, Sent<KeygenRound1, KeygenMsg1>> first;
    for (const auto& [id, identity] : identities)
      keep(first, outcome, id, KeygenRound1::start(terms, id, identity, *rngs.at(id), old.contains(id) ? old.at(id) : nullptr));
    auto second = step<KeygenRound2, KeygenMsg2>(first, hooks.round1, outcome);
    auto third = step<KeygenRound3, KeygenMsg3>(second, hooks.round2, outcome);
    auto fourth = step<KeygenRound4, KeygenMsg4>(third, hooks.round3, outcome);
    auto fifth = step<KeygenRound5, KeygenMsg5>(fourth, hooks.round4, outcome);
    if (fifth.size() == identities.size())
      for (auto& [id, sent] : fifth) {
        auto inbox = inbox_of(fifth, id, hooks.round5);
        outcome.emplace(id, std::move(sent.next).next(inbox, identities.at(id), *rngs.at(id)));
      }
    for (const auto& [id, identity] : identities)
      if (!outcome.contains(id))
        outcome.emplace(id, fail(KeygenAbort(Abort{Fault::TimedOut, Blame::nobody(), ""})));
    return outcome;
  }

  KeygenTerms terms;
  std::map<PartyId, IdentityKey> identities;
  std::map<PartyId, std::unique_ptr<SeededRng>> rngs;
  std::map<PartyId, const KeyShare*> old;  ///< in a refresh

 private:
  template <class Round, class Msg>
  static Inbox<Msg> inbox_of(const std::map<PartyId, Sent<Round, Msg>>& all, PartyId to,
                             const Hook<Msg>& hook) {
    Inbox<Msg> inbox;
    for (const auto& [from, sent] : all)
      if (from != to) inbox.emplace(from, sent.messages.at(to));
    if (hook) hook(to, inbox);
    return inbox;
  }

  template <class Value>
  static void keep(std::map<PartyId, Value>& next, Outcome& outcome, PartyId id,
                   Result<Value, KeygenAbort> result) {
    if (result)
      next.emplace(id, std::move(result).value());
    else
      outcome.emplace(id, fail(std::move(result).error()));
  }

  template <class Next, class NextMsg, class Round, class Msg>
  std::map<PartyId, Sent<Next, NextMsg>> step(std::map<PartyId, Sent<Round, Msg>>& now, const Hook<Msg>& hook,
                                              Outcome& outcome) {
    std::map<PartyId, Sent<Next, NextMsg>> next;
    if (now.size() != identities.size()) return next;
    for (auto& [id, sent] : now) {
      const auto inbox = inbox_of(now, id, hook);
      keep(next, outcome, id, std::move(sent.next).next(inbox, identities.at(id), *rngs.at(id)));
    }
    return next;
  }
};

/// A finished key of members 1..N: what presigning and signing tests start from. The seed must not lead to
/// X = 0, which happens on the toy curve only; there the next seed that works is taken.
inline std::map<PartyId, KeyShare> make_key(const Curve& curve, std::size_t count, std::size_t threshold,
                                            std::uint64_t seed) {
  for (;; ++seed) {
    std::vector<PartyId> ids;
    for (std::size_t i = 1; i <= count; ++i) ids.push_back(static_cast<PartyId>(i));
    auto outcome = KeygenDriver(curve, ids, threshold, seed).run();
    std::map<PartyId, KeyShare> shares;
    for (auto& [id, result] : outcome)
      if (result) shares.emplace(id, std::move(result).value());
    if (shares.size() == count) return shares;
    if (!curve.is_toy()) std::abort();
  }
}

}  // namespace quorate::sim
