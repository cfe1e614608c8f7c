#include "protocol/mul/rvole.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/mul/gadget.h"
#include "test/unit/ot_fixture.h"

namespace quorate::mul {
namespace {

using ot::Block, ot::kAlice, ot::kBob;

constexpr std::size_t kBatch = 4;

Scalar reveal(const SecretScalar& s) { return declassify(s); }

// g_j as a scalar.
Scalar gadget_at(const Curve& curve, std::size_t j) {
  Limbs limbs{};
  std::copy_n(tables(curve).gadget.begin() + static_cast<std::ptrdiff_t>(j * curve.order().limbs),
              curve.order().limbs, limbs.begin());
  return Scalar::from_montgomery(curve, limbs);
}

// One element of a~, replaced in its encoding.
void put(const Curve& curve, RvoleMessage& message, std::size_t j, std::size_t column, const Scalar& value) {
  value.encode(
      MutableByteView(message.a_tilde).subspan((3 * j + column) * curve.scalar_size(), curve.scalar_size()));
}
Scalar get(const Curve& curve, const RvoleMessage& message, std::size_t j, std::size_t column) {
  return *Scalar::decode(
      curve, ByteView(message.a_tilde).subspan((3 * j + column) * curve.scalar_size(), curve.scalar_size()));
}

// Two signers with a batch of OTs, Alice being the sender of the multiplication.
struct Pair {
  const Curve& curve;
  sim::SeededRng rng;
  std::size_t xi = ot::ots_per_multiplication(curve);
  ot::DealtLeaves leaves{rng};
  ot::Extended ots{ot::extend(leaves, ot::extension_binding(curve), kBatch, xi, rng)};

  explicit Pair(const Curve& c, std::uint64_t seed = 21) : curve(c), rng(seed) {}

  [[nodiscard]] Binding at(std::uint32_t instance) const {
    return ot::extension_binding(curve).towards(kAlice, kBob).at(instance);
  }
  RvoleSent send(std::uint32_t instance, const SecretScalar& a0, const SecretScalar& a1) {
    return rvole_send(curve, at(instance), ots.alice, a0, a1, rng);
  }
  auto receive(std::uint32_t instance, const RvoleMessage& message) const {
    return rvole_receive(curve, at(instance), ots.bob, message);
  }
  [[nodiscard]] bool beta(std::uint32_t instance, std::size_t j) const {
    return ots.bob.choice(instance * xi + j) == 1;
  }
  // First j of this instance with that choice bit.
  [[nodiscard]] std::size_t find(std::uint32_t instance, bool bit) const {
    std::size_t j = 0;
    while (beta(instance, j) != bit) ++j;
    return j;
  }
  // c_i + D_i - a_i chi
  Scalar excess(std::uint32_t instance, const RvoleSent& sent, const std::array<SecretScalar, 2>& d,
                const SecretScalar& a, std::size_t i) const {
    return reveal(sent.c[i] + d[i] - a * rvole_chi(curve, ots.bob, instance));
  }
  void expect_product(std::uint32_t instance, const SecretScalar& a0, const SecretScalar& a1) {
    const RvoleSent sent = send(instance, a0, a1);
    const auto d = receive(instance, sent.message);
    ASSERT_TRUE(d) << d.error().what();
    EXPECT_TRUE(excess(instance, sent, *d, a0, 0).is_zero());
    EXPECT_TRUE(excess(instance, sent, *d, a1, 1).is_zero());
  }
  void expect_dispute(std::uint32_t instance, const RvoleMessage& message, Fault fault) const {
    const auto result = receive(instance, message);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().fault, fault) << result.error().what();
    EXPECT_EQ(result.error().blame, Blame::pair(kBob, kAlice));
  }
};

std::string curve_name(const testing::TestParamInfo<const Curve*>& info) {
  return info.param->is_toy() ? "toy" : info.param->id() == CurveId::P256 ? "P256" : "P384";
}

struct AnyCurve : testing::TestWithParam<const Curve*> {
  const Curve& curve = *GetParam();
  Pair pair{curve};
};
INSTANTIATE_TEST_SUITE_P(Curves, AnyCurve, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         curve_name);

// Mutations need a curve on which nothing passes by accident.
struct RealCurve : AnyCurve {};
INSTANTIATE_TEST_SUITE_P(Curves, RealCurve, testing::Values(&Curve::p256(), &Curve::p384()), curve_name);

TEST_P(AnyCurve, shares_add_up_to_the_products_for_random_inputs) {
  for (int round = 0; round < 10; ++round)
    for (std::uint32_t b = 0; b < kBatch; ++b)
      pair.expect_product(b, SecretScalar::random(curve, pair.rng), SecretScalar::random(curve, pair.rng));
}

TEST_P(AnyCurve, shares_add_up_to_the_products_for_extreme_inputs) {
  const SecretScalar zero(curve), one(curve, 1), top = one.negate();
  for (const SecretScalar* a0 : {&zero, &one, &top})
    for (const SecretScalar* a1 : {&zero, &one, &top}) pair.expect_product(kBatch - 1, *a0, *a1);
}

TEST_P(AnyCurve, many_set_ups) {
  for (std::uint64_t seed = 100; seed < 110; ++seed) {
    Pair other(curve, seed);
    other.expect_product(1, SecretScalar::random(curve, other.rng), SecretScalar::random(curve, other.rng));
  }
}

TEST_P(AnyCurve, chi_is_the_gadget_weighed_by_the_choice_bits) {
  for (std::uint32_t b = 0; b < kBatch; ++b) {
    Scalar sum(curve);
    for (std::size_t j = 0; j < pair.xi; ++j)
      if (pair.beta(b, j)) sum = sum + gadget_at(curve, j);
    EXPECT_EQ(reveal(rvole_chi(curve, pair.ots.bob, b)), sum);
  }
}

TEST_P(AnyCurve, message_has_the_specified_sizes) {
  const auto sent = pair.send(0, SecretScalar(curve, 3), SecretScalar(curve, 4));
  EXPECT_EQ(sent.message.a_tilde.size(), pair.xi * 3 * curve.scalar_size());
  EXPECT_EQ(blocks_per_ot(curve), curve.is_toy() ? 4u : curve.id() == CurveId::P256 ? 9u : 12u);
}

TEST_P(RealCurve, gadget_is_the_labelled_hash_and_has_no_repetition) {
  std::set<std::string> seen;
  for (std::size_t j = 0; j < pair.xi; ++j) {
    Binding binding;
    binding.curve = curve.id();
    binding.instance = static_cast<std::uint32_t>(j);
    EXPECT_EQ(gadget_at(curve, j), Transcript(Label::Gadget, binding).scalar(curve));
    seen.insert(to_hex(gadget_at(curve, j).encode()));
  }
  EXPECT_EQ(seen.size(), pair.xi);
}

// SPEC 4 written out with single scalars, for Alice: what rvole_send must put out, and a place to cheat
// from. A cheat adds `error` to a~_j[column] before theta is drawn and answers consistently; with
// `bet_on_one` she also moves mu_j to where it stands if beta_j is 1.
struct Cheat {
  std::size_t j, column;
  Scalar error;
  bool bet_on_one;
};
RvoleMessage reference_send(const Curve& curve, const Binding& binding, const ot::SenderOts& ots,
                            const Scalar& a0, const Scalar& a1, Rng& rng,
                            const std::optional<Cheat>& cheat = std::nullopt) {
  const std::size_t xi = ot::ots_per_multiplication(curve), width = blocks_per_ot(curve),
                    wide = curve.wide_size();
  std::vector<Block> out0(xi * width), out1(xi * width);
  ots.hash(binding.instance * xi, xi, width, out0, out1);
  const auto alpha = [&](const std::vector<Block>& out, std::size_t j, std::size_t i) {
    return Scalar::reduce(curve, ot::raw_bytes(out).subspan(16 * width * j + wide * i, wide));
  };
  const Scalar eta_hat = declassify(SecretScalar::random(curve, rng));
  const Scalar input[3] = {a0, a1, eta_hat};

  RvoleMessage message;
  message.a_tilde.resize(xi * 3 * curve.scalar_size());
  for (std::size_t j = 0; j < xi; ++j)
    for (std::size_t i = 0; i < 3; ++i)
      put(curve, message, j, i, alpha(out0, j, i) - alpha(out1, j, i) + input[i]);
  if (cheat)
    put(curve, message, cheat->j, cheat->column, get(curve, message, cheat->j, cheat->column) + cheat->error);

  Transcript hash(Label::RvoleTheta, binding);
  hash.add(ByteView(message.a_tilde));
  const Bytes raw = std::move(hash).expand(2 * wide);
  const Scalar theta[3] = {Scalar::reduce(curve, ByteView(raw).first(wide)),
                           Scalar::reduce(curve, ByteView(raw).last(wide)), Scalar(curve, 1)};
  message.eta = eta_hat + theta[0] * a0 + theta[1] * a1;
  Bytes mus;
  for (std::size_t j = 0; j < xi; ++j) {
    Scalar mu = alpha(out0, j, 2) + theta[0] * alpha(out0, j, 0) + theta[1] * alpha(out0, j, 1);
    if (cheat && cheat->bet_on_one && j == cheat->j) mu = mu + theta[cheat->column] * cheat->error;
    append(mus, mu.encode());
  }
  Transcript mu_hash(Label::RvoleMu, binding);
  mu_hash.add(ByteView(mus));
  message.mu = std::move(mu_hash).digest();
  return message;
}

TEST_P(AnyCurve, message_is_the_one_of_the_written_out_equations) {
  for (std::uint32_t b = 0; b < kBatch; ++b) {
    const auto a0 = SecretScalar::random(curve, pair.rng), a1 = SecretScalar::random(curve, pair.rng);
    sim::SeededRng one(b), two(b);
    const auto sent = rvole_send(curve, pair.at(b), pair.ots.alice, a0, a1, one);
    const auto expected = reference_send(curve, pair.at(b), pair.ots.alice, reveal(a0), reveal(a1), two);
    EXPECT_EQ(sent.message.a_tilde, expected.a_tilde);
    EXPECT_EQ(sent.message.eta, expected.eta);
    EXPECT_EQ(sent.message.mu, expected.mu);
  }
}

// More instances than are hashed side by side. Whatever is done to some messages, each ends as if it were alone.
TEST_P(AnyCurve, a_batch_at_once_is_the_same_as_one_instance_after_the_other) {
  constexpr std::uint32_t kMany = 20;
  const auto ots = ot::extend(pair.leaves, ot::extension_binding(curve), kMany, pair.xi, pair.rng);
  std::vector<SecretScalar> a;
  for (std::size_t i = 0; i < 2 * kMany; ++i) a.push_back(SecretScalar::random(curve, pair.rng));
  std::vector<std::array<const SecretScalar*, 2>> inputs;
  for (std::size_t b = 0; b < kMany; ++b) inputs.push_back({&a[2 * b], &a[2 * b + 1]});
  sim::SeededRng one(5), two(5);
  const auto sent = rvole_send_each(curve, pair.at(0), ots.alice, inputs, one);
  ASSERT_EQ(sent.size(), kMany);
  for (std::uint32_t b = 0; b < kMany; ++b) {
    const auto alone = rvole_send(curve, pair.at(b), ots.alice, *inputs[b][0], *inputs[b][1], two);
    EXPECT_EQ(sent[b].message.a_tilde, alone.message.a_tilde);
    EXPECT_EQ(sent[b].message.eta, alone.message.eta);
    EXPECT_EQ(sent[b].message.mu, alone.message.mu);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(reveal(sent[b].c[i]), reveal(alone.c[i]));
  }

  for (const std::uint32_t spoilt : {0U, 7U, 15U, 16U, kMany}) {
    for (const bool in_form : {false, true}) {
      std::vector<RvoleMessage> messages;
      for (const auto& each : sent) messages.push_back(each.message);
      if (spoilt < kMany && in_form) messages[spoilt].a_tilde.pop_back();
      if (spoilt < kMany && !in_form) messages[spoilt].mu.bytes[3] ^= 1;
      std::vector<const RvoleMessage*> received;
      for (const auto& each : messages) received.push_back(&each);
      const auto all = rvole_receive_each(curve, pair.at(0), ots.bob, received);
      ASSERT_EQ(all.size(), kMany);
      for (std::uint32_t b = 0; b < kMany; ++b) {
        ASSERT_EQ(all[b].has_value(), b != spoilt) << b;
        if (!all[b]) {
          EXPECT_EQ(all[b].error().fault, in_form ? Fault::Malformed : Fault::RvoleCheck);
          continue;
        }
        const SecretScalar chi = rvole_chi(curve, ots.bob, b);
        for (std::size_t i = 0; i < 2; ++i)
          EXPECT_TRUE(reveal(sent[b].c[i] + (*all[b])[i] - a[2 * b + i] * chi).is_zero());
      }
    }
  }
}

// A selective failure: a false a~_j with everything else consistent is a bet on beta_j. It passes if
// and only if the bet is right. Lost: an abort that costs the set-up. Won on 0: Bob's result is not
// even touched. Won on 1: D is off by g_j times the error, for the Gamma check to find (a false
// column 2 has no output to falsify).
TEST_P(RealCurve, a_false_a_tilde_passes_exactly_on_a_right_bet_on_its_choice_bit) {
  const auto a0 = SecretScalar::random(curve, pair.rng), a1 = SecretScalar::random(curve, pair.rng);
  const Scalar error = declassify(SecretScalar::random_nonzero(curve, pair.rng));
  const std::uint32_t b = 2;
  for (const bool beta : {false, true})
    for (const bool bet : {false, true})
      for (std::size_t column = 0; column < 3; ++column) {
        const std::size_t j = pair.find(b, beta);
        sim::SeededRng honest(9), same(9);
        const auto sent = rvole_send(curve, pair.at(b), pair.ots.alice, a0, a1, honest);
        const auto message = reference_send(curve, pair.at(b), pair.ots.alice, reveal(a0), reveal(a1), same,
                                            Cheat{j, column, error, bet});
        if (beta != bet) {
          pair.expect_dispute(b, message, Fault::RvoleCheck);
          continue;
        }
        const auto d = pair.receive(b, message);
        ASSERT_TRUE(d) << beta << column << d.error().what();
        for (std::size_t i = 0; i < 2; ++i) {
          const Scalar off = beta && i == column ? gadget_at(curve, j) * error : Scalar(curve);
          EXPECT_EQ(pair.excess(b, sent, *d, i == 0 ? a0 : a1, i), off);
        }
      }
}

// Changed on the wire, without Alice's help, theta moves too: found whatever beta_j is.
TEST_P(RealCurve, rejects_a_changed_a_tilde_in_every_column) {
  const auto sent =
      pair.send(1, SecretScalar::random(curve, pair.rng), SecretScalar::random(curve, pair.rng));
  for (const std::size_t j : {std::size_t{0}, pair.find(1, false), pair.find(1, true), pair.xi - 1})
    for (std::size_t column = 0; column < 3; ++column) {
      RvoleMessage changed = sent.message;
      put(curve, changed, j, column, get(curve, changed, j, column) + Scalar(curve, 1));
      pair.expect_dispute(1, changed, Fault::RvoleCheck);
    }
  RvoleMessage swapped = sent.message;
  put(curve, swapped, 0, 0, get(curve, sent.message, 1, 0));
  put(curve, swapped, 1, 0, get(curve, sent.message, 0, 0));
  pair.expect_dispute(1, swapped, Fault::RvoleCheck);
}

TEST_P(RealCurve, rejects_a_changed_eta) {
  const auto sent =
      pair.send(1, SecretScalar::random(curve, pair.rng), SecretScalar::random(curve, pair.rng));
  for (const Scalar& eta : {sent.message.eta + Scalar(curve, 1), Scalar(curve), sent.message.eta.negate()}) {
    RvoleMessage changed = sent.message;
    changed.eta = eta;
    pair.expect_dispute(1, changed, Fault::RvoleCheck);
  }
}

TEST_P(RealCurve, rejects_a_changed_mu) {
  const auto sent =
      pair.send(1, SecretScalar::random(curve, pair.rng), SecretScalar::random(curve, pair.rng));
  for (std::size_t i = 0; i < 32; ++i) {
    RvoleMessage changed = sent.message;
    changed.mu.bytes[i] ^= static_cast<std::uint8_t>(1 << (i % 8));
    pair.expect_dispute(1, changed, Fault::RvoleCheck);
  }
}

// Different inputs for different j: sum up to no single a, and are found by eta.
TEST_P(RealCurve, rejects_inputs_that_differ_between_rows) {
  const auto a0 = SecretScalar::random(curve, pair.rng), a1 = SecretScalar::random(curve, pair.rng);
  sim::SeededRng one(1), two(1);
  RvoleMessage mixed = rvole_send(curve, pair.at(0), pair.ots.alice, a0, a1, one).message;
  const RvoleMessage other =
      rvole_send(curve, pair.at(0), pair.ots.alice, SecretScalar(curve, 5), a1, two).message;
  const std::size_t half = mixed.a_tilde.size() / 2;
  std::copy(other.a_tilde.begin() + static_cast<std::ptrdiff_t>(half), other.a_tilde.end(),
            mixed.a_tilde.begin() + static_cast<std::ptrdiff_t>(half));
  pair.expect_dispute(0, mixed, Fault::RvoleCheck);
}

TEST_P(RealCurve, rejects_a_value_of_n_or_more_as_malformed) {
  const auto sent =
      pair.send(0, SecretScalar::random(curve, pair.rng), SecretScalar::random(curve, pair.rng));
  Bytes n(curve.scalar_size());
  residue::to_big_endian(n, curve.order().n);
  for (const std::size_t element : {std::size_t{0}, std::size_t{1}, 3 * pair.xi / 2, 3 * pair.xi - 1}) {
    RvoleMessage changed = sent.message;
    const auto at = changed.a_tilde.begin() + static_cast<std::ptrdiff_t>(element * n.size());
    std::copy(n.begin(), n.end(), at);
    pair.expect_dispute(0, changed, Fault::Malformed);
    std::fill_n(at, n.size(), std::uint8_t{0xff});
    pair.expect_dispute(0, changed, Fault::Malformed);
    // n - 1 is a scalar, though a wrong one.
    std::copy(n.begin(), n.end(), at);
    at[static_cast<std::ptrdiff_t>(n.size()) - 1] -= 1;
    pair.expect_dispute(0, changed, Fault::RvoleCheck);
  }
}

TEST_P(AnyCurve, rejects_wrong_lengths_and_foreign_scalars_as_malformed) {
  const auto sent = pair.send(0, SecretScalar(curve, 3), SecretScalar(curve, 4));
  const std::size_t size = sent.message.a_tilde.size();
  for (std::size_t wrong : {std::size_t{0}, size - curve.scalar_size() * 3, size - 1, size + 1, 2 * size}) {
    RvoleMessage changed = sent.message;
    changed.a_tilde.resize(wrong);
    pair.expect_dispute(0, changed, Fault::Malformed);
  }
  RvoleMessage foreign = sent.message;
  foreign.eta = Scalar(curve.id() == CurveId::P256 ? Curve::p384() : Curve::p256(), 1);
  pair.expect_dispute(0, foreign, Fault::Malformed);
  foreign.eta = Scalar();
  pair.expect_dispute(0, foreign, Fault::Malformed);
}

TEST_P(RealCurve, rejects_the_message_of_another_instance_session_or_direction) {
  const auto sent =
      pair.send(0, SecretScalar::random(curve, pair.rng), SecretScalar::random(curve, pair.rng));
  pair.expect_dispute(1, sent.message, Fault::RvoleCheck);
  const Binding right = pair.at(0);
  Binding session = right, key = right, epoch = right;
  session.sid.bytes[31] ^= 1;
  key.key.bytes[0] ^= 1;
  epoch.epoch.bytes[0] ^= 1;
  for (const Binding& other :
       {session, key, epoch, right.towards(kBob, kAlice), right.towards(kAlice, kBob + 1)}) {
    const auto result = rvole_receive(curve, other, pair.ots.bob, sent.message);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().fault, Fault::RvoleCheck);
    EXPECT_EQ(result.error().blame, Blame::pair(other.to, other.from));
  }
  EXPECT_TRUE(pair.receive(0, sent.message));
}

TEST_P(RealCurve, rejects_the_message_for_other_ots) {
  Pair other(curve, 22);
  const auto sent =
      other.send(0, SecretScalar::random(curve, pair.rng), SecretScalar::random(curve, pair.rng));
  pair.expect_dispute(0, sent.message, Fault::RvoleCheck);
}

TEST_P(AnyCurve, an_instance_beyond_the_batch_ends_the_process) {
  EXPECT_DEATH(pair.send(kBatch, SecretScalar(curve, 1), SecretScalar(curve, 1)), "");
  EXPECT_DEATH(rvole_chi(curve, pair.ots.bob, kBatch), "");
  const auto sent = pair.send(0, SecretScalar(curve, 1), SecretScalar(curve, 1));
  EXPECT_DEATH((void)pair.receive(kBatch, sent.message), "");
}

}  // namespace
}  // namespace quorate::mul
