// SPEC 5.2-5.4: checks of round 2, and rounds 3 and 4 of presigning.
#include <tuple>

#include "protocol/group/batch.h"
#include "protocol/tecdsa/presign_run.h"

namespace quorate {

Digest presign_echo1(const PresignRun& run);
bool presign_opens(const PresignRun& run, PartyId peer, ByteView opening, std::span<const Bytes> R);

namespace {

/// Echo of round 2: every member's R and pk for every instance, in quorum order.
Digest echo2(const PresignRun& run) {
  Transcript t(Label::PresignEcho2, run.binding);
  for (const auto id : run.inputs.plan.quorum) {
    const auto& R = id == run.me ? run.R : run.peers.at(id).R;
    const auto& pk = id == run.me ? run.pk : run.peers.at(id).pk;
    for (std::uint32_t b = 0; b < run.batch(); ++b) t.add(ByteView(R[b])).add(ByteView(pk[b]));
  }
  return std::move(t).digest();
}

Digest digest_of_nonces(const PresignRun& run) {
  Transcript t(Label::PresignNonceDigest, run.binding);
  t.add_number(run.R_sum.size());
  for (const auto& R : run.R_sum) t.add(ByteView(R));
  return std::move(t).digest();
}

/// SPEC 5.2, the Gamma checks with one peer over the whole batch: chi_b R_b = D_u,b G + Gamma_u,b and
/// chi_b pk_b = D_v,b G + Gamma_v,b, each times a weight of 128 bits, all in one sum that has to vanish.
/// Constant-time in chi and D, of which nothing but the answer is revealed.
class GammaSum {
 public:
  GammaSum(const PresignRun& run, PartyId peer) : curve_(*run.curve), base_(curve_) {
    Transcript t(Label::GammaWeights, run.binding.towards(peer, run.me));
    t.add(run.weight_seed.reveal());
    weights_ = std::move(t).expand(2 * kWeight * run.batch());
    ct::unpoison(weights_.data(), weights_.size());
  }
  /// chi P = D G + Gamma
  void add(const SecretScalar& chi, const Point& P, const SecretScalar& D, const Point& gamma) {
    const Scalar weight = Scalar::reduce(curve_, ByteView(weights_).subspan(kWeight * points_.size(), kWeight));
    factors_.push_back(weight * chi);
    points_.push_back(P);
    base_ = base_ - weight * D;
    gamma_weights_.push_back(weight);
    gammas_.push_back(gamma);
  }
  [[nodiscard]] bool holds() const {
    // The negation is of the point: that of a weight would be as long as the order, and cost twice as much.
    return points_.empty() || vanishes(factors_, points_, base_, multi_mul_var(gamma_weights_, gammas_).negate());
  }

 private:
  static constexpr std::size_t kWeight = 16;  ///< bytes
  const Curve& curve_;
  Bytes weights_;
  std::vector<SecretScalar> factors_;
  std::vector<Point> points_, gammas_;
  std::vector<Scalar> gamma_weights_;
  SecretScalar base_;
};

/// SPEC 5.2 for one peer: all instances are worked through before anything is reported.
/// Adds D_u, D_v into u, v; psi into the shared factor.
std::optional<Abort> receive_products(PresignRun& run, PartyId peer, const PresignMsg2& message,
                                      std::vector<SecretScalar>& u_extra, std::vector<SecretScalar>& v_extra) {
  const Curve& curve = *run.curve;
  auto& state = run.peers.at(peer);
  std::optional<Abort> rvole;
  GammaSum gamma(run, peer);
  std::vector<const mul::RvoleMessage*> messages;
  for (const auto& in : message.instances) messages.push_back(&in.rvole);
  auto products = mul::rvole_receive_each(curve, run.binding.towards(peer, run.me), *state.as_bob, messages);
  for (std::uint32_t b = 0; b < run.batch(); ++b) {
    const auto& in = message.instances[b];
    auto& product = products[b];
    if (!product) {
      if (!rvole) rvole = std::move(product).error();
      continue;
    }
    auto& D = *product;
    const SecretScalar chi = mul::rvole_chi(curve, *state.as_bob, b);
    gamma.add(chi, in.R, D[0], in.gamma_u);
    gamma.add(chi, in.pk, D[1], in.gamma_v);
    u_extra[b] = u_extra[b] + state.c_u[b] + D[0];
    v_extra[b] = v_extra[b] + state.c_v[b] + D[1];
  }
  if (rvole) return rvole;
  if (gamma.holds()) return std::nullopt;
  return run.dispute(Fault::GammaCheck, peer, "chi R or chi pk does not match");
}

}  // namespace

Result<Sent<PresignRound3, PresignMsg3>, Abort> PresignRound2::next(const Inbox<PresignMsg2>& inbox) && {
  PresignRunPtr run = std::move(run_);
  const Curve& curve = *run->curve;
  const std::uint32_t B = run->batch();
  if (!inbox_from(inbox, run->inputs.plan.quorum, run->me))
    return fail(Abort{Fault::BadParameters, Blame::nobody(), "incomplete round 2"});

  // Echo and form first: neither depends on a secret.
  const Digest echo = presign_echo1(*run);
  for (const auto& [peer, message] : inbox) {
    if (message.echo != echo)
      return fail(run->against_quorum(Fault::EchoMismatch,
                                      "signer " + std::to_string(peer) + " saw other round-1 commitments"));
    if (message.instances.size() != B)
      return fail(run->dispute(Fault::Malformed, peer, "wrong number of instances in round 2"));
  }
  for (const auto& [peer, message] : inbox) {
    auto& state = run->peers.at(peer);
    std::vector<Point> R, pk;
    for (const auto& in : message.instances) {
      R.push_back(in.R);
      pk.push_back(in.pk);
    }
    state.R = Point::encode_all(R);
    state.pk = Point::encode_all(pk);
  }

  std::vector<SecretScalar> u_extra, v_extra, factor;
  for (const auto& instance : run->instances) {
    u_extra.emplace_back(curve);
    v_extra.emplace_back(curve);
    factor.push_back(instance.phi.clone());
  }
  for (const auto& [peer, message] : inbox) {
    auto fault = receive_products(*run, peer, message, u_extra, v_extra);
    if (!fault && !presign_opens(*run, peer, message.opening, run->peers.at(peer).R))
      fault = run->dispute(Fault::CommitmentMismatch, peer, "the nonces do not fit the commitment");
    for (std::uint32_t b = 0; b < B; ++b) {
      if (!fault && message.instances[b].R.is_infinity())
        fault = run->dispute(Fault::Infinity, peer, "R_j is infinity");
      factor[b] = factor[b] + message.instances[b].psi;
    }
    // One verdict ends the run: what the other peers sent is not tried on secret state any more.
    if (fault) return fail(std::move(*fault));
  }

  for (std::uint32_t b = 0; b < B; ++b) {
    auto& instance = run->instances[b];
    Point key = instance.pk;
    instance.R_sum = instance.R;
    for (const auto& [peer, message] : inbox) {
      key += message.instances[b].pk;
      instance.R_sum += message.instances[b].R;
    }
    if (!(key == run->inputs.share->info.X))
      return fail(run->against_quorum(Fault::SumCheck, "the pk do not add up to the public key"));
    if (instance.R_sum.is_infinity())
      return fail(run->against_quorum(Fault::Infinity, "the nonces add up to infinity"));
    instance.r_x = instance.R_sum.x_mod_order();
    if (instance.r_x.is_zero()) return fail(run->against_quorum(Fault::Infinity, "r is 0"));
  }

  // SPEC 5.3: u_i is revealed, v_i is kept.
  PresignMsg3 message{echo2(*run), {}};
  for (std::uint32_t b = 0; b < B; ++b) {
    auto& instance = run->instances[b];
    instance.u = declassify(instance.r * factor[b] + u_extra[b]);
    instance.v = instance.sk * factor[b] + v_extra[b];
    message.u.push_back(instance.u);
    instance.r = SecretScalar();
    instance.sk = SecretScalar();
  }
  for (auto& [peer, state] : run->peers) {
    state.as_bob.reset();
    state.c_u.clear();
    state.c_v.clear();
  }
  Sent<PresignRound3, PresignMsg3> sent{PresignRound3(nullptr), {}};
  for (auto peer : run->others) sent.messages.emplace(peer, message);
  sent.next = PresignRound3(std::move(run));
  return sent;
}

Result<Sent<PresignRound4, PresignMsg4>, Abort> PresignRound3::next(const Inbox<PresignMsg3>& inbox) && {
  PresignRunPtr run = std::move(run_);
  const Curve& curve = *run->curve;
  const std::uint32_t B = run->batch();
  if (!inbox_from(inbox, run->inputs.plan.quorum, run->me))
    return fail(Abort{Fault::BadParameters, Blame::nobody(), "incomplete round 3"});
  const Digest echo = echo2(*run);
  for (const auto& [peer, message] : inbox) {
    if (message.echo != echo)
      return fail(run->against_quorum(Fault::EchoMismatch,
                                      "signer " + std::to_string(peer) + " saw other R or pk"));
    if (message.u.size() != B)
      return fail(run->against_quorum(Fault::Malformed, "wrong number of u from signer " + std::to_string(peer)));
  }

  std::vector<Scalar> u_inverse;
  Transcript u_all(Label::PresignUDigest, run->binding);
  for (std::uint32_t b = 0; b < B; ++b) {
    Scalar sum(curve);
    for (const auto id : run->inputs.plan.quorum) {
      const Scalar& u = id == run->me ? run->instances[b].u : inbox.at(id).u[b];
      u_all.add(u);
      sum = sum + u;
    }
    if (sum.is_zero()) return fail(run->against_quorum(Fault::Infinity, "u is 0"));
    u_inverse.push_back(sum);
  }
  invert_all(u_inverse);

  std::vector<Point> sums;
  for (std::uint32_t b = 0; b < B; ++b) {
    auto& instance = run->instances[b];
    run->k.push_back(instance.phi * u_inverse[b]);
    run->chi.push_back(instance.v * u_inverse[b]);
    instance.phi = SecretScalar();
    instance.v = SecretScalar();
    sums.push_back(instance.R_sum);
  }
  std::tie(run->K, run->C) = mul_each(run->k, run->chi, sums);
  run->R_sum = Point::encode_all(sums);
  const auto K = Point::encode_all(run->K), C = Point::encode_all(run->C);
  run->row = Row{run->me, digest_of_nonces(*run), std::move(u_all).digest(), {}, {}};
  for (std::uint32_t b = 0; b < B; ++b)
    run->row.records.push_back(row_entry(run->binding, run->me, b, run->R_sum[b], K[b], C[b]));
  run->row.signature = run->inputs.identity->sign(row_digest(run->binding, run->inputs.plan.quorum, run->row));

  Sent<PresignRound4, PresignMsg4> sent{PresignRound4(nullptr), {}};
  for (auto peer : run->others) sent.messages.emplace(peer, PresignMsg4{run->K, run->C, run->row});
  sent.next = PresignRound4(std::move(run));
  return sent;
}

Result<PresignedBatch, Abort> PresignRound4::finish(const Inbox<PresignMsg4>& inbox) && {
  PresignRunPtr run = std::move(run_);
  const auto& info = run->inputs.share->info;
  const auto& quorum = run->inputs.plan.quorum;
  const std::uint32_t B = run->batch();
  if (!inbox_from(inbox, quorum, run->me))
    return fail(Abort{Fault::BadParameters, Blame::nobody(), "incomplete round 4"});

  std::vector<std::vector<Bytes>> K, C;
  std::vector<Row> rows;
  std::vector<Point> K_sum = run->K, C_sum = run->C;
  for (const auto id : quorum) {
    if (id == run->me) {
      K.push_back(Point::encode_all(run->K));
      C.push_back(Point::encode_all(run->C));
      rows.push_back(run->row);
      continue;
    }
    const auto& message = inbox.at(id);
    const std::string who = "signer " + std::to_string(id);
    if (message.K.size() != B || message.C.size() != B || message.row.records.size() != B || message.row.signer != id)
      return fail(run->against_quorum(Fault::Malformed, "wrong counts in the row of " + who));
    if (message.row.nonce_digest != run->row.nonce_digest || message.row.u_digest != run->row.u_digest)
      return fail(run->against_quorum(Fault::RowMismatch, who + " has other R or u"));
    if (!verify_identity(info.member(id)->identity, row_digest(run->binding, quorum, message.row),
                         message.row.signature))
      return fail(run->against_quorum(Fault::BadSignature, "row of " + who));
    K.push_back(Point::encode_all(message.K));
    C.push_back(Point::encode_all(message.C));
    for (std::uint32_t b = 0; b < B; ++b) {
      if (row_entry(run->binding, id, b, run->R_sum[b], K.back()[b], C.back()[b]) != message.row.records[b])
        return fail(run->against_quorum(Fault::RowMismatch, who + " signed other K or C than it sent"));
      K_sum[b] += message.K[b];
      C_sum[b] += message.C[b];
    }
    rows.push_back(message.row);
  }
  const Point G = Point::generator(*run->curve);
  for (std::uint32_t b = 0; b < B; ++b)
    if (!(K_sum[b] == G) || !(C_sum[b] == info.X))
      return fail(run->against_quorum(Fault::RowSum, "K do not add up to G or C not to X"));

  PresignedBatch batch;
  for (std::uint32_t b = 0; b < B; ++b) {
    std::vector<ByteView> K_b, C_b;
    for (std::size_t j = 0; j < quorum.size(); ++j) {
      K_b.emplace_back(K[j][b]);
      C_b.emplace_back(C[j][b]);
    }
    batch.items.push_back({b, run->instances[b].r_x, record_digest(run->binding, b, run->R_sum[b], K_b, C_b),
                           std::move(run->k[b]), std::move(run->chi[b])});
  }
  batch.record = std::make_shared<const BatchRecord>(run->inputs.plan, run->sid, std::move(run->R_sum), std::move(K),
                                                     std::move(C), std::move(rows));
  return batch;
}

}  // namespace quorate
