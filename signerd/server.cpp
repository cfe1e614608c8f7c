#include "signerd/server.h"

#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "protocol/net/strict_json.h"
#include "protocol/net/system_rng.h"
#include "protocol/wire/online_codec.h"

namespace quorate::signerd {

using wire::MessageType;

namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr std::uint64_t kTicksPerSecond = 20;
/// What may wait for a front end that does not read.
constexpr std::size_t kMaxBacklog = std::size_t{1} << 20;

/// Time that the machine was suspended: the boot clock goes on then, the monotonic one does not.
std::chrono::nanoseconds suspended_time() {
  const auto read = [](clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
  };
  return read(CLOCK_BOOTTIME) - read(CLOCK_MONOTONIC);
}

/// A batch takes megabytes and gives them back a moment later. Each page that went to the kernel meanwhile would be
/// zeroed when it comes again: a tenth of what refilling costs. So up to 128 MiB stay with each thread's heap, which has
/// as much only after it was in use at once.
void keep_freed_memory() {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the greatest that it takes
  ::mallopt(M_TRIM_THRESHOLD, 128 << 20);
#endif
}

Digest fresh_instance() {
  net::SystemRng rng;
  return rng.make_id<Digest>();
}

bool is_setup(MessageType type) { return type >= MessageType::SetupOpen && type <= MessageType::SetupReady; }
bool is_keygen(MessageType type) { return type >= MessageType::KeygenRound1 && type <= MessageType::KeygenEvidence; }
bool is_accusation(MessageType type) {
  return type == MessageType::DisputeNotice || type == MessageType::QuarantineNotice ||
         type == MessageType::QuarantineRequest || type == MessageType::QuarantineClear;
}
bool is_presign(MessageType type) { return type >= MessageType::PresignStart && type <= MessageType::PresignAbort; }

}  // namespace

Server::Server(Config config, Interposer interposer, ShareStore store, Disputes disputes, Quarantine quarantine,
               Audit audit)
    : config_(std::move(config)),
      interposer_(std::move(interposer)),
      log_(config_.log_level),
      audit_(std::move(audit)),
      instance_(fresh_instance()),
      store_(std::move(store)),
      disputes_(std::move(disputes)),
      quarantine_(std::move(quarantine)),
      keys_(config_.pool),
      policy_(config_.policy),
      epoch_switch_(keys_, store_, log_),
      suspended_(suspended_time()) {}

Server::~Server() = default;

Result<std::unique_ptr<Server>, std::string> Server::start(Config config, Interposer interposer) {
  // Secrets stay out of core dumps, of other users' debuggers and of the swap file.
  ::prctl(PR_SET_DUMPABLE, 0);
  keep_freed_memory();
  if (config.lock_memory && ::mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
    return fail(std::string("cannot lock memory: ") + std::strerror(errno) +
                "; raise the limit (systemd: LimitMEMLOCK=infinity) or set \"lock_memory\": false");
  auto audit = Audit::open(config.audit_file);
  if (!audit) return fail(audit.error());
  auto store = ShareStore::open(config.state_directory, std::move(config.state_key), config.id);
  if (!store) return fail(store.error());
  auto tidied = store->tidy(std::exchange(config.former_state_key, std::nullopt));
  if (!tidied) return fail(tidied.error());
  auto disputes = Disputes::open(config.state_directory / "disputes.json");
  if (!disputes) return fail(disputes.error());
  auto quarantine = Quarantine::open(config.state_directory / "quarantine");
  if (!quarantine) return fail(quarantine.error());
  std::unique_ptr<Server> server(new Server(std::move(config), std::move(interposer), std::move(store).value(),
                                            std::move(disputes).value(), std::move(quarantine).value(),
                                            std::move(audit).value()));
  if (*tidied > 0) server->log_.info("shares_sealed_anew", {{"count", *tidied}});
  if (auto ok = server->open(); !ok) return fail(ok.error());
  return server;
}

Result<void, std::string> Server::open() {
  std::vector<net::MeshMember> members;
  for (const auto& member : config_.group.members) {
    auto address = *net::parse_host_port(member.address);
    members.push_back({member.id, std::move(address.host), address.port, member.identity});
  }
  net::LinkSettings links;
  links.tls = config_.tls;
  links.cluster = config_.cluster;
  links.instance = instance_;
  links.min_version = interposer_.min_version;
  links.max_version = interposer_.max_version;
  links.sign_hello = [this](const Digest& digest) { return config_.identity->sign(digest); };
  links.log = [this](int level, std::string_view text) {
    if (level <= net::kLogWarning) {
      log_.warn("link", {{"text", text}});
    } else if (level == net::kLogInfo) {
      log_.info("link", {{"text", text}});
    }
  };
  net::Mesh::Events events;
  events.peer_up = [this](PartyId peer, const wire::Hello& hello) { peer_up(peer, hello.instance); };
  events.peer_down = [this](PartyId peer) { peer_down(peer); };
  events.message = [this](wire::Envelope envelope) { on_peer(std::move(envelope)); };
  mesh_ = std::make_unique<net::Mesh>(io_, config_.id, std::move(members), std::move(links), std::move(events));

  const MeshView view{[this](const wire::Envelope& envelope) { return send(envelope); },
                      [this](PartyId peer) { return mesh_->linked(peer); }};
  sessions_ = std::make_unique<SessionHost>(io_, config_.presign_threads, view.send, CpuShare(config_.presign_max_cpu));
  setups_ = std::make_unique<PairSetups>(config_.id, keys_, *sessions_, disputes_, log_, view);
  presigner_ = std::make_unique<Presigner>(
      config_.id, *config_.identity, keys_, *setups_, *sessions_, disputes_, log_, view,
      PresignLimits{config_.presign_batch, config_.presign_parallel, config_.presign_timeout, config_.presign_max_mbit,
                    config_.group.members.size()});
  ceremonies_ = std::make_unique<Ceremonies>(config_.id, *config_.identity, config_.group, store_, keys_, *sessions_,
                                             policy_, log_, view);
  online_ = std::make_unique<Online>(config_.id, *config_.identity, instance_, keys_, policy_, audit_,
                                     [this] { return mesh_->linked(); });
  Identities pinned;
  for (const auto& member : config_.group.members) pinned.emplace(member.id, member.identity);
  accusations_ = std::make_unique<Accusations>(Accusations::Parts{config_.id, *config_.identity, std::move(pinned), keys_,
                                                                  disputes_, quarantine_, policy_, log_, view});
  accusations_->on_quarantine = [this](PartyId signer) {
    presigner_->leave_out(signer);
    setups_->leave_out(signer);
  };
  setups_->on_dispute = [this](const EpochId& epoch, PartyId peer, Fault fault) {
    accusations_->dispute(epoch, peer, fault, Clock::now());
  };
  online_->quarantine_version = [this] { return accusations_->version(); };
  online_->why_blocked = [this](const KeyId& key, const Quorum& quorum) { return presigner_->why_blocked(key, quorum); };
  online_->on_want = [this](ActiveKey& key, const Quorum& quorum, Clock::time_point now) {
    return presigner_->want(key, quorum, now);
  };
  setups_->on_change = [this] { presigner_->tick(Clock::now()); };
  ceremonies_->on_key = [this](const EpochId& epoch) { setups_->key_added(epoch); };
  epoch_switch_.settled = [this](const PublicKeyInfo& coming) {
    return !ceremonies_->contested(coming) || setups_->active_at_all(coming);
  };
  epoch_switch_.on_wiped = [this](const PublicKeyInfo& old) {
    presigner_->forget(old.epoch);
    setups_->forget(old.epoch);
    ceremonies_->forget_successors(old.epoch);
  };
  if (auto loaded = ceremonies_->load(); !loaded) return fail(loaded.error());
  accusations_->start();

  net::ListenerSettings settings;
  settings.address = config_.listen_host;
  settings.port = config_.listen_port;
  auto listener = net::Listener::open(io_, settings, mesh_->link_settings(),
                                      [this](std::shared_ptr<net::Link> link) { accept(std::move(link)); });
  if (!listener) return fail(listener.error());
  listener_ = std::move(listener).value();
  mesh_->start();
  return {};
}

bool Server::run() {
  ::signal(SIGPIPE, SIG_IGN);
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this](const auto& error, int number) {
    if (!error) shut_down(number == SIGTERM ? "SIGTERM" : "SIGINT");
  });
  log_.info("started", {{"signer", config_.id},
                        {"cluster", config_.cluster},
                        {"listen", config_.listen_host + ":" + std::to_string(config_.listen_port)},
                        {"keys", keys_.all().size()},
                        {"disputes", disputes_.size()},
                        {"quarantined", quarantine_.signers()}});
  tick_later();
  io_.run();
  audit_.flush();
  log_.info("stopped", {{"signer", config_.id}});
  return !failed_;
}

void Server::shut_down(std::string_view why) {
  if (std::exchange(stopped_, true)) return;
  log_.info("stopping", {{"reason", why}});
  timer_.cancel();
  listener_->stop();
  for (const auto& [client, number] : clients_) client->close("signer is stopping");
  clients_.clear();
  mesh_->stop();
  io_.stop();
}

void Server::accept(std::shared_ptr<net::Link> link) {
  if (link->peer().role == wire::Role::Signer) return mesh_->accept(std::move(link));
  serve(link);
}

void Server::serve(const std::shared_ptr<net::Link>& link) {
  clients_.emplace(link, ++last_client_);
  net::Link::Events events;
  std::weak_ptr<net::Link> weak = link;
  events.message = [this, weak](wire::Envelope envelope) {
    if (auto alive = weak.lock()) on_client(alive, std::move(envelope));
  };
  events.down = [this, weak](const std::string&) {
    if (auto alive = weak.lock()) forget(alive);
  };
  link->adopt(std::move(events));
}

void Server::forget(const std::shared_ptr<net::Link>& link) {
  if (const auto client = clients_.extract(link)) online_->link_lost(client.mapped());
}

bool Server::send(const wire::Envelope& envelope) {
  if (!interposer_.outgoing) return mesh_->send(envelope);
  interposer_.outgoing(envelope, [this](const wire::Envelope& passed) { mesh_->send(passed); });
  return true;
}

void Server::on_client(const std::shared_ptr<net::Link>& link, wire::Envelope envelope) {
  if (was_suspended()) return;
  if (interposer_.incoming) interposer_.incoming(envelope);
  if (envelope.type == MessageType::KeygenRequest) {
    std::weak_ptr<net::Link> weak = link;
    ceremonies_->on_request(link->peer(), envelope, [weak](const wire::Envelope& answer) {
      if (auto alive = weak.lock()) alive->send(answer);
    }, weak);
    return;
  }
  const SessionId sid = envelope.sid;
  if (requests_.push(link->peer().uri(), {link, std::move(envelope), stalls_.arrived(Clock::now())}))
    return answer_later();
  reply(link, {MessageType::Refusal, sid, config_.id, kNobody,
               wire::encode(wire::Refusal{SignErrorCode::Overloaded, "too many requests of " + link->peer().str() +
                                                                         " are waiting already"})});
}

void Server::answer_later() {
  if (std::exchange(answering_, true)) return;
  boost::asio::post(io_, [this] {
    answering_ = false;
    answer_some();
  });
}

/// A few at a time, so that links are read and peers are heard in between.
void Server::answer_some() {
  constexpr std::size_t kAtATime = 16;
  std::vector<std::shared_ptr<net::Link>> answered;
  stalls_.turn(Clock::now());
  for (std::size_t i = 0; i < kAtATime && !stopped_; ++i) {
    auto request = requests_.pop();
    if (!request) break;
    const auto link = request->link.lock();
    if (!link || !link->is_up()) continue;
    const auto now = Clock::now();
    auto answer = is_accusation(request->envelope.type)
                      ? accusations_->answer(link->peer(), request->envelope, now)
                      : online_->answer(link->peer(), request->envelope, now, now - request->since, clients_.at(link));
    if (!answer) continue;
    reply(link, *answer, net::Link::Leaves::OnPush);
    if (std::find(answered.begin(), answered.end(), link) == answered.end()) answered.push_back(link);
  }
  // Those who wait come before the refill.
  for (const auto& link : answered) link->push();
  if (online_->take_consumed()) presigner_->tick(Clock::now());
  if (!requests_.empty()) answer_later();
}

void Server::reply(const std::shared_ptr<net::Link>& link, const wire::Envelope& answer, net::Link::Leaves leaves) {
  // What waits already counts, not this: a list with evidence is longer than all that.
  if (link->queued_bytes() <= kMaxBacklog) {
    if (interposer_.outgoing) {
      interposer_.outgoing(answer, [&link](const wire::Envelope& passed) { link->send(passed); });
    } else {
      link->send(answer, leaves);
    }
    return;
  }
  log_.warn("client_closed", {{"who", link->peer().uri()}, {"reason", "does not read its answers"}});
  link->close("you do not read your answers");
  forget(link);
}

void Server::on_peer(wire::Envelope envelope) {
  if (was_suspended()) return;
  if (interposer_.incoming) interposer_.incoming(envelope);
  if (is_setup(envelope.type)) return setups_->on_message(std::move(envelope), Clock::now());
  if (is_accusation(envelope.type)) return accusations_->on_message(envelope, Clock::now());
  if (is_presign(envelope.type)) return presigner_->on_message(std::move(envelope), Clock::now());
  if (is_keygen(envelope.type)) return ceremonies_->on_message(std::move(envelope), Clock::now());
  log_.debug("unexpected_message", {{"peer", envelope.from}, {"type", static_cast<int>(envelope.type)}});
}

void Server::peer_up(PartyId peer, const Digest& instance) {
  const auto known = known_instances_.find(peer);
  const bool new_process = known == known_instances_.end() || known->second != instance;
  known_instances_[peer] = instance;
  std::size_t dropped = 0;
  if (new_process)
    for (auto& [epoch, key] : keys_.all()) dropped += key->pools.drop_shared_with(peer);
  log_.info("peer_up", {{"peer", peer}, {"new_process", new_process}, {"presignatures_dropped", dropped}});
  setups_->peer_up(peer, new_process, Clock::now());
  ceremonies_->peer_up(peer);
  accusations_->peer_up(peer, Clock::now());
}

void Server::peer_down(PartyId peer) {
  log_.info("peer_down", {{"peer", peer}});
  sessions_->abort_with(peer, "lost the link to signer " + std::to_string(peer));
  setups_->peer_down(peer);
}

/// A suspended machine may have been copied: what only one memory may hold must go (SPEC 6.2). The process
/// ends; a new one has a new instance id, and its peers drop what they shared with this one.
bool Server::was_suspended() {
  if (suspended_time() - suspended_ < std::chrono::seconds(1)) return false;
  if (!stopped_) {
    log_.error("suspended", {{"action", "ending; all presignatures and set-ups in memory are void"}});
    failed_ = true;
    shut_down("the machine was suspended");
  }
  return true;
}

void Server::tick_later() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](const auto& error) {
    if (!error) tick();
  });
}

void Server::tick() {
  if (was_suspended()) return;
  const auto now = Clock::now();
  stalls_.turn(now);
  sessions_->tick(now);
  online_->tick(now);
  for (auto& [epoch, key] : keys_.all()) presigner_->announce_retired(key->pools.expire(now));
  presigner_->tick(now);
  epoch_switch_.tick(now);
  if (++ticks_ % kTicksPerSecond == 0) {
    setups_->tick(now);
    ceremonies_->tick(now);
    accusations_->tick(now);
    audit_.flush();
  }
  tick_later();
}

}  // namespace quorate::signerd
