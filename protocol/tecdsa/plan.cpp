#include <algorithm>

#include "protocol/tecdsa/presign.h"

namespace quorate {

// SPEC 5.0: everything that makes this batch this batch goes into its id.
SessionId PresignPlan::sid() const {
  Transcript t(Label::PresignSession, Binding{.curve = curve, .key = key, .epoch = epoch});
  t.add_quorum(quorum).add_number(batch).add_number(tree_depth).add_number(batch_number).add(leader_nonce);
  t.add_number(setups.size());
  for (const auto& id : setups) t.add(id);
  return SessionId{std::move(t).digest().bytes};
}

PartyId leader_of(const EpochId& epoch, const Quorum& quorum) {
  Transcript t(Label::LeaderChoice, Binding{.epoch = epoch});
  t.add_quorum(quorum);
  const Digest digest = std::move(t).digest();
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | digest.bytes[i];
  return quorum[number % quorum.size()];
}

Result<void, Abort> check_plan(const PresignInputs& inputs) {
  const auto& plan = inputs.plan;
  const auto& info = inputs.share->info;
  auto refuse = [](std::string detail) {
    return fail(Abort{Fault::BadParameters, Blame::nobody(), std::move(detail)});
  };
  if (plan.curve != info.curve->id() || plan.key != info.key) return refuse("plan is for another key");
  if (plan.epoch != info.epoch) return refuse("plan is for another epoch");
  if (plan.quorum.size() != info.threshold) return refuse("quorum does not have T members");
  for (std::size_t i = 0; i < plan.quorum.size(); ++i) {
    if (i > 0 && plan.quorum[i - 1] >= plan.quorum[i]) return refuse("quorum is not ascending");
    if (info.member(plan.quorum[i]) == nullptr) return refuse("quorum names a stranger");
  }
  if (!std::binary_search(plan.quorum.begin(), plan.quorum.end(), inputs.share->me))
    return refuse("not a member of this quorum");
  if (plan.batch < 1 || plan.batch > ot::kMaxBatch) return refuse("batch size out of range");
  if (plan.tree_depth != ot::kTreeDepth) return refuse("other OT tree depth");
  const std::size_t t = plan.quorum.size();
  if (plan.setups.size() != t * (t - 1) / 2) return refuse("wrong number of set-up ids");
  std::size_t at = 0;
  for (std::size_t i = 0; i < t; ++i) {
    for (std::size_t j = i + 1; j < t; ++j, ++at) {
      const PartyId a = plan.quorum[i], b = plan.quorum[j], me = inputs.share->me;
      if (a != me && b != me) continue;
      const auto found = inputs.pairs.find(a == me ? b : a);
      if (found == inputs.pairs.end() || found->second->id != plan.setups[at])
        return refuse("no such set-up with signer " + std::to_string(a == me ? b : a));
    }
  }
  return {};
}

}  // namespace quorate
