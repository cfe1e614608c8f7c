#include "protocol/coordinator/signer.h"

namespace quorate::coordinator {

void SignerState::suspect(Time now, const CoordinatorConfig& config) {
  suspicions = suspected(now) + 1;
  suspect_until = now + config.suspect_for;
}

}  // namespace quorate::coordinator
