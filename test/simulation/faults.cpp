#include "test/simulation/world.h"

namespace quorate::simulation {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Two seconds of calm in which no request may fail, then three of everything, in turn. At most one signer is
/// out of action at a time, and everything is well again half a second before the next calm.
void World::storm() {
  calm_until_ = now_ + seconds(2);
  const Time begin = calm_until_, end = begin + milliseconds(2500);
  const bool lossy = rng_.below(2) == 0;
  at(begin, [this, lossy] { weather_ = lossy; });
  at(end, [this] { weather_ = false; });
  Time when = begin;
  for (;;) {
    const Time span = milliseconds(50 + rng_.below(500));
    if (when + span > end) break;
    const auto id = static_cast<PartyId>(1 + rng_.below(fleet_.size()));
    const std::size_t c = rng_.below(settings_.busy);
    switch (rng_.below(5)) {
      case 0: at(when, [this, id, span] { cut(id, span); }); break;
      case 1: at(when, [this, id] { restart(id); }); break;
      case 2: at(when, [this, id, span] { stop(id, span); }); break;
      default: at(when, [this, c] { kill(c); }); break;
    }
    when += span + milliseconds(rng_.below(200));
  }
  at(begin + seconds(3), [this] { storm(); });
}

void World::kill(std::size_t c) {
  Node& node = nodes_[c];
  if (!node.core) return;
  ++counts_.deaths;
  collect(*node.core);
  node.core.reset();
  for (auto& link : node.link) link += link % 2;
  for (const auto& [handle, number] : std::exchange(node.open, {})) lost_by(number, c);
  at(now_ + milliseconds(300), [this, c] { start(c); });
}

void World::cut(PartyId id, Time span) {
  ++counts_.links_cut;
  for (std::size_t c = 0; c < nodes_.size(); ++c) link_down(c, id);
  at(now_ + span, [this, id] {
    for (std::size_t c = 0; c < nodes_.size(); ++c) link_up(c, id);
  });
}

void World::restart(PartyId id) {
  ++counts_.restarts;
  for (std::size_t c = 0; c < nodes_.size(); ++c) link_down(c, id);
  fleet_.restart(id);
  at(now_ + milliseconds(rng_.below(20)), [this, id] { fleet_.meet(id); });
  at(now_ + milliseconds(rng_.below(40)), [this, id] {
    for (std::size_t c = 0; c < nodes_.size(); ++c) link_up(c, id);
  });
}

/// Links stay, answers do not come.
void World::stop(PartyId id, Time span) {
  ++counts_.stops;
  stopped_.insert(id);
  at(now_ + span, [this, id] { stopped_.erase(id); });
}

void World::collect(const Coordinator& core) {
  const auto& from = core.counters();
  auto& to = counts_.coordinators;
  to.attempts += from.attempts;
  to.retried += from.retried;
  to.hedged += from.hedged;
  to.hedges_won += from.hedges_won;
  to.hinted += from.hinted;
  to.late += from.late;
  to.duplicate += from.duplicate;
  to.suspicions += from.suspicions;
  to.leases_granted += from.leases_granted;
  to.leases_returned += from.leases_returned;
  to.leases_refused += from.leases_refused;
}

}  // namespace quorate::simulation
