// `quorate quarantine`: what signers hold against each other, and how they forget it.
#include <CLI/CLI.hpp>

#include "protocol/base/printable.h"
#include "protocol/wire/blame_codec.h"
#include "protocol/wire/quarantine_codec.h"
#include "tools/commands.h"
#include "tools/connection.h"
#include "tools/pki.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct QuarantineOptions {
  fs::path config;
  std::vector<int> signers;  ///< none: all of the configuration
};

/// The answer of one signer to a request that is answered by a list; the error is one line for people.
Result<wire::QuarantineReply, std::string> ask(net::SignClient& client, PartyId signer, wire::MessageType type, const Bytes& payload) {
  std::optional<wire::QuarantineReply> reply;
  const auto on_reply = [&](const wire::Envelope& envelope) {
    if (auto decoded = wire::decode<wire::QuarantineReply>(envelope.payload)) reply = std::move(decoded).value();
    return false;
  };
  auto asked = client.request(signer, type, payload, on_reply, std::chrono::seconds(5));
  if (!asked) return fail(printable(asked.error().what()));
  if (!reply) return fail(std::string("gave an answer that cannot be read"));
  return std::move(*reply);
}

/// What evidence claims to show. It is not verified here: that takes group.json (`quorate blame verify`).
std::string claim_of(const Bytes& evidence) {
  const auto decoded = wire::decode_blame(evidence);
  return decoded ? "epoch " + epoch_of(*decoded).brief() : "evidence that cannot be read";
}

std::string text_of(const wire::QuarantineReply& reply) {
  if (reply.entries.empty() && reply.disputes.empty()) return " holds nothing against anybody";
  std::string text;
  for (const auto& entry : reply.entries)
    text += "\n  quarantined: signer " + std::to_string(entry.signer) + ", " + printable(entry.reason) + " (" + claim_of(entry.evidence) + ")";
  for (const auto& dispute : reply.disputes)
    text += std::string("\n  ") + (dispute.whole ? "quorum in dispute: " : "pair in dispute: ") + to_string(dispute.members) + ", " +
            std::string(name(dispute.fault)) + " (epoch " + dispute.epoch.brief() + ", " + printable(dispute.time) + ")" +
            (dispute.detail.empty() ? "" : ": " + printable(dispute.detail));
  return text;
}

ordered_json json_of(const wire::QuarantineReply& reply) {
  ordered_json quarantine = ordered_json::array(), disputes = ordered_json::array();
  for (const auto& entry : reply.entries)
    quarantine.push_back({{"signer", entry.signer}, {"reason", entry.reason}, {"evidence", to_base64(entry.evidence)}});
  for (const auto& dispute : reply.disputes)
    disputes.push_back({{"members", dispute.members}, {"quorum", dispute.whole}, {"fault", name(dispute.fault)},
                        {"epoch", dispute.epoch.hex()}, {"time", dispute.time}, {"detail", dispute.detail}});
  return {{"version", reply.version}, {"quarantine", quarantine}, {"disputes", disputes}};
}

int run(const QuarantineOptions& options, bool clear, const Output& out) {
  auto cluster = connect(options.config, std::chrono::seconds(5));
  if (!cluster) return out.error(cluster.error());
  std::vector<PartyId> signers;
  for (int id : options.signers) signers.push_back(static_cast<PartyId>(id));
  for (const auto& signer : cluster->config.signers)
    if (options.signers.empty()) signers.push_back(signer.id);
  std::string text;
  ordered_json list = ordered_json::array();
  bool all = true;
  for (auto id : signers) {
    const auto type = clear ? wire::MessageType::QuarantineClear : wire::MessageType::QuarantineRequest;
    auto reply = ask(*cluster->client, id, type, clear ? wire::encode(wire::QuarantineClear{true, true}) : Bytes{});
    const std::string who = "signer " + std::to_string(id);
    ordered_json object{{"id", id}};
    if (!reply) {
      all = false;
      text += who + ": " + reply.error() + "\n";
      object["error"] = reply.error();
    } else {
      const bool left = !reply->entries.empty() || !reply->disputes.empty();
      if (clear && left) all = false;
      text += who + (!clear ? text_of(*reply)
                     : left ? " cleared what it could; what is left arose in an epoch that is still active, run `quorate "
                              "refresh` for its key first:" + text_of(*reply)
                            : " has cleared everything") + "\n";
      object.update(json_of(*reply));
    }
    list.push_back(std::move(object));
  }
  if (!text.empty()) text.pop_back();
  out.result(text, {{"cluster", cluster->config.cluster}, {"signers", list}});
  return all ? kOk : kFailed;
}

}  // namespace

void add_quarantine_command(CLI::App& app, const Output& out, int& code) {
  auto options = std::make_shared<QuarantineOptions>();
  auto* quarantine = app.add_subcommand("quarantine", "signers that were caught, and pairs and quorums in dispute")->require_subcommand(1);
  for (const bool clear : {false, true}) {
    auto* command = clear ? quarantine->add_subcommand("clear", "forget what arose in epochs that are over; after `quorate refresh`")
                          : quarantine->add_subcommand("list", "what each signer holds against others");
    command->add_option("--config", options->config, clear ? "admin.json" : "admin.json or provider.json")->required();
    command->add_option("--signer", options->signers, "only this signer; may be given several times")->check(CLI::Range(1, static_cast<int>(kMaxParties)));
    command->callback([options, clear, &out, &code] { code = run(*options, clear, out); });
  }
}

}  // namespace quorate::tools
