#pragma once

#include "protocol/base/abort.h"
#include "protocol/base/rng.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/pair_state.h"

namespace quorate::ot {

/// L' = B*xi rounded up to a multiple of 128, plus kSacrificed.
std::size_t extension_width(std::size_t batch, std::size_t xi);

/// SPEC 3.2, Bob to Alice.
struct ExtensionMessage {
  Bytes u;                                  ///< kTrees rows of extension_width/8 bytes, bits LSB first
  Block x_tilde{};
  std::array<Block, kLambdaC> t_tilde{};    ///< t~_r for r = 0..127
};

/// Bob after the extension: choice bits and one 128-bit row per OT.
class ReceiverOts {
 public:
  /// binding: sid, from = Bob, to = Alice. Draws the choice bits from rng.
  static std::pair<ExtensionMessage, ReceiverOts> extend(const AllLeaves& leaves, const Binding& binding,
                                                         std::size_t batch, std::size_t xi, Rng& rng);
  /// Choice bit of OT j (0 <= j < batch*xi), as 0 or 1; secret.
  [[nodiscard]] std::uint64_t choice(std::size_t j) const {
    return (choices_.reveal()[j / 8] >> (j % 8)) & 1;
  }
  /// Hashed outputs of OTs first .. first+count-1: blocks_per_ot blocks each, concatenated.
  void hash(std::size_t first, std::size_t count, std::size_t blocks_per_ot, std::span<Block> out) const;

 private:
  SecretBytes choices_;
  SecretVector<Block> rows_;
  Secret<Block> hash_key_;
};

/// Alice after the extension.
class SenderOts {
 public:
  /// Fails with Malformed (sizes) or OtCheck; both are pair disputes and the set-up must be destroyed.
  static Result<SenderOts, Abort> extend(const PuncturedLeaves& leaves, const Binding& binding, std::size_t batch,
                                         std::size_t xi, const ExtensionMessage& message);
  /// Hashed outputs for choice 0 and for choice 1.
  void hash(std::size_t first, std::size_t count, std::size_t blocks_per_ot, std::span<Block> out0,
            std::span<Block> out1) const;

 private:
  SecretVector<Block> rows_;
  Secret<Block> nabla_;
  Secret<Block> hash_key_;
};

}  // namespace quorate::ot
