#include "signerd/presigner.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/session/presign_machine.h"
#include "protocol/wire/presign_codec.h"
#include "protocol/wire/setup_codec.h"

namespace quorate::signerd {

using wire::MessageType;

namespace {

constexpr std::chrono::milliseconds kLongestBackOff{30'000};
/// A member waits less than the leader, so that an honest leader's next attempt finds it ready.
constexpr std::chrono::milliseconds kLongestJoinBackOff{1'000};
/// Batches of one leader that a member takes part in at a time, whatever it is configured to lead itself.
constexpr std::size_t kMinJoined = 2;
/// What a leader waits for at a member that saw half of its last batch go unused.
constexpr std::chrono::milliseconds kWastePause{100};
constexpr std::chrono::seconds kWriteInterval{1};

}  // namespace

Presigner::Presigner(PartyId me, const IdentityKey& identity, KeyRing& keys, PairSetups& setups,
                     SessionHost& sessions, Disputes& disputes, const Log& log, MeshView mesh, PresignLimits limits)
    : me_(me),
      identity_(identity),
      keys_(keys),
      setups_(setups),
      sessions_(sessions),
      disputes_(disputes),
      log_(log),
      mesh_(std::move(mesh)),
      limits_(limits),
      budget_(limits.max_mbit, limits.signers) {}

PresignInputs Presigner::inputs_for(ActiveKey& key, const PresignPlan& plan,
                                    std::vector<std::shared_ptr<const void>>& keep) const {
  PresignInputs inputs{key.share.get(), &identity_, {}, plan};
  keep.push_back(key.share);
  for (auto id : plan.quorum) {
    if (id == me_) continue;
    if (auto state = setups_.state(plan.epoch, id)) {
      inputs.pairs[id] = state.get();
      keep.push_back(std::move(state));
    }
  }
  return inputs;
}

void Presigner::run(ActiveKey& key, const PresignPlan& plan, bool leading, Clock::time_point now) {
  const Task task{plan.epoch, plan.quorum};
  const SessionId sid = plan.sid();
  std::vector<std::shared_ptr<const void>> keep;
  auto inputs = inputs_for(key, plan, keep);
  if (auto ok = check_plan(inputs); !ok) {
    if (leading) order_.failed(task, now, kLongestBackOff);
    return give_up(task, sid, ok.error());
  }
  if (leading) leading_[task] = sid;
  running_[sid] = {task, leading, now};
  SessionHost::Session session;
  for (auto id : plan.quorum)
    if (id != me_) session.peers.push_back(id);
  session.epoch = plan.epoch;
  session.timeout = limits_.timeout;
  session.background = true;
  session.on_sent = [this, leader = leader_of(plan.epoch, plan.quorum)](std::size_t bytes) {
    budget_.spend(leader, bytes, Clock::now());
  };
  session.on_step = [this, sid] {
    if (const auto batch = running_.find(sid); batch != running_.end()) batch->second.last_step = Clock::now();
  };
  session.on_end = [this, task, sid, leading](SessionHost::Ending ending) {
    ended(task, sid, leading, std::move(ending));
  };
  session.on_late_verdict = [this, task](const Abort& why) { record_verdict(task, why); };
  // The machine looks at the share and the set-ups, which live as long as it does.
  auto machine = std::make_shared<session::PresignMachine>(std::move(inputs));
  auto* raw = machine.get();
  std::shared_ptr<session::Machine> kept(raw, [keep = std::move(keep), machine = std::move(machine)](auto*) {});
  if (!sessions_.open(sid, std::move(kept), std::move(session))) {
    running_.erase(sid);
    if (leading) leading_.erase(task);
  }
}

/// The ids of this signer's own set-ups in a plan that check_plan() found right: what replay protection hangs on.
std::vector<SetupId> Presigner::own_setups(const PresignPlan& plan) const {
  std::vector<SetupId> own;
  for (auto id : plan.quorum)
    if (auto state = id == me_ ? nullptr : setups_.state(plan.epoch, id)) own.push_back(state->id);
  return own;
}

bool Presigner::acceptable(ActiveKey& key, const PresignPlan& plan, PartyId leader, Clock::time_point now) {
  if (key.stage == Stage::Fading || !key.may_form(plan.quorum) || leader_of(plan.epoch, plan.quorum) != leader || leader == me_) return false;
  const Task task{plan.epoch, plan.quorum};
  if (why_blocked(key.info().key, plan.quorum)) return false;
  if (plan.batch > std::max(limits_.batch, kCommonBatch) || wasteful(key, task, now)) return false;
  if (order_.waits(task, now) || budget_.overdrawn(leader, now)) return false;
  // SPEC 5.0: within the same own set-ups a batch number is never accepted twice, so no sid ever comes back.
  const auto last = accepted_.find(task);
  if (last != accepted_.end() && last->second.setups == own_setups(plan) &&
      plan.batch_number <= last->second.batch_number)
    return false;
  if (!has_slot(leader, std::max(limits_.parallel, kMinJoined), now)) return false;
  if (room_beyond_active(key, plan.quorum, leader)) return true;
  warn_beyond_active(plan, leader, now);
  return false;
}

/// A leader that has members work for batches and retires them, or has them grow beyond all measure, does so at
/// ten a second. One that refills under load is never held up: what it makes is used.
bool Presigner::wasteful(const ActiveKey& key, const Task& task, Clock::time_point now) const {
  const auto last = accepted_.find(task);
  return last != accepted_.end() && last->second.pooled && now < *last->second.pooled + kWastePause &&
         key.pools.wasted(task.quorum) >= (last->second.batch + 1) / 2;
}

void Presigner::join(const wire::Envelope& envelope, Clock::time_point now) {
  auto plan = wire::decode<PresignPlan>(envelope.payload);
  auto* key = plan ? keys_.by_epoch(plan->epoch) : nullptr;
  std::vector<std::shared_ptr<const void>> keep;
  // check_plan() comes before anything is remembered: a plan with foreign set-ups must not move the number.
  if (key == nullptr || plan->sid() != envelope.sid || sessions_.has(envelope.sid) ||
      !acceptable(*key, *plan, envelope.from, now) || !check_plan(inputs_for(*key, *plan, keep))) {
    ++counters_.refused;
    mesh_.send({MessageType::PresignAbort, envelope.sid, me_, envelope.from, wire::encode_abort(Fault::BadParameters)});
    return;
  }
  accepted_[Task{plan->epoch, plan->quorum}] = {own_setups(*plan), plan->batch_number, plan->batch, {}};
  // What lies here unused beyond that is not at the leader any more: it plans by its own pool.
  key->pools.forget_wasted(plan->quorum);
  key->pools.drop_oldest(plan->quorum, 2 * key->pools.limits().target);
  run(*key, *plan, false, now);
}

void Presigner::on_message(wire::Envelope envelope, Clock::time_point now) {
  switch (envelope.type) {
    case MessageType::PresignStart: return join(envelope, now);
    case MessageType::PresignAbort: return on_abort(envelope);
    case MessageType::PresignRetire: {
      auto retire = wire::decode<wire::PresignRetire>(envelope.payload);
      if (!retire) return;
      for (auto& [epoch, key] : keys_.all()) key->pools.retire(envelope.from, envelope.sid, retire->indices);
      return;
    }
    default: return sessions_.deliver(std::move(envelope));
  }
}

void Presigner::ended(const Task& task, const SessionId& sid, bool leading, SessionHost::Ending ending) {
  running_.erase(sid);
  if (leading) leading_.erase(task);
  auto* key = keys_.by_epoch(task.epoch);
  if (!ending.abort && key != nullptr) {
    auto batch = static_cast<session::PresignMachine&>(*ending.machine).take_result();
    const std::size_t count = batch.items.size();
    const auto now = Clock::now();
    key->pools.add(std::move(batch), now);
    order_.succeeded(task);
    leading ? ++counters_.batches_led : ++counters_.batches_joined;
    if (!leading) accepted_[task].pooled = now;
    log_.debug("batch_pooled", {{"quorum", task.quorum}, {"count", count}, {"depth", key->pools.depth(task.quorum)},
                                {"leading", leading}, {"sid", sid.brief()}});
    if (leading) tick(now);
    return;
  }
  if (!ending.abort) return;
  ++counters_.failed;
  order_.failed(task, Clock::now(), leading ? kLongestBackOff : kLongestJoinBackOff);
  const Abort& why = *ending.abort;
  log_.warn("batch_failed", {{"quorum", task.quorum}, {"sid", sid.brief()}, {"reason", why.what()}});
  // SPEC 3.5: state is wiped and the dispute is durable before anybody is answered.
  record_verdict(task, why);
  answer_failure(task, sid, why);
}

/// A pair is put aside with its set-up, durable on return; a quorum with its other batches, at once, and durable
/// before anybody is answered: its faults tell nothing about a secret, so the signer goes on meanwhile.
void Presigner::record_verdict(const Task& task, const Abort& why) {
  if (why.blame.kind == Blame::Kind::Pair) setups_.destroy(task.epoch, why.blame.other, why);
  if (why.blame.kind != Blame::Kind::Quorum) return;
  const auto* key = keys_.by_epoch(task.epoch);
  if (auto written = disputes_.add_quorum(key == nullptr ? KeyId{} : key->info().key, task.epoch, task.quorum, why); !written)
    log_.error("dispute_not_written", {{"quorum", task.quorum}, {"reason", written.error()},
                                       {"action", "the quorum is blocked; written again every second"}});
  log_.error("quorum_blocked", {{"quorum", task.quorum}, {"epoch", task.epoch.brief()}, {"reason", why.what()}});
  std::vector<SessionId> others;
  for (const auto& [sid, other] : running_)
    if (other.task == task) others.push_back(sid);
  for (const auto& sid : others)
    sessions_.abort(sid, Abort{Fault::TimedOut, Blame::nobody(),
                               "quorum " + to_string(task.quorum) + " is in dispute"});
}

void Presigner::answer_failure(const Task& task, const SessionId& sid, const Abort& why) {
  if (!disputes_.unwritten()) return give_up(task, sid, why);
  kept_back_.push_back({task, sid, why});
}

void Presigner::retry_writing(Clock::time_point now) {
  if (now < next_write_ || (kept_back_.empty() && !disputes_.unwritten())) return;
  next_write_ = now + kWriteInterval;
  if (auto written = disputes_.write(); !written)
    return log_.error("dispute_not_written", {{"reason", written.error()}, {"answers_kept_back", kept_back_.size()}});
  log_.warn("dispute_written", {{"answers_kept_back", kept_back_.size()}});
  for (const auto& notice : std::exchange(kept_back_, {})) give_up(notice.task, notice.sid, notice.why);
}

/// Only the other end of a dispute is told the fault; everybody else learns no more than that it is over.
void Presigner::give_up(const Task& task, const SessionId& sid, const Abort& why) {
  for (auto id : task.quorum) {
    if (id == me_) continue;
    const bool concerned = why.blame.kind == Blame::Kind::Pair && why.blame.other == id;
    const Fault told = concerned ? why.fault : why.fault == Fault::BadParameters ? why.fault : Fault::TimedOut;
    mesh_.send({MessageType::PresignAbort, sid, me_, id, wire::encode_abort(told)});
  }
}

void Presigner::on_abort(const wire::Envelope& envelope) {
  const auto running = running_.find(envelope.sid);
  auto fault = wire::decode_abort(envelope.payload);
  if (running == running_.end()) {  // too late to stop it, but its leader will not use it
    for (auto& [epoch, key] : keys_.all()) key->pools.retire_batch(envelope.from, envelope.sid);
    return;
  }
  if (!fault) return;
  const Task task = running->second.task;
  if (!std::binary_search(task.quorum.begin(), task.quorum.end(), envelope.from)) return;
  const bool dispute = *fault != Fault::TimedOut && *fault != Fault::BadParameters;
  if (*fault == Fault::BadParameters && limits_.batch > kCommonBatch && leading_.contains(task)) modest_.insert(task);
  sessions_.abort(envelope.sid,
                  Abort{dispute ? *fault : Fault::TimedOut, dispute ? Blame::pair(me_, envelope.from) : Blame::nobody(),
                        "signer " + std::to_string(envelope.from) + " ended the batch: " + std::string(name(*fault))});
}

void Presigner::forget(const EpochId& epoch) {
  std::vector<SessionId> sessions;
  for (const auto& [sid, batch] : running_)
    if (batch.task.epoch == epoch) sessions.push_back(sid);
  for (const auto& sid : sessions) sessions_.abort(sid, Abort{Fault::TimedOut, Blame::nobody(), "its epoch is over"});
  const auto of_epoch = [&](const Task& task) { return task.epoch == epoch; };
  order_.forget_if(of_epoch);
  std::erase_if(next_number_, [&](const auto& item) { return of_epoch(item.first); });
  std::erase_if(accepted_, [&](const auto& item) { return of_epoch(item.first); });
  std::erase_if(modest_, of_epoch);
}

void Presigner::announce_retired(const std::vector<std::pair<Quorum, PresignatureId>>& retired) {
  std::map<std::pair<Quorum, SessionId>, wire::PresignRetire> grouped;
  for (const auto& [quorum, id] : retired) grouped[{quorum, id.sid}].indices.push_back(id.index);
  for (auto& [batch, message] : grouped) {
    std::sort(message.indices.begin(), message.indices.end());
    const Bytes payload = wire::encode(message);
    for (auto id : batch.first)
      if (id != me_) mesh_.send({MessageType::PresignRetire, batch.second, me_, id, payload});
  }
}

}  // namespace quorate::signerd
