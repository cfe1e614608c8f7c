#include "protocol/net/signer_list.h"

#include <algorithm>

#include "protocol/net/strict_json.h"

namespace quorate::net {

std::vector<ListedSigner> read_signers(const StrictObject& root) {
  std::vector<ListedSigner> signers;
  for (const StrictObject& entry : root.objects("signers", 2, kMaxParties)) {
    ListedSigner signer;
    signer.id = static_cast<PartyId>(entry.integer("id", 1, kMaxParties));
    auto address = entry.host_port("address");
    signer.host = std::move(address.host);
    signer.port = address.port;
    signer.identity = *IdentityPublicKey::from(entry.hex("identity", 32));
    for (const auto& other : signers) {
      if (other.id == signer.id) entry.reject("id", "is given twice");
      if (other.identity == signer.identity && !signer.identity.is_zero()) entry.reject("identity", "is given twice");
      if (other.host == signer.host && other.port == signer.port && signer.port != 0)
        entry.reject("address", "is given twice");
    }
    signers.push_back(std::move(signer));
  }
  std::ranges::sort(signers, {}, &ListedSigner::id);
  return signers;
}

}  // namespace quorate::net
