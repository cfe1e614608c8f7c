#include "signerd/coordinator_server.h"

#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "protocol/net/blame_report.h"

namespace quorate::signerd {

namespace {

constexpr std::chrono::milliseconds kTick{20};
constexpr std::uint64_t kTicksPerSecond = 50;
constexpr std::chrono::seconds kDrainLimit{2};
/// What may wait for a front end that does not read.
constexpr std::size_t kMaxBacklog = std::size_t{1} << 20;

}  // namespace

CoordinatorServer::CoordinatorServer(CoordinatorConfig config, Audit audit)
    : config_(std::move(config)), log_(config_.log_level), audit_(std::move(audit)) {}

CoordinatorServer::~CoordinatorServer() = default;

Result<std::unique_ptr<CoordinatorServer>, std::string> CoordinatorServer::start(CoordinatorConfig config) {
  ::prctl(PR_SET_DUMPABLE, 0);  // its TLS key stays out of core dumps
  auto audit = Audit::open(config.audit_file);
  if (!audit) return fail(audit.error());
  std::unique_ptr<CoordinatorServer> server(new CoordinatorServer(std::move(config), std::move(audit).value()));
  if (auto ok = server->open(); !ok) return fail(ok.error());
  return server;
}

Result<void, std::string> CoordinatorServer::open() {
  auto links = std::make_shared<net::LinkSettings>();
  links->tls = config_.tls;
  links->cluster = config_.cluster;
  links->instance = rng_.make_id<Digest>();
  links->pinned = [this](PartyId id) -> std::optional<IdentityPublicKey> {
    for (const auto& signer : config_.signers)
      if (signer.id == id) return signer.identity;
    return std::nullopt;
  };
  links->log = text_log("link");
  net::DriverSettings settings;
  settings.link = links;
  settings.core.max_in_flight = config_.max_in_flight;
  for (const auto& signer : config_.signers) settings.signers.push_back({signer.id, {signer.host}, signer.port});
  driver_ = std::make_unique<net::CoordinatorDriver>(io_, std::move(settings), rng_);
  for (const auto& key : config_.keys) driver_->add_key({key.file.key, key.file.curve, VerificationKey(key.file.X)});
  driver_->on_blame([this](const coordinator::Verdict& verdict) { blame(verdict); });
  desk_ = std::make_unique<FrontDesk>(
      config_,
      FrontDesk::Backend{
          [this](coordinator::SigningJob job, std::chrono::nanoseconds within, FrontDesk::Backend::Done done,
                 FrontDesk::Backend::OnAssigned assigned) {
            return driver_->sign(std::move(job), within, std::move(done), std::move(assigned));
          },
          [this](coordinator::RequestHandle handle) { driver_->cancel(handle); },
          [this](const KeyId& key) { return driver_->readiness(key); }},
      audit_);

  net::ListenerSettings front;
  front.address = config_.listen_host;
  front.port = config_.listen_port;
  front.admit = FrontDesk::admit;
  auto listener =
      net::Listener::open(io_, front, links, [this](const std::shared_ptr<net::Link>& link) { serve(link); });
  if (!listener) return fail(listener.error());
  listener_ = std::move(listener).value();
  driver_->start();
  return {};
}

/// Where the code below, which knows no events, writes its lines: each becomes one of this name.
net::Log CoordinatorServer::text_log(std::string_view event) const {
  return [this, event](int level, std::string_view text) {
    if (level <= net::kLogError) {
      log_.error(event, {{"text", text}});
    } else if (level == net::kLogWarning) {
      log_.warn(event, {{"text", text}});
    } else if (level == net::kLogInfo) {
      log_.info(event, {{"text", text}});
    }
  };
}

/// A line of the audit for each signer that was found out; the rest as every owner of a coordinator does it.
void CoordinatorServer::blame(const coordinator::Verdict& verdict) {
  net::report_verdict(verdict, config_.cluster, config_.evidence.get(), text_log("blame"));
  const auto write = [&](PartyId signer, bool confirmed, const std::string& reason) {
    const auto key = std::ranges::find(config_.keys, verdict.key, [](const auto& each) { return each.file.key; });
    AuditLine line;
    line.add("outcome", "blamed")
        .add("signer", signer)
        .add_flag("confirmed", confirmed)
        .add("reason", reason)
        .add("key", key != config_.keys.end() ? key->name : verdict.key.hex())
        .add("epoch", verdict.epoch.brief());
    if (!verdict.quorum.empty()) line.add("presignature", verdict.presignature.str()).add("quorum", verdict.quorum);
    if (!verdict.note.empty()) line.add("note", verdict.note);
    audit_.write(std::move(line));
  };
  for (const auto& proven : verdict.proven) write(proven.signer, true, std::string(kind_of(proven.evidence)));
  for (const auto& suspected : verdict.suspected) write(suspected.signer, false, suspected.why);
}

void CoordinatorServer::serve(const std::shared_ptr<net::Link>& link) {
  const auto client = next_client_++;
  clients_.emplace(client, link);
  net::Link::Events events;
  std::weak_ptr<net::Link> weak = link;
  events.message = [this, client, weak](const wire::Envelope& envelope) {
    const auto alive = weak.lock();
    if (!alive) return;
    const auto reply = [weak](const wire::Envelope& answer) {
      const auto still = weak.lock();
      if (still == nullptr) return;
      (void)still->send(answer, net::Link::Leaves::OnPush);
      still->push();
    };
    desk_->on_message(client, alive->peer(), envelope, reply, Clock::now());
    if (alive->queued_bytes() <= kMaxBacklog) return;
    log_.warn("client_closed", {{"who", alive->peer().uri()}, {"reason", "does not read its answers"}});
    alive->close("you do not read your answers");
    desk_->gone(client);
    clients_.erase(client);
  };
  events.down = [this, client](const std::string&) {
    desk_->gone(client);
    clients_.erase(client);
  };
  link->adopt(std::move(events));
}

void CoordinatorServer::run() {
  ::signal(SIGPIPE, SIG_IGN);
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  wait_for_signal();
  log_.info("started", {{"coordinator", config_.tls.self().name},
                        {"cluster", config_.cluster},
                        {"listen", config_.listen_host + ":" + std::to_string(listener_->port())},
                        {"signers", config_.signers.size()},
                        {"keys", config_.keys.size()}});
  tick();
  io_.run();
  audit_.flush();
  const auto& counters = desk_->counters();
  log_.info("stopped", {{"signed", counters.signed_},
                        {"refused", counters.refused},
                        {"failed", counters.failed},
                        {"cancelled", counters.cancelled},
                        {"signers_proven", driver_->blame_counters().proven},
                        {"signers_suspected", driver_->blame_counters().suspected}});
}

void CoordinatorServer::stop() {
  boost::asio::post(io_, [this] {
    if (!draining_until_) drain("asked to");
  });
}

void CoordinatorServer::wait_for_signal() {
  signals_.async_wait([this](const auto& error, int number) {
    if (error) return;
    if (draining_until_) return shut_down();
    drain(number == SIGTERM ? "SIGTERM" : "SIGINT");
    wait_for_signal();
  });
}

void CoordinatorServer::drain(std::string_view why) {
  log_.info("stopping", {{"reason", why}, {"in_flight", desk_->in_flight()}});
  draining_until_ = Clock::now() + kDrainLimit;
  desk_->drain();
  listener_->stop();
}

void CoordinatorServer::shut_down() {
  timer_.cancel();
  signals_.cancel();
  for (const auto& [client, link] : clients_) link->close("the coordinator is stopping");
  clients_.clear();
  driver_->stop();  // what is still in flight ends with an error, which the audit gets
  io_.stop();
}

void CoordinatorServer::tick() {
  const auto now = Clock::now();
  if (draining_until_) {
    const bool all_read = std::all_of(clients_.begin(), clients_.end(),
                                      [](const auto& each) { return each.second->queued_bytes() == 0; });
    if ((desk_->in_flight() == 0 && all_read) || now >= *draining_until_) return shut_down();
  }
  if (++ticks_ % kTicksPerSecond == 0) {
    desk_->tick(now);
    audit_.flush();
  }
  timer_.expires_after(kTick);
  timer_.async_wait([this](const auto& error) {
    if (!error) tick();
  });
}

}  // namespace quorate::signerd
