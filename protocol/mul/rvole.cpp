#include "protocol/mul/rvole.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "protocol/mul/gadget.h"
#include "protocol/mul/triples.h"

namespace quorate::mul {
namespace {

// OTs hashed and reduced at a time: little enough to stay in the first-level cache.
constexpr std::size_t kChunk = 104;

// What both sides know of one instance.
struct Instance {
  const Curve& curve;
  const Modulus& m;
  Binding binding;
  std::size_t xi, words, blocks, first;

  Instance(const Curve& c, const Binding& b)
      : curve(c),
        m(c.order()),
        binding(b),
        xi(ot::ots_per_multiplication(c)),
        words(m.limbs),
        blocks(blocks_per_ot(c)),
        first(b.instance * xi) {
    binding.curve = c.id();
  }

  // Calls step(j, n) for chunks of rows j .. j+n-1.
  template <class Step>
  void in_chunks(Step&& step) const {
    for (std::size_t j = 0; j < xi; j += kChunk) step(j, std::min(kChunk, xi - j));
  }
  // Rows j .. of `rows` from the hashed outputs of their OTs.
  void reduce(SecretVector<Word>& rows, std::size_t j, std::span<const ot::Block> hashed) const {
    const std::size_t n = hashed.size() / blocks;
    reduce_rows(m, tables(curve).reciprocal, rows.reveal().subspan(3 * words * j, 3 * words * n), hashed,
                blocks, curve.wide_size());
  }

  // SPEC 4.3: theta_0, theta_1 out of one expansion over a~.
  [[nodiscard]] std::array<Scalar, 2> theta(ByteView a_tilde) const {
    Transcript hash(Label::RvoleTheta, binding);
    hash.add(a_tilde);
    const std::size_t wide = curve.wide_size();
    const Bytes raw = std::move(hash).expand(2 * wide);
    return {Scalar::reduce(curve, ByteView(raw).first(wide)),
            Scalar::reduce(curve, ByteView(raw).last(wide))};
  }

  // SPEC 4.4: mu over all mu_j. The values are secret until they have been hashed.
  [[nodiscard]] Digest mu(const SecretVector<Word>& mus) const {
    SecretBytes bytes(xi * curve.scalar_size());
    encode(m, bytes.reveal(), curve.scalar_size(), mus.reveal());
    Transcript hash(Label::RvoleMu, binding);
    hash.add(std::as_const(bytes).reveal());
    return std::move(hash).digest();
  }

  // sum_j g_j row_j[i]
  [[nodiscard]] SecretScalar weigh(const SecretVector<Word>& rows, std::size_t i) const {
    Secret<Limbs> sum;
    residue::inner_product(m, sum.reveal(), tables(curve).gadget, rows.reveal().subspan(i * words), 3);
    return SecretScalar::from_plain(curve, sum.reveal());
  }
};

// Choice bits of one instance as masks.
SecretVector<Word> choice_masks(const ot::ReceiverOts& ots, std::size_t first, std::size_t xi) {
  if (first + xi > ots.size()) std::abort();
  SecretVector<Word> masks(xi);
  for (std::size_t j = 0; j < xi; ++j) masks.reveal()[j] = ct::mask(ots.choice(first + j));
  return masks;
}

}  // namespace

std::size_t blocks_per_ot(const Curve& curve) {
  return (3 * curve.wide_size() + sizeof(ot::Block) - 1) / sizeof(ot::Block);
}

RvoleSent rvole_send(const Curve& curve, const Binding& binding, const ot::SenderOts& ots,
                     const SecretScalar& a0, const SecretScalar& a1, Rng& rng) {
  const Instance at(curve, binding);
  SecretVector<Word> alpha0(at.xi * 3 * at.words), blinded(alpha0.size());
  SecretVector<ot::Block> hashed(2 * kChunk * at.blocks);
  at.in_chunks([&](std::size_t j, std::size_t n) {
    const auto out0 = hashed.reveal().first(n * at.blocks), out1 = hashed.reveal().last(n * at.blocks);
    ots.hash(at.first + j, n, at.blocks, out0, out1);
    at.reduce(alpha0, j, out0);
    at.reduce(blinded, j, out1);
  });

  // SPEC 4.2: a~_j = alpha0_j - alpha1_j + (a_0, a_1, eta^)
  const SecretScalar eta_hat = SecretScalar::random(curve, rng);
  SecretVector<Word> shift(3 * at.words);
  const SecretScalar* const inputs[] = {&a0, &a1, &eta_hat};
  for (std::size_t i = 0; i < 3; ++i) {
    const Secret<Limbs> plain(inputs[i]->plain());
    std::copy_n(plain.reveal().begin(), at.words,
                shift.reveal().begin() + static_cast<std::ptrdiff_t>(i * at.words));
  }
  blind_rows(at.m, blinded.reveal(), alpha0.reveal(), shift.reveal());

  RvoleMessage message;
  message.a_tilde.resize(at.xi * 3 * curve.scalar_size());
  encode(at.m, message.a_tilde, curve.scalar_size(), blinded.reveal());
  ct::unpoison(message.a_tilde.data(), message.a_tilde.size());

  const auto theta = at.theta(message.a_tilde);
  message.eta = declassify(eta_hat + theta[0] * a0 + theta[1] * a1);
  SecretVector<Word> mus(at.xi * at.words);
  fold_rows(at.m, mus.reveal(), alpha0.reveal(), theta[0].montgomery(), theta[1].montgomery());
  message.mu = at.mu(mus);
  ct::unpoison(message.mu.bytes.data(), message.mu.bytes.size());

  // SPEC 4.5
  return {std::move(message), {at.weigh(alpha0, 0).negate(), at.weigh(alpha0, 1).negate()}};
}

SecretScalar rvole_chi(const Curve& curve, const ot::ReceiverOts& ots, std::uint32_t instance) {
  const std::size_t xi = ot::ots_per_multiplication(curve);
  const auto masks = choice_masks(ots, instance * xi, xi);
  const Secret<Limbs> sum(sum_where(curve.order(), tables(curve).gadget, masks.reveal()));
  return SecretScalar::from_montgomery(curve, sum.reveal());
}

Result<std::array<SecretScalar, 2>, Abort> rvole_receive(const Curve& curve, const Binding& binding,
                                                         const ot::ReceiverOts& ots,
                                                         const RvoleMessage& message) {
  const Instance at(curve, binding);
  const auto dispute = [&](Fault fault, const char* detail) {
    return fail(Abort{fault, Blame::pair(binding.to, binding.from), detail});
  };
  if (message.a_tilde.size() != at.xi * 3 * curve.scalar_size())
    return dispute(Fault::Malformed, "RVOLE: a~ has the wrong length");
  if (!message.eta.valid() || &message.eta.curve() != &curve)
    return dispute(Fault::Malformed, "RVOLE: eta is not a scalar of this curve");
  std::vector<Word> a_tilde(at.xi * 3 * at.words);
  if (!decode(at.m, a_tilde, message.a_tilde, curve.scalar_size()))
    return dispute(Fault::Malformed, "RVOLE: a~ holds a value that is not below n");

  SecretVector<Word> d(at.xi * 3 * at.words);
  SecretVector<ot::Block> hashed(kChunk * at.blocks);
  at.in_chunks([&](std::size_t j, std::size_t n) {
    const auto out = hashed.reveal().first(n * at.blocks);
    ots.hash(at.first + j, n, at.blocks, out);
    at.reduce(d, j, out);
  });

  // SPEC 4.6: d_j = gamma_j + beta_j a~_j
  const auto masks = choice_masks(ots, at.first, at.xi);
  correct_rows(at.m, d.reveal(), masks.reveal(), a_tilde);

  const auto theta = at.theta(message.a_tilde);
  SecretVector<Word> mus(at.xi * at.words);
  fold_rows(at.m, mus.reveal(), d.reveal(), theta[0].montgomery(), theta[1].montgomery());
  subtract_where(at.m, mus.reveal(), masks.reveal(), message.eta.plain());
  if (!ct::equal(at.mu(mus).view(), message.mu.view()))
    return dispute(Fault::RvoleCheck, "RVOLE: mu does not match");

  return std::array<SecretScalar, 2>{at.weigh(d, 0), at.weigh(d, 1)};
}

}  // namespace quorate::mul
