#include "signerd/dispute_statements.h"

#include <algorithm>

namespace quorate::signerd {

std::optional<DisputesEvidence> DisputeStatements::against(PartyId accused, const PublicKeyInfo& info) const {
  DisputesEvidence evidence{info, accused, {}};
  for (const auto& [key, statement] : known_) {  // ascending by signer within the epoch
    if (statement.epoch != info.epoch || statement.signer == accused) continue;
    if (statement.a == accused || statement.b == accused) evidence.statements.push_back(statement);
  }
  if (evidence.statements.size() < info.threshold) return std::nullopt;
  return evidence;
}

bool DisputeStatements::speaks_of(PartyId a, PartyId b) const {
  return std::any_of(known_.begin(), known_.end(), [&](const auto& item) {
    return item.second.a == std::min(a, b) && item.second.b == std::max(a, b);
  });
}

void DisputeStatements::forget_if(const std::function<bool(const EpochId&)>& over) {
  std::erase_if(known_, [&](const auto& item) { return over(item.second.epoch); });
}

}  // namespace quorate::signerd
