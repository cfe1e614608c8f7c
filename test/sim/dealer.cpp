#include "test/sim/dealer.h"

#include "protocol/group/shamir.h"

namespace quorate::sim {

DealtGroup deal_key(const Curve& curve, std::size_t n, std::size_t t, Rng& rng) {
  DealtGroup group;
  const Polynomial f = Polynomial::random(curve, t, rng);
  PublicKeyInfo info;
  info.curve = &curve;
  info.name = "dealt";
  info.ceremony = rng.make_id<CeremonyId>();
  info.epoch = rng.make_id<EpochId>();
  info.sid = rng.make_id<SessionId>();
  info.threshold = t;
  info.X = Point::mul_base(f.coefficient(0));
  info.key = key_id_of(info.X);
  for (PartyId id = 1; id <= n; ++id) {
    auto identity = IdentityKey::generate(rng);
    info.members.push_back({id, identity.public_key()});
    group.identities.emplace(id, std::move(identity));
    info.share_points.emplace(id, Point::mul_base(f.evaluate(id)));
  }
  for (const auto& [id, key] : group.identities) info.confirmations[id] = key.sign(confirmation_digest(info));
  for (PartyId id = 1; id <= n; ++id) group.shares.emplace(id, KeyShare{info, id, f.evaluate(id)});
  return group;
}

namespace {

/// One direction: bob gets all leaves, alice all but one a tree.
void deal_direction(ot::AllLeaves& bob, ot::PuncturedLeaves& alice, Rng& rng) {
  auto all = bob.leaves.reveal();
  for (auto& leaf : all) leaf = rng.make<ot::Block>();
  alice.nabla = Secret<ot::Block>(rng.make<ot::Block>());
  auto known = alice.leaves.reveal();
  std::copy(all.begin(), all.end(), known.begin());
  for (std::size_t tree = 0; tree < ot::kTrees; ++tree) {
    std::size_t delta = 0;
    for (std::size_t b = 0; b < ot::kTreeDepth; ++b) {
      const std::size_t bit = tree * ot::kTreeDepth + b;
      delta |= static_cast<std::size_t>(alice.nabla.reveal()[bit / 8] >> (bit % 8) & 1) << b;
    }
    known[tree * ot::kLeaves + delta] = ot::Block{};
  }
}

}  // namespace

std::pair<ot::PairState, ot::PairState> deal_pair(PartyId a, PartyId b, Rng& rng) {
  ot::PairState left, right;
  left.id = right.id = rng.make_id<SetupId>();
  left.me = right.peer = a;
  left.peer = right.me = b;
  deal_direction(left.as_receiver, right.as_sender, rng);
  deal_direction(right.as_receiver, left.as_sender, rng);
  left.zero_seed = SecretBytes(32);
  right.zero_seed = SecretBytes(32);
  rng.fill(left.zero_seed.reveal());
  std::copy(left.zero_seed.reveal().begin(), left.zero_seed.reveal().end(), right.zero_seed.reveal().begin());
  return {std::move(left), std::move(right)};
}

}  // namespace quorate::sim
