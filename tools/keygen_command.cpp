// `quorate keygen`: asks all signers of a group to generate a key, and checks what they say of it.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <future>
#include <thread>

#include "protocol/net/group_file.h"
#include "protocol/net/system_rng.h"
#include "protocol/wire/admin_codec.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/keygen_codec.h"
#include "provider/key_file.h"
#include "tools/commands.h"
#include "tools/connection.h"
#include "tools/pki.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

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

/// What keeps the group from a ceremony right now; empty if all members are up and linked to each other.
std::string not_meshed(net::SignClient& client, const std::vector<PartyId>& members) {
  std::string text;
  std::map<PartyId, std::vector<PartyId>> linked;
  if (auto replies = client.status(std::chrono::seconds(1)))
    for (const auto& reply : *replies) linked[reply.signer] = reply.linked;
  for (auto id : members) {
    const auto found = linked.find(id);
    if (found == linked.end()) {
      text += "\n  signer " + std::to_string(id) + " does not answer";
      continue;
    }
    for (auto other : members)
      if (other != id && std::find(found->second.begin(), found->second.end(), other) == found->second.end())
        text += "\n  signer " + std::to_string(id) + " has no link to signer " + std::to_string(other);
  }
  return text;
}

/// Signers may have been started a moment ago: they get some time to find each other.
std::string wait_for_mesh(net::SignClient& client, const std::vector<PartyId>& members) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    auto missing = not_meshed(client, members);
    if (missing.empty() || std::chrono::steady_clock::now() >= until) return missing;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

/// Asks all signers at once. When one has failed the others cannot succeed: they get a few seconds to say what
/// they have found, and are not waited for until their own time is over.
std::map<PartyId, Outcome> ask_all(std::unique_ptr<net::SignClient> client, const wire::KeygenRequest& request, const Output& out) {
  std::map<PartyId, std::future<Outcome>> asked;
  for (auto id : request.members)
    asked.emplace(id, std::async(std::launch::async, [&, link = client.get(), id] { return ask_signer(*link, id, request, out); }));
  std::map<PartyId, Outcome> outcomes;
  std::optional<std::chrono::steady_clock::time_point> until;
  while (!asked.empty()) {
    for (auto at = asked.begin(); at != asked.end();) {
      if (at->second.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
        ++at;
        continue;
      }
      Outcome outcome = at->second.get();
      if (!client && !outcome.result) outcome.error = "had not ended 5 s after another signer failed";
      if (!until && (!outcome.result || !outcome.result->ok)) until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
      outcomes.emplace(at->first, std::move(outcome));
      at = asked.erase(at);
    }
    if (until && std::chrono::steady_clock::now() >= *until) client.reset();  // ends what still waits
  }
  return outcomes;
}

/// Evidence that this machine has checked itself, against the members of its own group.json.
struct Proof {
  PartyId culprit = kNobody;
  Fault fault{};
  Bytes evidence;
};

std::optional<Proof> proven(const Bytes& bytes, const wire::KeygenRequest& request, const net::GroupFile& group) {
  if (bytes.empty()) return std::nullopt;
  const auto evidence = wire::decode_evidence(bytes);
  if (!evidence || evidence->terms.ceremony != request.ceremony) return std::nullopt;
  std::vector<Member> members;
  for (const auto& m : group.members) members.push_back({m.id, m.identity});
  if (!verify_evidence(*evidence, members)) return std::nullopt;
  return Proof{evidence->culprit, evidence->fault, bytes};
}

int failed(const std::string& problems, const std::optional<Proof>& proof, const KeygenOptions& options, const Output& out) {
  std::string text = "key generation failed:" + problems;
  ordered_json object{{"error", "key generation failed"}, {"signers", problems}};
  if (proof) {
    const fs::path file = options.key_file.string() + ".evidence.json";
    const ordered_json evidence{{"kind", "keygen"}, {"culprit", proof->culprit}, {"fault", name(proof->fault)},
                                {"evidence", to_base64(proof->evidence)}};
    const auto written = write_new(file, evidence.dump(2) + "\n", 0644);
    text += "\nProven by what it signed itself: signer " + std::to_string(proof->culprit) + " is at fault (" +
            std::string(name(proof->fault)) + "). " +
            (written ? "The evidence is in " + file.string() + "." : "The evidence was not saved: " + written.error() + ".");
    object["proven"] = evidence;
  }
  text += "\nNo key is in use. Mend the cause and run keygen again.";
  if (out.json) {
    out.result("", object);
  } else {
    std::fprintf(stderr, "quorate: %s\n", text.c_str());
  }
  return kFailed;
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
  if (cluster->config.tier)
    return out.error(options.config.string() + ": names coordinators; key generation needs one that names the signers");

  net::SystemRng rng;
  wire::KeygenRequest request{rng.make_id<CeremonyId>(), curve->id(), static_cast<std::uint8_t>(options.threshold),
                              options.name, group->digest(), {}};
  for (const auto& m : group->members) request.members.push_back(m.id);
  if (auto missing = wait_for_mesh(*cluster->client, request.members); !missing.empty())
    return out.error("key generation needs all signers, linked to each other:" + missing + "\nNothing was begun.", kNotReady);
  out.progress("key generation " + std::to_string(options.threshold) + " of " + std::to_string(request.members.size()) +
               " on " + options.curve + ", ceremony " + request.ceremony.hex());

  std::optional<PublicKeyInfo> info;
  std::string problems;
  std::optional<Proof> proof;
  for (const auto& [id, outcome] : ask_all(std::move(cluster->client), request, out)) {
    const std::string who = "\n  signer " + std::to_string(id) + ": ";
    if (!outcome.result) {
      problems += who + (outcome.error.empty() ? "gave no result" : outcome.error);
    } else if (auto flaw = flaw_of(*outcome.result, request, *group); !flaw.empty()) {
      problems += who + flaw;
      if (!proof) proof = proven(outcome.result->evidence, request, *group);
    } else if (info && !(info->X == outcome.result->info.X && info->epoch == outcome.result->info.epoch)) {
      problems += who + "has another key than the others";
    } else {
      info = outcome.result->info;
    }
  }
  if (!problems.empty()) return failed(problems, proof, options, out);
  const std::string pem = encode_key_file_pem(make_key_file(info->X, group->cluster));
  if (auto ok = write_new(options.key_file, pem, 0644); !ok) return out.error(ok.error());
  out.result("key '" + info->name + "' is active on " + std::to_string(info->members.size()) + " signers\n  key id " +
                 info->key.hex() + "\n  epoch  " + info->epoch.hex() + "\n  key file for TLS servers: " +
                 options.key_file.string(),
             {{"name", info->name}, {"key", info->key.hex()}, {"epoch", info->epoch.hex()},
              {"threshold", info->threshold}, {"signers", info->members.size()}, {"key_file", options.key_file.string()}});
  return kOk;
}

}  // namespace

void add_keygen_command(CLI::App& app, const Output& out, int& code) {
  auto keygen_options = std::make_shared<KeygenOptions>();
  auto* gen = app.add_subcommand("keygen", "trustless key generation by all signers of the group");
  gen->add_option("--config", keygen_options->config, "provider.json of an administrator")->required();
  gen->add_option("--group", keygen_options->group, "group.json")->required();
  gen->add_option("--name", keygen_options->name, "name of the new key")->required();
  gen->add_option("--threshold", keygen_options->threshold, "how many signers sign together")->capture_default_str();
  gen->add_option("--curve", keygen_options->curve, "P-256 or P-384")->capture_default_str();
  gen->add_option("--out", keygen_options->key_file, "key file for TLS servers")->required();
  gen->callback([keygen_options, &out, &code] { code = keygen(*keygen_options, out); });
}

}  // namespace quorate::tools
