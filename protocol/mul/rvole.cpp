#include "protocol/mul/rvole.h"

#include <algorithm>
#include <utility>

#include "protocol/hash/digests.h"
#include "protocol/mul/rows.h"

namespace quorate::mul {
namespace {

/// Instances worked on side by side: as many as digests() hashes at a time. Their rows fit a second-level
/// cache.
constexpr std::size_t kAtOnce = 16;

/// What both sides know of some instances, and the rows of each.
class Instances {
 public:
  Instances(const Curve& curve, const Binding& binding)
      : curve_(curve), binding_(binding), xi_(ot::ots_per_multiplication(curve)) {
    binding_.curve = curve.id();
  }

  [[nodiscard]] std::size_t first_ot(std::size_t i) const { return bindings_[i].instance * xi_; }
  [[nodiscard]] std::size_t a_tilde_size() const { return xi_ * 3 * curve_.scalar_size(); }
  [[nodiscard]] Rows& rows(std::size_t i) const { return *rows_[i]; }

  /// From now on it is about these instances, counted from that of the binding.
  void take(std::span<const std::uint32_t> numbers) {
    bindings_.clear();
    for (const auto number : numbers) bindings_.push_back(binding_.at(binding_.instance + number));
    while (rows_.size() < numbers.size()) rows_.push_back(Rows::of(curve_));
  }
  /// Leaves out instance `i` of them.
  void leave_out(std::size_t i) {
    bindings_.erase(bindings_.begin() + static_cast<std::ptrdiff_t>(i));
    std::rotate(rows_.begin() + static_cast<std::ptrdiff_t>(i),
                rows_.begin() + static_cast<std::ptrdiff_t>(i) + 1, rows_.end());
  }

  // SPEC 4.3: theta_0, theta_1 out of one expansion over a~.
  [[nodiscard]] std::vector<std::array<Scalar, 2>> thetas(std::span<const ByteView> a_tildes) const {
    std::vector<std::array<Scalar, 2>> out;
    const std::size_t wide = curve_.wide_size();
    for (const auto& digest : digests(Label::RvoleTheta, bindings_, a_tildes)) {
      const Bytes raw = expand(digest, 2 * wide);
      out.push_back({Scalar::reduce(curve_, ByteView(raw).first(wide)),
                     Scalar::reduce(curve_, ByteView(raw).last(wide))});
    }
    return out;
  }

  // SPEC 4.4: mu over all mu_j. The values are secret until they have been hashed. etas: nothing for Alice.
  [[nodiscard]] std::vector<Digest> mus(std::span<const std::array<Scalar, 2>> thetas,
                                        std::span<const Scalar* const> etas) {
    const std::size_t size = xi_ * curve_.scalar_size();
    if (mus_.size() < thetas.size() * size) mus_ = SecretBytes(thetas.size() * size);
    std::vector<ByteView> strings;
    for (std::size_t i = 0; i < thetas.size(); ++i) {
      const auto out = mus_.reveal().subspan(i * size, size);
      rows(i).fold(thetas[i], etas.empty() ? nullptr : etas[i], out);
      strings.push_back(out);
    }
    return digests(Label::RvoleMu, bindings_, strings);
  }

 private:
  const Curve& curve_;
  Binding binding_;
  const std::size_t xi_;
  std::vector<Binding> bindings_;
  std::vector<std::unique_ptr<Rows>> rows_;
  SecretBytes mus_;
};

/// Calls step(first, count) for what is done at once.
template <class Step>
void in_groups(std::size_t count, Step&& step) {
  for (std::size_t first = 0; first < count; first += kAtOnce) step(first, std::min(kAtOnce, count - first));
}

std::vector<std::uint32_t> numbers_from(std::size_t first, std::size_t count) {
  std::vector<std::uint32_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint32_t>(first + i);
  return out;
}

}  // namespace

std::size_t blocks_per_ot(const Curve& curve) {
  return (3 * curve.wide_size() + sizeof(ot::Block) - 1) / sizeof(ot::Block);
}

std::vector<RvoleSent> rvole_send_each(const Curve& curve, const Binding& binding, const ot::SenderOts& ots,
                                       std::span<const std::array<const SecretScalar*, 2>> inputs, Rng& rng) {
  Instances at(curve, binding);
  std::vector<RvoleSent> out(inputs.size());
  in_groups(inputs.size(), [&](std::size_t first, std::size_t count) {
    at.take(numbers_from(first, count));
    const auto a = inputs.subspan(first, count);
    const auto sent = std::span(out).subspan(first, count);
    std::vector<SecretScalar> eta_hats;
    std::vector<ByteView> a_tildes;

    // SPEC 4.2: a~_j = alpha0_j - alpha1_j + (a_0, a_1, eta^)
    for (std::size_t i = 0; i < count; ++i) {
      const auto& eta_hat = eta_hats.emplace_back(SecretScalar::random(curve, rng));
      auto& a_tilde = sent[i].message.a_tilde;
      a_tilde.resize(at.a_tilde_size());
      at.rows(i).blind(ots, at.first_ot(i), {a[i][0], a[i][1], &eta_hat}, a_tilde);
      ct::unpoison(a_tilde.data(), a_tilde.size());
      a_tildes.emplace_back(a_tilde);
    }

    const auto thetas = at.thetas(a_tildes);
    const auto mus = at.mus(thetas, {});
    for (std::size_t i = 0; i < count; ++i) {
      auto& message = sent[i].message;
      message.eta = declassify(eta_hats[i] + thetas[i][0] * *a[i][0] + thetas[i][1] * *a[i][1]);
      message.mu = mus[i];
      ct::unpoison(message.mu.bytes.data(), message.mu.bytes.size());
      // SPEC 4.5
      sent[i].c = {at.rows(i).weigh(0).negate(), at.rows(i).weigh(1).negate()};
    }
  });
  return out;
}

RvoleSent rvole_send(const Curve& curve, const Binding& binding, const ot::SenderOts& ots,
                     const SecretScalar& a0, const SecretScalar& a1, Rng& rng) {
  const std::array<const SecretScalar*, 2> inputs{&a0, &a1};
  return std::move(rvole_send_each(curve, binding, ots, {&inputs, 1}, rng).front());
}

SecretScalar rvole_chi(const Curve& curve, const ot::ReceiverOts& ots, std::uint32_t instance) {
  return weigh_choices(curve, ots, instance * ot::ots_per_multiplication(curve));
}

std::vector<Result<std::array<SecretScalar, 2>, Abort>> rvole_receive_each(
    const Curve& curve, const Binding& binding, const ot::ReceiverOts& ots,
    std::span<const RvoleMessage* const> messages) {
  using Product = Result<std::array<SecretScalar, 2>, Abort>;
  Instances at(curve, binding);
  const auto dispute = [&](Fault fault, const char* detail) {
    return fail(Abort{fault, Blame::pair(binding.to, binding.from), detail});
  };
  std::vector<Product> out;
  in_groups(messages.size(), [&](std::size_t first, std::size_t count) {
    at.take(numbers_from(first, count));
    std::vector<std::size_t> well_formed;  // their place in `out`
    std::vector<ByteView> a_tildes;
    std::vector<const Scalar*> etas;
    for (std::size_t i = first; i < first + count; ++i) {
      const auto& message = *messages[i];
      const std::size_t place = well_formed.size();
      if (message.a_tilde.size() != at.a_tilde_size()) {
        out.push_back(dispute(Fault::Malformed, "RVOLE: a~ has the wrong length"));
      } else if (!message.eta.valid() || &message.eta.curve() != &curve) {
        out.push_back(dispute(Fault::Malformed, "RVOLE: eta is not a scalar of this curve"));
      } else if (!at.rows(place).correct(ots, at.first_ot(place), message.a_tilde)) {
        // SPEC 4.6: d_j = gamma_j + beta_j a~_j
        out.push_back(dispute(Fault::Malformed, "RVOLE: a~ holds a value that is not below n"));
      } else {
        well_formed.push_back(out.size());
        out.push_back(dispute(Fault::RvoleCheck, "RVOLE: mu does not match"));
        a_tildes.emplace_back(message.a_tilde);
        etas.push_back(&message.eta);
        continue;
      }
      at.leave_out(place);
    }
    if (well_formed.empty()) return;
    const auto mus = at.mus(at.thetas(a_tildes), etas);
    for (std::size_t i = 0; i < well_formed.size(); ++i)
      if (ct::equal(mus[i].view(), messages[well_formed[i]]->mu.view()))
        out[well_formed[i]] = std::array<SecretScalar, 2>{at.rows(i).weigh(0), at.rows(i).weigh(1)};
  });
  return out;
}

Result<std::array<SecretScalar, 2>, Abort> rvole_receive(const Curve& curve, const Binding& binding,
                                                         const ot::ReceiverOts& ots,
                                                         const RvoleMessage& message) {
  const RvoleMessage* const one = &message;
  return std::move(rvole_receive_each(curve, binding, ots, {&one, 1}).front());
}

}  // namespace quorate::mul
