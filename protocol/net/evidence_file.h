#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "protocol/base/abort.h"
#include "protocol/base/result.h"
#include "protocol/tecdsa/blame.h"
#include "protocol/tecdsa/keygen_evidence.h"

namespace quorate::net {

/// Evidence as people keep it and pass it on: JSON, for `quorate blame verify`. All but `evidence` is for the
/// reader's eyes: it is compared with what the evidence itself says. Identity keys are not in it: whoever
/// verifies it takes those from his own group description.
///
///     { "kind": "bad-partial",              // or contradicting-rows, disputes, keygen
///       "cluster": "example",             // not in the files that signers keep of a failed keygen
///       "culprit": 2,
///       "key": "<key id, 64 hex digits>",   // not for keygen: there is no key then
///       "epoch": "<64 hex digits>",         // the same
///       "presignature": "<sid>/<index>",    // bad-partial only
///       "fault": "BadShare",                // keygen only
///       "evidence": "<Base64: WIRE.md, Evidence against a signer, or KeygenResult>" }
struct EvidenceFile {
  std::string cluster;                      ///< empty if the file does not say
  std::variant<BlameEvidence, KeygenEvidence> evidence;

  [[nodiscard]] std::string kind() const;
  [[nodiscard]] PartyId culprit() const;
};

std::string evidence_text(const std::string& cluster, const BlameEvidence& evidence);
std::string evidence_text(const std::string& cluster, const KeygenEvidence& evidence);
/// Strict: no key more or less, nothing that contradicts the evidence, 1 MiB at most. Says nothing about its truth.
Result<EvidenceFile, std::string> load_evidence(const std::filesystem::path& path);

/// A directory for evidence, opened while its owner still may: after a change of root or user, files can be
/// made in it all the same. Holds at most kMaxFiles files; none is ever overwritten.
class EvidenceFolder {
 public:
  static constexpr std::size_t kMaxFiles = 256;

  /// The directory must exist; fails with a reason.
  static Result<std::shared_ptr<const EvidenceFolder>, std::string> open(const std::filesystem::path& path);
  EvidenceFolder(const EvidenceFolder&) = delete;
  EvidenceFolder& operator=(const EvidenceFolder&) = delete;
  ~EvidenceFolder();

  /// The new file's path; the present one's if there is a file on this signer and presignature already (of
  /// another worker of the same server, say). Whole and durable when it has its name. Any thread.
  [[nodiscard]] Result<std::string, std::string> save(const std::string& cluster, const BlameEvidence& evidence) const;

 private:
  EvidenceFolder(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::filesystem::path path_;
};

}  // namespace quorate::net
