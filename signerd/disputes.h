#pragma once

#include <filesystem>
#include <functional>
#include <set>

#include "protocol/base/abort.h"

namespace quorate::signerd {

/// What must not be forgotten over a restart (SPEC 5.6): pairs that failed a check on secret OT state are
/// never scheduled together again, for whatever key and epoch, and quorums that failed as a whole are not used
/// again for that key, until an operator clears them. One JSON file, replaced atomically before anything is
/// answered.
class Disputes {
 public:
  struct Entry {
    EpochId epoch;          ///< in which it arose
    KeyId key;              ///< quorums: of which key; zero: of every key. Pairs: zero
    Quorum members;         ///< ascending
    bool whole = false;     ///< quorum, not pair
    Fault fault = Fault::Malformed;
    std::string detail, time;
  };

  /// A missing file is an empty list; a damaged one is an error.
  static Result<Disputes, std::string> open(std::filesystem::path file);

  /// Durable when it returns; a pair that cannot be written is not taken for known.
  Result<void, std::string> add_pair(const EpochId& epoch, PartyId a, PartyId b, const Abort& why);
  /// Blocks the quorum in any case; of more than a thousand the eldest is forgotten. An error: it is not durable before write() succeeds.
  Result<void, std::string> add_quorum(const KeyId& key, const EpochId& epoch, const Quorum& quorum, const Abort& why);
  /// Writes what is not durable yet, if there is anything.
  Result<void, std::string> write();
  [[nodiscard]] bool unwritten() const { return unwritten_; }

  /// Forgets what arose in epochs that are over, durable when it returns how many. An error: nothing is forgotten.
  Result<std::size_t, std::string> clear(const std::function<bool(const EpochId&)>& over);

  [[nodiscard]] bool pair_blocked(PartyId a, PartyId b) const;
  /// The quorum itself, or a pair within it.
  [[nodiscard]] bool quorum_blocked(const KeyId& key, const Quorum& quorum) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  explicit Disputes(std::filesystem::path file) : file_(std::move(file)) {}
  Result<void, std::string> add(Entry entry);

  std::filesystem::path file_;
  std::vector<Entry> entries_;
  bool unwritten_ = false;
};

/// UTC, "2026-11-22T14:30:00.123Z".
std::string wall_time();

}  // namespace quorate::signerd
