#pragma once

#include "protocol/base/abort.h"
#include "protocol/base/rng.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/pair_state.h"

namespace quorate::ot {

/// SoftSpoken OT extension (SPEC 3), one run per batch and direction. The trees' streams are keyed by
/// leaf and sid: a second extension of one set-up under one sid would repeat them and give the choice
/// bits away, so a sid must never be used twice.

/// L' = B*xi rounded up to a multiple of 128, plus kSacrificed.
std::size_t extension_width(std::size_t batch, std::size_t xi);

/// SPEC 3.2, Bob to Alice.
struct ExtensionMessage {
  Bytes u;  ///< kTrees rows of extension_width/8 bytes, bits LSB first
  Block x_tilde{};
  std::array<Block, kLambdaC> t_tilde{};  ///< t~_r for r = 0..127
};

/// Bob after the extension: choice bits and one 128-bit row per OT.
class ReceiverOts {
 public:
  /// SPEC 3.1, 3.2.
  /// binding  sid, from = Bob, to = Alice
  /// batch    1..kMaxBatch instances of xi OTs; rng gives their choice bits, the padding and the
  ///          sacrificed bits, in this order, bits LSB first
  /// time     constant in the leaves and the choice bits
  static std::pair<ExtensionMessage, ReceiverOts> extend(const AllLeaves& leaves, const Binding& binding,
                                                         std::size_t batch, std::size_t xi, Rng& rng);
  /// batch * xi
  [[nodiscard]] std::size_t size() const { return count_; }
  /// Choice bit of OT j (0 <= j < size(), the caller's duty), as 0 or 1; secret.
  [[nodiscard]] std::uint64_t choice(std::size_t j) const {
    return (choices_.reveal()[j / 8] >> (j % 8)) & 1;
  }
  /// Choice bits, bit j % 8 of byte j / 8; secret.
  [[nodiscard]] std::span<const std::uint8_t> choices() const { return choices_.reveal(); }
  /// SPEC 3.4: hashed outputs of OTs first .. first+count-1, blocks_per_ot blocks each, concatenated. A
  /// range beyond size() ends the process. May be called from several threads at once.
  void hash(std::size_t first, std::size_t count, std::size_t blocks_per_ot, std::span<Block> out) const;
  /// The same as hash_lanes() of aes.h lays it out; count is a multiple of 8.
  void hash_lanes(std::size_t first, std::size_t count, std::size_t blocks_per_ot,
                  std::span<std::uint64_t> out) const;

 private:
  std::size_t count_ = 0;
  SecretBytes choices_;
  SecretVector<Block> rows_;  // count_ rounded up to a multiple of 128
  Block hash_key_{};          // public
};

/// Alice after the extension.
class SenderOts {
 public:
  /// SPEC 3.3.
  /// fails  Malformed: u has the wrong length. OtCheck: the rows are not consistent. Either is a
  ///        dispute pair(to, from), and the set-up must be destroyed before anything is answered:
  ///        the answer may be a bit of Nabla
  /// time   constant in the leaves and Nabla; the check is one comparison over all rows
  static Result<SenderOts, Abort> extend(const PuncturedLeaves& leaves, const Binding& binding,
                                         std::size_t batch, std::size_t xi, const ExtensionMessage& message);
  /// batch * xi
  [[nodiscard]] std::size_t size() const { return count_; }
  /// SPEC 3.4: hashed outputs for choice 0 and for choice 1, laid out as the receiver's.
  void hash(std::size_t first, std::size_t count, std::size_t blocks_per_ot, std::span<Block> out0,
            std::span<Block> out1) const;
  void hash_lanes(std::size_t first, std::size_t count, std::size_t blocks_per_ot,
                  std::span<std::uint64_t> out0, std::span<std::uint64_t> out1) const;

 private:
  std::size_t count_ = 0;
  SecretVector<Block> rows_;
  Secret<Block> nabla_;
  Block hash_key_{};
};

}  // namespace quorate::ot
