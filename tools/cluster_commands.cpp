// Work with a running cluster: status, trial signatures, key files.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <thread>

#include "protocol/net/system_rng.h"
#include "protocol/wire/content.h"
#include "protocol/wire/online_codec.h"
#include "provider/key_file.h"
#include "signerd/durable_file.h"
#include "tools/commands.h"
#include "tools/connection.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// ---- status -------------------------------------------------------------------------------------------

int status(const fs::path& config_path, int wait_s, const Output& out) {
  auto cluster = connect(config_path, std::chrono::seconds(2));
  if (!cluster) return out.error(cluster.error());
  if (cluster->config.tier)
    return out.error(config_path.string() + ": names coordinators; status asks signers, use a provider.json that names those");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wait_s);
  for (;;) {
    auto replies = cluster->client->status(std::chrono::milliseconds(1000));
    std::map<KeyId, std::pair<std::size_t, std::size_t>> pools;  // filled, all (as their leaders see them)
    std::string text;
    ordered_json signers = ordered_json::array();
    std::set<PartyId> up;
    bool meshed = true;
    if (!replies && wait_s == 0) out.progress("nobody answered: " + replies.error().what());
    if (replies) {
      for (const auto& reply : *replies) {
        up.insert(reply.signer);
        meshed = meshed && reply.linked.size() + 1 >= cluster->config.signers.size();
        text += "signer " + std::to_string(reply.signer) + ": up, linked to " +
                (reply.linked.empty() ? "nobody" : to_string(reply.linked)) + "\n";
        ordered_json keys = ordered_json::array();
        for (const auto& key : reply.keys) {
          text += "  key " + key.key.brief() + " epoch " + key.epoch.brief() + " " + std::to_string(key.threshold) + " of " +
                  std::to_string(key.members.size()) + ":";
          ordered_json list = ordered_json::array();
          for (const auto& pool : key.pools) {
            text += "  {" + to_string(pool.quorum) + "} " + std::to_string(pool.available) + "/" + std::to_string(pool.target);
            list.push_back({{"quorum", pool.quorum}, {"leader", pool.leader}, {"available", pool.available}, {"target", pool.target}});
            if (pool.leader != reply.signer) continue;
            ++pools[key.key].second;
            if (pool.available >= pool.target) ++pools[key.key].first;
          }
          if (key.pools.empty()) text += "  no quorum is left with it: see `quorate quarantine list`";
          text += "\n";
          keys.push_back({{"key", key.key.hex()}, {"epoch", key.epoch.hex()}, {"threshold", key.threshold}, {"pools", list}});
        }
        signers.push_back({{"id", reply.signer}, {"up", true}, {"linked", reply.linked}, {"keys", keys}});
      }
    }
    for (const auto& s : cluster->config.signers)
      if (!up.contains(s.id)) {
        text += "signer " + std::to_string(s.id) + ": DOWN (" + s.host + ":" + std::to_string(s.port) + ")\n";
        signers.push_back({{"id", s.id}, {"up", false}});
      }
    const bool full = up.size() == cluster->config.signers.size() && meshed && !pools.empty() &&
                      std::all_of(pools.begin(), pools.end(), [](const auto& p) { return p.second.first == p.second.second; });
    if (full || wait_s == 0 || std::chrono::steady_clock::now() >= until) {
      if (!text.empty()) text.pop_back();
      out.result(text, {{"cluster", cluster->config.cluster}, {"signers", signers}});
      return wait_s == 0 ? (up.empty() ? kNotReady : kOk) : (full ? kOk : kNotReady);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

// ---- sign and key -------------------------------------------------------------------------------------

Bytes sample_handshake() {
  Bytes content(64, 0x20);
  append(content, as_bytes("TLS 1.3, server CertificateVerify"));
  content.push_back(0);
  Bytes hash(32);
  net::SystemRng().fill(hash);
  append(content, hash);
  return content;
}

struct SignOptions {
  fs::path config, key, content;
  int count = 1, deadline_ms = 2000;
};

int sign(const SignOptions& options, const Output& out) {
  auto text = signerd::read_file(options.key, kMaxKeyFile);
  if (!text) return out.error(text.error());
  auto key = parse_key_file_pem(as_text(*text));
  if (!key) return out.error(options.key.string() + ": no usable key file: " + key.error());
  auto cluster = connect(options.config, std::chrono::milliseconds(options.deadline_ms));
  if (!cluster) return out.error(cluster.error());
  cluster->client->add_key({key->key, key->curve, key->X});
  const auto digest = key->curve->id() == CurveId::P384 ? wire::DigestAlgorithm::Sha384 : wire::DigestAlgorithm::Sha256;
  std::optional<Bytes> given;
  if (!options.content.empty()) {
    auto content = signerd::read_file(options.content, 64 * 1024);
    if (!content) return out.error(content.error());
    given = std::move(content).value();
  }
  for (int i = 0; i < options.count; ++i) {
    const Bytes content = given ? *given : sample_handshake();
    const auto context = wire::recognise(content);
    if (!context) return out.error(options.content.string() + ": " + wire::why_unrecognised(content));
    auto done = cluster->client->sign(key->key, *context, digest, content);
    if (!done) return out.error(done.error().what(), done.error().code == SignErrorCode::PolicyDenied ? kFailed : kNotReady);
    out.result("signed by " + to_string(done->quorum) + " in " + std::to_string(done->took.count()) + " us: r=" +
                   to_hex(done->r.encode()) + " s=" + to_hex(done->s.encode()),
               {{"quorum", done->quorum}, {"presignature", done->presignature.str()}, {"took_us", done->took.count()},
                {"context", wire::name(*context)}, {"r", to_hex(done->r.encode())}, {"s", to_hex(done->s.encode())}});
  }
  return kOk;
}

int key_show(const fs::path& path, const Output& out) {
  auto text = signerd::read_file(path, kMaxKeyFile);
  if (!text) return out.error(text.error());
  auto key = parse_key_file_pem(as_text(*text));
  if (!key) return out.error(path.string() + ": no usable key file: " + key.error());
  out.result("cluster " + key->cluster + "\ncurve   " + std::string(key->curve->name()) + "\nkey id  " + key->key.hex(),
             {{"cluster", key->cluster}, {"curve", key->curve->name()}, {"key", key->key.hex()}, {"spki", to_base64(key->spki)}});
  return kOk;
}

}  // namespace

void add_cluster_commands(CLI::App& app, const Output& out, int& code) {
  auto config = std::make_shared<fs::path>();
  auto wait = std::make_shared<int>(0);
  auto* show = app.add_subcommand("status", "who is up, and how full the pools are");
  show->add_option("--config", *config, "provider.json")->required();
  show->add_option("--wait", *wait, "seconds to wait until all signers are up and linked, there is a key, and all pools are full")->capture_default_str();
  show->callback([config, wait, &out, &code] { code = status(*config, *wait, out); });

  auto sign_options = std::make_shared<SignOptions>();
  auto* try_sign = app.add_subcommand("sign", "sign for trying: a made-up TLS 1.3 handshake, or a file");
  try_sign->add_option("--config", sign_options->config, "provider.json of a front end")->required();
  try_sign->add_option("--key", sign_options->key, "key file")->required();
  try_sign->add_option("--content", sign_options->content, "file with the whole content, of a form that signers accept");
  try_sign->add_option("--count", sign_options->count, "how many times")->capture_default_str()->check(CLI::Range(1, 1000000));
  try_sign->add_option("--deadline", sign_options->deadline_ms, "milliseconds a signature may take")->capture_default_str();
  try_sign->callback([sign_options, &out, &code] { code = sign(*sign_options, out); });

  auto key_file = std::make_shared<fs::path>();
  auto* key = app.add_subcommand("key", "key files")->require_subcommand(1);
  auto* key_command = key->add_subcommand("show", "check a key file and show what is in it");
  key_command->add_option("file", *key_file, "key file")->required();
  key_command->callback([key_file, &out, &code] { code = key_show(*key_file, out); });
}

}  // namespace quorate::tools
