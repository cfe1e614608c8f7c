#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "protocol/coordinator/action.h"
#include "protocol/coordinator/estimate.h"

namespace quorate::coordinator {

struct TierConfig {
  std::size_t max_in_flight = 1024;                    ///< requests; one more is refused as Overloaded
  Time attempt_floor = std::chrono::milliseconds(25);  ///< a coordinator is waited for at least this long
  unsigned attempt_p99_factor = 3;                     ///< ... or this many times its p99, if that leaves others half of the time
  Time first_pause = std::chrono::milliseconds(50);    ///< after a failure; doubles with every other one
  Time greatest_pause = std::chrono::seconds(5);
  Time busy_for = std::chrono::milliseconds(50);       ///< after it refused a request
  Time lied_for = std::chrono::seconds(30);            ///< the last choice after a false signature
  Time readiness_for = std::chrono::seconds(3);        ///< an answer about readiness counts so long
  unsigned refusals = 3;                               ///< in a row, and it is not ready, whatever it says,
  Time refused_for = std::chrono::milliseconds(500);   ///< ... for so long: then a request finds out
};

/// Send the request to this coordinator, under the same request id wherever it goes.
struct TierSend {
  RequestHandle request = 0;
  std::size_t to = 0;
  std::optional<Assignment> hint;
  Time deadline{};                 ///< absolute; a little before the request's own, so that the reason still arrives
};
/// Nobody waits for this coordinator's answer any more.
struct TierWithdraw {
  RequestHandle request = 0;
  std::size_t to = 0;
};
/// The end of a request without a signature; never follows a signature that was taken.
struct TierFail {
  RequestHandle request = 0;
  SignError error;
};
using TierAction = std::variant<TierSend, TierWithdraw, TierFail>;

/// Never reset.
struct TierCounters {
  std::uint64_t submitted = 0, signatures = 0, failed = 0;
  std::uint64_t resubmitted = 0;   ///< sends beyond a request's first
  std::uint64_t hinted = 0;        ///< of them, with what the first coordinator had assigned
  std::uint64_t overdue = 0, refused = 0, lies = 0;
};

/// Which of several coordinators gets a request, and when another one gets it too (workflow.md, failure D).
/// A pure core, as Coordinator is: the owner says what happened and when, takes the actions after every
/// call and calls on_timer() at next_wakeup(). Coordinators are numbered as in `names`.
///
/// No coordinator is believed: whether a signature is one is for the owner to check before it calls
/// on_signature(); an assignment is passed on as a hint and nothing else; the worst that a bad coordinator
/// does is to cost a request one attempt.
class Tier {
 public:
  /// first: the coordinator to begin with, so that many front ends do not all begin with the same one.
  Tier(TierConfig config, std::vector<std::string> names, std::size_t first);

  /// Ends in a signature that the owner reports or in a TierFail, at the deadline at the latest.
  RequestHandle submit(Time now, Time deadline);

  void link_up(Time now, std::size_t coordinator);
  /// Also if it could not be set up at all. Its requests go elsewhere at once.
  void link_down(Time now, std::size_t coordinator, const std::string& reason);

  void on_assigned(Time now, std::size_t from, RequestHandle request, const Assignment& assignment);
  /// Whether an answer of this coordinator to this request is waited for: what is not needs no verification.
  [[nodiscard]] bool expects(std::size_t from, RequestHandle request) const;
  /// A signature that verifies. False: the request has ended before, or was never sent there.
  bool on_signature(Time now, std::size_t from, RequestHandle request);
  void on_refusal(Time now, std::size_t from, RequestHandle request, SignError error);
  /// What it sent is no signature of this content under this key.
  void on_lie(Time now, std::size_t from, RequestHandle request);
  void on_readiness(Time now, std::size_t from, const KeyId& key, Readiness readiness);
  void on_timer(Time now);

  [[nodiscard]] std::vector<TierAction> take_actions();
  [[nodiscard]] Time next_wakeup() const { return timers_.empty() ? kNever : timers_.begin()->first; }

  /// Ready if one coordinator says so that has not refused all it was asked lately, not ready if all that could are away or say no, else unknown.
  [[nodiscard]] Readiness readiness(Time now, const KeyId& key) const;
  [[nodiscard]] const TierCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t in_flight() const { return requests_.size(); }

 private:
  struct Heard {
    Readiness readiness;
    Time at{};
  };
  struct Peer {
    std::string name;
    enum class Link : std::uint8_t { Unknown, Up, Down } link = Link::Unknown;
    std::string down_reason;
    Latency latency;
    std::size_t in_flight = 0;     ///< requests that it has not answered
    unsigned misses = 0;           ///< in a row
    unsigned refusals = 0;         ///< in a row
    Time refused_at = kLongAgo;
    SignErrorCode refused_as = SignErrorCode::QuorumInsufficient;
    Time slow_until = kLongAgo, busy_until = kLongAgo, lied_until = kLongAgo;
    std::map<KeyId, Heard> heard;

    /// It failed lately. After a growing pause one request at a time may try it again.
    [[nodiscard]] bool slow(Time now) const { return misses > 0 && (now < slow_until || in_flight > 0); }
  };
  struct Attempt {
    std::size_t to = 0;
    Time sent{};
    enum class State : std::uint8_t { Waiting, Overdue, Over } state = State::Waiting;
  };
  struct Request {
    Time deadline{};
    Time due = kNever;             ///< when the attempt that is waited for is overdue
    Time timer{};                  ///< its entry in timers_
    std::vector<Attempt> attempts; ///< one per coordinator at most
    std::size_t sends = 0;
    std::optional<Assignment> assigned;
    std::optional<SignError> refusal;
  };
  using Requests = std::unordered_map<RequestHandle, Request>;

  void advance(Time now) { now_ = std::max(now_, now); }
  [[nodiscard]] Attempt* open_attempt(Requests::iterator request, std::size_t at);
  [[nodiscard]] std::optional<std::size_t> choose(const Request& request) const;
  /// Some coordinator may still answer it.
  [[nodiscard]] static bool open(const Request& request);
  void send_on(Requests::iterator request);
  void close(Attempt& attempt);
  void missed(Peer& peer);
  void arm(Requests::iterator request);
  void end(Requests::iterator request);
  void fail_request(Requests::iterator request, SignError error);
  [[nodiscard]] SignError out_of_time(const Request& request) const;
  [[nodiscard]] std::string links_text() const;

  TierConfig config_;
  std::vector<Peer> peers_;
  std::size_t turn_;
  Time now_ = kLongAgo;
  Requests requests_;
  std::set<std::pair<Time, RequestHandle>> timers_;  ///< one entry per request
  RequestHandle next_ = 1;
  std::vector<TierAction> actions_;
  TierCounters counters_;
};

}  // namespace quorate::coordinator
