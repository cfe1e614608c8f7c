#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "protocol/session/machine.h"
#include "signerd/pacing.h"

namespace quorate::signerd {

/// Runs protocol machines on background threads of low priority and carries their messages. All methods
/// and callbacks belong to the I/O thread; only a machine's steps run on a worker, one at a time a session.
class SessionHost {
 public:
  struct Ending {
    std::shared_ptr<session::Machine> machine;  ///< not to be touched after TimedOut: a step may be running
    std::optional<Abort> abort;                 ///< none: take_result() is valid
  };
  struct Session {
    std::vector<PartyId> peers;
    EpochId epoch;                              ///< whose key it works for; zero in key generation
    std::chrono::milliseconds timeout{15'000};
    std::function<void(Ending)> on_end;
    /// Called on the worker when a step says persist, before its messages go out.
    std::function<Result<void, std::string>(session::Machine&)> persist;
    /// Of a step that was running when the session ended, on the I/O thread, each may be empty. Its messages
    /// go nowhere, but a fault that speaks against somebody must not be lost, or a check on secret state could
    /// be tried again (SPEC 3.5); nor must what persist has made durable, nor a result (take_result() is valid).
    std::function<void(const Abort&)> on_late_verdict;
    std::function<void()> on_late_save;
    std::function<void(session::Machine&)> on_late_result;
    /// After every step, on the I/O thread. May be empty.
    std::function<void()> on_step;
    /// After every message, with the size of its payload, on the I/O thread. May be empty.
    std::function<void(std::size_t)> on_sent;
    /// Its steps take no more than the workers' share of CPU time.
    bool background = false;
  };
  using Send = std::function<bool(const wire::Envelope&)>;

  /// `share`: of each worker's core, for sessions in the background.
  SessionHost(boost::asio::io_context& io, std::size_t threads, Send send, CpuShare share = CpuShare(1));
  SessionHost(const SessionHost&) = delete;
  SessionHost& operator=(const SessionHost&) = delete;
  /// Stops the workers; a step that runs is waited for.
  ~SessionHost();

  /// Starts a machine. False if the session id is in use.
  bool open(const SessionId& sid, std::shared_ptr<session::Machine> machine, Session session);
  [[nodiscard]] bool has(const SessionId& sid) const { return sessions_.contains(sid); }
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  /// Hands a message to its session. One for a session that may be about to start is kept for a short while,
  /// bounded in number and bytes a peer.
  void deliver(wire::Envelope envelope);
  /// Ends a session from outside; on_end gets `why`.
  void abort(const SessionId& sid, Abort why);
  /// Ends all sessions that need this peer.
  void abort_with(PartyId peer, const std::string& why);
  /// Ends those of one epoch only.
  void abort_with(PartyId peer, const EpochId& epoch, const std::string& why);
  /// Ends sessions past their time. Call it a few times a second.
  void tick(Clock::time_point now);

 private:
  struct Running;
  struct Early {
    wire::Envelope envelope;
    Clock::time_point since;
  };
  /// `from`: whose message it is; kNobody for the start.
  void run_step(const std::shared_ptr<Running>& running, PartyId from,
                std::function<session::Step(session::Machine&, Rng&)> what);
  void step_done(const std::shared_ptr<Running>& running, PartyId from, session::Step step, bool saved);
  static void step_done_late(const Running& running, const session::Step& step, bool saved);
  void rest(std::chrono::nanoseconds used);
  void end(const std::shared_ptr<Running>& running, std::optional<Abort> abort);

  boost::asio::io_context& io_;
  Send send_;
  CpuShare share_;
  std::mutex resting_;
  std::condition_variable wake_;
  bool stopping_ = false;                         ///< guarded by resting_
  std::shared_ptr<boost::asio::io_context> work_ = std::make_shared<boost::asio::io_context>();
  std::unique_ptr<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guard_;
  std::vector<std::thread> threads_;
  std::unordered_map<SessionId, std::shared_ptr<Running>> sessions_;
  std::map<PartyId, std::deque<Early>> early_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace quorate::signerd
