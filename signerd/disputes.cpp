#include "signerd/disputes.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/net/strict_json.h"
#include "signerd/durable_file.h"

namespace quorate::signerd {

namespace {

/// Quorums that are remembered. A corrupt signer has every quorum with itself fail, one after the other: without a
/// bound the list would become longer than what a start reads, and every dispute would cost more than the one before.
/// Which of them is forgotten matters little: their faults tell nothing about a secret.
constexpr std::size_t kMaxQuorums = 1000;

std::optional<Fault> fault_from(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(Fault::TimedOut); ++i)
    if (name(static_cast<Fault>(i)) == text) return static_cast<Fault>(i);
  return std::nullopt;
}

}  // namespace

std::string wall_time() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[32], fraction[8];
  std::strftime(date, sizeof date, "%FT%T", &utc);
  std::snprintf(fraction, sizeof fraction, ".%03uZ", static_cast<unsigned>(ms) % 1000);
  return std::string(date) + fraction;
}

Result<Disputes, std::string> Disputes::open(std::filesystem::path file) {
  Disputes out(std::move(file));
  if (!std::filesystem::exists(out.file_)) return out;
  auto json = net::StrictJson::load(out.file_);
  if (!json) return fail(json.error());
  for (const auto& object : json->root().objects("disputes", 0, 100'000)) {
    Entry entry;
    entry.epoch = EpochId::from(object.hex("epoch", 32)).value_or(EpochId{});
    // A list of a release before that had keys mixed: its quorums are blocked for all of them.
    if (object.has("key")) entry.key = KeyId::from(object.hex("key", 32)).value_or(KeyId{});
    for (auto id : object.integers("members", 2, kMaxParties, 1, kMaxParties))
      entry.members.push_back(static_cast<PartyId>(id));
    entry.whole = object.flag("quorum");
    const auto fault = fault_from(object.text("fault"));
    if (!fault) object.reject("fault", "is no fault");
    entry.fault = fault.value_or(Fault::Malformed);
    entry.detail = object.text("detail", 0);
    entry.time = object.text("time");
    out.entries_.push_back(std::move(entry));
  }
  if (auto ok = json->finish(); !ok) return fail(ok.error());
  return out;
}

Result<void, std::string> Disputes::add(Entry entry) {
  for (const auto& known : entries_)
    if (known.epoch == entry.epoch && known.members == entry.members && known.whole == entry.whole) return write();
  const bool whole = entry.whole;
  const auto is_whole = [](const Entry& known) { return known.whole; };
  if (whole && static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), is_whole)) >= kMaxQuorums)
    entries_.erase(std::find_if(entries_.begin(), entries_.end(), is_whole));
  entries_.push_back(std::move(entry));
  const bool others = std::exchange(unwritten_, true);
  auto written = write();
  if (!written && !whole) {  // so that the next attempt writes again
    entries_.pop_back();
    unwritten_ = others;
  }
  return written;
}

Result<void, std::string> Disputes::write() {
  if (!unwritten_) return {};
  nlohmann::ordered_json out{{"disputes", nlohmann::ordered_json::array()}};
  for (const auto& e : entries_)
    out["disputes"].push_back({{"time", e.time},
                               {"epoch", e.epoch.hex()},
                               {"key", e.key.hex()},
                               {"members", e.members},
                               {"quorum", e.whole},
                               {"fault", name(e.fault)},
                               {"detail", e.detail}});
  auto written = write_durably(file_, as_bytes(out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"), 0600);
  if (written) unwritten_ = false;
  return written;
}

Result<void, std::string> Disputes::add_pair(const EpochId& epoch, PartyId a, PartyId b, const Abort& why) {
  return add({epoch, {}, {std::min(a, b), std::max(a, b)}, false, why.fault, why.detail, wall_time()});
}

Result<void, std::string> Disputes::add_quorum(const KeyId& key, const EpochId& epoch, const Quorum& quorum,
                                               const Abort& why) {
  return add({epoch, key, quorum, true, why.fault, why.detail, wall_time()});
}

Result<std::size_t, std::string> Disputes::clear(const std::function<bool(const EpochId&)>& over) {
  auto before = entries_;
  const std::size_t gone = std::erase_if(entries_, [&](const auto& e) { return over(e.epoch); });
  if (gone == 0) return gone;
  const bool others = std::exchange(unwritten_, true);
  if (auto written = write(); !written) {
    entries_ = std::move(before);
    unwritten_ = others;
    return fail(written.error());
  }
  return gone;
}

bool Disputes::pair_blocked(PartyId a, PartyId b) const {
  const Quorum pair{std::min(a, b), std::max(a, b)};
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& e) { return !e.whole && e.members == pair; });
}

bool Disputes::quorum_blocked(const KeyId& key, const Quorum& quorum) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& e) {
    if (e.whole) return e.members == quorum && (e.key == key || e.key.is_zero());
    return std::includes(quorum.begin(), quorum.end(), e.members.begin(), e.members.end());
  });
}

}  // namespace quorate::signerd
