#pragma once

#include <map>

#include "protocol/net/tls.h"
#include "signerd/pool.h"

namespace quorate::signerd {

/// What one kind of caller may do; from signerd.json ("policy").
struct PolicyRule {
  wire::Role role = wire::Role::Frontend;
  std::string name;                        ///< of the certificate, or "*"
  std::vector<std::string> keys;           ///< key names, or "*"
  std::vector<wire::Context> contexts;     ///< what it may have signed
  bool keygen = false;                     ///< may start key generations
  double rate = 0;                         ///< signatures a second with a burst of one second; 0: no limit
};

/// Decides what an authenticated caller may do. The first rule that names it counts, and no other.
class Policy {
 public:
  explicit Policy(std::vector<PolicyRule> rules) : rules_(std::move(rules)) {}
  /// What architecture.md's table of contexts allows: front ends and coordinators sign handshakes,
  /// administrators sign CSRs and run ceremonies.
  static std::vector<PolicyRule> defaults();

  /// Nothing if it may; else PolicyDenied or Overloaded (rate), with the reason.
  std::optional<SignError> refuse_signature(const net::PeerIdentity& who, const std::string& key,
                                            wire::Context context, Clock::time_point now);
  /// How many signatures its rate leaves it now; takes none. What it may have leased: a lease that it could not use
  /// would be spent for nothing.
  [[nodiscard]] std::size_t left(const net::PeerIdentity& who, Clock::time_point now);
  [[nodiscard]] bool may_use_key(const net::PeerIdentity& who, const std::string& key) const;
  [[nodiscard]] bool may_keygen(const net::PeerIdentity& who) const;

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled;
  };
  [[nodiscard]] const PolicyRule* rule_for(const net::PeerIdentity& who) const;
  double& tokens_of(const net::PeerIdentity& who, double rate, Clock::time_point now);

  std::vector<PolicyRule> rules_;
  std::map<std::string, Bucket> buckets_;  ///< by identity URI; as many as there are certificates
};

}  // namespace quorate::signerd
