#pragma once

#include <cstddef>
#include <vector>

namespace quorate::net {

/// What a pure core wants done, in its order. An action that throws, for want of memory, is lost; those that follow
/// it are not: they are what the next run() begins with.
template <class Action>
class ActionQueue {
 public:
  /// Carries out with `each` what `take` gives, until it gives nothing. False, and nothing done, within an action.
  template <class Take, class Each>
  bool run(Take take, Each each) {
    if (running_) return false;
    const Running busy(running_);
    for (;;) {
      if (next_ == actions_.size()) {
        next_ = 0;
        actions_ = take();
        if (actions_.empty()) return true;
      }
      each(actions_[next_++]);
    }
  }

 private:
  struct Running {
    explicit Running(bool& flag) : flag_(flag) { flag_ = true; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { flag_ = false; }
    bool& flag_;
  };
  std::vector<Action> actions_;
  std::size_t next_ = 0;
  bool running_ = false;
};

}  // namespace quorate::net
