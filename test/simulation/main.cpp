// Signing requests by the hundred thousand through the real coordinator and the real pools, with everything
// going wrong that can: is any presignature answered for two contents, does any request get lost?
#include <CLI/CLI.hpp>

#include <chrono>
#include <iostream>

#include "test/simulation/world.h"

namespace {

using quorate::simulation::World;

void print(const World& world) {
  const auto& n = world.counts();
  const auto& all = n.coordinators;
  const auto& use = world.checker();
  std::cout << "requests " << n.submitted << ", signed " << n.signed_ << ", failed " << n.failed << " (" << n.failed_calm
            << " in calm)\n";
  for (const auto& [code, count] : n.failed_by_code) std::cout << "  failed " << code << " " << count << "\n";
  std::cout << "faults: messages lost " << n.lost << ", repeated " << n.repeated << "; links cut " << n.links_cut
            << ", signers restarted " << n.restarts << ", stopped " << n.stops << ", coordinators killed " << n.deaths
            << "\nfront ends: fail-overs " << n.fail_overs << ", impatient " << n.impatient << ", forged hints "
            << n.forged_hints << "\ncoordinators: attempts " << all.attempts << ", retried " << all.retried << ", hedged "
            << all.hedged << " (won " << all.hedges_won << "), hinted " << all.hinted << ", bad sums " << all.suspicions
            << ", late replies " << all.late << ", leases " << all.leases_granted << ", returned "
            << all.leases_returned << ", refused " << all.leases_refused << "\nsigners: partial signatures " << use.answers()
            << ", of these repeated " << use.repeated() << ", of presignatures " << use.presignatures()
            << "\npresignatures answered for two different contents: " << use.two_contents() << " (by one signer "
            << use.by_one_signer() << ")\nsignatures that do not verify " << n.bad_signatures << ", requests ended twice "
            << n.ended_twice << ", after the deadline " << n.too_late << ", never " << n.never_ended << "\n";
}

/// A forged hint may make two coordinators send one presignature at a time: then one signer answers for the one,
/// another for the other, and neither gets a signature of it (SPEC 7 has it that this gives nothing away). That
/// one signer answers for both must not happen whatever anybody does.
bool safe(const World& world, bool forged_hints) {
  const auto& n = world.counts();
  const auto& use = world.checker();
  return use.by_one_signer() == 0 && (forged_hints || use.two_contents() == 0) && n.bad_signatures == 0 && n.ended_twice == 0 && n.too_late == 0 &&
         n.never_ended == 0;
}

/// While all is well nothing fails; in a storm, in which one signer is out at a time, next to nothing.
bool live(const World& world) {
  const auto& n = world.counts();
  return n.signed_ + n.failed == n.submitted && n.failed_calm == 0 && n.failed * 2000 <= n.submitted;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates signing: front ends, coordinators and signers, a bad network, virtual time"};
  World::Settings settings;
  bool calm = false;
  app.add_option("--requests", settings.requests, "how many in all")->capture_default_str();
  app.add_option("--busy", settings.busy, "coordinators that requests go to")->capture_default_str();
  app.add_option("--idle", settings.idle, "further ones with a single request")->capture_default_str();
  app.add_option("--seed", settings.seed, "another course of events")->capture_default_str();
  app.add_flag("--forged-hints", settings.forged_hints, "front ends that make up what they were assigned");
  app.add_flag("--calm", calm, "no faults");
  app.add_flag("--planted-bug", settings.fleet.planted_bug,
               "signers get back what they have used: the checker has to see it");
  CLI11_PARSE(app, argc, argv);
  settings.storms = !calm;

  quorate::Curve::allow_toy();
  const auto begin = std::chrono::steady_clock::now();
  World world(settings);
  world.run();
  print(world);
  std::cout << std::chrono::duration_cast<std::chrono::seconds>(world.now()).count() - 1000 << " s simulated in "
            << std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin).count()
            << " s\n";
  if (settings.fleet.planted_bug) {
    const bool caught = world.checker().by_one_signer() > 0;
    std::cout << (caught ? "the planted bug was seen\n" : "the planted bug was NOT seen\n");
    return caught ? 0 : 1;
  }
  const bool good = safe(world, settings.forged_hints) && live(world);
  std::cout << (good ? "all is as it should be\n" : "FAILED\n");
  return good ? 0 : 1;
}
