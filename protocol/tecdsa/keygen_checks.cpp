#include "protocol/tecdsa/keygen_checks.h"

#include "protocol/group/shamir.h"

namespace quorate {
namespace {

/// sum_k at^k F_k, with F_0 neutral where it is omitted.
Point committed_value(const KeygenTerms& terms, std::vector<Point> coefficients, PartyId at) {
  if (terms.old) coefficients.insert(coefficients.begin(), Point(*terms.curve));
  return evaluate_commitment(coefficients, at);
}

}  // namespace

std::optional<Fault> check_opening(const KeygenTerms& terms, PartyId sender, const KeygenMsg1& committed,
                                   const KeygenMsg2& opened) {
  if (keygen_commitment(terms, sender, committed.nonce, opened.coefficients, opened.opening) !=
      committed.commitment)
    return Fault::CommitmentMismatch;
  for (const auto& point : opened.coefficients)
    if (point.is_infinity()) return Fault::Infinity;
  return std::nullopt;
}

Binding coefficient_binding(const KeygenTerms& terms, const SessionId& sid, PartyId sender, std::size_t k) {
  return {.curve = terms.curve->id(), .sid = sid, .from = sender, .instance = static_cast<std::uint32_t>(k)};
}

std::optional<Fault> check_proofs(const KeygenTerms& terms, const SessionId& sid, PartyId sender,
                                  const KeygenMsg2& opened) {
  for (std::size_t k = 0; k < opened.coefficients.size(); ++k) {
    const auto binding = coefficient_binding(terms, sid, sender, terms.first_coefficient() + k);
    if (!verify_knowledge(kCoefficientProof, binding, opened.coefficients[k], opened.proofs[k]))
      return Fault::BadProof;
  }
  return std::nullopt;
}

std::optional<Fault> check_share(const KeygenTerms& terms, const KeygenMsg2& dealer, PartyId receiver,
                                 const SecretScalar& share) {
  if (Point::mul_base(share) == committed_value(terms, dealer.coefficients, receiver)) return std::nullopt;
  return Fault::BadShare;
}

Result<PublicKeyInfo, Fault> derive_key(const KeygenTerms& terms, const SessionId& sid,
                                        const std::map<PartyId, KeygenMsg2>& openings) {
  std::vector<Point> sums(terms.coefficients(), Point(*terms.curve));
  for (const auto& [dealer, opened] : openings)
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += opened.coefficients[k];
  const Point X = terms.old ? terms.old->X : sums[0];
  if (X.is_infinity()) return fail(Fault::Infinity);

  PublicKeyInfo info{.curve = terms.curve,
                     .name = terms.name,
                     .key = key_id_of(X),
                     .epoch = {},
                     .previous = terms.old ? terms.old->id : EpochId{},
                     .ceremony = terms.ceremony,
                     .sid = sid,
                     .threshold = terms.threshold,
                     .members = terms.members,
                     .X = X,
                     .share_points = {},
                     .confirmations = {}};
  for (const auto& member : terms.members) {
    auto point = committed_value(terms, sums, member.id);
    if (terms.old) point += terms.old->share_points.at(member.id);
    if (point.is_infinity() && !terms.curve->is_toy()) return fail(Fault::Infinity);
    info.share_points.emplace(member.id, std::move(point));
  }
  info.epoch = epoch_id_of(info);
  return info;
}

Binding share_binding(const PublicKeyInfo& info, PartyId sender) {
  auto binding = info.binding();
  binding.sid = info.sid;
  binding.from = sender;
  return binding;
}

std::optional<Fault> check_result(const PublicKeyInfo& info, PartyId sender, const KeygenMsg4& claimed) {
  const auto& expected = info.share_points.at(sender);
  if (!(claimed.share_point == expected) || !(claimed.public_key == info.X)) return Fault::KeyMismatch;
  if (verify_knowledge(kShareProof, share_binding(info, sender), expected, claimed.proof))
    return std::nullopt;
  return Fault::BadProof;
}

}  // namespace quorate
