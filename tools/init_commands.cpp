// What a cluster needs from nothing: keys and requests made on each host, a small CA, the group description.
#include <CLI/CLI.hpp>

#include "protocol/net/group_file.h"
#include "protocol/net/strict_json.h"
#include "protocol/net/system_rng.h"
#include "protocol/wire/codec.h"
#include "signerd/config.h"
#include "signerd/durable_file.h"
#include "tools/commands.h"
#include "tools/pki.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct InitOptions {
  fs::path directory = ".";
  std::string cluster, name, address;
  int id = 0;
};

std::string make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  return error ? "cannot create " + directory.string() + ": " + error.message() : "";
}

ordered_json signer_config(const InitOptions& options) {
  return {{"cluster", options.cluster},
          {"id", options.id},
          {"listen", options.address},
          {"group", "group.json"},
          {"state", "state"},
          {"identity_key", "identity.key"},
          {"state_key", "state.key"},
          {"tls", {{"certificate", "tls.crt"}, {"key", "tls.key"}, {"ca", "ca.crt"}}},
          {"audit", "audit.log"}};
}

int init_signer(const InitOptions& options, const Output& out) {
  if (!wire::valid_name(options.cluster)) return out.error("--cluster may hold a-z A-Z 0-9 . _ - only", kUsage);
  if (!net::parse_host_port(options.address)) return out.error("--address must be HOST:PORT", kUsage);
  if (auto problem = make_directory(options.directory); !problem.empty()) return out.error(problem);
  net::SystemRng rng;
  const IdentityKey identity = IdentityKey::generate(rng);
  const Secret<std::array<std::uint8_t, 32>> state_key(rng.make<std::array<std::uint8_t, 32>>());
  net::MemberRecord record;
  record.cluster = options.cluster;
  record.id = static_cast<PartyId>(options.id);
  record.address = options.address;
  record.identity = identity.public_key();
  record.signature = identity.sign(record.digest());
  const net::PeerIdentity who{wire::Role::Signer, record.id, "", options.cluster};
  const fs::path& dir = options.directory;
  const std::string record_name = "signer-" + std::to_string(options.id) + ".json";

  if (auto ok = signerd::write_key_file(dir / "identity.key", identity.seed()); !ok) return out.error(ok.error());
  if (auto ok = signerd::write_key_file(dir / "state.key", state_key); !ok) return out.error(ok.error());
  if (auto ok = make_request(dir / "tls.key", dir / "tls.csr", who); !ok) return out.error(ok.error());
  if (auto ok = write_new(dir / record_name, net::record_text(record), 0644); !ok) return out.error(ok.error());
  if (auto ok = write_new(dir / "signerd.json", signer_config(options).dump(2) + "\n", 0644); !ok)
    return out.error(ok.error());
  out.result("signer " + std::to_string(options.id) + " of cluster " + options.cluster + " prepared in " + dir.string() +
                 "\n  identity " + record.identity.hex() + "\nNext: have " + (dir / "tls.csr").string() +
                 " signed (quorate ca sign), and bring tls.crt, ca.crt and group.json here.",
             {{"directory", dir.string()},
              {"identity", record.identity.hex()},
              {"request", (dir / "tls.csr").string()},
              {"record", (dir / record_name).string()}});
  return kOk;
}

int init_client(const InitOptions& options, wire::Role role, const Output& out) {
  if (!wire::valid_name(options.cluster) || !wire::valid_name(options.name))
    return out.error("--cluster and --name may hold a-z A-Z 0-9 . _ - only", kUsage);
  if (auto problem = make_directory(options.directory); !problem.empty()) return out.error(problem);
  const net::PeerIdentity who{role, kNobody, options.name, options.cluster};
  if (auto ok = make_request(options.directory / "tls.key", options.directory / "tls.csr", who); !ok)
    return out.error(ok.error());
  const std::string next = role == wire::Role::Coordinator
                               ? "coordinator --group group.json --listen ADDRESS:PORT --key NAME=FILE --out coordinatord.json"
                               : "provider --group group.json --out provider.json";
  out.result(who.str() + " prepared in " + options.directory.string() +
                 "\nNext: have tls.csr signed (quorate ca sign), bring tls.crt, ca.crt and group.json here, then\n"
                 "  quorate group " + next,
             {{"directory", options.directory.string()}, {"identity", who.uri()}});
  return kOk;
}

int ca_sign(const fs::path& ca, const fs::path& csr, const fs::path& certificate, int days, const std::string& expect,
            const Output& out) {
  auto asked = inspect_request(csr);
  if (!asked) return out.error(asked.error());
  if (!expect.empty() && asked->who.str() != expect)
    return out.error(csr.string() + " asks to be " + asked->who.str() + ", not " + expect + "; nothing was signed");
  auto done = sign_request(ca, csr, certificate, days);
  if (!done) return out.error(done.error());
  out.result("signed: " + done->who.uri() + " (key " + done->fingerprint.substr(0, 16) + "...) -> " + certificate.string(),
             {{"identity", done->who.uri()}, {"public_key_sha256", done->fingerprint}, {"certificate", certificate.string()}});
  return kOk;
}

int group_assemble(const std::vector<fs::path>& files, const fs::path& target, const Output& out) {
  std::vector<net::MemberRecord> records;
  for (const auto& file : files) {
    auto record = net::load_record(file);
    if (!record) return out.error(record.error());
    records.push_back(std::move(record).value());
  }
  auto group = net::assemble_group(std::move(records));
  if (!group) return out.error(group.error());
  if (auto ok = write_new(target, net::group_text(*group), 0644); !ok) return out.error(ok.error());
  out.result(target.string() + ": " + std::to_string(group->members.size()) + " signers of cluster " + group->cluster +
                 "\n  digest " + group->digest().hex() + "\nEvery host must show this digest: quorate group show",
             {{"file", target.string()}, {"signers", group->members.size()}, {"digest", group->digest().hex()}});
  return kOk;
}

int group_show(const fs::path& file, const Output& out) {
  auto group = net::load_group(file);
  if (!group) return out.error(group.error());
  std::string text = "cluster " + group->cluster + "\ndigest  " + group->digest().hex();
  ordered_json signers = ordered_json::array();
  for (const auto& m : group->members) {
    text += "\nsigner " + std::to_string(m.id) + "  " + m.address + "  identity " + m.identity.hex();
    signers.push_back({{"id", m.id}, {"address", m.address}, {"identity", m.identity.hex()}});
  }
  out.result(text, {{"cluster", group->cluster}, {"digest", group->digest().hex()}, {"signers", signers}});
  return kOk;
}

/// An openssl.cnf for programs beside this provider.json. Without a module path OpenSSL looks in its own
/// directory of modules.
std::string openssl_conf(const fs::path& provider_json, const fs::path& module) {
  return "# Made by quorate group provider. \"default\" comes first: the EC keys of ECDHE are its business.\n"
         "openssl_conf = openssl_init\n\n"
         "[openssl_init]\nproviders = provider_sect\n\n"
         "[provider_sect]\ndefault = default_sect\nquorate = quorate_sect\n\n"
         "[default_sect]\nactivate = 1\n\n"
         "[quorate_sect]\n" +
         (module.empty() ? "" : "module = " + fs::absolute(module).string() + "\n") +
         "quorate-config = " + fs::absolute(provider_json).lexically_normal().string() +
         "\nactivate = 1\n\n"
         "[req]\ndistinguished_name = req_dn\n[req_dn]\n";
}

ordered_json signers_of(const net::GroupFile& group) {
  ordered_json out = ordered_json::array();
  for (const auto& m : group.members)
    out.push_back({{"id", m.id}, {"address", m.address}, {"identity", m.identity.hex()}});
  return out;
}

/// NAME=VALUE with a name that may stand in a certificate.
std::optional<std::pair<std::string, std::string>> split_named(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || !wire::valid_name(text.substr(0, equals)) || equals + 1 == text.size())
    return std::nullopt;
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

int group_coordinator(const fs::path& file, const fs::path& target, const std::string& listen,
                      const std::vector<std::string>& keys, const Output& out) {
  auto group = net::load_group(file);
  if (!group) return out.error(group.error());
  if (!net::parse_host_port(listen)) return out.error("--listen must be ADDRESS:PORT", kUsage);
  ordered_json config{{"cluster", group->cluster}, {"listen", listen}, {"signers", signers_of(*group)},
                      {"keys", ordered_json::array()}};
  for (const auto& text : keys) {
    const auto key = split_named(text);
    if (!key) return out.error("--key must be NAME=FILE, the name as in the signers' policy", kUsage);
    config["keys"].push_back({{"name", key->first}, {"file", key->second}});
  }
  config["tls"] = {{"certificate", "tls.crt"}, {"key", "tls.key"}, {"ca", "ca.crt"}};
  config["audit"] = "audit.log";
  if (auto ok = write_new(target, config.dump(2) + "\n", 0644); !ok) return out.error(ok.error());
  out.result(target.string() + " written; it expects tls.crt, tls.key, ca.crt and the key files beside it\n"
                               "Check it: coordinatord --config " + target.string() + " --test",
             {{"file", target.string()}});
  return kOk;
}

int group_provider(const fs::path& file, const fs::path& target, const fs::path& conf, const fs::path& module,
                   const std::vector<std::string>& coordinators, const Output& out) {
  auto group = net::load_group(file);
  if (!group) return out.error(group.error());
  ordered_json config{{"cluster", group->cluster}};
  if (coordinators.empty()) {
    config["signers"] = signers_of(*group);
  } else {
    config["mode"] = "tier";
    config["coordinators"] = ordered_json::array();
    for (const auto& text : coordinators) {
      const auto coordinator = split_named(text);
      if (!coordinator || !net::parse_host_port(coordinator->second))
        return out.error("--coordinator must be NAME=HOST:PORT, the name as in its certificate", kUsage);
      config["coordinators"].push_back({{"name", coordinator->first}, {"address", coordinator->second}});
    }
  }
  config["tls"] = {{"certificate", "tls.crt"}, {"key", "tls.key"}, {"ca", "ca.crt"}};
  if (auto ok = write_new(target, config.dump(2) + "\n", 0644); !ok) return out.error(ok.error());
  std::string text = target.string() + " written; it expects tls.crt, tls.key and ca.crt beside it";
  if (!conf.empty()) {
    if (auto ok = write_new(conf, openssl_conf(target, module), 0644); !ok) return out.error(ok.error());
    text += "\n" + conf.string() + " written; name it in OPENSSL_CONF";
  }
  out.result(text, {{"file", target.string()}, {"openssl_conf", conf.string()}});
  return kOk;
}

}  // namespace

void add_init_commands(CLI::App& app, const Output& out, int& code) {
  auto* init = app.add_subcommand("init", "make keys and a certificate request on this host")->require_subcommand(1);
  auto options = std::make_shared<InitOptions>();
  auto* signer = init->add_subcommand("signer", "identity, state and TLS keys of a signer, its record and signerd.json");
  signer->add_option("--dir", options->directory, "where the files go (made if missing)")->required();
  signer->add_option("--cluster", options->cluster, "name of the cluster")->required();
  signer->add_option("--id", options->id, "number of this signer")->required()->check(CLI::Range(1, 16));
  signer->add_option("--address", options->address, "HOST:PORT where the others reach it")->required();
  signer->callback([options, &out, &code] { code = init_signer(*options, out); });
  const auto client = [&](const char* name, const char* help, wire::Role role) {
    auto* command = init->add_subcommand(name, help);
    command->add_option("--dir", options->directory, "where the files go (made if missing)")->required();
    command->add_option("--cluster", options->cluster, "name of the cluster")->required();
    command->add_option("--name", options->name, "name in the certificate")->required();
    command->callback([options, role, &out, &code] { code = init_client(*options, role, out); });
  };
  client("frontend", "TLS key and request of a server that uses the provider", wire::Role::Frontend);
  client("coordinator", "TLS key and request of a coordinatord", wire::Role::Coordinator);
  client("admin", "TLS key and request of an administrator", wire::Role::Admin);

  auto* ca = app.add_subcommand("ca", "a small certificate authority for the cluster's own links")->require_subcommand(1);
  auto ca_dir = std::make_shared<fs::path>();
  auto csr = std::make_shared<fs::path>(), crt = std::make_shared<fs::path>();
  auto cluster = std::make_shared<std::string>(), expect = std::make_shared<std::string>();
  auto days = std::make_shared<int>(365);
  auto* ca_init = ca->add_subcommand("init", "make ca.key and ca.crt");
  ca_init->add_option("--dir", *ca_dir, "where the files go")->required();
  ca_init->add_option("--cluster", *cluster, "name of the cluster")->required();
  ca_init->callback([=, &out, &code] {
    if (!wire::valid_name(*cluster)) {
      code = out.error("--cluster may hold a-z A-Z 0-9 . _ - only", kUsage);
      return;
    }
    auto made = make_ca(*ca_dir, *cluster);
    code = made ? kOk : out.error(made.error());
    if (made) out.result("certificate authority of " + *cluster + " in " + ca_dir->string(), {{"directory", ca_dir->string()}});
  });
  auto* sign = ca->add_subcommand("sign", "sign a request made by 'quorate init'");
  sign->add_option("--ca", *ca_dir, "directory of the CA")->required();
  sign->add_option("--csr", *csr, "the request")->required();
  sign->add_option("--out", *crt, "the certificate")->required();
  sign->add_option("--days", *days, "how long it is valid")->capture_default_str()->check(CLI::Range(1, 3650));
  sign->add_option("--expect", *expect, "refuse unless the request is for this holder, such as 'signer 2'");
  sign->callback([=, &out, &code] { code = ca_sign(*ca_dir, *csr, *crt, *days, *expect, out); });

  auto* group = app.add_subcommand("group", "the signed description of all signers")->require_subcommand(1);
  auto files = std::make_shared<std::vector<fs::path>>();
  auto file = std::make_shared<fs::path>("group.json"), target = std::make_shared<fs::path>();
  auto* assemble = group->add_subcommand("assemble", "put the signers' records together");
  assemble->add_option("records", *files, "signer-N.json of every signer")->required();
  assemble->add_option("--out", *target, "group.json")->required();
  assemble->callback([=, &out, &code] { code = group_assemble(*files, *target, out); });
  auto* show = group->add_subcommand("show", "check a group.json and show its digest");
  show->add_option("file", *file, "group.json")->required();
  show->callback([=, &out, &code] { code = group_show(*file, out); });
  auto* provider = group->add_subcommand("provider", "write a provider.json for this group");
  provider->add_option("--group", *file, "group.json")->required();
  provider->add_option("--out", *target, "provider.json")->required();
  auto conf = std::make_shared<fs::path>(), module = std::make_shared<fs::path>();
  provider->add_option("--openssl-conf", *conf, "also write an openssl.cnf that loads the module with this provider.json");
  provider->add_option("--module", *module, "quorate.so, if it is not in OpenSSL's directory of modules")
      ->check(CLI::ExistingFile)
      ->needs("--openssl-conf");
  auto coordinators = std::make_shared<std::vector<std::string>>();
  provider->add_option("--coordinator", *coordinators,
                       "NAME=HOST:PORT of a coordinatord; once or more often: the front end asks those instead of the signers");
  provider->callback([=, &out, &code] { code = group_provider(*file, *target, *conf, *module, *coordinators, out); });
  auto* coordinator = group->add_subcommand("coordinator", "write a coordinatord.json for this group");
  coordinator->add_option("--group", *file, "group.json")->required();
  coordinator->add_option("--out", *target, "coordinatord.json")->required();
  auto listen = std::make_shared<std::string>();
  auto key_files = std::make_shared<std::vector<std::string>>();
  coordinator->add_option("--listen", *listen, "ADDRESS:PORT for front ends")->required();
  coordinator->add_option("--key", *key_files, "NAME=FILE of a key; once or more often")->required();
  coordinator->callback([=, &out, &code] { code = group_coordinator(*file, *target, *listen, *key_files, out); });
}

}  // namespace quorate::tools
