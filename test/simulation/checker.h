#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "protocol/base/ids.h"

namespace quorate::simulation {

/// Counts what must never happen, from what leaves the signers and nothing else.
class SingleUse {
 public:
  /// A signer has answered with a partial signature of this presignature for this content.
  void answered(PartyId signer, const PresignatureId& presignature, std::uint64_t content) {
    ++answers_;
    const auto [it, first] = seen_.try_emplace(presignature, Use{content, 0});
    const std::uint32_t bit = 1u << signer;
    if (it->second.content == content) {
      repeated_ += (it->second.signers & bit) != 0;
      it->second.signers |= bit;
    } else {
      ++two_contents_;
      by_one_signer_ += (it->second.signers & bit) != 0;
    }
  }

  [[nodiscard]] std::uint64_t answers() const { return answers_; }
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }
  [[nodiscard]] std::uint64_t presignatures() const { return seen_.size(); }
  /// Answers for another content than the first one that anybody gave.
  [[nodiscard]] std::uint64_t two_contents() const { return two_contents_; }
  /// Of these: by a signer that had answered for the first one. Its nonce is known then.
  [[nodiscard]] std::uint64_t by_one_signer() const { return by_one_signer_; }

 private:
  struct Use {
    std::uint64_t content;
    std::uint32_t signers;
  };
  std::unordered_map<PresignatureId, Use> seen_;
  std::uint64_t answers_ = 0, repeated_ = 0, two_contents_ = 0, by_one_signer_ = 0;
};

}  // namespace quorate::simulation
