#include "protocol/net/wake_timer.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace quorate::net {

using coordinator::kNever;
using coordinator::Time;

Time monotonic_now() {
  return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch());
}

namespace {

/// Handlers do not throw by design; after one that did, for want of memory, nobody may have asked for a moment.
constexpr std::chrono::milliseconds kAfterFailure{100};

}  // namespace

class WakeTimer::Impl : public std::enable_shared_from_this<WakeTimer::Impl> {
 public:
  Impl(boost::asio::io_context& io, std::function<void()> wake) : io_(io), timer_(io), wake_(std::move(wake)) {}

  void at(Time when) {
    wanted_ = when;
    if (when >= armed_) return;
    if (when <= monotonic_now()) {
      ring_soon();
    } else {
      arm(when);
    }
  }

  void soon() {
    asked_soon_ = true;
    ring_soon();
  }

  void cancel() {
    wanted_ = kNever;
    asked_soon_ = false;
    if (armed_ != kNever) timer_.cancel();
    armed_ = kNever;
  }

 private:
  void arm(Time when) {
    armed_ = kNever;  // should what follows throw, the next at() tries again
    timer_.expires_at(std::chrono::steady_clock::time_point(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::max(when, Time::zero()))));
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->armed_ = kNever;
      self->ring();
    });
    armed_ = when;
  }

  void ring_soon() {
    if (posted_) return;
    boost::asio::post(io_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->posted_ = false;
      self->ring();
    });
    posted_ = true;
  }

  void ring() {
    const bool due = wanted_ <= monotonic_now();
    if (due) wanted_ = kNever;
    if (wanted_ < armed_) arm(wanted_);
    if (!std::exchange(asked_soon_, false) && !due) return;
    try {
      wake_();
    } catch (...) {
      at(monotonic_now() + kAfterFailure);
      throw;
    }
  }

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  std::function<void()> wake_;
  Time wanted_ = kNever, armed_ = kNever;
  bool asked_soon_ = false, posted_ = false;
};

WakeTimer::WakeTimer(boost::asio::io_context& io, std::function<void()> wake)
    : impl_(std::make_shared<Impl>(io, std::move(wake))) {}
WakeTimer::~WakeTimer() { impl_->cancel(); }
void WakeTimer::at(Time when) { impl_->at(when); }
void WakeTimer::soon() { impl_->soon(); }
void WakeTimer::cancel() { impl_->cancel(); }

}  // namespace quorate::net
