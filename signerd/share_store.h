#pragma once

#include <filesystem>
#include <vector>

#include "protocol/tecdsa/key_share.h"
#include "protocol/tecdsa/keygen_evidence.h"
#include "signerd/sealed_box.h"

namespace quorate::signerd {

/// The key shares of one signer on disk: one file an epoch, sealed with the state key, mode 0600, replaced
/// atomically. A share whose confirmations are not all there is prepared, not active (SPEC 1.5).
class ShareStore {
 public:
  /// Makes the directory if it is missing. The error names the path.
  static Result<ShareStore, std::string> open(std::filesystem::path directory, StateKey key, PartyId me);

  /// Removes what a crash left half wiped or half written, and seals anew what only the former state key opens. Each file is replaced
  /// as a whole; shares that neither opens are left to load() to complain of. Returns how many were sealed anew.
  Result<std::size_t, std::string> tidy(const std::optional<StateKey>& former);

  /// Durable when it returns.
  Result<void, std::string> save(const KeyShare& share);
  /// All shares, prepared ones too. A file that does not open (other state key, damage) is an error that
  /// names it: a signer must not start as if it had no key.
  [[nodiscard]] Result<std::vector<KeyShare>, std::string> load() const;

  /// The share of an epoch that another one has replaced (SPEC 1.7). Gone for good when it returns.
  Result<void, std::string> wipe(const EpochId& epoch);

  /// Records that this signer takes part in a ceremony. False if it did so before: each is joined once.
  Result<bool, std::string> join(const CeremonyId& ceremony);

  /// Keeps what shows a member's fault in key generation as evidence/<ceremony>.json, in the form in which
  /// `quorate keygen` does. It may hold a share of a key that never came to be: mode 0600. Returns the path.
  Result<std::filesystem::path, std::string> keep_evidence(const KeygenEvidence& evidence);

 private:
  ShareStore(std::filesystem::path directory, StateKey key, PartyId me)
      : directory_(std::move(directory)), key_(std::move(key)), me_(me) {}
  [[nodiscard]] Result<KeyShare, std::string> load_one(const std::filesystem::path& path) const;

  std::filesystem::path directory_;
  StateKey key_;
  PartyId me_;
};

}  // namespace quorate::signerd
