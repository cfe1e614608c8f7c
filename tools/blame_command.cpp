// `quorate blame verify`: judges evidence against a signer with the group's public data and nothing else.
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <CLI/CLI.hpp>

#include <fstream>

#include "protocol/net/evidence_file.h"
#include "protocol/net/group_file.h"
#include "protocol/tecdsa/message.h"
#include "protocol/wire/content.h"
#include "tools/commands.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct VerifyOptions {
  fs::path file, group;
  std::optional<fs::path> key;
};

/// The key id of a public key in PEM (SubjectPublicKeyInfo): SHA-256 of its DER.
Result<KeyId, std::string> key_id_from(const fs::path& path) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_file(path.c_str(), "r"), BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      in ? PEM_read_bio_PUBKEY(in.get(), nullptr, nullptr, nullptr) : nullptr, EVP_PKEY_free);
  unsigned char* der = nullptr;
  const int size = key ? i2d_PUBKEY(key.get(), &der) : -1;
  if (size <= 0)
    return fail(path.string() + ": no public key in PEM is there ('openssl x509 -in CERT -pubkey -noout' makes one)");
  const Bytes digest = digest_content(MessageDigest::Sha256, ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return *KeyId::from(digest);
}

struct Finding {
  std::string text;          ///< what the culprit did
  ordered_json details;
};

Finding describe(const BadPartialEvidence& e) {
  const PresignatureId id{e.batch.sid, e.index};
  const auto context = wire::context_from(e.partial.context);
  const std::string content = to_hex(digest_content(MessageDigest::Sha256, e.partial.content));
  return {"gave a partial signature that does not fit the points it signed in presigning\n  quorum        " +
              to_string(e.batch.quorum) + "\n  presignature  " + id.str() + "\n  context       " +
              std::string(context ? wire::name(*context) : "?") + "\n  content       " +
              std::to_string(e.partial.content.size()) + " bytes, SHA-256 " + content,
          {{"quorum", e.batch.quorum},
           {"presignature", id.str()},
           {"context", context ? wire::name(*context) : "?"},
           {"content_sha256", content}}};
}

Finding describe(const RowContradiction& e) {
  return {"signed two different rows in one run of presigning\n  quorum        " + to_string(e.batch.quorum) +
              "\n  run           " + e.batch.sid.hex(),
          {{"quorum", e.batch.quorum}, {"run", e.batch.sid.hex()}}};
}

Finding describe(const DisputesEvidence& e) {
  ordered_json accusers = ordered_json::array();
  std::vector<PartyId> ids;
  for (const auto& statement : e.statements) {
    ids.push_back(statement.signer);
    accusers.push_back({{"signer", statement.signer}, {"fault", name(statement.fault)}});
  }
  return {"is in dispute with signers " + to_string(ids) + ", one of whom at least is honest: only " +
              std::to_string(e.info.threshold - 1) + " of them may be corrupt",
          {{"accusers", accusers}, {"threshold", e.info.threshold}}};
}

int not_proven(const std::string& why, const Output& out) {
  out.result("not proven: " + why, {{"proven", false}, {"reason", why}});
  return kFailed;
}

int proven(const net::EvidenceFile& file, PartyId culprit, Finding finding, const Output& out) {
  ordered_json object{{"proven", true}, {"culprit", culprit}, {"kind", file.kind()}, {"cluster", file.cluster}};
  object.update(finding.details);
  out.result("proven: signer " + std::to_string(culprit) + " of cluster " + file.cluster + " " + finding.text, object);
  return kOk;
}

int verify_keygen(const net::EvidenceFile& file, const net::GroupFile& group, const Output& out) {
  const auto& evidence = std::get<KeygenEvidence>(file.evidence);
  std::vector<Member> members;
  for (const auto& m : group.members) members.push_back({m.id, m.identity});
  if (!verify_evidence(evidence, members))
    return not_proven("what the evidence shows is not a " + std::string(name(evidence.fault)) + " signed by signer " +
                          std::to_string(evidence.culprit) + " of this group",
                      out);
  return proven(file, evidence.culprit,
                {"broke the rules of key generation: " + std::string(name(evidence.fault)) + "\n  ceremony      " +
                     evidence.terms.ceremony.hex(),
                 {{"fault", name(evidence.fault)}, {"ceremony", evidence.terms.ceremony.hex()}}},
                out);
}

int verify_file(const VerifyOptions& options, const Output& out) {
  if (!std::ifstream(options.file)) return out.error(options.file.string() + ": cannot be read", kUsage);
  const auto group = net::load_group(options.group);
  if (!group) return out.error(group.error(), kUsage);
  std::optional<KeyId> key;
  if (options.key) {
    const auto id = key_id_from(*options.key);
    if (!id) return out.error(id.error(), kUsage);
    key = *id;
  }
  auto file = net::load_evidence(options.file);
  if (!file) return not_proven(file.error(), out);
  if (file->cluster.empty()) file->cluster = group->cluster;
  if (file->cluster != group->cluster)
    return not_proven("it is about cluster " + file->cluster + ", and the group is " + group->cluster, out);
  const auto* blame = std::get_if<BlameEvidence>(&file->evidence);
  if (blame == nullptr) {
    if (key) return out.error("--key: evidence of a failed key generation is about no key", kUsage);
    return verify_keygen(*file, *group, out);
  }
  Identities pinned;
  for (const auto& m : group->members) pinned[m.id] = m.identity;
  const auto culprit = verify(*blame, pinned, key.value_or(key_of(*blame)));
  if (!culprit) return not_proven(culprit.error(), out);
  Finding finding = std::visit([](const auto& e) { return describe(e); }, *blame);
  finding.text += "\n  key           " + key_of(*blame).hex() + (key ? "" : " (not compared: no --key)") +
                  "\n  epoch         " + epoch_of(*blame).hex();
  finding.details["key"] = key_of(*blame).hex();
  finding.details["key_compared"] = key.has_value();
  finding.details["epoch"] = epoch_of(*blame).hex();
  return proven(*file, *culprit, std::move(finding), out);
}

}  // namespace

void add_blame_command(CLI::App& app, const Output& out, int& code) {
  auto* blame = app.add_subcommand("blame", "evidence against a signer");
  blame->require_subcommand(1);
  auto options = std::make_shared<VerifyOptions>();
  auto* check = blame->add_subcommand(
      "verify", "judge an evidence file with the group's public data alone: who did what.\n"
                "Exit status: 0 proven, 1 not proven, 2 a file or the command line cannot be used.");
  check->add_option("file", options->file, "evidence file of a front end, a coordinator or 'quorate keygen'")->required();
  check->add_option("--group", options->group, "group.json: whose identity keys count")->required();
  check->add_option("--key", options->key, "public key in PEM that the evidence has to be about");
  check->callback([options, &out, &code] { code = verify_file(*options, out); });
}

}  // namespace quorate::tools
