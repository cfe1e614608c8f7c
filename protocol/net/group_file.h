#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/hash/identity.h"
#include "protocol/hash/transcript.h"

namespace quorate::net {

/// One signer as it describes itself: where it listens and which identity key it signs with. The
/// signature is made with that key, so that nobody else can enter it into a group with a key of theirs.
struct MemberRecord {
  std::string cluster;
  PartyId id = kNobody;
  std::string address;                 ///< "10.0.0.1:7100" or "[::1]:7100"
  IdentityPublicKey identity;
  IdentitySignature signature{};

  [[nodiscard]] Digest digest() const;
  [[nodiscard]] bool signature_valid() const { return verify_identity(identity, digest(), signature); }
};

/// The signed group description, group.json: all members of a cluster. Every member holds the same file;
/// keygen is bound to its digest.
struct GroupFile {
  std::string cluster;
  std::vector<MemberRecord> members;   ///< ascending by id, ids distinct, 2 to 16

  [[nodiscard]] const MemberRecord* member(PartyId id) const;
  /// What operators compare between hosts, and what keygen signs over.
  [[nodiscard]] Digest digest() const;
};

/// Reads a file written by group_text() or record_text(). Every signature is checked; the error says
/// which file and which signer.
Result<GroupFile, std::string> load_group(const std::filesystem::path& path);
Result<MemberRecord, std::string> load_record(const std::filesystem::path& path);

/// Puts records together. Fails on other clusters, doubled ids, addresses or identities, and counts.
Result<GroupFile, std::string> assemble_group(std::vector<MemberRecord> records);

std::string group_text(const GroupFile& group);
std::string record_text(const MemberRecord& record);

}  // namespace quorate::net
