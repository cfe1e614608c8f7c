#include "fuzz/wire_samples.h"

namespace quorate::wire::sample {
namespace {

using sim::SeededRng;

template <class T>
T id(SeededRng& rng) {
  return rng.make_id<T>();
}

Bytes bytes(SeededRng& rng, std::size_t size) {
  Bytes out(size);
  rng.fill(out);
  return out;
}

std::string name(SeededRng& rng) {
  static constexpr std::string_view kAlphabet = "abcXYZ019._-";
  std::string out;
  for (auto size = 1 + rng.below(12); out.size() < size;) out += kAlphabet[rng.below(kAlphabet.size())];
  return out;
}

std::string text(SeededRng& rng) {
  std::string out;
  for (auto size = rng.below(40); out.size() < size;) out += static_cast<char>(0x20 + rng.below(0x5f));
  return out;
}

Scalar scalar(const Curve& curve, SeededRng& rng) { return Scalar::random(curve, rng); }

Point point(const Curve& curve, SeededRng& rng) {
  return Point::mul_base(curve.is_toy() ? Scalar::random(curve, rng) : Scalar::random_nonzero(curve, rng));
}

std::vector<Point> points(const Curve& curve, SeededRng& rng, std::size_t count) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(point(curve, rng));
  return out;
}

std::vector<std::array<Point, 2>> point_pairs(const Curve& curve, SeededRng& rng) {
  std::vector<std::array<Point, 2>> out;
  for (std::size_t i = 0; i < ot::kLambdaC; ++i) {
    auto first = point(curve, rng);
    auto second = point(curve, rng);
    out.push_back({std::move(first), std::move(second)});
  }
  return out;
}

PartyId party(SeededRng& rng) { return static_cast<PartyId>(1 + rng.below(kMaxParties)); }

Quorum quorum(SeededRng& rng) {
  Quorum out;
  for (PartyId i = 1; i <= kMaxParties; ++i)
    if (rng.below(4) == 0) out.push_back(i);
  return out.size() < 2 ? Quorum{1, kMaxParties} : out;
}

PresignatureId presignature(SeededRng& rng) {
  const auto sid = id<SessionId>(rng);
  return {sid, static_cast<std::uint32_t>(rng.below(ot::kMaxBatch))};
}

std::vector<PresignatureId> presignatures(SeededRng& rng) {
  std::vector<PresignatureId> out;
  for (auto count = rng.below(4); out.size() < count;) out.push_back(presignature(rng));
  return out;
}

IdentitySignature signature(SeededRng& rng) { return rng.make<IdentitySignature>(); }

SchnorrProof proof(const Curve& curve, SeededRng& rng) {
  auto commitment = point(curve, rng);
  return {std::move(commitment), scalar(curve, rng)};
}

Row row(SeededRng& rng, PartyId signer, std::size_t batch) {
  Row out;
  out.signer = signer;
  out.nonce_digest = id<Digest>(rng);
  out.u_digest = id<Digest>(rng);
  for (std::size_t i = 0; i < batch; ++i) out.records.push_back(id<Digest>(rng));
  out.signature = signature(rng);
  return out;
}

std::uint32_t number(SeededRng& rng) { return static_cast<std::uint32_t>(rng.below(std::uint64_t{1} << 32)); }
std::size_t batch(SeededRng& rng) { return 1 + rng.below(3); }
Context context(SeededRng& rng) { return static_cast<Context>(1 + rng.below(7)); }
DigestAlgorithm digest(SeededRng& rng) { return static_cast<DigestAlgorithm>(1 + rng.below(3)); }

}  // namespace

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
KeygenMsg1 make(const Curve&, SeededRng& rng) {
  KeygenMsg1 out;
  out.nonce = id<Digest>(rng);
  out.commitment = id<Digest>(rng);
  out.signature = signature(rng);
  return out;
}

template <>
KeygenMsg2 make(const Curve& curve, SeededRng& rng) {
  KeygenMsg2 out;
  const auto threshold = 2 + rng.below(2);
  out.echo = id<Digest>(rng);
  out.coefficients = points(curve, rng, threshold);
  out.opening = rng.make<std::array<std::uint8_t, 32>>();
  while (out.proofs.size() < threshold) out.proofs.push_back(proof(curve, rng));
  out.signature = signature(rng);
  return out;
}

template <>
KeygenMsg3 make(const Curve& curve, SeededRng& rng) {
  KeygenMsg3 out;
  out.echo = id<Digest>(rng);
  out.share = bytes(rng, curve.scalar_size());
  out.signature = signature(rng);
  return out;
}

template <>
KeygenMsg4 make(const Curve& curve, SeededRng& rng) {
  KeygenMsg4 out;
  out.share_point = point(curve, rng);
  out.public_key = point(curve, rng);
  out.proof = proof(curve, rng);
  out.signature = signature(rng);
  return out;
}

template <>
KeygenMsg5 make(const Curve&, SeededRng& rng) {
  return {signature(rng)};
}

template <>
KeygenStatements make(const Curve&, SeededRng& rng) {
  KeygenStatements out;
  const auto members = quorum(rng);
  const auto last_round = 1 + rng.below(2);
  for (std::uint8_t round = 1; round <= last_round; ++round)
    for (const auto sender : members) {
      KeygenStatement statement;
      statement.round = round;
      statement.sender = sender;
      statement.body = bytes(rng, rng.below(100));
      statement.signature = signature(rng);
      out.seen.push_back(statement);
    }
  return out;
}

template <>
KeygenEvidence make(const Curve& curve, SeededRng& rng) {
  KeygenEvidence out;
  out.terms.ceremony = id<CeremonyId>(rng);
  out.terms.curve = &curve;
  out.terms.name = name(rng);
  out.terms.group = id<Digest>(rng);
  for (const auto member : quorum(rng)) out.terms.members.push_back({member, id<IdentityPublicKey>(rng)});
  out.terms.threshold = out.terms.members.size();
  if (rng.below(2) == 0) {
    auto& old = out.terms.old.emplace();
    old.id = id<EpochId>(rng);
    old.previous = id<EpochId>(rng);
    old.ceremony = id<CeremonyId>(rng);
    old.X = point(curve, rng);
    for (const auto& member : out.terms.members) old.share_points[member.id] = point(curve, rng);
  }
  out.fault = static_cast<Fault>(rng.below(20));
  out.culprit = party(rng);
  for (std::uint8_t round = 1; round <= 4; ++round) {
    KeygenStatement statement;
    statement.round = round;
    statement.sender = party(rng);
    statement.receiver = static_cast<PartyId>(rng.below(kMaxParties + 1));
    statement.body = bytes(rng, rng.below(100));
    statement.signature = signature(rng);
    out.statements.push_back(statement);
  }
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

template <>
KeygenRequest make(const Curve& curve, SeededRng& rng) {
  KeygenRequest out;
  out.ceremony = id<CeremonyId>(rng);
  out.curve = curve.id();
  out.name = name(rng);
  out.group = id<Digest>(rng);
  out.members = quorum(rng);
  out.threshold = static_cast<std::uint8_t>(2 + rng.below(out.members.size() - 1));
  if (rng.below(2) == 0) out.previous = id<EpochId>(rng);
  return out;
}

template <>
KeygenProgress make(const Curve&, SeededRng& rng) {
  KeygenProgress out;
  out.round = static_cast<std::uint8_t>(rng.below(6));
  out.text = text(rng);
  return out;
}

template <>
KeygenResult make(const Curve& curve, SeededRng& rng) {
  KeygenResult out;
  out.ok = rng.below(2) == 0;
  if (!out.ok) {
    out.fault = static_cast<Fault>(rng.below(20));
    out.blame.kind = static_cast<Blame::Kind>(rng.below(4));
    if (out.blame.kind == Blame::Kind::Party || out.blame.kind == Blame::Kind::Pair) out.blame.party = party(rng);
    if (out.blame.kind == Blame::Kind::Pair) out.blame.other = party(rng);
    out.detail = text(rng);
    out.evidence = bytes(rng, rng.below(100));
    return out;
  }
  auto& info = out.info;
  info.curve = &curve;
  info.name = name(rng);
  info.key = id<KeyId>(rng);
  info.epoch = id<EpochId>(rng);
  info.previous = id<EpochId>(rng);
  info.ceremony = id<CeremonyId>(rng);
  info.sid = id<SessionId>(rng);
  for (const auto member : quorum(rng)) {
    info.members.push_back({member, id<IdentityPublicKey>(rng)});
    info.share_points[member] = point(curve, rng);
    info.confirmations[member] = signature(rng);
  }
  info.threshold = 2 + rng.below(info.members.size() - 1);
  info.X = point(curve, rng);
  out.spki = bytes(rng, 1 + rng.below(120));
  return out;
}

}  // namespace quorate::wire::sample
