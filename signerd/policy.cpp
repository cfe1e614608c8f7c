#include "signerd/policy.h"

#include <algorithm>
#include <cstdint>

#include "protocol/wire/content.h"

namespace quorate::signerd {

using wire::Context;
using wire::Role;

std::vector<PolicyRule> Policy::defaults() {
  const std::vector<Context> handshakes{Context::Tls13ServerCertificateVerify, Context::Tls12ServerKeyExchange};
  return {{Role::Frontend, "*", {"*"}, handshakes, false, 0},
          {Role::Coordinator, "*", {"*"}, handshakes, false, 0},
          {Role::Admin, "*", {"*"}, {Context::Pkcs10CertificationRequest}, true, 0}};
}

const PolicyRule* Policy::rule_for(const net::PeerIdentity& who) const {
  for (const auto& rule : rules_)
    if (rule.role == who.role && (rule.name == "*" || rule.name == who.name)) return &rule;
  return nullptr;
}

bool Policy::may_use_key(const net::PeerIdentity& who, const std::string& key) const {
  const auto* rule = rule_for(who);
  return rule != nullptr && std::any_of(rule->keys.begin(), rule->keys.end(),
                                        [&](const auto& allowed) { return allowed == "*" || allowed == key; });
}

bool Policy::may_keygen(const net::PeerIdentity& who) const {
  const auto* rule = rule_for(who);
  return rule != nullptr && rule->keygen;
}

double& Policy::tokens_of(const net::PeerIdentity& who, double rate, Clock::time_point now) {
  auto [bucket, fresh] = buckets_.try_emplace(who.uri(), Bucket{rate, now});
  auto& [tokens, filled] = bucket->second;
  tokens = std::min(std::max(rate, 1.0), tokens + rate * std::chrono::duration<double>(now - filled).count());
  filled = now;
  return tokens;
}

std::size_t Policy::left(const net::PeerIdentity& who, Clock::time_point now) {
  const auto* rule = rule_for(who);
  if (rule == nullptr) return 0;
  return rule->rate <= 0 ? SIZE_MAX : static_cast<std::size_t>(tokens_of(who, rule->rate, now));
}

std::optional<SignError> Policy::refuse_signature(const net::PeerIdentity& who, const std::string& key,
                                                  Context context, Clock::time_point now) {
  const auto denied = [](std::string why) { return SignError{SignErrorCode::PolicyDenied, std::move(why)}; };
  if (!may_use_key(who, key)) return denied(who.str() + " may not use this key");
  const auto& rule = *rule_for(who);
  if (std::find(rule.contexts.begin(), rule.contexts.end(), context) == rule.contexts.end())
    return denied(who.str() + " may not sign " + std::string(wire::name(context)));
  if (rule.rate <= 0) return std::nullopt;
  auto& tokens = tokens_of(who, rule.rate, now);
  if (tokens < 1) return SignError{SignErrorCode::Overloaded, who.str() + " asks for more signatures than its rate"};
  tokens -= 1;
  return std::nullopt;
}

}  // namespace quorate::signerd
