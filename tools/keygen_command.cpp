// `quorate keygen`: asks all signers of a group to generate a key, and checks what they say of it.
#include <CLI/CLI.hpp>

#include "protocol/net/system_rng.h"
#include "protocol/wire/codec.h"
#include "provider/key_file.h"
#include "tools/ceremony.h"
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
                              options.name, group->digest(), {}, {}};
  for (const auto& m : group->members) request.members.push_back(m.id);
  if (auto missing = wait_for_mesh(*cluster->client, request.members); !missing.empty())
    return out.error("key generation needs all signers, linked to each other:" + missing + "\nNothing was begun.", kNotReady);
  out.progress("key generation " + std::to_string(options.threshold) + " of " + std::to_string(request.members.size()) +
               " on " + options.curve + ", ceremony " + request.ceremony.hex());

  const auto ended = run_ceremony(std::move(cluster->client), request, *group, out);
  if (!ended.problems.empty())
    return ceremony_failed("key generation", ended, options.key_file.string() + ".evidence.json",
                           "No key is in use. Mend the cause and run keygen again.", out);
  const auto& info = ended.info;
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
