#include "protocol/coordinator/coordinator.h"

namespace quorate::coordinator {

/// SPEC 6.2 and workflow D: another coordinator was lost in mid-round, and its front end says which
/// presignature it had assigned. Signers that have answered there answer the same here, so the round can be
/// finished with it. The hint is a stranger's word. It is believed no more than this: if it fits the key as
/// this coordinator sees it, that presignature is tried first, once, for this request. A front end can so
/// burn ids that it was never assigned, one for each of its requests and no more; whoever leased such an id
/// is refused once and takes another.
bool Coordinator::take_up_hint(KeyState& key, Request& request) {
  const Assignment hint = *request.job.hint;
  const Likelihood how = judge_hint(key, hint, signers_, now_);
  if (how == Likelihood::Open) return false;  // somebody has not spoken yet; a lease may come first
  request.job.hint.reset();
  if (how == Likelihood::No || !ledger_.claim(hint.presignature, request.subject)) return false;
  ++counters_.hinted;
  const auto it = key.quorums.find(hint.quorum);
  QuorumState* state = it != key.quorums.end() && it->second.epoch == hint.epoch ? &it->second : nullptr;
  fan_out(key, request, hint, state).hinted = true;
  return true;
}

}  // namespace quorate::coordinator
