// Work with a running cluster: keygen, status, trial signatures, key files.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <future>
#include <thread>

#include "protocol/net/group_file.h"
#include "protocol/net/sign_client.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/wire/admin_codec.h"
#include "protocol/wire/content.h"
#include "protocol/wire/online_codec.h"
#include "provider/config.h"
#include "provider/key_file.h"
#include "signerd/durable_file.h"
#include "tools/commands.h"
#include "tools/pki.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct Cluster {
  provider::Config config;
  std::unique_ptr<net::SignClient> client;
};

Result<Cluster, std::string> connect(const fs::path& path, std::chrono::milliseconds deadline) {
  auto loaded = provider::load_config(path);
  if (!loaded) return fail(loaded.error());
  auto tls = net::TlsIdentity::from_pem(loaded->certificate_pem, loaded->key_pem, loaded->ca_pem);
  if (!tls) return fail(path.string() + ": " + tls.error().detail);
  net::SignClientConfig config;
  config.cluster = loaded->config.cluster;
  config.tls = std::move(tls).value();
  config.deadline = deadline;
  for (const auto& s : loaded->config.signers) config.signers.push_back({s.id, s.host, s.port, s.identity});
  config.log = [](int level, std::string_view text) {
    if (level <= net::kLogWarning) std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  };
  return Cluster{loaded->config, std::make_unique<net::SignClient>(std::move(config))};
}

// ---- keygen -------------------------------------------------------------------------------------------

struct KeygenOptions {
  fs::path config, group, key_file;
  std::string name, curve = "P-256";
  int threshold = 2;
};

/// What signers claim is believed only as far as the pinned identities and the arithmetic carry it.
std::string flaw_of(const wire::KeygenResult& result, const wire::KeygenRequest& request, const net::GroupFile& group) {
  if (!result.ok) return result.detail + " (" + std::string(name(result.fault)) + ", " + to_string(result.blame) + ")";
  const auto& info = result.info;
  if (info.ceremony != request.ceremony || info.threshold != request.threshold || info.name != request.name)
    return "answers for another ceremony";
  if (key_id_of(info.X) != info.key || spki_der(info.X) != result.spki) return "the key id is not that of the key";
  if (info.members.size() != request.members.size()) return "names other members";
  for (const auto& member : info.members) {
    const auto* pinned = group.member(member.id);
    if (pinned == nullptr || pinned->identity != member.identity) return "names another identity key than group.json";
  }
  if (!consistent(info)) return "shows a key that does not fit together";
  return confirmations_valid(info) ? "" : "lacks the confirmation of a member";
}

struct Outcome {
  std::optional<wire::KeygenResult> result;
  std::string error;
};

Outcome ask_signer(net::SignClient& client, PartyId signer, const wire::KeygenRequest& request, const Output& out) {
  Outcome outcome;
  const auto on_reply = [&](const wire::Envelope& envelope) {
    if (envelope.type == wire::MessageType::KeygenProgress) {
      if (auto progress = wire::decode<wire::KeygenProgress>(envelope.payload))
        out.progress("signer " + std::to_string(signer) + ": round " + std::to_string(progress->round + 1) + " of 5");
      return true;
    }
    auto result = wire::decode<wire::KeygenResult>(envelope.payload);
    if (result) outcome.result = std::move(result).value();
    return false;
  };
  auto asked = client.request(signer, wire::MessageType::KeygenRequest, SessionId{request.ceremony.bytes},
                              wire::encode(request), on_reply, std::chrono::seconds(90));
  if (!asked) outcome.error = asked.error().what();
  return outcome;
}

int keygen(const KeygenOptions& options, const Output& out) {
  auto group = net::load_group(options.group);
  if (!group) return out.error(group.error());
  if (fs::exists(options.key_file)) return out.error(options.key_file.string() + " exists already; it is not overwritten");
  if (!wire::valid_name(options.name)) return out.error("--name may hold a-z A-Z 0-9 . _ - only", kUsage);
  const Curve* curve = Curve::find(options.curve);
  if (curve == nullptr) return out.error("--curve must be P-256 or P-384", kUsage);
  if (options.threshold < 2 || static_cast<std::size_t>(options.threshold) > group->members.size())
    return out.error("--threshold must be 2 to " + std::to_string(group->members.size()), kUsage);
  auto cluster = connect(options.config, std::chrono::seconds(5));
  if (!cluster) return out.error(cluster.error());

  SystemRng rng;
  wire::KeygenRequest request{rng.make_id<CeremonyId>(), curve->id(), static_cast<std::uint8_t>(options.threshold),
                              options.name, group->digest(), {}};
  for (const auto& m : group->members) request.members.push_back(m.id);
  out.progress("key generation " + std::to_string(options.threshold) + " of " + std::to_string(request.members.size()) +
               " on " + options.curve + ", ceremony " + request.ceremony.hex());
  std::map<PartyId, std::future<Outcome>> asked;
  for (auto id : request.members)
    asked.emplace(id, std::async(std::launch::async, [&, id] { return ask_signer(*cluster->client, id, request, out); }));

  std::optional<PublicKeyInfo> info;
  std::string problems;
  ordered_json evidence = ordered_json::array();
  for (auto& [id, future] : asked) {
    const Outcome outcome = future.get();
    const std::string who = "\n  signer " + std::to_string(id) + ": ";
    if (!outcome.result) {
      problems += who + (outcome.error.empty() ? "gave no result" : outcome.error);
    } else if (auto flaw = flaw_of(*outcome.result, request, *group); !flaw.empty()) {
      problems += who + flaw;
      if (!outcome.result->evidence.empty()) evidence.push_back(to_base64(outcome.result->evidence));
    } else if (info && !(info->X == outcome.result->info.X && info->epoch == outcome.result->info.epoch)) {
      problems += who + "has another key than the others";
    } else {
      info = outcome.result->info;
    }
  }
  if (!problems.empty()) {
    if (out.json) out.result("", {{"error", "key generation failed"}, {"signers", problems}, {"evidence", evidence}});
    else if (!evidence.empty()) out.progress("evidence (base64): " + evidence.dump());
    std::fprintf(stderr, "quorate: key generation failed:%s\nNo key is in use. Mend the cause and run keygen again.\n",
                 problems.c_str());
    return kFailed;
  }
  const std::string pem = encode_key_file_pem(make_key_file(info->X, group->cluster));
  if (auto ok = write_new(options.key_file, pem, 0644); !ok) return out.error(ok.error());
  out.result("key '" + info->name + "' is active on " + std::to_string(info->members.size()) + " signers\n  key id " +
                 info->key.hex() + "\n  epoch  " + info->epoch.hex() + "\n  key file for TLS servers: " +
                 options.key_file.string(),
             {{"name", info->name}, {"key", info->key.hex()}, {"epoch", info->epoch.hex()},
              {"threshold", info->threshold}, {"signers", info->members.size()}, {"key_file", options.key_file.string()}});
  return kOk;
}

// ---- status -------------------------------------------------------------------------------------------

int status(const fs::path& config_path, int wait_s, const Output& out) {
  auto cluster = connect(config_path, std::chrono::seconds(2));
  if (!cluster) return out.error(cluster.error());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wait_s);
  for (;;) {
    auto replies = cluster->client->status(std::chrono::milliseconds(1000));
    std::map<KeyId, std::pair<std::size_t, std::size_t>> pools;  // filled, all (as their leaders see them)
    std::string text;
    ordered_json signers = ordered_json::array();
    std::set<PartyId> up;
    if (replies) {
      for (const auto& reply : *replies) {
        up.insert(reply.signer);
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
    const bool full = up.size() == cluster->config.signers.size() &&
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
  SystemRng().fill(hash);
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
  auto keygen_options = std::make_shared<KeygenOptions>();
  auto* gen = app.add_subcommand("keygen", "trustless key generation by all signers of the group");
  gen->add_option("--config", keygen_options->config, "provider.json of an administrator")->required();
  gen->add_option("--group", keygen_options->group, "group.json")->required();
  gen->add_option("--name", keygen_options->name, "name of the new key")->required();
  gen->add_option("--threshold", keygen_options->threshold, "how many signers sign together")->capture_default_str();
  gen->add_option("--curve", keygen_options->curve, "P-256 or P-384")->capture_default_str();
  gen->add_option("--out", keygen_options->key_file, "key file for TLS servers")->required();
  gen->callback([keygen_options, &out, &code] { code = keygen(*keygen_options, out); });

  auto config = std::make_shared<fs::path>();
  auto wait = std::make_shared<int>(0);
  auto* show = app.add_subcommand("status", "who is up, and how full the pools are");
  show->add_option("--config", *config, "provider.json")->required();
  show->add_option("--wait", *wait, "seconds to wait until all signers are up and all pools full")->capture_default_str();
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
