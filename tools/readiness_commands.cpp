// Whether the cluster can sign, for programs that act on it: health checks, and HAProxy.
#include <signal.h>

#include <CLI/CLI.hpp>

#include <ctime>
#include <thread>

#include "provider/key_file.h"
#include "signerd/durable_file.h"
#include "tools/commands.h"
#include "tools/connection.h"
#include "tools/haproxy_crt_list.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kMaxKeyFile = 64 * 1024;

struct Watched {
  Connection cluster;
  KeyId key;
};

Result<Watched, std::string> watch(const fs::path& config, const fs::path& key_path) {
  auto text = signerd::read_file(key_path, kMaxKeyFile);
  if (!text) return fail(text.error());
  auto key = parse_key_file_pem(as_text(*text));
  if (!key) return fail(key_path.string() + ": no usable key file: " + key.error());
  auto cluster = connect(config, milliseconds(1000));
  if (!cluster) return fail(cluster.error());
  if (key->cluster != cluster->config.cluster)
    return fail(key_path.string() + " is of cluster '" + key->cluster + "', " + config.string() + " of '" +
                cluster->config.cluster + "'");
  cluster->client->add_key({key->key, key->curve, key->X});
  cluster->client->warm_up();
  return Watched{std::move(cluster).value(), key->key};
}

std::string_view name(net::Readiness state) {
  switch (state) {
    case net::Readiness::Ready: return "ready";
    case net::Readiness::NotReady: return "not ready";
    case net::Readiness::Unknown: break;
  }
  return "unknown";
}

/// Sleeps until a signal of the set comes (true) or the time is up.
bool signalled(const sigset_t& set, milliseconds time) {
  const timespec limit{static_cast<time_t>(time.count() / 1000), static_cast<long>(time.count() % 1000) * 1'000'000};
  return sigtimedwait(&set, nullptr, &limit) > 0;
}

struct ReadyOptions {
  fs::path config, key;
  int wait_s = 0;
};

int ready(const ReadyOptions& options, const Output& out) {
  auto watched = watch(options.config, options.key);
  if (!watched) return out.error(watched.error());
  // Links take a moment to be made: what is not known yet is waited for in any case.
  const auto begun = Clock::now();
  const auto decided_by = begun + std::chrono::seconds(std::max(2, options.wait_s));
  const auto until = begun + std::chrono::seconds(options.wait_s);
  net::KeyReadiness known;
  for (;;) {
    known = watched->cluster.client->readiness(watched->key);
    const auto now = Clock::now();
    const bool unknown = known.state == net::Readiness::Unknown;
    if (known.state == net::Readiness::Ready || now >= (unknown ? decided_by : until)) break;
    std::this_thread::sleep_for(milliseconds(20));
  }
  out.result(std::string(name(known.state)) + ": " +
                 (known.state == net::Readiness::NotReady ? std::string(name(known.reason)) + ": " : "") + known.detail,
             {{"ready", known.state == net::Readiness::Ready}, {"state", name(known.state)}, {"can_sign", known.can_sign},
              {"signers_up", known.signers_up}, {"detail", known.detail}});
  return known.state == net::Readiness::Ready ? kOk : kNotReady;
}

struct AgentOptions {
  fs::path config, key, socket;
  std::string list, certificate;
  int interval_ms = 200;
};

/// Until SIGTERM or SIGINT. What it cannot do is tried again; the same complaint is made once.
int haproxy_agent(const AgentOptions& options, const Output& out) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  auto watched = watch(options.config, options.key);
  if (!watched) return out.error(watched.error());
  const HaproxyCrtList list(options.socket, options.list, options.certificate);

  std::string complaint;
  const auto apply = [&](bool listed, const std::string& why) {
    auto done = list.set(listed);
    const std::string said = done ? "" : done.error();
    if (said != complaint) out.progress("haproxy-agent: " + (said.empty() ? "HAProxy takes commands again" : said));
    complaint = said;
    if (!done) return;
    if (*done == HaproxyCrtList::Done::Added) out.progress("haproxy-agent: " + options.certificate + " is listed: " + why);
    if (*done == HaproxyCrtList::Done::Deleted)
      out.progress("haproxy-agent: " + options.certificate + " is taken off the list: " + why);
  };
  bool listed = true;
  do {
    const auto known = watched->cluster.client->readiness(watched->key);
    // While signers come and have not told their state yet, what is so stays so.
    if (known.state != net::Readiness::Unknown) listed = known.state == net::Readiness::Ready;
    apply(listed, (listed ? "" : std::string(name(known.reason)) + ": ") + known.detail);
  } while (!signalled(ends, milliseconds(options.interval_ms)));
  apply(true, "the agent ends");
  return complaint.empty() ? kOk : kFailed;
}

}  // namespace

void add_readiness_commands(CLI::App& app, const Output& out, int& code) {
  auto ready_options = std::make_shared<ReadyOptions>();
  auto* check = app.add_subcommand("ready", "whether the cluster can sign with a key, for health checks");
  check->add_option("--config", ready_options->config, "provider.json of a front end")->required();
  check->add_option("--key", ready_options->key, "key file")->required();
  check->add_option("--wait", ready_options->wait_s, "seconds to wait until it can")->capture_default_str()->check(CLI::Range(0, 86400));
  check->callback([ready_options, &out, &code] { code = ready(*ready_options, out); });

  auto options = std::make_shared<AgentOptions>();
  auto* agent = app.add_subcommand("haproxy-agent", "keeps a certificate on HAProxy's crt-list while the cluster can sign for it");
  agent->add_option("--config", options->config, "provider.json of a front end")->required();
  agent->add_option("--key", options->key, "key file of the certificate")->required();
  agent->add_option("--socket", options->socket, "HAProxy's stats socket, of level admin")->required();
  agent->add_option("--crt-list", options->list, "the crt-list, as HAProxy's configuration names it")->required();
  agent->add_option("--certificate", options->certificate, "the certificate, as the crt-list names it")->required();
  agent->add_option("--interval", options->interval_ms, "milliseconds from one look to the next")->capture_default_str()->check(CLI::Range(10, 60000));
  agent->callback([options, &out, &code] { code = haproxy_agent(*options, out); });
}

}  // namespace quorate::tools
