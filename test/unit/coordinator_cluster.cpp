#include "test/unit/coordinator_cluster.h"

#include <algorithm>

#include "protocol/group/shamir.h"
#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/presign.h"

namespace quorate::coordinator::test {

namespace {

Bytes subject(const wire::SignRequest& request) {
  Bytes out{static_cast<std::uint8_t>(request.context), static_cast<std::uint8_t>(request.digest)};
  append(out, request.key.view());
  append(out, request.content);
  return out;
}

MessageDigest digest_of(wire::DigestAlgorithm digest) { return *message_digest_from(static_cast<std::uint8_t>(digest)); }

}  // namespace

FakeCluster::FakeCluster() : FakeCluster(Options{}) {}

FakeCluster::FakeCluster(Options options) : options_(std::move(options)), rng_(options_.seed, "cluster") {
  const Curve& curve = *options_.curve;
  x_ = Scalar::random_nonzero(curve, rng_);
  key_ = rng_.make_id<KeyId>();
  info_ = {key_, &curve, VerificationKey(Point::mul_base(x_))};
  const auto epoch = rng_.make_id<EpochId>();
  for (std::size_t i = 1; i <= options_.signers; ++i) {
    const auto id = static_cast<PartyId>(i);
    signers_[id].id = id;
    signers_[id].instance = rng_.make_id<Digest>();
    signers_[id].epoch = epoch;
    options_.config.signers.push_back(id);
  }
  for (std::size_t c = 0; c < options_.coordinators; ++c) {
    coordinator_rngs_.push_back(std::make_unique<sim::SeededRng>(options_.seed, "coordinator " + std::to_string(c)));
    coordinators_.push_back(std::make_unique<Coordinator>(options_.config, *coordinator_rngs_.back()));
    coordinators_.back()->add_key(info_);
  }
  for (const auto& quorum : options_.active.empty() ? quorums() : options_.active) deal(quorum, options_.pool);
}

std::vector<Quorum> FakeCluster::quorums() const {
  std::vector<Quorum> out;
  for (std::uint32_t bits = 0; bits < (1u << options_.signers); ++bits) {
    Quorum quorum;
    for (std::size_t i = 0; i < options_.signers; ++i)
      if ((bits >> i & 1) != 0) quorum.push_back(static_cast<PartyId>(i + 1));
    if (quorum.size() == options_.threshold) out.push_back(quorum);
  }
  return out;
}

void FakeCluster::deal(const Quorum& quorum, std::size_t count) {
  const Curve& curve = *options_.curve;
  SessionId sid = rng_.make_id<SessionId>();
  ++batch_;
  auto& leader = signers_.at(leader_of(signers_.at(quorum.front()).epoch, quorum));
  for (std::uint32_t b = 0; b < count; ++b) {
    const PresignatureId id{sid, b};
    const Scalar nonce = Scalar::random_nonzero(curve, rng_), inverse = nonce.invert();
    Share share{quorum, Point::mul_base(nonce).x_mod_order(), Scalar(curve), Scalar(curve), rng_.make_id<Digest>()};
    Scalar k_rest = inverse, chi_rest = inverse * x_;
    for (auto member : quorum) {
      const bool last = member == quorum.back();
      share.k = last ? k_rest : Scalar::random(curve, rng_);
      share.chi = last ? chi_rest : Scalar::random(curve, rng_);
      k_rest = k_rest - share.k;
      chi_rest = chi_rest - share.chi;
      signers_.at(member).shares[id] = share;
    }
    leader.pools[quorum].ready.push_back(id);
  }
  leader.pools[quorum];  // known, be it empty
}

void FakeCluster::start() {
  for (auto& [id, signer] : signers_) link_up(id);
  run_for(milliseconds(10));
}

RequestHandle FakeCluster::submit(const std::string& content, Time within, std::size_t c) {
  SigningJob job{key_, wire::Context::Tls13ServerCertificateVerify, wire::DigestAlgorithm::Sha256, {}, now_ + within};
  append(job.content, as_bytes(content));
  return submit(std::move(job), c);
}

RequestHandle FakeCluster::submit(SigningJob job, std::size_t c) {
  SigningJob copy = job;
  const auto handle = coordinators_[c]->submit(now_, std::move(job));
  jobs_.emplace(std::pair(c, handle), std::move(copy));
  drain(c);
  return handle;
}

void FakeCluster::cancel(RequestHandle handle, std::size_t c) {
  coordinators_[c]->cancel(now_, handle);
  drain(c);
}

void FakeCluster::quarantine(const std::set<PartyId>& signers) {
  for (std::size_t c = 0; c < coordinators_.size(); ++c) {
    coordinators_[c]->quarantine(now_, signers);
    drain(c);
  }
}

FakeCluster::Outcome FakeCluster::sign(const std::string& content, Time within, std::size_t c) {
  const auto handle = submit(content, within, c);
  while (outcome(handle, c) == nullptr) step();
  return *outcome(handle, c);
}

const FakeCluster::Outcome* FakeCluster::outcome(RequestHandle handle, std::size_t c) const {
  const auto it = outcomes_.find({c, handle});
  return it == outcomes_.end() ? nullptr : &it->second;
}

void FakeCluster::at(Time when, std::function<void()> what) { agenda_[{when, sequence_++}] = std::move(what); }

/// The next thing that happens: a message arrives or a coordinator's timer is due.
void FakeCluster::step() {
  Time next = agenda_.empty() ? kNever : agenda_.begin()->first.first;
  std::optional<std::size_t> timer;
  for (std::size_t c = 0; c < coordinators_.size(); ++c)
    if (coordinators_[c]->next_wakeup() < next) {
      next = coordinators_[c]->next_wakeup();
      timer = c;
    }
  now_ = std::max(now_, next);
  if (timer) {
    coordinators_[*timer]->on_timer(now_);
    drain(*timer);
    if (coordinators_[*timer]->next_wakeup() <= now_) violations_.push_back("a timer is due again at once");
    return;
  }
  const auto what = std::move(agenda_.begin()->second);
  agenda_.erase(agenda_.begin());
  what();
}

void FakeCluster::run_until(Time end) {
  for (;;) {
    Time next = agenda_.empty() ? kNever : agenda_.begin()->first.first;
    for (const auto& coordinator : coordinators_) next = std::min(next, coordinator->next_wakeup());
    if (next > end) break;
    step();
  }
  now_ = end;
}

void FakeCluster::link_down(PartyId id) {
  if (link_generation_[id] % 2 == 0) return;
  ++link_generation_[id];
  for (std::size_t c = 0; c < coordinators_.size(); ++c) {
    coordinators_[c]->link_down(now_, id);
    drain(c);
  }
}

void FakeCluster::link_up(PartyId id) {
  if (link_generation_[id] % 2 == 1) return;
  ++link_generation_[id];
  for (std::size_t c = 0; c < coordinators_.size(); ++c) {
    coordinators_[c]->link_up(now_, id, signers_.at(id).instance);
    drain(c);
  }
}

void FakeCluster::kill(PartyId id) {
  signers_.at(id).alive = false;
  link_down(id);
}

void FakeCluster::restart(PartyId id, bool deal_again) {
  link_down(id);
  Signer& signer = signers_.at(id);
  const auto touches = [&](const Quorum& quorum) { return std::find(quorum.begin(), quorum.end(), id) != quorum.end(); };
  for (auto& [other, state] : signers_) {
    std::erase_if(state.shares, [&](const auto& entry) { return touches(entry.second.quorum); });
    for (auto& [quorum, pool] : state.pools)
      if (touches(quorum)) pool = {};
  }
  signer.answered.clear();
  signer.instance = rng_.make_id<Digest>();
  signer.alive = true;
  if (deal_again)
    for (const auto& quorum : quorums())
      if (touches(quorum)) deal(quorum, options_.pool);
  link_up(id);
}

void FakeCluster::empty_pools() {
  for (auto& [id, signer] : signers_)
    for (auto& [quorum, pool] : signer.pools) pool = {};
}

void FakeCluster::set_epoch(PartyId id, const EpochId& epoch) {
  Signer& signer = signers_.at(id);
  signer.epoch = epoch;
  signer.pools.clear();
  signer.shares.clear();
  for (const auto& quorum : quorums())
    if (leader_of(epoch, quorum) == id) signer.pools[quorum];
}

void FakeCluster::drain(std::size_t c) {
  for (auto& action : coordinators_[c]->take_actions()) {
    if (auto* send = std::get_if<Send>(&action)) {
      sent_.push_back({now_, c, *send});
      if (auto* request = std::get_if<wire::SignRequest>(&send->message)) check_sent(c, *request);
      const auto generation = link_generation_[send->to];
      if (generation % 2 == 0) {
        violations_.push_back("sent to signer " + std::to_string(send->to) + " without a link");
        continue;
      }
      const auto delays = network ? network(send->to, true) : std::vector<Time>{options_.one_way};
      for (const Time delay : delays)
        at(now_ + delay, [this, c, generation, send = *send] {
          Signer& signer = signers_.at(send.to);
          if (link_generation_[send.to] != generation || !signer.alive || signer.frozen) return;
          const auto reply = serve(c, signer, send);
          if (!reply) return;
          const auto back = network ? network(send.to, false) : std::vector<Time>{options_.one_way};
          for (const Time delay_back : back)
            at(now_ + delay_back + signer.slow, [this, c, generation, send, reply = *reply] {
              if (link_generation_[send.to] != generation) return;
              deliver(c, send.to, send.request, reply);
              drain(c);
            });
        });
    } else if (auto* finish = std::get_if<Finish>(&action)) {
      const auto job = jobs_.find({c, finish->request});
      if (!outcomes_.emplace(std::pair(c, finish->request), Outcome{now_, finish->outcome}).second)
        violations_.push_back("a request was finished twice");
      if (job != jobs_.end() && now_ > job->second.deadline) violations_.push_back("finished after the deadline");
      if (finish->outcome && job != jobs_.end()) {
        const auto m = message_scalar(*options_.curve, digest_of(job->second.digest), job->second.content);
        if (!verify_ecdsa(info_.X, m, {finish->outcome->r, finish->outcome->s}) || finish->outcome->s.is_high())
          violations_.push_back("a signature does not verify or is not low-s");
      }
    } else if (auto* assigned = std::get_if<Assigned>(&action)) {
      assigned_.push_back({c, *assigned});
      assigned_ids_.insert({c, assigned->assignment.presignature});
    } else {
      suspicions_.push_back(std::get<Suspicion>(action));
    }
  }
}

void FakeCluster::check_sent(std::size_t c, const wire::SignRequest& request) {
  unassigned_ += !assigned_ids_.contains({c, request.presignature});
  const auto [it, first] = used_for_.emplace(std::pair(c, request.presignature), subject(request));
  if (!first && it->second != subject(request)) violations_.push_back("one presignature was sent with two contents");
}

void FakeCluster::deliver(std::size_t c, PartyId from, const SessionId& request, const Reply& reply) {
  Coordinator& coordinator = *coordinators_[c];
  if (auto* status_reply = std::get_if<wire::StatusReply>(&reply)) coordinator.on_status(now_, from, request, *status_reply);
  if (auto* lease_reply = std::get_if<wire::LeaseReply>(&reply)) coordinator.on_lease(now_, from, request, *lease_reply);
  if (auto* sign_reply = std::get_if<wire::SignReply>(&reply)) coordinator.on_sign_reply(now_, from, request, *sign_reply);
  if (auto* refusal = std::get_if<wire::Refusal>(&reply)) coordinator.on_refusal(now_, from, request, *refusal);
}

std::optional<FakeCluster::Reply> FakeCluster::serve(std::size_t c, Signer& signer, const Send& send) {
  if (std::holds_alternative<wire::StatusRequest>(send.message)) {
    if (signer.refuse_status) return *signer.refuse_status;
    auto reply = status(signer);
    if (signer.spoil_status) signer.spoil_status(reply);
    return reply;
  }
  if (signer.silent) return std::nullopt;
  if (auto* request = std::get_if<wire::LeaseRequest>(&send.message)) {
    if (signer.refuse_lease) return *signer.refuse_lease;
    if (request->epoch != signer.epoch) return wire::Refusal{SignErrorCode::EpochMismatch, "other epoch"};
    return lease(c, signer, request->quorum, request->count);
  }
  if (auto* request = std::get_if<wire::LeaseReturn>(&send.message)) {
    for (auto& [quorum, pool] : signer.pools)
      for (const auto& id : request->ids) {
        const auto it = pool.leased.find(id);
        // Only the holder may give it back, and only in time.
        if (it == pool.leased.end() || pool.holders[id] != static_cast<int>(c)) continue;
        if (now_ < it->second) pool.ready.push_back(id);
        pool.leased.erase(it);
      }
    return std::nullopt;
  }
  return partial(c, signer, std::get<wire::SignRequest>(send.message));
}

wire::StatusReply FakeCluster::status(Signer& signer) {
  wire::StatusReply out{signer.id, signer.instance, {}, {}};
  wire::KeyStatus key{key_, signer.epoch, options_.curve->id(), static_cast<std::uint8_t>(options_.threshold), {}, {}};
  for (const auto& [id, other] : signers_) key.members.push_back(id);
  for (const auto& [quorum, pool] : signer.pools)
    key.pools.push_back({quorum, signer.id, static_cast<std::uint32_t>(pool.ready.size()),
                         static_cast<std::uint32_t>(options_.pool), options_.min});
  out.keys.push_back(key);
  return out;
}

wire::LeaseReply FakeCluster::lease(std::size_t c, Signer& signer, const Quorum& quorum, std::size_t count) {
  wire::LeaseReply out;
  out.lifetime_ms = options_.lease_ms;
  const auto it = signer.pools.find(quorum);
  if (it == signer.pools.end()) {
    if (leader_of(signer.epoch, quorum) == signer.id && activated_.insert(quorum).second)
      at(now_ + options_.activation, [this, quorum] { deal(quorum, 16); });
    return out;
  }
  auto& pool = it->second;
  std::erase_if(pool.leased, [&](const auto& entry) { return entry.second <= now_; });
  if (options_.refill && pool.ready.size() < options_.pool / 2) deal(quorum, options_.pool);
  for (std::size_t i = 0; i < count && i < pool.ready.size() && signer.double_lease; ++i)
    out.ids.push_back(pool.ready[i]);
  while (!signer.double_lease && out.ids.size() < count && !pool.ready.empty()) {
    const auto id = pool.ready.front();
    pool.ready.pop_front();
    pool.leased[id] = now_ + milliseconds(options_.lease_ms);
    pool.holders[id] = static_cast<int>(c);
    out.ids.push_back(id);
  }
  out.available = static_cast<std::uint32_t>(pool.ready.size());
  if (signer.spoil_lease) signer.spoil_lease(out);
  return out;
}

FakeCluster::Reply FakeCluster::partial(std::size_t c, Signer& signer, const wire::SignRequest& request) {
  if (signer.refuse_sign) return *signer.refuse_sign;
  if (request.epoch != signer.epoch) return wire::Refusal{SignErrorCode::EpochMismatch, "other epoch"};
  if (const auto it = signer.answered.find(request.presignature); it != signer.answered.end()) {
    if (it->second.first == subject(request)) return it->second.second;
    return wire::Refusal{SignErrorCode::PresignatureConsumed, "used for something else"};
  }
  const auto it = signer.shares.find(request.presignature);
  if (it == signer.shares.end() || it->second.quorum != request.quorum)
    return wire::Refusal{SignErrorCode::PresignatureConsumed, "no such presignature"};
  const Share share = it->second;
  signer.shares.erase(it);
  wire::SignReply reply;
  reply.presignature = request.presignature;
  reply.r = share.r;
  reply.record = share.record;
  reply.s = message_scalar(*options_.curve, digest_of(request.digest), request.content) * share.k + share.r * share.chi;
  if (auto pool = signer.pools.find(request.quorum); pool != signer.pools.end()) {
    pool->second.leased.erase(request.presignature);
    std::erase(pool->second.ready, request.presignature);
    if (request.lease > 0) reply.lease = lease(c, signer, request.quorum, request.lease);
  }
  if (signer.spoil) signer.spoil(reply);
  signer.answered[request.presignature] = {subject(request), reply};
  return reply;
}

}  // namespace quorate::coordinator::test
