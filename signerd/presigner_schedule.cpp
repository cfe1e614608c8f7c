// Which batch this signer leads next, and which it has room to join.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/net/system_rng.h"
#include "signerd/presigner.h"

namespace quorate::signerd {

namespace {

/// A pool that is empty, or below its minimum, is served with a small batch first: who waits for a presignature
/// gets one soon. A batch of 64 keeps two cores busy for a tenth of a second.
constexpr std::uint32_t kFirstBatch = 8, kShallowBatch = 16;
/// A batch that took no step for so long hangs on somebody who is stopped or far away: it holds no slot any more,
/// but for this many, which serve quorums without its members. So one stopped signer keeps no other pool empty.
constexpr std::chrono::seconds kStuckAfter{1};
constexpr std::size_t kStuckSlots = 2;
constexpr std::chrono::seconds kLetGoInterval{1}, kWarnInterval{60};

}  // namespace

std::optional<SignError> Presigner::why_blocked(const KeyId& key, const Quorum& quorum) const {
  for (auto id : quorum)
    if (keys_.quarantined(id))
      return SignError{SignErrorCode::SignerQuarantined, "signer " + std::to_string(id) + " is in quarantine at signer " +
                                                             std::to_string(me_)};
  if (disputes_.quorum_blocked(key, quorum))
    return SignError{SignErrorCode::PolicyDenied, "a dispute within signers " + to_string(quorum) +
                                                      " is open; `quorate quarantine list` shows it"};
  return std::nullopt;
}

bool Presigner::possible(const ActiveKey& key, const Task& task, Clock::time_point now) const {
  if (leading_.contains(task) || order_.waits(task, now) || why_blocked(key.info().key, task.quorum)) return false;
  for (auto id : task.quorum)
    if (id != me_ && !mesh_.linked(id)) return false;
  return setups_.agreed(task.epoch, task.quorum).has_value();
}

bool Presigner::stuck(const Batch& batch, Clock::time_point now) const { return now - batch.last_step > kStuckAfter; }

/// Of the batches that `leader` has here, led or joined, are there few enough for one more?
bool Presigner::has_slot(PartyId leader, std::size_t limit, Clock::time_point now) const {
  std::size_t moving = 0, all = 0;
  for (const auto& [sid, batch] : running_) {
    if (leader_of(batch.task.epoch, batch.task.quorum) != leader) continue;
    ++all;
    moving += stuck(batch, now) ? 0 : 1;
  }
  return moving < limit && all < limit + kStuckSlots;
}

bool Presigner::beside_stuck(const Quorum& quorum, Clock::time_point now) const {
  return std::any_of(running_.begin(), running_.end(), [&](const auto& item) {
    const auto& other = item.second.task.quorum;
    return stuck(item.second, now) && std::any_of(quorum.begin(), quorum.end(), [&](auto id) {
             return id != me_ && std::binary_search(other.begin(), other.end(), id);
           });
  });
}

/// Every quorum that works reaches its minimum before any goes further; among equals the shallowest first.
std::optional<Task> Presigner::next_task(Clock::time_point now) const {
  const bool spare = leading_.size() >= limits_.parallel;
  std::optional<Task> best;
  RefillOrder::Rank best_rank;
  const auto consider = [&](const ActiveKey& key, const Quorum& quorum) {
    const EpochId& epoch = key.info().epoch;
    const std::uint32_t available = key.pools.available(quorum);
    if (leader_of(epoch, quorum) != me_ || available >= key.target(now)) return;
    const bool beside = beside_stuck(quorum, now);
    if (spare && beside) return;
    Task task{epoch, quorum};
    const auto rank = order_.rank(task, {available, key.pools.limits().min, key.idle(now), beside});
    if ((best && rank >= best_rank) || !possible(key, task, now)) return;
    best = std::move(task);
    best_rank = rank;
  };
  for (auto& [epoch, key] : keys_.all()) {
    if (key->stage == Stage::Fading) continue;
    for (const auto& quorum : key->quorums) consider(*key, quorum);
    for (const auto& [quorum, asked] : key->on_demand.all()) consider(*key, quorum);
  }
  return best;
}

void Presigner::tick(Clock::time_point now) {
  retry_writing(now);
  let_go(now);
  while (has_slot(me_, limits_.parallel, now) && budget_.ready(me_, now)) {
    const auto task = next_task(now);
    if (!task) return;
    lead(*task, now);
  }
}

void Presigner::lead(const Task& task, Clock::time_point now) {
  auto& key = *keys_.by_epoch(task.epoch);
  net::SystemRng rng;
  PresignPlan plan;
  plan.curve = key.info().curve->id();
  plan.key = key.info().key;
  plan.epoch = task.epoch;
  plan.quorum = task.quorum;
  const std::uint32_t batch = modest_.contains(task) ? std::min(kCommonBatch, limits_.batch) : limits_.batch;
  const std::uint32_t available = key.pools.available(task.quorum);
  const bool shallow = available < key.pools.limits().min;
  plan.batch = available == 0 ? std::min(kFirstBatch, batch) : shallow ? std::min(kShallowBatch, batch) : batch;
  plan.tree_depth = ot::kTreeDepth;
  plan.batch_number = ++next_number_[task];
  plan.leader_nonce = rng.make_id<Digest>();
  plan.setups = *setups_.agreed(task.epoch, task.quorum);
  run(key, plan, true, now);
}

Result<void, SignError> Presigner::want(ActiveKey& key, const Quorum& quorum, Clock::time_point now) {
  const EpochId& epoch = key.info().epoch;
  const auto refuse = [](SignErrorCode code, std::string why) { return fail(SignError{code, std::move(why)}); };
  if (!key.may_form(quorum))
    return refuse(SignErrorCode::PolicyDenied, "signers " + to_string(quorum) + " are no quorum of this key with signer " +
                                                   std::to_string(me_));
  if (auto blocked = why_blocked(key.info().key, quorum)) return fail(*blocked);
  if (leader_of(epoch, quorum) != me_ || key.stage == Stage::Fading) return {};
  if (!key.is_active(quorum)) {
    for (auto id : quorum)
      if (id != me_ && !mesh_.linked(id))
        return refuse(SignErrorCode::QuorumInsufficient,
                      "signer " + std::to_string(me_) + " has no link to signer " + std::to_string(id));
    const bool news = !key.on_demand.contains(quorum);
    if (!key.on_demand.ask(quorum, now))
      return refuse(SignErrorCode::PrecomputeDepleted,
                    "signer " + std::to_string(me_) + " leads as many quorums on demand as it can");
    if (news) log_.info("quorum_on_demand", {{"quorum", quorum}, {"epoch", epoch.brief()}});
  }
  if (key.pools.available(quorum) == 0 && order_.wanted({epoch, quorum}, now)) tick(now);
  return {};
}

/// Quorums that nobody asks for any more.
void Presigner::let_go(Clock::time_point now) {
  if (now < next_let_go_) return;
  next_let_go_ = now + kLetGoInterval;
  for (auto& [epoch, key] : keys_.all()) {
    for (const auto& quorum : key->on_demand.expire(now)) {
      log_.info("quorum_let_go", {{"quorum", quorum}, {"epoch", epoch.brief()}});
      announce_retired(key->pools.let_go(quorum));
      order_.forget_if([&](const Task& task) { return task.epoch == epoch && task.quorum == quorum; });
    }
  }
}

/// Any T members may be a quorum on demand; of those one leader has members hold no more than it may lead itself.
bool Presigner::room_beyond_active(const ActiveKey& key, const Quorum& quorum, PartyId leader) const {
  if (key.is_active(quorum)) return true;
  const EpochId& epoch = key.info().epoch;
  std::set<Quorum> others;
  for (auto& stocked : key.pools.stocked()) others.insert(std::move(stocked));
  for (const auto& [sid, batch] : running_)
    if (batch.task.epoch == epoch) others.insert(batch.task.quorum);
  const auto of_leader = std::count_if(others.begin(), others.end(), [&](const auto& other) {
    return other != quorum && leader_of(epoch, other) == leader && !key.is_active(other);
  });
  return static_cast<std::size_t>(of_leader) < OnDemand::kMax;
}

void Presigner::warn_beyond_active(const PresignPlan& plan, PartyId leader, Clock::time_point now) {
  if (const auto last = warned_.find(leader); last != warned_.end() && now - last->second < kWarnInterval) return;
  warned_[leader] = now;
  log_.warn("too_many_quorums", {{"leader", leader}, {"quorum", plan.quorum}, {"epoch", plan.epoch.brief()},
                                 {"action", "its batch is refused: that quorum is not active here, and others of it are "
                                            "on demand; is pool.survive the same on all signers?"}});
}

void Presigner::leave_out(PartyId signer) {
  for (auto& [epoch, key] : keys_.all())
    sessions_.abort_with(signer, epoch, "signer " + std::to_string(signer) + " is in quarantine");
}

}  // namespace quorate::signerd
