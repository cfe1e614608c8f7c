#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <tuple>

#include "signerd/pool.h"

namespace quorate::signerd {

/// The pool of one quorum and key epoch.
struct Task {
  EpochId epoch;
  Quorum quorum;
  auto operator<=>(const Task&) const = default;
};

/// Which pool gets the next batch, and which have to wait because theirs failed. The clock is the caller's.
class RefillOrder {
 public:
  struct Pool {
    std::uint32_t available = 0, min = 0;
    bool idle = false;          ///< its key is
    bool beside_stuck = false;  ///< shares a member with a batch that does not get on
  };
  /// The lesser is served first: one that somebody found dry; then those whose last batch did not fail (a failed
  /// one may hang on a member that is stopped); then those below their minimum; then the shallowest; and among
  /// equals the keys that are in use.
  using Rank = std::tuple<bool, bool, bool, bool, std::uint32_t, bool>;
  [[nodiscard]] Rank rank(const Task& task, const Pool& pool) const;

  /// The next waits twice as long as the last time, up to `longest`.
  void failed(const Task& task, Clock::time_point now, std::chrono::milliseconds longest);
  void succeeded(const Task& task);
  [[nodiscard]] bool waits(const Task& task, Clock::time_point now) const;
  /// Somebody found it dry: it is next, and what it still has to wait is cut short, once a second at most.
  /// False if that is known already: there is nothing to be done at once.
  bool wanted(const Task& task, Clock::time_point now);
  void forget_if(const std::function<bool(const Task&)>& which);

 private:
  struct Back {
    Clock::time_point until;
    std::chrono::milliseconds wait{0};
  };
  struct Want {
    std::optional<Clock::time_point> cut;  ///< when a wait was last cut short
    bool open = false;                     ///< nothing was pooled since
  };
  std::map<Task, Back> back_;
  std::map<Task, Want> wanted_;
};

}  // namespace quorate::signerd
