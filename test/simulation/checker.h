#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "protocol/base/ids.h"

namespace quorate::simulation {

/// Counts what must never happen, from what leaves the signers and nothing else.
class SingleUse {
 public:
  /// A signer has answered with a partial signature of this presignature for this content.
  void answered(PartyId signer, const PresignatureId& presignature, std::uint64_t content) {
    ++answers_;
    Use& use = seen_.try_emplace(presignature, Use{content, {}}).first->second;
    two_contents_ += use.first != content;
    const auto [own, is_new] = use.by_signer.try_emplace(signer, content);
    if (is_new) return;
    ++(own->second == content ? repeated_ : by_one_signer_);
  }

  [[nodiscard]] std::uint64_t answers() const { return answers_; }
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }
  [[nodiscard]] std::uint64_t presignatures() const { return seen_.size(); }
  /// Answers for another content than the first one that anybody gave.
  [[nodiscard]] std::uint64_t two_contents() const { return two_contents_; }
  /// Answers of a signer for another content than the first one that it answered for itself, whatever others did.
  /// Its nonce is known then.
  [[nodiscard]] std::uint64_t by_one_signer() const { return by_one_signer_; }

 private:
  struct Use {
    std::uint64_t first;
    std::map<PartyId, std::uint64_t> by_signer;
  };
  std::unordered_map<PresignatureId, Use> seen_;
  std::uint64_t answers_ = 0, repeated_ = 0, two_contents_ = 0, by_one_signer_ = 0;
};

}  // namespace quorate::simulation
