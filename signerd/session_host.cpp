#include "signerd/session_host.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include "protocol/net/system_rng.h"

namespace quorate::signerd {

namespace {

constexpr std::size_t kEarlyMessages = 32;
constexpr std::size_t kEarlyBytes = std::size_t{4} << 20;
constexpr std::chrono::seconds kEarlyTime{5};
/// Messages of one session and peer that may wait for a worker: an honest one sends six at most that matter.
constexpr std::size_t kMaxWaiting = 8;
/// Background work yields to signing.
constexpr int kBackgroundNice = 5;

void enter_background() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kBackgroundNice);
}

/// Of this thread.
std::chrono::nanoseconds cpu_time() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// Only first messages of a session can come before the session is known here.
bool may_be_early(wire::MessageType type) {
  return type == wire::MessageType::PresignRound1 || type == wire::MessageType::KeygenRound1;
}

}  // namespace

struct SessionHost::Running {
  Running(const SessionId& id, std::shared_ptr<session::Machine> m, Session s, std::shared_ptr<boost::asio::io_context> context)
      : sid(id),
        machine(std::move(m)),
        persist(std::move(s.persist)),
        on_late_verdict(std::move(s.on_late_verdict)),
        on_late_save(std::move(s.on_late_save)),
        on_late_result(std::move(s.on_late_result)),
        background(s.background),
        session(std::move(s)),
        ends(Clock::now() + session.timeout),
        work(std::move(context)),
        strand(boost::asio::make_strand(*work)) {}

  const SessionId sid;
  const std::shared_ptr<session::Machine> machine;  ///< touched on the strand until it is finished
  const std::function<Result<void, std::string>(session::Machine&)> persist;
  const std::function<void(const Abort&)> on_late_verdict;
  const std::function<void()> on_late_save;
  const std::function<void(session::Machine&)> on_late_result;
  const bool background;
  Session session;                     ///< I/O thread
  std::map<PartyId, std::size_t> waiting;  ///< I/O thread: steps posted and not done, by sender
  const Clock::time_point ends;
  const std::shared_ptr<boost::asio::io_context> work;  ///< outlives the strand wherever this is freed last
  boost::asio::strand<boost::asio::io_context::executor_type> strand;
  bool finished = false;               ///< strand: no step comes after one that was done or aborted
  bool over = false;                   ///< I/O thread: on_end was called
  std::atomic<bool> cancelled{false};
};

SessionHost::SessionHost(boost::asio::io_context& io, std::size_t threads, Send send, CpuShare share)
    : io_(io), send_(std::move(send)), share_(share) {
  guard_ = std::make_unique<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>>(
      work_->get_executor());
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] {
      enter_background();
      work_->run();
    });
}

SessionHost::~SessionHost() {
  *alive_ = false;
  for (auto& [sid, running] : sessions_) running->cancelled = true;
  {
    const std::lock_guard lock(resting_);
    stopping_ = true;
  }
  wake_.notify_all();
  guard_.reset();
  // Not stopped but run dry: steps that wait do nothing any more, and a queue that is left keeps their secrets alive.
  for (auto& thread : threads_) thread.join();
}

bool SessionHost::open(const SessionId& sid, std::shared_ptr<session::Machine> machine, Session session) {
  if (sessions_.contains(sid)) return false;
  auto running = std::make_shared<Running>(sid, std::move(machine), std::move(session), work_);
  sessions_.emplace(sid, running);
  run_step(running, kNobody, [](session::Machine& m, Rng& rng) { return m.start(rng); });
  for (auto& [peer, queue] : early_) {
    std::deque<Early> rest;
    for (auto& early : queue) {
      if (early.envelope.sid == sid) {
        deliver(std::move(early.envelope));
      } else {
        rest.push_back(std::move(early));
      }
    }
    queue = std::move(rest);
  }
  return true;
}

void SessionHost::deliver(wire::Envelope envelope) {
  const auto found = sessions_.find(envelope.sid);
  if (found == sessions_.end()) {
    if (!may_be_early(envelope.type)) return;
    auto& queue = early_[envelope.from];
    std::size_t bytes = envelope.payload.size();
    for (const auto& early : queue) bytes += early.envelope.payload.size();
    if (queue.size() < kEarlyMessages && bytes <= kEarlyBytes) queue.push_back({std::move(envelope), Clock::now()});
    return;
  }
  auto& running = *found->second;
  const auto& peers = running.session.peers;
  const PartyId from = envelope.from;
  if (std::find(peers.begin(), peers.end(), from) == peers.end() || running.waiting[from] >= kMaxWaiting) return;
  run_step(found->second, from, [envelope = std::move(envelope)](session::Machine& m, Rng& rng) mutable {
    return m.on_message(std::move(envelope), rng);
  });
}

void SessionHost::run_step(const std::shared_ptr<Running>& running, PartyId from,
                           std::function<session::Step(session::Machine&, Rng&)> what) {
  ++running->waiting[from];
  boost::asio::post(running->strand, [this, running, from, alive = alive_, what = std::move(what)]() mutable {
    if (running->cancelled || running->finished) return;
    net::SystemRng rng;
    session::Step step;
    const auto began = cpu_time();
    try {
      step = what(*running->machine, rng);
    } catch (const std::exception& error) {  // no memory: this session ends, the signer lives on
      step.abort = Abort{Fault::BadParameters, Blame::nobody(), error.what()};
    }
    bool saved = false;
    if (step.persist && !step.abort && running->persist) {  // an abort keeps its messages back anyway
      if (auto written = running->persist(*running->machine)) {
        saved = true;
      } else {
        step = {};
        step.abort = Abort{Fault::BadParameters, Blame::nobody(), written.error()};
      }
    }
    running->finished = step.done || step.abort;
    boost::asio::post(io_, [this, running, from, alive, step = std::move(step), saved]() mutable {
      if (*alive) step_done(running, from, std::move(step), saved);
    });
    if (running->background) rest(cpu_time() - began);
  });
}

/// On a worker, after a step.
void SessionHost::rest(std::chrono::nanoseconds used) {
  const auto time = share_.rest_after(used);
  if (time == std::chrono::nanoseconds::zero()) return;
  std::unique_lock lock(resting_);
  wake_.wait_for(lock, time, [this] { return stopping_; });
}

void SessionHost::step_done_late(const Running& running, const session::Step& step, bool saved) {
  if (step.abort) {
    if (step.abort->blame.kind != Blame::Kind::Nobody && running.on_late_verdict) running.on_late_verdict(*step.abort);
  } else if (step.done) {  // no step comes after this one: the machine is free
    if (running.on_late_result) running.on_late_result(*running.machine);
  } else if (saved && running.on_late_save) {
    running.on_late_save();
  }
}

void SessionHost::step_done(const std::shared_ptr<Running>& running, PartyId from, session::Step step, bool saved) {
  --running->waiting[from];
  if (running->over) return step_done_late(*running, step, saved);
  // A fault comes first: nothing is answered before its owner has written it down.
  if (step.abort) return end(running, std::move(step.abort));
  for (const auto& envelope : step.out) {
    if (send_(envelope)) {
      if (running->session.on_sent) running->session.on_sent(envelope.payload.size());
      continue;
    }
    return end(running, Abort{Fault::TimedOut, Blame::nobody(),
                              "cannot send to signer " + std::to_string(envelope.to)});
  }
  if (running->session.on_step) running->session.on_step();
  if (step.done) end(running, std::nullopt);
}

void SessionHost::end(const std::shared_ptr<Running>& running, std::optional<Abort> abort) {
  if (running->over) return;
  running->over = true;
  running->cancelled = true;
  sessions_.erase(running->sid);
  const auto on_end = std::move(running->session.on_end);
  running->session = {};
  on_end({running->machine, std::move(abort)});
}

void SessionHost::abort(const SessionId& sid, Abort why) {
  if (const auto found = sessions_.find(sid); found != sessions_.end()) end(std::shared_ptr(found->second), std::move(why));
}

void SessionHost::abort_with(PartyId peer, const std::string& why) {
  std::vector<std::shared_ptr<Running>> hit;
  for (const auto& [sid, running] : sessions_)
    if (std::find(running->session.peers.begin(), running->session.peers.end(), peer) != running->session.peers.end())
      hit.push_back(running);
  for (const auto& running : hit) end(running, Abort{Fault::TimedOut, Blame::nobody(), why});
  early_.erase(peer);
}

void SessionHost::abort_with(PartyId peer, const EpochId& epoch, const std::string& why) {
  std::vector<std::shared_ptr<Running>> hit;
  for (const auto& [sid, running] : sessions_) {
    const auto& peers = running->session.peers;
    if (running->session.epoch == epoch && std::find(peers.begin(), peers.end(), peer) != peers.end())
      hit.push_back(running);
  }
  for (const auto& running : hit) end(running, Abort{Fault::TimedOut, Blame::nobody(), why});
}

void SessionHost::tick(Clock::time_point now) {
  std::vector<std::shared_ptr<Running>> late;
  for (const auto& [sid, running] : sessions_)
    if (now >= running->ends) late.push_back(running);
  for (const auto& running : late) {
    end(running, Abort{Fault::TimedOut, Blame::nobody(), "a member did not answer in time"});
  }
  for (auto& [peer, queue] : early_)
    while (!queue.empty() && now - queue.front().since > kEarlyTime) queue.pop_front();
}

}  // namespace quorate::signerd
