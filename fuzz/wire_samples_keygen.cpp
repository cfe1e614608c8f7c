// Messages of key generation, and what an administrator asks and is told of it.
#include "fuzz/wire_sample_fields.h"

namespace quorate::wire::sample {

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
