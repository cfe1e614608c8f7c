// Messages of the pair setup and of presigning.
#include "fuzz/wire_sample_fields.h"

namespace quorate::wire::sample {

template <>
ot::SetupMsg1 make(const Curve& curve, SeededRng& rng) {
  ot::SetupMsg1 out;
  out.nonce = id<Digest>(rng);
  out.dh = point(curve, rng);
  return out;
}

template <>
SetupOpen make(const Curve& curve, SeededRng& rng) {
  SetupOpen out;
  out.curve = curve.id();
  out.key = id<KeyId>(rng);
  out.epoch = id<EpochId>(rng);
  out.message = make<ot::SetupMsg1>(curve, rng);
  return out;
}

template <>
ot::SetupMsg2 make(const Curve& curve, SeededRng& rng) {
  return {point_pairs(curve, rng)};
}

template <>
ot::SetupMsg3 make(const Curve& curve, SeededRng& rng) {
  ot::SetupMsg3 out;
  out.b = point_pairs(curve, rng);
  for (std::size_t i = 0; i < ot::kTrees * (ot::kTreeDepth - 1); ++i)
    out.t.push_back({rng.make<ot::Block>(), rng.make<ot::Block>()});
  for (std::size_t i = 0; i < ot::kTrees; ++i) {
    out.check_sum.push_back(rng.make<std::array<std::uint8_t, 32>>());
    out.check_root.push_back(rng.make<std::array<std::uint8_t, 32>>());
  }
  return out;
}

template <>
SetupReady make(const Curve&, SeededRng& rng) {
  SetupReady out;
  out.epoch = id<EpochId>(rng);
  out.peer = party(rng);
  out.setup = id<SetupId>(rng);
  return out;
}

template <>
PresignPlan make(const Curve& curve, SeededRng& rng) {
  PresignPlan out;
  out.curve = curve.id();
  out.key = id<KeyId>(rng);
  out.epoch = id<EpochId>(rng);
  out.quorum = quorum(rng);
  out.batch = static_cast<std::uint32_t>(1 + rng.below(ot::kMaxBatch));
  out.tree_depth = ot::kTreeDepth;
  out.batch_number = rng.below(std::uint64_t{1} << 63);
  out.leader_nonce = id<Digest>(rng);
  for (auto count = out.quorum.size() * (out.quorum.size() - 1) / 2; out.setups.size() < count;)
    out.setups.push_back(id<SetupId>(rng));
  return out;
}

template <>
PresignMsg1 make(const Curve&, SeededRng& rng) {
  PresignMsg1 out;
  out.commitment = id<Digest>(rng);
  out.extension.u = bytes(rng, ot::kTrees * 16);
  out.extension.x_tilde = rng.make<ot::Block>();
  for (auto& block : out.extension.t_tilde) rng.fill(block);
  return out;
}

template <>
PresignMsg2 make(const Curve& curve, SeededRng& rng) {
  PresignMsg2 out;
  out.echo = id<Digest>(rng);
  out.opening = rng.make<std::array<std::uint8_t, 32>>();
  for (auto count = batch(rng); out.instances.size() < count;) {
    PresignMsg2::Instance each;
    each.R = point(curve, rng);
    each.pk = point(curve, rng);
    each.rvole.a_tilde = bytes(rng, ot::ots_per_multiplication(curve) * 3 * curve.scalar_size());
    each.rvole.eta = scalar(curve, rng);
    each.rvole.mu = id<Digest>(rng);
    each.gamma_u = point(curve, rng);
    each.gamma_v = point(curve, rng);
    each.psi = scalar(curve, rng);
    out.instances.push_back(std::move(each));
  }
  return out;
}

template <>
PresignMsg3 make(const Curve& curve, SeededRng& rng) {
  PresignMsg3 out;
  out.echo = id<Digest>(rng);
  for (auto count = batch(rng); out.u.size() < count;) out.u.push_back(scalar(curve, rng));
  return out;
}

template <>
PresignMsg4 make(const Curve& curve, SeededRng& rng) {
  const auto count = batch(rng);
  PresignMsg4 out;
  out.K = points(curve, rng, count);
  out.C = points(curve, rng, count);
  out.row = row(rng, party(rng), count);
  return out;
}

template <>
PresignPooled make(const Curve&, SeededRng&) {
  return {};
}

template <>
PresignRetire make(const Curve&, SeededRng& rng) {
  PresignRetire out;
  for (std::uint32_t i = 0; i < ot::kMaxBatch; i += static_cast<std::uint32_t>(1 + rng.below(100)))
    out.indices.push_back(i);
  return out;
}

}  // namespace quorate::wire::sample
