#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/ot/extension_rows.h"
#include "protocol/ot/soft_spoken.h"
#include "test/sim/seeded_rng.h"

namespace quorate::ot {

inline constexpr PartyId kAlice = 3, kBob = 7;

/// The two sides of one direction of a pair set-up, dealt instead of agreed on.
struct DealtLeaves {
  AllLeaves bob;
  PuncturedLeaves alice;

  explicit DealtLeaves(Rng& rng, std::optional<Block> nabla = std::nullopt) {
    alice.nabla = Secret<Block>(nabla ? *nabla : rng.make<Block>());
    for (auto& leaf : bob.leaves.reveal()) leaf = rng.make<Block>();
    std::copy_n(bob.leaves.reveal().begin(), bob.leaves.size(), alice.leaves.reveal().begin());
    for (std::size_t i = 0; i < kTrees; ++i) alice.leaves.reveal()[i * kLeaves + hole(i)] = Block{};
  }
  [[nodiscard]] bool nabla_bit(std::size_t r) const {
    return (alice.nabla.reveal()[r / 8] >> (r % 8) & 1) != 0;
  }
  /// Delta_i
  [[nodiscard]] std::size_t hole(std::size_t i) const {
    std::size_t x = 0;
    for (std::size_t b = 0; b < kTreeDepth; ++b) x |= std::size_t{nabla_bit(kTreeDepth * i + b)} << b;
    return x;
  }
};

/// sid = 32 times `sid`, from Bob to Alice, as the extension is bound.
inline Binding extension_binding(const Curve& curve, std::uint8_t sid = 1) {
  Binding binding;
  binding.curve = curve.id();
  binding.sid.bytes.fill(sid);
  return binding.towards(kBob, kAlice);
}

/// Both sides after an honest extension.
struct Extended {
  ExtensionMessage message;
  ReceiverOts bob;
  SenderOts alice;
};
inline Extended extend(const DealtLeaves& leaves, const Binding& binding, std::size_t batch, std::size_t xi,
                       Rng& rng) {
  auto [message, bob] = ReceiverOts::extend(leaves.bob, binding, batch, xi, rng);
  auto alice = SenderOts::extend(leaves.alice, binding, batch, xi, message);
  return {std::move(message), std::move(bob), std::move(alice).value()};
}

}  // namespace quorate::ot
