#pragma once

#include <string>
#include <vector>

#include "protocol/hash/identity.h"

namespace quorate::net {

class StrictObject;

/// A signer as a configuration file lists it.
struct ListedSigner {
  PartyId id = kNobody;
  std::string host;  ///< an address or a name
  std::uint16_t port = 0;
  IdentityPublicKey identity;  ///< as group.json has it
};

/// "signers" of provider.json and coordinatord.json, sorted by id. Whoever is listed twice, by any of the three, is
/// an error of the file.
std::vector<ListedSigner> read_signers(const StrictObject& root);

}  // namespace quorate::net
