#include "protocol/coordinator/attempt.h"

#include <algorithm>

namespace quorate::coordinator {

std::string_view name(AttemptFailure failure) {
  switch (failure) {
    case AttemptFailure::BadSum: return "BadSum";
    case AttemptFailure::Inconsistent: return "Inconsistent";
    case AttemptFailure::BadReply: return "BadReply";
    case AttemptFailure::Refused: return "Refused";
    case AttemptFailure::LinkLost: return "LinkLost";
  }
  return "?";
}

bool Attempt::member(PartyId id) const { return std::find(quorum.begin(), quorum.end(), id) != quorum.end(); }

bool Attempt::answered(PartyId id) const {
  return std::any_of(replies.begin(), replies.end(), [&](const PartialReply& r) { return r.signer == id; });
}

std::vector<PartyId> Attempt::missing() const {
  std::vector<PartyId> out;
  for (auto id : quorum)
    if (!answered(id)) out.push_back(id);
  return out;
}

std::optional<AttemptFailure> collect(Attempt& attempt, PartyId from, const wire::SignReply& reply) {
  const auto fits = [&](const Scalar& x) { return x.valid() && &x.curve() == attempt.curve; };
  // Scalars of another curve must not meet ours: arithmetic across curves ends the process.
  if (!fits(reply.r) || !fits(reply.s) || reply.presignature != attempt.presignature) {
    return AttemptFailure::BadReply;
  }
  attempt.replies.push_back({from, reply.r, reply.record, reply.s});
  const PartialReply& first = attempt.replies.front();
  if (reply.r != first.r || reply.record != first.record) return AttemptFailure::Inconsistent;
  return std::nullopt;
}

Result<EcdsaSignature, AttemptFailure> conclude(const Attempt& attempt, const VerificationKey& X, const Scalar& m) {
  std::vector<Scalar> partials;
  partials.reserve(attempt.replies.size());
  for (const auto& reply : attempt.replies) partials.push_back(reply.s);
  auto signature = combine(X, m, attempt.replies.front().r, partials);
  if (!signature) return fail(AttemptFailure::BadSum);
  return *signature;
}

std::string one_line(std::string_view foreign) {
  std::string out(foreign.substr(0, 256));
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return out;
}

std::string list_of(const std::vector<PartyId>& ids) {
  std::string out;
  for (auto id : ids) out += (out.empty() ? "" : ", ") + std::to_string(id);
  return out;
}

std::string signers_text(const std::vector<PartyId>& ids) {
  if (ids.empty()) return "no signer";
  return (ids.size() == 1 ? "signer " : "signers ") + list_of(ids);
}

}  // namespace quorate::coordinator
