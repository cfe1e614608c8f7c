#pragma once

#include <functional>
#include <optional>
#include <queue>
#include <set>
#include <unordered_map>

#include "protocol/coordinator/coordinator.h"
#include "test/simulation/checker.h"
#include "test/simulation/fleet.h"

namespace quorate::simulation {

using coordinator::Assignment;
using coordinator::Coordinator;
using coordinator::RequestHandle;

/// Front ends, coordinators and signers with a network between them that loses, repeats, delays and reorders,
/// links that go down, signers that restart or stop, coordinators that die: all from one seed, in virtual time.
class World {
 public:
  struct Settings {
    std::uint64_t requests = 100'000;
    std::size_t busy = 4, idle = 0;   ///< coordinators; an idle one gets a single request at the start
    bool storms = true;
    bool forged_hints = false;        ///< front ends lie about what they were assigned, one time in a hundred
    std::uint64_t seed = 1;
    Fleet::Settings fleet{};
  };
  struct Counts {
    std::uint64_t submitted = 0, signed_ = 0, failed = 0, failed_calm = 0;
    std::uint64_t fail_overs = 0, impatient = 0, forged_hints = 0;
    std::uint64_t lost = 0, repeated = 0, links_cut = 0, restarts = 0, stops = 0, deaths = 0;
    std::map<std::string, std::uint64_t> failed_by_code;
    std::uint64_t bad_signatures = 0, ended_twice = 0, never_ended = 0, too_late = 0;
    coordinator::Counters coordinators;   ///< of all, dead ones included
  };

  explicit World(Settings settings);
  void run();
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] const SingleUse& checker() const { return checker_; }
  [[nodiscard]] Time now() const { return now_; }

 private:
  struct Node {
    std::string name;
    std::unique_ptr<sim::SeededRng> rng;
    std::unique_ptr<Coordinator> core;             ///< nothing: dead
    std::uint64_t life = 0;                        ///< counts its processes
    std::vector<std::uint64_t> link;               ///< by signer; odd: up
    std::unordered_map<RequestHandle, std::uint64_t> open;  ///< request number by handle
  };
  /// One request of a front end, which may be with several coordinators.
  struct Request {
    Time deadline{};
    bool calm = false, done = false;
    std::size_t open = 0;
    std::optional<Assignment> hint;
  };

  // world.cpp
  void at(Time when, std::function<void()> what);
  void step();
  void start(std::size_t c);
  void link_up(std::size_t c, PartyId id);
  void link_down(std::size_t c, PartyId id);
  void drain(std::size_t c);
  void transmit(std::size_t c, const coordinator::Send& send);
  void deliver(std::size_t c, PartyId from, const wire::Envelope& reply);
  std::vector<Time> copies();

  // front_ends.cpp
  void new_request();
  void submit(std::uint64_t number, std::size_t c);
  void elsewhere(std::uint64_t number, std::size_t but);
  void finished(std::size_t c, const coordinator::Finish& finish);
  void lost_by(std::uint64_t number, std::size_t c);
  std::size_t some_coordinator(std::size_t but);
  static Bytes content_of(std::uint64_t number);

  // faults.cpp
  void storm();
  void kill(std::size_t c);
  void cut(PartyId id, Time span);
  void restart(PartyId id);
  void stop(PartyId id, Time span);
  void collect(const Coordinator& core);

  Settings settings_;
  sim::SeededRng rng_;
  Fleet fleet_;
  coordinator::KeyInfo key_;
  std::vector<Node> nodes_;
  std::set<PartyId> stopped_;
  Time now_ = std::chrono::seconds(1000);
  Time calm_until_ = coordinator::kNever;
  bool weather_ = false;                             ///< messages get lost just now
  struct Event {
    Time when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::pair(when, number) > std::pair(other.when, other.number);
    }
  };
  std::priority_queue<Event> agenda_;
  std::uint64_t sequence_ = 0;
  std::unordered_map<std::uint64_t, Request> requests_;
  Assignment latest_;                                ///< that anybody was told, for forged hints
  Counts counts_;
  SingleUse checker_;
};

}  // namespace quorate::simulation
