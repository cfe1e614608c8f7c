#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace quorate::net {

/// Addresses of a host, at most 8, as text; none if there are none. Blocks as long as the system's resolver does.
std::vector<std::string> look_up(const std::string& host);

/// Runs it on a thread of its own with all signals blocked, which nobody waits for. False if no thread can be had.
bool run_aside(std::function<void()> work);

/// Looks names up beside an io_context, of which Asio's own resolver has one thread for all names, and waits for it in
/// the end. Here, one that takes long is left behind. All calls and callbacks belong to the thread that runs io.
class NameLookup {
 public:
  using Done = std::function<void(std::vector<std::string>)>;

  explicit NameLookup(boost::asio::io_context& io);
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;
  /// As forget().
  ~NameLookup();

  /// `done` is called once, not within this call. Only one look-up at a time is under way: while there is one, for
  /// whatever host, `done` gets what that finds, and whoever asked before gets nothing.
  void start(const std::string& host, Done done);
  /// Nobody is called back any more; a look-up that is under way goes on for whoever asks next.
  void forget();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace quorate::net
