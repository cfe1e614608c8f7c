#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "protocol/session/machine.h"
#include "test/sim/seeded_rng.h"

namespace quorate::sim {

/// N machines and a network between them that the test commands. The order of delivery and all choices
/// come from one seed, so that every run can be repeated bit for bit.
class Network {
 public:
  explicit Network(std::uint64_t seed) : choices_(seed, "network"), seed_(seed) {}

  /// What the tap does with one message. Several envelopes duplicate it; none drops it.
  using Tap = std::function<std::vector<wire::Envelope>(wire::Envelope)>;
  Tap tap;                      ///< default: passes everything on
  bool reorder = false;         ///< deliver in random order instead of first in, first out

  void add(PartyId id, std::shared_ptr<session::Machine> machine) {
    parties_.emplace(id, Party{std::move(machine), std::make_unique<SeededRng>(seed_, "party " + std::to_string(id)), {}});
  }

  /// Starts all machines and delivers until nothing is under way.
  void run() {
    for (auto& [id, party] : parties_) take(id, party.machine->start(*party.rng));
    while (!queue_.empty()) {
      const std::size_t at = reorder ? choices_.below(queue_.size()) : 0;
      wire::Envelope envelope = std::move(queue_[at]);
      queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(at));
      const auto party = parties_.find(envelope.to);
      if (party == parties_.end() || party->second.outcome.abort) continue;
      take(envelope.to, party->second.machine->on_message(envelope, *party->second.rng));
    }
  }

  struct Outcome {
    bool done = false;
    std::optional<Abort> abort;
  };
  [[nodiscard]] const Outcome& outcome(PartyId id) const { return parties_.at(id).outcome; }
  [[nodiscard]] session::Machine& machine(PartyId id) { return *parties_.at(id).machine; }
  /// Every message as it was sent, in order: for replays and comparisons.
  [[nodiscard]] const std::vector<wire::Envelope>& sent() const { return sent_; }
  /// Puts a message on the way from outside, such as one of another session.
  void inject(wire::Envelope envelope) { queue_.push_back(std::move(envelope)); }

 private:
  struct Party {
    std::shared_ptr<session::Machine> machine;
    std::unique_ptr<SeededRng> rng;
    Outcome outcome;
  };

  void take(PartyId id, session::Step step) {
    auto& outcome = parties_.at(id).outcome;
    for (auto& envelope : step.out) {
      sent_.push_back(envelope);
      if (!tap) {
        queue_.push_back(std::move(envelope));
        continue;
      }
      for (auto& passed : tap(std::move(envelope))) queue_.push_back(std::move(passed));
    }
    outcome.done |= step.done;
    if (step.abort) outcome.abort = std::move(step.abort);
  }

  SeededRng choices_;
  std::uint64_t seed_;
  std::map<PartyId, Party> parties_;
  std::deque<wire::Envelope> queue_;
  std::vector<wire::Envelope> sent_;
};

}  // namespace quorate::sim
