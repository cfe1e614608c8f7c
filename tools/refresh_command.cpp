// `quorate refresh`: new shares of a key that stays the same, made by all its signers together.
#include <CLI/CLI.hpp>

#include <set>

#include "protocol/net/system_rng.h"
#include "protocol/wire/codec.h"
#include "provider/key_file.h"
#include "signerd/durable_file.h"
#include "tools/ceremony.h"
#include "tools/commands.h"
#include "tools/connection.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHalfDone =
    "\nA refresh has not ended everywhere. Bring up all signers with links to each other and wait a minute: what all have "
    "confirmed becomes active by itself. If it does not, their logs say why (refresh_unfinished, refresh_stuck).";

struct RefreshOptions {
  fs::path config, group, key_file, evidence = "refresh.evidence.json";
  std::string name;
};

/// The epoch that all signers have of a key, by their own word, as a request to refresh it; or what is in the way.
Result<wire::KeygenRequest, std::string> current(const std::vector<wire::StatusReply>& replies, const std::optional<KeyId>& wanted,
                                                 const RefreshOptions& options, const net::GroupFile& group) {
  std::map<KeyId, std::map<PartyId, wire::KeyStatus>> keys;
  for (const auto& reply : replies)
    for (const auto& key : reply.keys)
      if (!wanted || key.key == *wanted) keys[key.key].emplace(reply.signer, key);
  if (keys.empty()) return fail(std::string(wanted ? "no signer has the key of this key file" : "the signers have no key"));
  if (keys.size() > 1) return fail(std::string("the signers have several keys; say with --key-file which one"));

  const auto& holders = keys.begin()->second;
  const auto& first = holders.begin()->second;
  std::string text;
  bool same = true;
  for (const auto& member : group.members) {
    const auto found = holders.find(member.id);
    same = same && found != holders.end() && found->second.epoch == first.epoch && found->second.members == first.members;
    text += "\n  signer " + std::to_string(member.id) + ": " +
            (found == holders.end() ? "does not have it" : "epoch " + found->second.epoch.hex());
  }
  if (!same) return fail("the signers do not have key " + keys.begin()->first.hex() + " in one epoch:" + text + std::string(kHalfDone));
  net::SystemRng rng;
  return wire::KeygenRequest{rng.make_id<CeremonyId>(), first.curve,   first.threshold, options.name, group.digest(),
                             first.members,             first.epoch};
}

int refresh(const RefreshOptions& options, const Output& out) {
  auto group = net::load_group(options.group);
  if (!group) return out.error(group.error());
  if (!wire::valid_name(options.name)) return out.error("--key may hold a-z A-Z 0-9 . _ - only", kUsage);
  std::optional<KeyId> wanted;
  if (!options.key_file.empty()) {
    auto text = signerd::read_file(options.key_file, kMaxKeyFile);
    if (!text) return out.error(text.error());
    auto key = parse_key_file_pem(as_text(*text));
    if (!key) return out.error(options.key_file.string() + ": no usable key file: " + key.error());
    wanted = key->key;
  }
  auto cluster = connect(options.config, std::chrono::seconds(5));
  if (!cluster) return out.error(cluster.error());
  std::vector<PartyId> members;
  for (const auto& member : group->members) members.push_back(member.id);
  if (auto missing = wait_for_mesh(*cluster->client, members); !missing.empty())
    return out.error("a refresh needs all signers, linked to each other:" + missing + "\nNothing was begun.", kNotReady);
  auto replies = cluster->client->status(std::chrono::seconds(2));
  if (!replies) return out.error("nobody answered: " + replies.error().what(), kNotReady);
  const auto request = current(*replies, wanted, options, *group);
  if (!request) return out.error(request.error() + "\nNothing was begun.");
  out.progress("refresh of '" + options.name + "', epoch " + request->previous.hex() + ", ceremony " + request->ceremony.hex());

  auto ended = run_ceremony(std::move(cluster->client), *request, *group, out);
  if (ended.info && wanted && ended.info->key != *wanted) ended.problems += "\n  the signers answer for another key than the key file's";
  if (!ended.problems.empty())
    return ceremony_failed("refresh", ended, options.evidence,
                           "The shares of before stay in use wherever the new epoch is not active. Mend the cause and run refresh "
                           "again; signers that differ in their epoch are named then.",
                           out);
  const auto& info = *ended.info;
  out.result("key '" + info.name + "' has new shares on " + std::to_string(info.members.size()) + " signers\n  key id " +
                 info.key.hex() + " (unchanged)\n  epoch  " + info.epoch.hex() +
                 "\nSigning goes on. Old shares and presignatures are wiped once the new pools are filled, within a minute:\n"
                 "'quorate status' shows the new epoch then, and the signers' logs say epoch_wiped.",
             {{"name", info.name}, {"key", info.key.hex()}, {"epoch", info.epoch.hex()}, {"previous", info.previous.hex()},
              {"threshold", info.threshold}, {"signers", info.members.size()}, {"confirmations", info.confirmations.size()}});
  return kOk;
}

}  // namespace

void add_refresh_command(CLI::App& app, const Output& out, int& code) {
  auto options = std::make_shared<RefreshOptions>();
  auto* command = app.add_subcommand("refresh", "new shares of a key, which itself does not change, by all its signers");
  command->add_option("--config", options->config, "provider.json of an administrator")->required();
  command->add_option("--group", options->group, "group.json")->required();
  command->add_option("--key", options->name, "name of the key")->required();
  command->add_option("--key-file", options->key_file, "its key file; needed if the signers have several keys");
  command->add_option("--evidence", options->evidence, "where evidence against a signer is kept, if there is any")->capture_default_str();
  command->callback([options, &out, &code] { code = refresh(*options, out); });
}

}  // namespace quorate::tools
