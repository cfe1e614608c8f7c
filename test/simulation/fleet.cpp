#include "test/simulation/fleet.h"

#include <algorithm>

#include "protocol/tecdsa/presign.h"
#include "signerd/active_quorums.h"

namespace quorate::simulation {

namespace {

constexpr std::uint32_t kBatch = 16;

PresignedBatch copy_of(const PresignedBatch& batch) {
  PresignedBatch out{batch.record, {}};
  for (const auto& item : batch.items)
    out.items.push_back({item.index, item.r, item.record, item.k.clone(), item.chi.clone()});
  return out;
}

}  // namespace

Fleet::Fleet(Settings settings, std::uint64_t seed)
    : settings_(settings),
      rng_(seed, "fleet"),
      group_(sim::deal_key(Curve::toy(), settings.signers, settings.threshold, rng_)),
      x_(Curve::toy()),
      policy_(signerd::Policy::defaults()),
      audit_(*signerd::Audit::open(std::nullopt)) {
  const Curve& curve = Curve::toy();
  for (std::uint64_t k = 1; k < 241; ++k) {
    const Scalar scalar(curve, k);
    const Point R = Point::mul_base(scalar);
    if (R == info().X) x_ = scalar;
    if (const Scalar r = R.x_mod_order(); !r.is_zero()) nonces_.push_back({r, scalar.invert()});
  }
  std::vector<PartyId> members;
  for (PartyId id = 1; id <= settings_.signers; ++id) members.push_back(id);
  quorums_ = signerd::active_quorums(members, settings_.threshold, members.size() - settings_.threshold);
  for (auto id : members) boot(id);
}

void Fleet::boot(PartyId id) {
  Signer& signer = signers_[id];
  signer.online.reset();
  signer.instance = rng_.make_id<Digest>();
  signer.keys = std::make_unique<signerd::KeyRing>(settings_.limits);
  signer.keys->add(KeyShare{info(), id, group_.shares.at(id).x_i.clone()});
  signer.online = std::make_unique<signerd::Online>(id, group_.identities.at(id), signer.instance, *signer.keys, policy_,
                                                    audit_, [] { return std::vector<PartyId>{}; });
}

std::optional<wire::Envelope> Fleet::answer(PartyId to, const std::string& coordinator, const wire::Envelope& request,
                                            Time now) {
  return signers_.at(to).online->answer({wire::Role::Coordinator, kNobody, coordinator, "sim"}, request, wall(now));
}

void Fleet::restart(PartyId id) {
  boot(id);
  signers_.at(id).met = false;
  kept_.erase(id);
}

void Fleet::meet(PartyId id) {
  for (auto& [other, signer] : signers_)
    if (other != id) signer.key().pools.drop_shared_with(id);
  // What was dealt to others in the meantime is none of its pools; it starts with empty ones.
  signers_.at(id).met = true;
}

void Fleet::tick(Time now) {
  for (auto& [id, signer] : signers_) {
    signer.online->tick(wall(now));
    for (const auto& [quorum, presignature] : signer.key().pools.expire(wall(now)))
      for (auto member : quorum)
        if (member != id) signers_.at(member).key().pools.retire(id, presignature.sid, {presignature.index});
  }
  for (const auto& quorum : quorums_) {
    if (!std::all_of(quorum.begin(), quorum.end(), [&](PartyId id) { return signers_.at(id).met; })) continue;
    const auto& pools = signers_.at(leader_of(info().epoch, quorum)).key().pools;
    if (pools.available(quorum) < settings_.limits.target) deal(quorum, kBatch, now);
  }
}

void Fleet::deal(const Quorum& quorum, std::uint32_t count, Time now) {
  const Curve& curve = Curve::toy();
  PresignPlan plan;
  plan.curve = curve.id();
  plan.key = info().key;
  plan.epoch = info().epoch;
  plan.quorum = quorum;
  plan.batch = count;
  plan.batch_number = ++dealt_;
  const auto record = std::make_shared<const BatchRecord>(plan, rng_.make_id<SessionId>(), std::vector<Bytes>{},
                                                          std::vector<std::vector<Bytes>>{},
                                                          std::vector<std::vector<Bytes>>{}, std::vector<Row>{});
  std::map<PartyId, PresignedBatch> batches;
  for (std::uint32_t b = 0; b < count; ++b) {
    const Nonce& nonce = nonces_[rng_.below(nonces_.size())];
    Scalar k_rest = nonce.inverse, chi_rest = nonce.inverse * x_;
    Digest digest{};
    digest.bytes[0] = static_cast<std::uint8_t>(b);
    for (auto member : quorum) {
      const bool last = member == quorum.back();
      const Scalar k = last ? k_rest : Scalar(curve, rng_.below(241));
      const Scalar chi = last ? chi_rest : Scalar(curve, rng_.below(241));
      k_rest = k_rest - k;
      chi_rest = chi_rest - chi;
      auto& batch = batches[member];
      batch.record = record;
      batch.items.push_back({b, nonce.r, digest, SecretScalar(k), SecretScalar(chi)});
    }
  }
  for (auto& [member, batch] : batches) {
    if (settings_.planted_bug) {
      auto& kept = kept_[member];
      kept.push_back(copy_of(batch));
      if (kept.size() > 64) kept.erase(kept.begin());
    }
    signers_.at(member).key().pools.add(std::move(batch), wall(now));
  }
}

void Fleet::roll_back(Time now) {
  if (!settings_.planted_bug) return;
  for (auto& [id, signer] : signers_) {
    for (auto& [other, ignored] : signers_)
      if (other != id) signer.key().pools.drop_shared_with(other);
    for (const auto& batch : kept_[id]) signer.key().pools.add(copy_of(batch), wall(now));
  }
}

}  // namespace quorate::simulation
