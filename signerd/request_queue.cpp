#include "signerd/request_queue.h"

namespace quorate::signerd {

bool RequestQueue::push(const std::string& who, Request request) {
  auto& queue = waiting_[who];
  const std::size_t size = request.envelope.payload.size();
  if (!queue.requests.empty() && (queue.requests.size() >= kMaxWaiting || queue.bytes + size > kMaxWaitingBytes)) return false;
  if (queue.requests.empty()) turns_.push_back(who);
  queue.bytes += size;
  queue.requests.push_back(std::move(request));
  return true;
}

std::optional<RequestQueue::Request> RequestQueue::pop() {
  if (turns_.empty()) return std::nullopt;
  const auto queue = waiting_.find(turns_.front());
  turns_.pop_front();
  auto& [requests, bytes] = queue->second;
  Request request = std::move(requests.front());
  requests.pop_front();
  bytes -= request.envelope.payload.size();
  if (requests.empty()) {
    waiting_.erase(queue);
  } else {
    turns_.push_back(queue->first);
  }
  return request;
}

void Stalls::turn(Clock::time_point now) {
  if (last_ && now - *last_ > kNoticed) {
    began_ = *last_;
    over_ = now + kAfterwards;
  }
  last_ = now;
}

Clock::time_point Stalls::arrived(Clock::time_point now) const {
  if (last_ && now - *last_ > kNoticed) return *last_;
  return now < over_ ? began_ : now;
}

}  // namespace quorate::signerd
