#include "protocol/coordinator/tier.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace quorate::coordinator {
namespace {

/// What a coordinator is given of the time that is left: the rest is for its reason to arrive.
Time share_of(Time left) {
  using std::chrono::milliseconds;
  return left - std::clamp<Time>(left / 20, std::min<Time>(milliseconds(1), left / 2), milliseconds(10));
}

}  // namespace

Tier::Tier(TierConfig config, std::vector<std::string> names, std::size_t first)
    : config_(config), turn_(names.empty() ? 0 : first % names.size()) {
  for (auto& name : names) {
    peers_.emplace_back();
    peers_.back().name = std::move(name);
  }
}

RequestHandle Tier::submit(Time now, Time deadline) {
  advance(now);
  ++counters_.submitted;
  const auto handle = next_++;
  if (requests_.size() >= config_.max_in_flight) {
    ++counters_.failed;
    actions_.emplace_back(TierFail{handle, {SignErrorCode::Overloaded, "too many signatures are asked for at once"}});
    return handle;
  }
  const auto request = requests_.try_emplace(handle).first;
  request->second.deadline = request->second.timer = deadline;
  timers_.emplace(deadline, handle);
  send_on(request);
  return handle;
}

/// Gives the request to the next coordinator, if there is one; ends it if every one has had its say.
void Tier::send_on(Requests::iterator at) {
  Request& request = at->second;
  const Time left = request.deadline - now_;
  const auto chosen = left > Time{0} ? choose(request) : std::nullopt;
  if (!chosen) {
    if (!open(request) && request.refusal) return fail_request(at, *request.refusal);
    request.due = kNever;
    return arm(at);
  }
  Peer& peer = peers_[*chosen];
  ++peer.in_flight;
  turn_ = (*chosen + 1) % peers_.size();
  request.attempts.push_back({*chosen, now_, Attempt::State::Waiting});
  counters_.resubmitted += request.sends > 0;
  counters_.hinted += request.sends > 0 && request.assigned;
  ++request.sends;
  // If there is another one it gets its chance within half of what is left, however slow this one has made itself.
  const Time wait = config_.attempt_p99_factor * peer.latency.p99();
  request.due = now_ + std::max(config_.attempt_floor, choose(request) ? std::min(wait, left / 2) : wait);
  actions_.emplace_back(TierSend{at->first, *chosen, request.assigned, now_ + share_of(left)});
  arm(at);
}

/// Linked and not asked yet; good ones before slow, busy and lying ones, then the one with the least to do.
std::optional<std::size_t> Tier::choose(const Request& request) const {
  std::optional<std::size_t> best;
  const auto rank = [&](std::size_t i) {
    const Peer& peer = peers_[i];
    return std::tuple(now_ < peer.lied_until, peer.slow(now_), now_ < peer.busy_until, peer.in_flight,
                      (i + peers_.size() - turn_) % peers_.size());
  };
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i].link != Peer::Link::Up) continue;
    if (std::any_of(request.attempts.begin(), request.attempts.end(), [&](const Attempt& each) { return each.to == i; }))
      continue;
    if (!best || rank(i) < rank(*best)) best = i;
  }
  return best;
}

bool Tier::open(const Request& request) {
  return std::any_of(request.attempts.begin(), request.attempts.end(),
                     [](const Attempt& each) { return each.state != Attempt::State::Over; });
}

void Tier::arm(Requests::iterator at) {
  Request& request = at->second;
  const Time next = std::min(request.deadline, request.due);
  if (next == request.timer) return;
  timers_.erase({request.timer, at->first});
  timers_.emplace(next, at->first);
  request.timer = next;
}

void Tier::close(Attempt& attempt) {
  if (attempt.state == Attempt::State::Over) return;
  attempt.state = Attempt::State::Over;
  --peers_[attempt.to].in_flight;
}

void Tier::missed(Peer& peer) {
  if (now_ < peer.slow_until) return;  // many requests that time out together are one miss
  if (now_ >= peer.slow_until + config_.greatest_pause) peer.misses = 0;  // nobody has asked it for a long time
  peer.misses = std::min(peer.misses + 1, 16u);
  peer.slow_until = now_ + std::min(config_.first_pause * (1 << (peer.misses - 1)), config_.greatest_pause);
}

/// Withdraws the request wherever it still is.
void Tier::end(Requests::iterator at) {
  for (auto& attempt : at->second.attempts) {
    if (attempt.state == Attempt::State::Over) continue;
    close(attempt);
    actions_.emplace_back(TierWithdraw{at->first, attempt.to});
  }
  timers_.erase({at->second.timer, at->first});
  requests_.erase(at);
}

void Tier::fail_request(Requests::iterator at, SignError error) {
  ++counters_.failed;
  const auto handle = at->first;
  end(at);
  actions_.emplace_back(TierFail{handle, std::move(error)});
}

void Tier::link_up(Time now, std::size_t i) {
  advance(now);
  if (i >= peers_.size()) return;
  peers_[i].link = Peer::Link::Up;
  peers_[i].down_reason.clear();
  std::vector<RequestHandle> waiting;
  for (const auto& [handle, request] : requests_)
    if (request.due == kNever) waiting.push_back(handle);
  std::sort(waiting.begin(), waiting.end());
  for (auto handle : waiting) send_on(requests_.find(handle));
}

void Tier::link_down(Time now, std::size_t i, const std::string& reason) {
  advance(now);
  if (i >= peers_.size()) return;
  Peer& peer = peers_[i];
  const bool was_up = std::exchange(peer.link, Peer::Link::Down) == Peer::Link::Up;
  peer.down_reason = reason;
  peer.heard.clear();
  if (!was_up) return;
  missed(peer);
  // In the order in which they came. What it had not answered it may be asked again when it is back.
  std::vector<RequestHandle> lost;
  for (auto& [handle, request] : requests_) {
    const auto attempt = std::find_if(request.attempts.begin(), request.attempts.end(), [&](const Attempt& each) {
      return each.to == i && each.state != Attempt::State::Over;
    });
    if (attempt == request.attempts.end()) continue;
    if (attempt->state == Attempt::State::Waiting) lost.push_back(handle);
    close(*attempt);
    request.attempts.erase(attempt);
  }
  std::sort(lost.begin(), lost.end());
  for (auto handle : lost) send_on(requests_.find(handle));
}

Tier::Attempt* Tier::open_attempt(Requests::iterator at, std::size_t from) {
  if (at == requests_.end()) return nullptr;
  for (auto& attempt : at->second.attempts)
    if (attempt.to == from && attempt.state != Attempt::State::Over) return &attempt;
  return nullptr;
}

bool Tier::expects(std::size_t from, RequestHandle handle) const {
  const auto at = requests_.find(handle);
  return at != requests_.end() &&
         std::any_of(at->second.attempts.begin(), at->second.attempts.end(),
                     [&](const Attempt& each) { return each.to == from && each.state != Attempt::State::Over; });
}

void Tier::on_assigned(Time now, std::size_t from, RequestHandle handle, const Assignment& assignment) {
  advance(now);
  const auto at = requests_.find(handle);
  // The first word counts until its coordinator has failed: whoever was asked later was told of it.
  if (const auto* attempt = open_attempt(at, from); attempt != nullptr && attempt->state == Attempt::State::Waiting)
    at->second.assigned = assignment;
}

bool Tier::on_signature(Time now, std::size_t from, RequestHandle handle) {
  advance(now);
  const auto at = requests_.find(handle);
  auto* attempt = open_attempt(at, from);
  if (attempt == nullptr) return false;
  Peer& peer = peers_[from];
  peer.latency.add(now_ - attempt->sent);
  peer.misses = peer.refusals = 0;
  close(*attempt);
  ++counters_.signatures;
  end(at);
  return true;
}

void Tier::on_refusal(Time now, std::size_t from, RequestHandle handle, SignError error) {
  advance(now);
  const auto at = requests_.find(handle);
  auto* attempt = open_attempt(at, from);
  if (attempt == nullptr) return;
  ++counters_.refused;
  const bool waited_for = attempt->state == Attempt::State::Waiting;
  close(*attempt);
  Peer& peer = peers_[from];
  peer.busy_until = std::max(peer.busy_until, now_ + config_.busy_for);
  if (peer.misses > 0 && now_ >= peer.slow_until) peer.misses = 0;  // it answers again, if not with a signature
  ++peer.refusals;
  peer.refused_at = now_;
  peer.refused_as = error.code;
  error.detail = "coordinator " + peer.name + ": " + error.detail;
  at->second.refusal = std::move(error);
  if (waited_for || !open(at->second)) send_on(at);
}

void Tier::on_lie(Time now, std::size_t from, RequestHandle handle) {
  advance(now);
  const auto at = requests_.find(handle);
  auto* attempt = open_attempt(at, from);
  if (attempt == nullptr) return;
  ++counters_.lies;
  const bool waited_for = attempt->state == Attempt::State::Waiting;
  close(*attempt);
  peers_[from].lied_until = now_ + config_.lied_for;
  // Nor is anything that it said of the request worth passing on.
  if (waited_for) at->second.assigned.reset();
  at->second.refusal = SignError{SignErrorCode::QuorumInsufficient,
                                 "coordinator " + peers_[from].name + ": its signature does not verify under the key"};
  if (waited_for || !open(at->second)) send_on(at);
}

void Tier::on_timer(Time now) {
  advance(now);
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    const auto at = requests_.find(timers_.begin()->second);
    Request& request = at->second;
    if (request.deadline <= now_) {
      for (const auto& attempt : request.attempts)
        if (attempt.state == Attempt::State::Waiting) missed(peers_[attempt.to]);
      fail_request(at, out_of_time(request));
      continue;
    }
    for (auto& attempt : request.attempts) {
      if (attempt.state != Attempt::State::Waiting) continue;
      attempt.state = Attempt::State::Overdue;
      ++counters_.overdue;
      missed(peers_[attempt.to]);
    }
    send_on(at);
  }
}

SignError Tier::out_of_time(const Request& request) const {
  if (request.refusal) return *request.refusal;
  std::string silent;
  for (const auto& attempt : request.attempts) silent += (silent.empty() ? "" : ", ") + peers_[attempt.to].name;
  if (!silent.empty()) return {SignErrorCode::DeadlineExceeded, "no answer in time from coordinator " + silent};
  if (std::any_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.link == Peer::Link::Up; }))
    return {SignErrorCode::DeadlineExceeded, "no time was left to ask a coordinator"};
  return {SignErrorCode::QuorumInsufficient, links_text()};
}

std::string Tier::links_text() const {
  std::string out = "no coordinator is reachable:";
  for (const auto& peer : peers_)
    out += " " + peer.name + (peer.link == Peer::Link::Up          ? " is up"
                              : peer.link == Peer::Link::Unknown   ? " is not connected yet"
                              : peer.down_reason.empty()           ? " is down"
                                                                   : " is down (" + peer.down_reason + ")");
  return out;
}

void Tier::on_readiness(Time now, std::size_t from, const KeyId& key, Readiness readiness) {
  advance(now);
  if (from < peers_.size()) peers_[from].heard[key] = {std::move(readiness), now_};
}

Readiness Tier::readiness(Time now, const KeyId& key) const {
  Readiness best, no;
  bool unheard = false, refused = false, liar = false;
  for (const auto& peer : peers_) {
    unheard |= peer.link == Peer::Link::Unknown;
    if (peer.link != Peer::Link::Up) continue;
    const auto heard = peer.heard.find(key);
    if (heard == peer.heard.end() || now - heard->second.at > config_.readiness_for) {
      unheard = true;
      continue;
    }
    const auto& said = heard->second.readiness;
    // The word of one that has passed off something else as a signature says nothing.
    if (now < peer.lied_until) {
      liar = true;
      continue;
    }
    if (said.state == Readiness::State::Ready) {
      if (peer.refusals < config_.refusals || now >= peer.refused_at + config_.refused_for) return said;
      // What it does counts for more than what it says.
      if (!refused || !no.can_sign) {
        no = said;
        no.state = Readiness::State::NotReady;
        no.reason = peer.refused_as;
        no.detail = "coordinator " + peer.name + " says that it is ready and refuses what it is asked";
        refused = true;
      }
      continue;
    }
    if (said.state == Readiness::State::Unknown) {
      unheard = true;
      best = said;
    } else if (!refused || said.can_sign) {
      no = said;
      refused = true;
    }
  }
  if (unheard || (liar && !refused)) {
    best.state = Readiness::State::Unknown;
    best.can_sign = true;
    return best;
  }
  if (refused) return no;
  no.state = Readiness::State::NotReady;
  no.can_sign = false;
  no.reason = SignErrorCode::QuorumInsufficient;
  no.detail = links_text();
  return no;
}

std::vector<TierAction> Tier::take_actions() { return std::exchange(actions_, {}); }

}  // namespace quorate::coordinator
