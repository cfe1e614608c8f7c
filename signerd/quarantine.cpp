#include "signerd/quarantine.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/net/strict_json.h"
#include "protocol/tecdsa/message.h"
#include "protocol/wire/admin.h"
#include "signerd/durable_file.h"

namespace quorate::signerd {

namespace {

namespace fs = std::filesystem;

Bytes hash(ByteView data) { return digest_content(MessageDigest::Sha256, data); }

fs::path list_file(const fs::path& directory) { return directory / "list.json"; }
fs::path evidence_file(const fs::path& directory, PartyId signer) {
  return directory / (std::to_string(signer) + ".evidence");
}

}  // namespace

Result<Quarantine, std::string> Quarantine::open(fs::path directory) {
  Quarantine out(std::move(directory));
  const auto file = list_file(out.directory_);
  if (!fs::exists(file)) return out;
  auto json = net::StrictJson::load(file);
  if (!json) return fail(json.error());
  for (const auto& object : json->root().objects("quarantine", 0, kMaxParties)) {
    Entry entry;
    entry.signer = static_cast<PartyId>(object.integer("signer", 1, kMaxParties));
    entry.epoch = EpochId::from(object.hex("epoch", 32)).value_or(EpochId{});
    entry.reason = object.text("reason", 0);
    entry.time = object.text("time");
    const Bytes expected = object.hex("evidence_sha256", 32);
    if (!out.entries_.empty() && entry.signer <= out.entries_.back().signer) object.reject("signer", "is not in order");
    if (entry.signer != kNobody) {
      auto evidence = read_file(evidence_file(out.directory_, entry.signer), wire::kMaxEvidence);
      if (!evidence) return fail(evidence.error());
      if (hash(*evidence) != expected)
        return fail(evidence_file(out.directory_, entry.signer).string() + ": is not what " + file.string() + " names");
      entry.evidence = std::move(evidence).value();
      entry.durable = true;
    }
    out.entries_.push_back(std::move(entry));
  }
  if (auto ok = json->finish(); !ok) return fail(ok.error());
  out.number();
  return out;
}

Result<bool, std::string> Quarantine::add(Entry entry) {
  if (holds(entry.signer)) return false;
  entries_.push_back(std::move(entry));
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.signer < b.signer; });
  unwritten_ = true;
  if (auto written = write(); !written) return fail(written.error());
  return true;
}

/// Evidence first: a list never names a file that is not there.
Result<void, std::string> Quarantine::write() {
  if (!unwritten_) return {};
  std::error_code failed;
  fs::create_directories(directory_, failed);
  if (failed) return fail("cannot make " + directory_.string() + ": " + failed.message());
  nlohmann::ordered_json list{{"quarantine", nlohmann::ordered_json::array()}};
  for (const auto& entry : entries_) {
    if (auto written = write_durably(evidence_file(directory_, entry.signer), entry.evidence, 0600); !written) return written;
    list["quarantine"].push_back({{"time", entry.time},
                                  {"signer", entry.signer},
                                  {"epoch", entry.epoch.hex()},
                                  {"reason", entry.reason},
                                  {"evidence_sha256", to_hex(hash(entry.evidence))}});
  }
  const std::string text = list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  auto written = write_durably(list_file(directory_), as_bytes(text), 0600);
  if (!written) return written;
  for (auto& entry : entries_) entry.durable = true;
  unwritten_ = false;
  number();
  return {};
}

Result<std::size_t, std::string> Quarantine::clear(const std::function<bool(const EpochId&)>& over) {
  auto before = entries_;
  const std::size_t gone = std::erase_if(entries_, [&](const auto& entry) { return over(entry.epoch); });
  if (gone == 0) return gone;
  unwritten_ = true;
  if (auto written = write(); !written) {
    // The shorter list may be on disk all the same, if only its directory could not be synced: what is held here is
    // written again. Whatever was to be told to others stays so.
    entries_ = std::move(before);
    return fail(written.error());
  }
  std::error_code ignored;  // what is left over is named by nothing and replaced by the next
  for (const auto& entry : before)
    if (!holds(entry.signer)) fs::remove(evidence_file(directory_, entry.signer), ignored);
  return gone;
}

bool Quarantine::holds(PartyId signer) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.signer == signer; });
}

std::set<PartyId> Quarantine::signers() const {
  std::set<PartyId> out;
  for (const auto& entry : entries_) out.insert(entry.signer);
  return out;
}

void Quarantine::number() {
  version_ = 0;
  Bytes all;
  for (const auto& entry : entries_) {
    if (!entry.durable) continue;
    all.push_back(entry.signer);
    append(all, hash(entry.evidence));
  }
  if (all.empty()) return;
  const Bytes digest = hash(all);
  for (std::size_t i = 0; i < 8; ++i) version_ = version_ << 8 | digest[i];
  version_ = std::max<std::uint64_t>(version_, 1);
}

}  // namespace quorate::signerd
