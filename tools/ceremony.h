#pragma once

#include <filesystem>

#include "protocol/net/evidence_file.h"
#include "protocol/net/group_file.h"
#include "protocol/net/sign_client.h"
#include "protocol/wire/admin.h"
#include "tools/output.h"

namespace quorate::tools {

/// Evidence that this machine has checked itself, against the members of its own group.json.
struct Proof {
  KeygenEvidence evidence;
  std::string text;  ///< of an evidence file
};

/// How a ceremony, key generation or refresh, ended for the one who asked for it.
struct CeremonyOutcome {
  std::optional<PublicKeyInfo> info;   ///< what all members agree on; it counts if there are no problems
  std::string problems;                ///< a line a signer, each beginning with a line break; empty if all is well
  std::optional<Proof> proof;
};

/// What keeps the members from a ceremony after ten seconds of waiting for it; empty if all are up and linked to each
/// other. Signers may have been started a moment ago.
std::string wait_for_mesh(net::SignClient& client, const std::vector<PartyId>& members);

/// Asks all members at once, and believes what they answer only as far as the pinned identities and the arithmetic
/// carry it. Takes the client: when one has failed the links are cut so that nobody is waited for.
CeremonyOutcome run_ceremony(std::unique_ptr<net::SignClient> client, const wire::KeygenRequest& request,
                             const net::GroupFile& group, const Output& out);

/// Reports a ceremony that failed, keeps the evidence, if there is any, in a new file, and says what to do next.
/// what: "key generation", "refresh".
int ceremony_failed(const std::string& what, const CeremonyOutcome& outcome, const std::filesystem::path& evidence_file,
                    const std::string& advice, const Output& out);

}  // namespace quorate::tools
