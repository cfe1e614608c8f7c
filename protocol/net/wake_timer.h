#pragma once

#include <functional>
#include <memory>

#include "protocol/coordinator/monotonic.h"

namespace boost::asio {
class io_context;
}

namespace quorate::net {

/// The clock's monotonic time, as all cores are told it.
coordinator::Time monotonic_now();

/// The alarm clock of a pure core. The moment that is asked for changes with nearly every event, mostly to a later
/// one: that costs nothing here, as the clock rings inwardly at the old moment and is set anew then. Only an
/// earlier moment is a system call, and none of them is for a moment that is past.
/// Belongs to the thread that runs the io_context.
class WakeTimer {
 public:
  /// `wake` is called from the io_context, never from within at() or soon().
  WakeTimer(boost::asio::io_context& io, std::function<void()> wake);
  WakeTimer(const WakeTimer&) = delete;
  WakeTimer& operator=(const WakeTimer&) = delete;
  /// As cancel().
  ~WakeTimer();

  /// Calls `wake` once, at `when` or soon after it. Replaces what was asked for before; kNever: not at all.
  void at(coordinator::Time when);
  /// Calls `wake` once, as soon as what runs now has returned; what at() asked for stays.
  void soon();
  /// Neither at() nor soon() calls any more.
  void cancel();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace quorate::net
