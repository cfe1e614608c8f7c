#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"

namespace quorate::signerd {

/// Signers that evidence has shown to be corrupt, each with the evidence, so that it can be shown to others. Not
/// forgotten over a restart. A list in JSON and one file of evidence a signer, replaced atomically before anybody
/// is told. Who adds an entry has verified it.
class Quarantine {
 public:
  struct Entry {
    PartyId signer = kNobody;
    EpochId epoch;              ///< in which it cheated
    std::string reason;         ///< one line, for people
    std::string time;
    Bytes evidence;             ///< wire::encode_blame()
    bool durable = false;       ///< on disk: others may be told
  };

  /// `directory` is made when it is needed. A missing one is an empty list; a damaged one is an error.
  static Result<Quarantine, std::string> open(std::filesystem::path directory);

  /// Durable when it returns true. False: the signer is in quarantine already. An error: the signer is in
  /// quarantine until the process ends, but not on disk before write() succeeds.
  Result<bool, std::string> add(Entry entry);
  Result<void, std::string> write();
  [[nodiscard]] bool unwritten() const { return unwritten_; }
  /// Lets go of those whose epoch is over, durable when it returns how many. An error: none is.
  Result<std::size_t, std::string> clear(const std::function<bool(const EpochId&)>& over);

  [[nodiscard]] bool holds(PartyId signer) const;
  /// Ascending by signer.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] std::set<PartyId> signers() const;
  /// Of what is durable. 0: nothing. Else of SHA-256 over signers and evidence the first 8 bytes: another list,
  /// another number.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  explicit Quarantine(std::filesystem::path directory) : directory_(std::move(directory)) {}
  void number();

  std::filesystem::path directory_;
  std::vector<Entry> entries_;
  std::uint64_t version_ = 0;
  bool unwritten_ = false;
};

}  // namespace quorate::signerd
