#include "tools/doctor_signerd.h"

#include <unistd.h>

#include <algorithm>

#include "protocol/net/strict_json.h"
#include "signerd/config.h"
#include "signerd/share_store.h"
#include "tools/doctor_signers.h"

namespace quorate::tools::doctor {

namespace {

namespace fs = std::filesystem;

constexpr unsigned kOwnerOnly = 0700;

/// The names of the files, even if signerd would refuse the rest: their permissions are worth a look then.
void read_file_names(const fs::path& file, SignerdFacts& out) {
  auto document = net::StrictJson::load(file);
  if (!document) return;
  const auto root = document->root();
  const auto look = [&](std::optional<FileFacts>& facts, const net::StrictObject& object, const char* key) {
    if (const auto name = object.file_if(key)) facts = look_at(*name);
  };
  look(out.identity_key, root, "identity_key");
  look(out.state_key, root, "state_key");
  look(out.state, root, "state");
  const auto tls = root.object_if("tls");
  if (!tls) return;
  look(out.tls_key, *tls, "key");
  const auto certificate = tls->file_if("certificate"), key = tls->file_if("key"), ca = tls->file_if("ca");
  if (certificate && key && ca) out.certificate = read_link_certificate(*certificate, *key, *ca);
  const auto id = root.integer_or("id", 1, kMaxParties, 0);
  out.id = static_cast<PartyId>(id);
  out.cluster = root.text_or("cluster", "");
}

/// Opening the store creates what is missing and chmods what is open to others, which is not for us to do:
/// only one that is as it should be is opened.
void try_shares(signerd::Config& config, SignerdFacts& out) {
  std::error_code error;
  if (!out.state || !out.state->unusable.empty() || (out.state->mode & 0777U) != kOwnerOnly ||
      !fs::is_directory(config.state_directory / "ceremonies", error))
    return;
  auto store = signerd::ShareStore::open(config.state_directory, std::move(config.state_key), config.id);
  if (!store) {
    out.shares_flaw = store.error();
    return;
  }
  auto shares = store->load();
  if (shares) {
    out.shares = shares->size();
  } else {
    out.shares_flaw = shares.error();
  }
}

void try_audit(const signerd::Config& config, SignerdFacts& out) {
  if (!config.audit_file) return;
  const fs::path directory = config.audit_file->has_parent_path() ? config.audit_file->parent_path() : ".";
  const fs::path& tried = ::access(config.audit_file->c_str(), F_OK) == 0 ? *config.audit_file : directory;
  if (::access(tried.c_str(), W_OK) != 0) out.audit_directory_flaw = tried.string() + " cannot be written";
}

}  // namespace

SignerdFacts read_signerd(const fs::path& file) {
  SignerdFacts out;
  out.file = file;
  read_file_names(file, out);
  auto config = signerd::load_config(file);
  if (!config) {
    out.flaw = config.error();
    return out;
  }
  out.cluster = config->cluster;
  out.id = config->id;
  out.listen = config->listen_host + ":" + std::to_string(config->listen_port);
  out.lock_memory = config->lock_memory;
  for (const auto& member : config->group.members) {
    const auto address = net::parse_host_port(member.address);
    if (!address) continue;
    if (member.id == config->id) {
      out.group_address = member.address;
      out.listens_where_group_says = address->port == config->listen_port;
      continue;
    }
    PeerFacts peer{member.id, member.address, std::nullopt, {}};
    peer.certificate = peer_validity(address->host, address->port, config->tls, peer.reason);
    out.peers.push_back(std::move(peer));
  }
  try_audit(*config, out);
  try_shares(*config, out);
  return out;
}

namespace {

Finding judge_secret_of_signer(const char* check, const FileFacts& file, Readers readers) {
  Finding finding = judge_secret(check, file, readers);
  if (!file.unusable.empty() && file.path.string().starts_with("/run/credentials/"))
    finding = warning(check, file.path.string(),
                      "systemd puts it there only while signerd runs, and shows it to signerd alone",
                      "nothing, if LoadCredential= in signerd.service names its source");
  return finding;
}

void judge_secrets(const SignerdFacts& facts, Findings& out) {
  if (facts.identity_key)
    out.push_back(judge_secret_of_signer("identity-key-mode", *facts.identity_key, Readers::OwnerOnly));
  if (facts.state_key)
    out.push_back(judge_secret_of_signer("state-key-mode", *facts.state_key, Readers::OwnerOnly));
  if (facts.tls_key) out.push_back(judge_secret_of_signer("tls-key-mode", *facts.tls_key, Readers::Group));
  if (facts.state && facts.state->unusable.empty()) {
    const uid_t owner =
        facts.state_key && facts.state_key->unusable.empty() ? facts.state_key->owner : facts.state->owner;
    // A key that systemd hands over belongs to root on disk; the state belongs to the service.
    out.push_back(
        judge_private_directory("state-mode", *facts.state, owner == 0 ? facts.state->owner : owner));
  } else if (facts.state) {
    out.push_back(
        warning("state-mode", facts.state->path.string(), "cannot be looked at: " + facts.state->unusable,
                "signerd makes it at its first start if it may write there (systemd: StateDirectory=)"));
  }
}

}  // namespace

Findings judge_signerd(const SignerdFacts& facts, std::int64_t now) {
  const std::string file = facts.file.string();
  Findings out;
  if (facts.flaw.empty()) {
    out.push_back(good("signerd-config", file,
                       "signer " + std::to_string(facts.id) + " of cluster " + facts.cluster +
                           ", listens on " + facts.listen));
    out.push_back(good(
        "signerd-identity", file,
        "identity key and certificate are those of signer " + std::to_string(facts.id) + " in group.json"));
  } else {
    out.push_back(problem("signerd-config", file, "signerd would not start: " + facts.flaw,
                          "correct what is named; signerd -t says the same"));
  }
  judge_secrets(facts, out);
  if (facts.certificate && !facts.cluster.empty())
    append(out, judge_link_certificate(*facts.certificate, facts.cluster, facts.id, now));
  if (!facts.flaw.empty()) return out;

  if (!facts.listens_where_group_says)
    out.push_back(
        warning("signerd-listen", file,
                "listens on " + facts.listen + ", group.json sends the others to " + facts.group_address,
                "unless something forwards the port, make both the same"));
  if (!facts.lock_memory)
    out.push_back(warning("signerd-memory", file,
                          "lock_memory is off: shares and presignatures may reach the swap file",
                          "leave it on, and give the service LimitMEMLOCK=infinity"));
  if (!facts.audit_directory_flaw.empty())
    out.push_back(problem("signerd-audit", file, "audit: " + facts.audit_directory_flaw,
                          "let the user that runs signerd write there"));
  if (!facts.shares_flaw.empty()) {
    out.push_back(problem("signerd-shares", facts.state ? facts.state->path.string() : file,
                          facts.shares_flaw,
                          "use the state.key that they were written with; a damaged share comes back from a "
                          "backup of this signer alone"));
  } else if (facts.shares) {
    out.push_back(good("signerd-shares", facts.state->path.string(),
                       std::to_string(*facts.shares) + " open with this state key"));
  }
  for (const auto& peer : facts.peers) {
    const std::string subject = "signer " + std::to_string(peer.id);
    out.push_back(
        peer.certificate
            ? judge_validity("peer-certificate", subject, *peer.certificate, now,
                             "renew tls.crt on that signer (quorate ca sign) and restart it")
            : problem("peer-link", subject, peer.address + ": " + peer.reason, link_advice(peer.reason)));
  }
  return out;
}

}  // namespace quorate::tools::doctor
