// Oblivious transfer and multiplication, each by itself on secret inputs: SPEC sections 2 to 4.
#include <algorithm>

#include "protocol/group/lanes.h"
#include "protocol/mul/rvole.h"
#include "protocol/ot/base_ot.h"
#include "protocol/ot/pprf.h"
#include "protocol/ot/soft_spoken.h"
#include "test/ctime/cases.h"

namespace quorate::ctime {
namespace {

using ot::Block;

constexpr std::size_t kBatch = 2;

Binding binding_of(const Curve& curve) {
  Binding binding{.curve = curve.id()};
  binding.sid.bytes.fill(7);
  return binding.towards(1, 2);
}

std::uint64_t bit(const Block& bits, std::size_t j) { return bits[j / 8] >> (j % 8) & 1; }

template <class T, std::size_t N>
void poison_all(std::span<T, N> values) {
  ct::poison(values.data(), values.size_bytes());
}
template <class T, std::size_t N>
void publish_all(std::span<T, N> values) {
  ct::unpoison(values.data(), values.size_bytes());
}

template <const Curve& (*curve_of)(), Lanes lanes>
void base_ot() {
  use_lanes(lanes);
  const Curve& curve = curve_of();
  PoisonedRng rng("base ot");
  const auto binding = binding_of(curve);
  Secret<Block> choices;
  rng.fill(choices.reveal());
  Block open = published(choices.reveal());
  auto [r, receiver] = ot::BaseOtReceiver::choose(curve, binding, std::move(choices), rng);
  auto sent = ot::base_ot_send(curve, binding, r, rng);
  require(sent.has_value(), "base OT sender");
  auto keys = std::move(receiver).keys(sent->b);
  require(keys.has_value(), "base OT receiver");
  publish_all(sent->keys.reveal());
  publish_all(keys->reveal());
  for (std::size_t i = 0; i < ot::kLambdaC; ++i)
    require(keys->reveal()[i] == sent->keys.reveal()[i][bit(open, i)], "base OT key");
}

/// Base-OT keys of both sides for a nabla, all of it secret.
struct Seeds {
  SecretVector<std::array<Block, 2>> both{ot::kLambdaC};
  SecretVector<Block> chosen{ot::kLambdaC};
  Secret<Block> nabla;
};

template <std::size_t Depth>
Seeds seeds(Rng& rng) {
  Seeds out;
  rng.fill(out.nabla.reveal());
  publish_all(std::span(out.nabla.reveal()));
  const auto choices = ot::pprf_choices<Depth>(out.nabla);
  for (std::size_t i = 0; i < ot::kLambdaC; ++i) {
    for (auto& key : out.both.reveal()[i]) {
      rng.fill(key);
      publish_all(std::span(key));
    }
    out.chosen.reveal()[i] = out.both.reveal()[i][bit(choices.reveal(), i)];
  }
  poison_all(out.both.reveal());
  poison_all(out.chosen.reveal());
  poison_all(std::span(out.nabla.reveal()));
  return out;
}

struct Trees {
  ot::AllLeaves bob;
  ot::PuncturedLeaves alice;
};

template <std::size_t Depth>
std::pair<SecretVector<Block>, SecretVector<Block>> grow(const Binding& binding, const Seeds& in) {
  auto sent = ot::pprf_send<Depth>(binding, in.both);
  auto got = ot::pprf_receive<Depth>(binding, in.nabla, in.chosen, sent.message);
  require(got.has_value(), "PPRF");
  return {std::move(sent.leaves), std::move(*got)};
}

template <std::size_t Depth>
void pprf() {
  PoisonedRng rng("pprf");
  const auto in = seeds<Depth>(rng);
  auto [all, punctured] = grow<Depth>(binding_of(Curve::p256()), in);
  publish_all(all.reveal());
  publish_all(punctured.reveal());
  std::size_t holes = 0;
  for (std::size_t i = 0; i < all.size(); ++i) holes += all.reveal()[i] != punctured.reveal()[i];
  require(holes == ot::PprfShape<Depth>::kTrees, "PPRF leaves");
  // A check that fails is as silent as one that holds.
  auto broken = ot::pprf_send<Depth>(binding_of(Curve::p256()), in.both);
  broken.message.check_root[0][0] ^= 1;
  const auto refused =
      ot::pprf_receive<Depth>(binding_of(Curve::p256()), in.nabla, in.chosen, broken.message);
  require(!refused && refused.error().fault == Fault::PprfCheck, "PPRF check");
}

Trees trees(const Binding& binding) {
  PoisonedRng rng("trees");
  auto in = seeds<ot::kTreeDepth>(rng);
  auto [all, punctured] = grow<ot::kTreeDepth>(binding, in);
  Trees out;
  out.bob.leaves = std::move(all);
  out.alice.leaves = std::move(punctured);
  out.alice.nabla = std::move(in.nabla);
  return out;
}

struct Extended {
  ot::ReceiverOts bob;
  ot::SenderOts alice;
};

Extended extend(const Curve& curve, const Binding& binding) {
  PoisonedRng rng("extension");
  const auto held = trees(binding);
  const std::size_t xi = ot::ots_per_multiplication(curve);
  auto [message, bob] = ot::ReceiverOts::extend(held.bob, binding, kBatch, xi, rng);
  auto alice = ot::SenderOts::extend(held.alice, binding, kBatch, xi, message);
  require(alice.has_value(), "OT extension");
  message.t_tilde[5][0] ^= 1;
  const auto refused = ot::SenderOts::extend(held.alice, binding, kBatch, xi, message);
  require(!refused && refused.error().fault == Fault::OtCheck, "OT extension check");
  return {std::move(bob), std::move(*alice)};
}

void extension() {
  const auto& curve = Curve::p256();
  const auto ots = extend(curve, binding_of(curve));
  const std::size_t count = ots.bob.size(), width = mul::blocks_per_ot(curve);
  SecretVector<Block> got(count * width), zero(got.size()), one(got.size());
  ots.bob.hash(0, count, width, got.reveal());
  ots.alice.hash(0, count, width, zero.reveal(), one.reveal());
  publish_all(got.reveal());
  publish_all(zero.reveal());
  publish_all(one.reveal());
  for (std::size_t j = 0; j < count; ++j) {
    const auto choice = published(ots.bob.choice(j));
    require(got.reveal()[j * width] == (choice == 0 ? zero : one).reveal()[j * width], "OT output");
  }
}

template <const Curve& (*curve_of)(), Lanes lanes>
void rvole() {
  use_lanes(lanes);
  const Curve& curve = curve_of();
  PoisonedRng rng("rvole");
  const auto binding = binding_of(curve);
  const auto ots = extend(curve, binding);
  const auto product = binding.towards(2, 1);
  for (std::uint32_t b = 0; b < kBatch; ++b) {
    const auto a0 = SecretScalar::random(curve, rng), a1 = SecretScalar::random(curve, rng);
    auto sent = mul::rvole_send(curve, product.at(b), ots.alice, a0, a1, rng);
    const auto chi = mul::rvole_chi(curve, ots.bob, b);
    const auto D = mul::rvole_receive(curve, product.at(b), ots.bob, sent.message);
    require(D.has_value(), "RVOLE");
    require(declassify(sent.c[0] + (*D)[0]) == declassify(a0 * chi), "RVOLE product 0");
    require(declassify(sent.c[1] + (*D)[1]) == declassify(a1 * chi), "RVOLE product 1");
    sent.message.mu.bytes[0] ^= 1;
    const auto refused = mul::rvole_receive(curve, product.at(b), ots.bob, sent.message);
    require(!refused && refused.error().fault == Fault::RvoleCheck, "RVOLE check");
  }
}

}  // namespace

std::vector<Case> transfer_cases() {
  return {{"base-ot-p256", base_ot<Curve::p256, Lanes::None>},
          {"base-ot-p384", base_ot<Curve::p384, Lanes::None>},
          {"base-ot-lanes-p256", base_ot<Curve::p256, Lanes::Portable>},
          {"base-ot-lanes-p384", base_ot<Curve::p384, Lanes::Portable>},
          {"pprf", pprf<ot::kTreeDepth>},
          {"pprf-deep", pprf<8>},
          {"extension", extension},
          {"rvole-p256", rvole<Curve::p256, Lanes::None>},
          {"rvole-p384", rvole<Curve::p384, Lanes::None>},
          {"rvole-lanes-p256", rvole<Curve::p256, Lanes::Portable>},
          {"rvole-lanes-p384", rvole<Curve::p384, Lanes::Portable>}};
}

}  // namespace quorate::ctime
