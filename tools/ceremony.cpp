#include "tools/ceremony.h"

#include <algorithm>
#include <cstdio>
#include <future>
#include <thread>

#include "protocol/wire/admin_codec.h"
#include "protocol/wire/keygen_codec.h"
#include "tools/pki.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// What signers claim is believed only as far as the pinned identities and the arithmetic carry it.
std::string flaw_of(const wire::KeygenResult& result, const wire::KeygenRequest& request, const net::GroupFile& group) {
  if (!result.ok) return result.detail + " (" + std::string(name(result.fault)) + ", " + to_string(result.blame) + ")";
  const auto& info = result.info;
  if (info.ceremony != request.ceremony || info.threshold != request.threshold || info.name != request.name ||
      info.previous != request.previous)
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

std::optional<Proof> proven(const Bytes& bytes, const wire::KeygenRequest& request, const net::GroupFile& group) {
  if (bytes.empty()) return std::nullopt;
  const auto evidence = wire::decode_evidence(bytes);
  if (!evidence || evidence->terms.ceremony != request.ceremony) return std::nullopt;
  std::vector<Member> members;
  for (const auto& m : group.members) members.push_back({m.id, m.identity});
  if (!verify_evidence(*evidence, members)) return std::nullopt;
  return Proof{*evidence, net::evidence_text(group.cluster, *evidence)};
}

}  // namespace

std::string wait_for_mesh(net::SignClient& client, const std::vector<PartyId>& members) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    auto missing = not_meshed(client, members);
    if (missing.empty() || std::chrono::steady_clock::now() >= until) return missing;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

CeremonyOutcome run_ceremony(std::unique_ptr<net::SignClient> client, const wire::KeygenRequest& request,
                             const net::GroupFile& group, const Output& out) {
  CeremonyOutcome all;
  for (const auto& [id, outcome] : ask_all(std::move(client), request, out)) {
    const std::string who = "\n  signer " + std::to_string(id) + ": ";
    if (!outcome.result) {
      all.problems += who + (outcome.error.empty() ? "gave no result" : outcome.error);
    } else if (auto flaw = flaw_of(*outcome.result, request, group); !flaw.empty()) {
      all.problems += who + flaw;
      if (!all.proof) all.proof = proven(outcome.result->evidence, request, group);
    } else if (all.info && !(all.info->X == outcome.result->info.X && all.info->epoch == outcome.result->info.epoch)) {
      all.problems += who + "has another key than the others";
    } else {
      all.info = outcome.result->info;
    }
  }
  return all;
}

int ceremony_failed(const std::string& what, const CeremonyOutcome& outcome, const fs::path& file, const std::string& advice,
                    const Output& out) {
  const auto& proof = outcome.proof;
  std::string text = what + " failed:" + outcome.problems;
  ordered_json object{{"error", what + " failed"}, {"signers", outcome.problems}};
  if (proof) {
    const auto written = write_new(file, proof->text, 0644);
    text += "\nProven by what it signed itself: signer " + std::to_string(proof->evidence.culprit) + " is at fault (" +
            std::string(name(proof->evidence.fault)) + "). " +
            (written ? "The evidence is in " + file.string() + "; anyone can check it with: quorate blame verify " +
                           file.string() + " --group GROUP.JSON"
                     : "The evidence was not saved: " + written.error() + ".");
    object["proven"] = ordered_json::parse(proof->text);
  }
  text += "\n" + advice;
  if (out.json) {
    out.result("", object);
  } else {
    (void)out.error(text);
  }
  return kFailed;
}

}  // namespace quorate::tools
