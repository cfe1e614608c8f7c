#include "protocol/net/name_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "protocol/net/signals_blocked.h"

namespace quorate::net {
namespace {
constexpr std::size_t kMaxAddresses = 8;
}

std::vector<std::string> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_UNSPEC;
  addrinfo* list = nullptr;
  std::vector<std::string> found;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return found;
  for (const addrinfo* entry = list; entry != nullptr && found.size() < kMaxAddresses; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      found.emplace_back(text);
    }
  }
  freeaddrinfo(list);
  return found;
}

bool run_aside(std::function<void()> work) {
  const AllSignalsBlocked until_it_has_started;
  try {
    std::thread([work = std::move(work)] {
      try {
        work();
      } catch (const std::exception&) {
        // No memory: as if nothing had been found.
      }
    }).detach();
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

/// What a thread that is left behind may still use. `io` only under the lock and while it is not null.
struct NameLookup::Shared {
  explicit Shared(boost::asio::io_context& its_io) : io(&its_io) {}
  std::mutex mutex;
  boost::asio::io_context* io;
  std::atomic<bool> under_way = false;
  Done done;  ///< on the side of io

  static void run(const std::shared_ptr<Shared>& self, const std::string& host) {
    std::vector<std::string> addresses;
    {
      const std::unique_ptr<Shared, void (*)(Shared*)> ends(self.get(), [](Shared* of) { of->under_way = false; });
      addresses = look_up(host);
    }
    const std::lock_guard lock(self->mutex);
    if (self->io == nullptr) return;
    boost::asio::post(*self->io, [weak = std::weak_ptr(self), addresses = std::move(addresses)]() mutable {
      const auto shared = weak.lock();
      if (!shared) return;
      if (const auto call = std::exchange(shared->done, nullptr)) call(std::move(addresses));
    });
  }
};

NameLookup::NameLookup(boost::asio::io_context& io) : shared_(std::make_shared<Shared>(io)) {}

NameLookup::~NameLookup() {
  forget();
  const std::lock_guard lock(shared_->mutex);
  shared_->io = nullptr;
}

void NameLookup::start(const std::string& host, Done done) {
  shared_->done = std::move(done);
  if (shared_->under_way.exchange(true)) return;
  try {
    const auto work = [shared = shared_, host] { Shared::run(shared, host); };
    if (!run_aside(work)) work();
  } catch (...) {
    shared_->under_way = false;
    throw;
  }
}

void NameLookup::forget() { shared_->done = nullptr; }

}  // namespace quorate::net
