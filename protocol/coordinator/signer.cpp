#include "protocol/coordinator/signer.h"

#include <algorithm>

namespace quorate::coordinator {

void SignerState::missed(Time now, const CoordinatorConfig& config) {
  if (now < slow_until) return;  // many requests that time out together are one miss
  misses = std::min(misses + 1, 16u);
  slow_until = now + std::min(config.back_off * (1 << (misses - 1)), config.slow_limit);
}

void SignerState::suspect(Time now, const CoordinatorConfig& config) {
  suspicions = suspected(now) + 1;
  suspect_until = now + config.suspect_for;
}

}  // namespace quorate::coordinator
