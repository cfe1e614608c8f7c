// SPEC 5.1-5.2: rounds 1 and 2 of presigning, up to the messages that answer as Alice.
#include "protocol/group/batch.h"
#include "protocol/tecdsa/presign_run.h"

namespace quorate {

void DropPresignRun::operator()(PresignRun* run) const { delete run; }

namespace {

/// zeta_i for instance b: shares of zero, different for every batch (SPEC 5.0).
SecretScalar zero_share(const PresignRun& run, std::uint32_t b) {
  SecretScalar zeta(*run.curve);
  for (const auto& [peer, pair] : run.inputs.pairs) {
    const PartyId low = std::min(run.me, peer), high = std::max(run.me, peer);
    Transcript t(Label::ZeroShare, run.binding.towards(low, high).at(b));
    t.add(pair->zero_seed.reveal());
    SecretScalar part = std::move(t).secret_scalar(*run.curve);
    zeta = peer > run.me ? zeta + part : zeta - part;
  }
  return zeta;
}

Digest nonce_commitment(const PresignRun& run, PartyId of, ByteView opening, std::span<const Bytes> R) {
  Transcript t(Label::PresignNonceCommit, run.binding.towards(of, kNobody));
  t.add(opening).add_number(R.size());
  for (const auto& point : R) t.add(ByteView(point));
  return std::move(t).digest();
}

}  // namespace

/// Echo of round 1, own commitment included, in quorum order.
Digest presign_echo1(const PresignRun& run) {
  Transcript t(Label::PresignEcho1, run.binding);
  for (const auto id : run.inputs.plan.quorum)
    t.add(id == run.me ? run.commitment : run.peers.at(id).commitment);
  return std::move(t).digest();
}

bool presign_opens(const PresignRun& run, PartyId peer, ByteView opening, std::span<const Bytes> R) {
  return nonce_commitment(run, peer, opening, R) == run.peers.at(peer).commitment;
}

Result<Sent<PresignRound1, PresignMsg1>, Abort> PresignRound1::start(PresignInputs inputs, Rng& rng) {
  if (auto ok = check_plan(inputs); !ok) return fail(ok.error());
  PresignRunPtr run(new PresignRun);
  run->inputs = std::move(inputs);
  const KeyShare& share = *run->inputs.share;
  const Curve& curve = *share.info.curve;
  run->curve = &curve;
  run->me = share.me;
  run->sid = run->inputs.plan.sid();
  run->binding = presign_binding(run->inputs.plan, run->sid);
  for (auto id : run->inputs.plan.quorum)
    if (id != run->me) run->others.push_back(id);

  const Scalar lambda = lagrange_at_zero(curve, run->inputs.plan.quorum, run->me);
  const SecretScalar weighted = lambda * share.x_i;
  run->instances.resize(run->batch());
  std::vector<SecretScalar> r;
  r.reserve(run->batch());
  for (std::uint32_t b = 0; b < run->batch(); ++b) {
    auto& instance = run->instances[b];
    instance.r = SecretScalar::random_nonzero(curve, rng);
    instance.phi = SecretScalar::random(curve, rng);
    instance.sk = weighted + zero_share(*run, b);
    r.push_back(instance.r.clone());
  }
  auto nonces = mul_base_each(r);
  run->R = Point::encode_all(nonces);
  for (std::uint32_t b = 0; b < run->batch(); ++b) run->instances[b].R = std::move(nonces[b]);
  rng.fill(run->opening);
  ct::unpoison(run->opening.data(), run->opening.size());  // sent in round 2; until then it is only hashed
  run->commitment = nonce_commitment(*run, run->me, run->opening, run->R);

  Sent<PresignRound1, PresignMsg1> sent{PresignRound1(nullptr), {}};
  const std::size_t xi = ot::ots_per_multiplication(curve);
  for (auto peer : run->others) {
    auto [extension, ots] = ot::ReceiverOts::extend(run->inputs.pairs.at(peer)->as_receiver,
                                                    run->binding.towards(run->me, peer), run->batch(), xi, rng);
    run->peers[peer].as_bob.emplace(std::move(ots));
    sent.messages.emplace(peer, PresignMsg1{run->commitment, std::move(extension)});
  }
  sent.next = PresignRound1(std::move(run));
  return sent;
}

Result<Sent<PresignRound2, PresignMsg2>, Abort> PresignRound1::next(const Inbox<PresignMsg1>& inbox, Rng& rng) && {
  PresignRunPtr run = std::move(run_);
  const Curve& curve = *run->curve;
  if (!inbox_from(inbox, run->inputs.plan.quorum, run->me))
    return fail(Abort{Fault::BadParameters, Blame::nobody(), "incomplete round 1"});

  rng.fill(run->weight_seed.reveal());
  // SPEC 5.2: all extensions are checked before anything is sent to anyone.
  const std::size_t xi = ot::ots_per_multiplication(curve);
  std::map<PartyId, ot::SenderOts> as_alice;
  for (auto peer : run->others) {
    run->peers[peer].commitment = inbox.at(peer).commitment;
    auto ots = ot::SenderOts::extend(run->inputs.pairs.at(peer)->as_sender, run->binding.towards(peer, run->me),
                                     run->batch(), xi, inbox.at(peer).extension);
    if (!ots) return fail(std::move(ots).error());
    as_alice.emplace(peer, std::move(ots).value());
  }

  std::vector<SecretScalar> sk;
  sk.reserve(run->batch());
  for (const auto& instance : run->instances) sk.push_back(instance.sk.clone());
  auto keys = mul_base_each(sk);
  run->pk = Point::encode_all(keys);
  for (std::uint32_t b = 0; b < run->batch(); ++b) run->instances[b].pk = std::move(keys[b]);

  Sent<PresignRound2, PresignMsg2> sent{PresignRound2(nullptr), {}};
  const Digest echo = presign_echo1(*run);
  std::vector<std::array<const SecretScalar*, 2>> inputs;
  for (const auto& instance : run->instances) inputs.push_back({&instance.r, &instance.sk});
  for (auto peer : run->others) {
    auto& state = run->peers.at(peer);
    PresignMsg2 message{echo, run->opening, {}};
    auto products = mul::rvole_send_each(curve, run->binding.towards(run->me, peer), as_alice.at(peer), inputs, rng);
    message.instances.reserve(run->batch());
    for (std::uint32_t b = 0; b < run->batch(); ++b) {
      auto& instance = run->instances[b];
      auto& product = products[b];
      const SecretScalar chi = mul::rvole_chi(curve, *state.as_bob, b);
      message.instances.push_back(
          {instance.R, instance.pk, std::move(product.message), {}, {}, declassify(instance.phi - chi)});
      state.c_u.push_back(std::move(product.c[0]));
      state.c_v.push_back(std::move(product.c[1]));
    }
    auto gamma_u = mul_base_each(state.c_u), gamma_v = mul_base_each(state.c_v);
    for (std::uint32_t b = 0; b < run->batch(); ++b) {
      message.instances[b].gamma_u = std::move(gamma_u[b]);
      message.instances[b].gamma_v = std::move(gamma_v[b]);
    }
    sent.messages.emplace(peer, std::move(message));
  }
  sent.next = PresignRound2(std::move(run));
  return sent;
}

}  // namespace quorate
