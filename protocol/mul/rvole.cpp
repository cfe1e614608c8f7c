#include "protocol/mul/rvole.h"

#include <utility>

#include "protocol/mul/rows.h"

namespace quorate::mul {
namespace {

// What both sides know of one instance.
struct Instance {
  const Curve& curve;
  Binding binding;
  std::size_t xi, first;

  Instance(const Curve& c, const Binding& b)
      : curve(c), binding(b), xi(ot::ots_per_multiplication(c)), first(b.instance * xi) {
    binding.curve = c.id();
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
  [[nodiscard]] Digest mu(const Rows& rows, const std::array<Scalar, 2>& theta, const Scalar* eta) const {
    SecretBytes mus(xi * curve.scalar_size());
    rows.fold(theta, eta, mus.reveal());
    Transcript hash(Label::RvoleMu, binding);
    hash.add(std::as_const(mus).reveal());
    return std::move(hash).digest();
  }
};

}  // namespace

std::size_t blocks_per_ot(const Curve& curve) {
  return (3 * curve.wide_size() + sizeof(ot::Block) - 1) / sizeof(ot::Block);
}

RvoleSent rvole_send(const Curve& curve, const Binding& binding, const ot::SenderOts& ots,
                     const SecretScalar& a0, const SecretScalar& a1, Rng& rng) {
  const Instance at(curve, binding);
  const auto alpha0 = Rows::of(curve);

  // SPEC 4.2: a~_j = alpha0_j - alpha1_j + (a_0, a_1, eta^)
  const SecretScalar eta_hat = SecretScalar::random(curve, rng);
  RvoleMessage message;
  message.a_tilde.resize(at.xi * 3 * curve.scalar_size());
  alpha0->blind(ots, at.first, {&a0, &a1, &eta_hat}, message.a_tilde);
  ct::unpoison(message.a_tilde.data(), message.a_tilde.size());

  const auto theta = at.theta(message.a_tilde);
  message.eta = declassify(eta_hat + theta[0] * a0 + theta[1] * a1);
  message.mu = at.mu(*alpha0, theta, nullptr);
  ct::unpoison(message.mu.bytes.data(), message.mu.bytes.size());

  // SPEC 4.5
  return {std::move(message), {alpha0->weigh(0).negate(), alpha0->weigh(1).negate()}};
}

SecretScalar rvole_chi(const Curve& curve, const ot::ReceiverOts& ots, std::uint32_t instance) {
  return weigh_choices(curve, ots, instance * ot::ots_per_multiplication(curve));
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

  // SPEC 4.6: d_j = gamma_j + beta_j a~_j
  const auto d = Rows::of(curve);
  if (!d->correct(ots, at.first, message.a_tilde))
    return dispute(Fault::Malformed, "RVOLE: a~ holds a value that is not below n");
  if (!ct::equal(at.mu(*d, at.theta(message.a_tilde), &message.eta).view(), message.mu.view()))
    return dispute(Fault::RvoleCheck, "RVOLE: mu does not match");

  return std::array<SecretScalar, 2>{d->weigh(0), d->weigh(1)};
}

}  // namespace quorate::mul
