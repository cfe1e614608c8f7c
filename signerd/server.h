#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "protocol/net/listener.h"
#include "protocol/net/mesh.h"
#include "signerd/accusations.h"
#include "signerd/ceremonies.h"
#include "signerd/config.h"
#include "signerd/epoch_switch.h"
#include "signerd/interposer.h"
#include "signerd/online.h"
#include "signerd/presigner.h"
#include "signerd/request_queue.h"

namespace quorate::signerd {

/// One signer: puts the parts together and carries messages between links and parts. Everything but the
/// steps of background protocols runs on the thread that calls run().
class Server {
 public:
  /// The error says which file or address is to blame.
  static Result<std::unique_ptr<Server>, std::string> start(Config config, Interposer interposer = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Serves until SIGTERM or SIGINT; then closes links, ends sessions and flushes the audit. False if it had
  /// to end for another reason. Throws if a dispute cannot be made durable.
  bool run();

 private:
  Server(Config config, Interposer interposer, ShareStore store, Disputes disputes, Quarantine quarantine, Audit audit);
  Result<void, std::string> open();
  void accept(std::shared_ptr<net::Link> link);
  void forget(const std::shared_ptr<net::Link>& link);
  void serve(const std::shared_ptr<net::Link>& link);
  void on_client(const std::shared_ptr<net::Link>& link, wire::Envelope envelope);
  void answer_later();
  void answer_some();
  void reply(const std::shared_ptr<net::Link>& link, const wire::Envelope& answer,
             net::Link::Leaves leaves = net::Link::Leaves::AfterHandler);
  void on_peer(wire::Envelope envelope);
  bool send(const wire::Envelope& envelope);
  void peer_up(PartyId peer, const Digest& instance);
  void peer_down(PartyId peer);
  void tick();
  void tick_later();
  bool was_suspended();
  void shut_down(std::string_view why);

  Config config_;
  Interposer interposer_;
  Log log_;
  Audit audit_;
  Digest instance_;
  ShareStore store_;
  Disputes disputes_;
  Quarantine quarantine_;
  KeyRing keys_;
  Policy policy_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_};
  boost::asio::steady_timer timer_{io_};
  std::unique_ptr<net::Mesh> mesh_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<SessionHost> sessions_;
  std::unique_ptr<PairSetups> setups_;
  std::unique_ptr<Presigner> presigner_;
  std::unique_ptr<Accusations> accusations_;
  std::unique_ptr<Ceremonies> ceremonies_;
  EpochSwitch epoch_switch_;
  std::unique_ptr<Online> online_;
  std::map<PartyId, Digest> known_instances_;
  std::map<std::shared_ptr<net::Link>, LinkNumber> clients_;
  LinkNumber last_client_ = 0;
  RequestQueue requests_;
  Stalls stalls_;
  bool answering_ = false;
  std::uint64_t ticks_ = 0;
  std::chrono::nanoseconds suspended_{0};
  bool stopped_ = false, failed_ = false;
};

}  // namespace quorate::signerd
