// Messages of signers that serve: hello, status, leases, signing, records, disputes, quarantine, the tier.
#include "fuzz/wire_sample_fields.h"

namespace quorate::wire::sample {

template <>
Hello make(const Curve&, SeededRng& rng) {
  Hello out;
  out.max_version = static_cast<std::uint8_t>(1 + rng.below(3));
  out.role = static_cast<Role>(1 + rng.below(4));
  out.cluster = name(rng);
  out.instance = id<Digest>(rng);
  if (out.role == Role::Signer) {
    out.signer = party(rng);
    out.signature = bytes(rng, sizeof(IdentitySignature));
  }
  return out;
}

template <>
StatusRequest make(const Curve&, SeededRng& rng) {
  return {id<KeyId>(rng)};
}

template <>
StatusReply make(const Curve& curve, SeededRng& rng) {
  StatusReply out;
  out.signer = party(rng);
  out.instance = id<Digest>(rng);
  for (auto count = rng.below(3); out.keys.size() < count;) {
    KeyStatus key;
    key.key = id<KeyId>(rng);
    key.epoch = id<EpochId>(rng);
    key.curve = curve.id();
    key.threshold = static_cast<std::uint8_t>(2 + rng.below(15));
    key.members = quorum(rng);
    for (auto pools = rng.below(3); key.pools.size() < pools;) {
      PoolStatus pool;
      pool.quorum = quorum(rng);
      pool.leader = party(rng);
      pool.available = number(rng);
      pool.target = number(rng);
      pool.min = number(rng);
      key.pools.push_back(std::move(pool));
    }
    out.keys.push_back(std::move(key));
  }
  out.linked = quorum(rng);
  out.quarantine = rng.below(std::uint64_t{1} << 63);
  return out;
}

template <>
LeaseRequest make(const Curve&, SeededRng& rng) {
  LeaseRequest out;
  out.key = id<KeyId>(rng);
  out.epoch = id<EpochId>(rng);
  out.quorum = quorum(rng);
  out.count = static_cast<std::uint16_t>(1 + rng.below(kMaxLease));
  return out;
}

template <>
LeaseReply make(const Curve&, SeededRng& rng) {
  LeaseReply out;
  out.ids = presignatures(rng);
  out.lifetime_ms = number(rng);
  out.available = number(rng);
  out.quarantine = rng.below(std::uint64_t{1} << 63);
  return out;
}

template <>
LeaseReturn make(const Curve&, SeededRng& rng) {
  LeaseReturn out;
  out.key = id<KeyId>(rng);
  out.epoch = id<EpochId>(rng);
  out.ids = presignatures(rng);
  return out;
}

template <>
SignRequest make(const Curve&, SeededRng& rng) {
  SignRequest out;
  out.presignature = presignature(rng);
  out.quorum = quorum(rng);
  out.key = id<KeyId>(rng);
  out.epoch = id<EpochId>(rng);
  out.context = context(rng);
  out.digest = digest(rng);
  out.content = bytes(rng, rng.below(200));
  out.deadline_ms = number(rng);
  out.lease = static_cast<std::uint16_t>(rng.below(kMaxLease + 1));
  out.frontend = text(rng);
  return out;
}

template <>
SignReply make(const Curve& curve, SeededRng& rng) {
  SignReply out;
  out.presignature = presignature(rng);
  out.r = scalar(curve, rng);
  out.record = id<Digest>(rng);
  out.s = scalar(curve, rng);
  out.lease = make<LeaseReply>(curve, rng);
  return out;
}

template <>
Refusal make(const Curve&, SeededRng& rng) {
  Refusal out;
  out.code = static_cast<SignErrorCode>(1 + rng.below(9));
  out.reason = text(rng);
  return out;
}

template <>
RecordRequest make(const Curve&, SeededRng& rng) {
  return {presignature(rng)};
}

template <>
RecordReply make(const Curve& curve, SeededRng& rng) {
  RecordReply out;
  out.quorum = quorum(rng);
  out.epoch = id<EpochId>(rng);
  out.key = id<KeyId>(rng);
  out.R = point(curve, rng);
  out.K = points(curve, rng, out.quorum.size());
  out.C = points(curve, rng, out.quorum.size());
  const auto count = batch(rng);
  for (const auto signer : out.quorum) out.rows.push_back(row(rng, signer, count));
  return out;
}

template <>
ConfirmRequest make(const Curve&, SeededRng& rng) {
  ConfirmRequest out;
  out.presignature = presignature(rng);
  out.quorum = quorum(rng);
  out.key = id<KeyId>(rng);
  out.epoch = id<EpochId>(rng);
  out.context = context(rng);
  out.digest = digest(rng);
  out.content = bytes(rng, rng.below(200));
  return out;
}

template <>
ConfirmReply make(const Curve& curve, SeededRng& rng) {
  ConfirmReply out;
  out.s = scalar(curve, rng);
  out.record = id<Digest>(rng);
  out.signature = signature(rng);
  return out;
}

template <>
DisputeNotice make(const Curve&, SeededRng& rng) {
  DisputeNotice out;
  out.epoch = id<EpochId>(rng);
  out.a = static_cast<PartyId>(1 + rng.below(kMaxParties - 1));
  out.b = static_cast<PartyId>(out.a + 1 + rng.below(kMaxParties - out.a));
  out.fault = static_cast<Fault>(rng.below(20));
  out.signer = rng.below(2) == 0 ? out.a : out.b;
  out.signature = signature(rng);
  return out;
}

template <>
QuarantineNotice make(const Curve&, SeededRng& rng) {
  return {bytes(rng, 1 + rng.below(100))};
}

template <>
QuarantineRequest make(const Curve&, SeededRng&) {
  return {};
}

template <>
QuarantineReply make(const Curve&, SeededRng& rng) {
  QuarantineReply out;
  out.version = rng.below(std::uint64_t{1} << 63);
  if (rng.below(4) != 0)
    for (const auto signer : quorum(rng)) out.entries.push_back({signer, text(rng), bytes(rng, 1 + rng.below(60))});
  for (auto count = rng.below(4); out.disputes.size() < count;) {
    QuarantineReply::Dispute dispute;
    dispute.epoch = id<EpochId>(rng);
    dispute.whole = rng.below(2) == 0;
    dispute.members = dispute.whole ? quorum(rng) : Quorum{2, 7};
    dispute.fault = static_cast<Fault>(rng.below(20));
    dispute.detail = text(rng);
    dispute.time = "2026-11-22T14:30:00.123Z";
    out.disputes.push_back(std::move(dispute));
  }
  return out;
}

template <>
QuarantineClear make(const Curve&, SeededRng& rng) {
  return {rng.below(2) == 0, rng.below(2) == 0};
}

template <>
TierAssigned make(const Curve&, SeededRng& rng) {
  TierAssigned out;
  out.presignature = presignature(rng);
  out.quorum = quorum(rng);
  out.epoch = id<EpochId>(rng);
  return out;
}

template <>
TierSignRequest make(const Curve& curve, SeededRng& rng) {
  TierSignRequest out;
  out.key = id<KeyId>(rng);
  out.context = context(rng);
  out.digest = digest(rng);
  out.deadline_ms = number(rng);
  out.content = bytes(rng, rng.below(200));
  if (rng.below(2) == 0) out.hint = make<TierAssigned>(curve, rng);
  return out;
}

template <>
TierSignReply make(const Curve& curve, SeededRng& rng) {
  TierSignReply out;
  out.r = scalar(curve, rng);
  out.s = scalar(curve, rng);
  out.quorum = quorum(rng);
  out.presignature = presignature(rng);
  out.timestamp = rng.below(std::uint64_t{1} << 63);
  out.attempts = static_cast<std::uint16_t>(rng.below(1 << 16));
  return out;
}

template <>
ReadinessRequest make(const Curve&, SeededRng& rng) {
  return {id<KeyId>(rng)};
}

template <>
ReadinessReply make(const Curve&, SeededRng& rng) {
  ReadinessReply out;
  out.state = static_cast<ReadinessState>(rng.below(3));
  out.reason = static_cast<SignErrorCode>(1 + rng.below(9));
  out.can_sign = rng.below(2) == 0;
  out.signers_up = static_cast<std::uint8_t>(rng.below(kMaxParties + 1));
  out.threshold = static_cast<std::uint8_t>(rng.below(4) == 0 ? 0 : 2 + rng.below(kMaxParties - 1));
  out.pool_depth = number(rng);
  out.detail = text(rng);
  return out;
}

}  // namespace quorate::wire::sample
