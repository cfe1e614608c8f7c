// Key generation when a network delivers the last rounds in the wrong order.
#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/session/keygen_machine.h"
#include "protocol/wire/keygen_codec.h"
#include "test/sim/network.h"

namespace quorate {
namespace {

using session::KeygenMachine;
using session::Step;
using wire::MessageType;

/// Passes everything on to a KeygenMachine and looks at what each step asks for.
class Watched final : public session::Machine {
 public:
  Watched(KeygenTerms terms, PartyId me, const IdentityKey& identity)
      : machine(std::move(terms), me, identity) {}
  Step start(Rng& rng) override { return look(machine.start(rng)); }
  Step on_message(wire::Envelope envelope, Rng& rng) override {
    return look(machine.on_message(envelope, rng));
  }
  [[nodiscard]] const session::DropCounters& dropped() const override { return machine.dropped(); }
  [[nodiscard]] std::vector<PartyId> missing() const override { return machine.missing(); }

  KeygenMachine machine;
  int confirmed = 0;                ///< steps that send this member's confirmation
  int confirmed_unsaved = 0;        ///< of these: no persist, or nothing to make durable
  bool confirmed_and_done = false;  ///< in one step

 private:
  Step look(Step step) {
    const bool confirms = std::any_of(step.out.begin(), step.out.end(),
                                      [](const auto& e) { return e.type == MessageType::KeygenRound5; });
    if (!confirms || step.abort) return step;
    ++confirmed;
    if (!step.persist || machine.prepared() == nullptr || machine.prepared()->info.confirmations.empty())
      ++confirmed_unsaved;
    confirmed_and_done = confirmed_and_done || step.done;
    return step;
  }
};

class KeygenOrder : public testing::Test {
 protected:
  KeygenOrder() : rng(3, "order") {
    terms.ceremony = rng.make_id<CeremonyId>();
    terms.curve = &Curve::p256();
    terms.threshold = 2;
    terms.name = "key";
    for (PartyId id = 1; id <= 3; ++id) {
      identities.emplace(id, IdentityKey::generate(rng));
      terms.members.push_back({id, identities.at(id).public_key()});
    }
    for (const auto& [id, identity] : identities) {
      machines.emplace(id, std::make_shared<Watched>(terms, id, identity));
      network.add(id, machines.at(id));
    }
  }
  sim::SeededRng rng;
  KeygenTerms terms;
  std::map<PartyId, IdentityKey> identities;
  std::map<PartyId, std::shared_ptr<Watched>> machines;
  sim::Network network{4};
};

TEST_F(KeygenOrder, confirmations_that_come_before_the_last_fourth_message_do_not_go_past_the_save) {
  std::optional<wire::Envelope> held;
  int confirmations = 0;
  network.tap = [&](wire::Envelope e) {
    if (e.type == MessageType::KeygenRound4 && e.from == 2 && e.to == 1) {
      held = e;
      return std::vector<wire::Envelope>{};
    }
    if (e.type == MessageType::KeygenRound5 && e.to == 1 && ++confirmations == 2)
      return std::vector{e, *held};
    return std::vector{e};
  };
  network.run();
  EXPECT_TRUE(machines.at(1)->confirmed_and_done) << "the order that this is about";
  for (const auto& [id, machine] : machines) {
    EXPECT_TRUE(network.outcome(id).done) << int(id);
    EXPECT_EQ(machine->confirmed, 1);
    EXPECT_EQ(machine->confirmed_unsaved, 0) << int(id);
  }
}

TEST_F(KeygenOrder, in_any_order_every_confirmation_waits_for_the_save) {
  network.reorder = true;
  network.run();
  for (const auto& [id, machine] : machines) {
    EXPECT_TRUE(network.outcome(id).done) << int(id);
    EXPECT_EQ(machine->confirmed_unsaved, 0) << int(id);
  }
}

TEST_F(KeygenOrder, a_false_early_confirmation_ends_without_a_confirmation_of_ones_own) {
  std::optional<wire::Envelope> held;
  int confirmations = 0;
  network.tap = [&](wire::Envelope e) {
    if (e.type == MessageType::KeygenRound4 && e.from == 2 && e.to == 1) {
      held = e;
      return std::vector<wire::Envelope>{};
    }
    if (e.type == MessageType::KeygenRound5 && e.to == 1) {
      if (e.from == 3) e.payload.back() ^= 1;
      if (++confirmations == 2) return std::vector{e, *held};
    }
    return std::vector{e};
  };
  network.run();
  ASSERT_TRUE(network.outcome(1).abort);
  EXPECT_EQ(network.outcome(1).abort->fault, Fault::BadSignature);
  EXPECT_EQ(network.outcome(1).abort->blame, Blame::on(3));
  EXPECT_FALSE(network.outcome(1).done);
}

}  // namespace
}  // namespace quorate
