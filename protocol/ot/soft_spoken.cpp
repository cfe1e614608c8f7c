#include "protocol/ot/soft_spoken.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "protocol/ot/aes.h"
#include "protocol/ot/extension_rows.h"
#include "protocol/ot/transpose.h"

namespace quorate::ot {
namespace {

// The first `count` columns of the 128 rows, rounded up to a multiple of 128.
SecretVector<Block> columns(const SecretVector<Block>& rows, std::size_t count) {
  SecretVector<Block> out((count + kLambdaC - 1) / kLambdaC * kLambdaC);
  transpose(rows.reveal(), rows.size() / kLambdaC, out.reveal());
  return out;
}

void need_range(std::size_t first, std::size_t count, std::size_t held) {
  if (first > held || count > held - first) std::abort();
}

}  // namespace

std::size_t extension_width(std::size_t batch, std::size_t xi) {
  return (batch * xi + kLambdaC - 1) / kLambdaC * kLambdaC + kSacrificed;
}

std::pair<ExtensionMessage, ReceiverOts> ReceiverOts::extend(const AllLeaves& leaves, const Binding& binding,
                                                             std::size_t batch, std::size_t xi, Rng& rng) {
  const std::size_t bytes = extension_width(batch, xi) / 8, blocks = bytes / sizeof(Block);
  const ExtensionKeys keys = extension_keys(binding);

  // SPEC 3.1: c^ = choice bits, padding and sacrificed bits, all random.
  SecretBytes c_hat(bytes);
  rng.fill(c_hat.reveal());
  const auto c = as_blocks(std::as_const(c_hat).reveal());

  SecretVector<Block> v(kLambdaC * blocks);
  ExtensionMessage message;
  message.u.resize(kTrees * bytes);
  TreeReader trees(leaves.leaves.reveal(), keys.leaf, blocks);
  for (std::size_t i = 0; i < kTrees; ++i) {
    const auto u = as_blocks(MutableByteView(message.u)).subspan(i * blocks, blocks);
    trees.read(i, v.reveal().subspan(i * kTreeDepth * blocks, kTreeDepth * blocks), u);
    xor_into(u, c);
  }
  ct::unpoison(message.u.data(), message.u.size());

  // SPEC 3.2: the answer to the challenges.
  const std::vector<Block> chi = challenges(binding, batch, xi, message.u);
  message.x_tilde = row_check(chi, c);
  for (std::size_t r = 0; r < kLambdaC; ++r)
    message.t_tilde[r] = row_check(chi, v.reveal().subspan(r * blocks, blocks));
  ct::unpoison(message.x_tilde.data(), sizeof message.x_tilde);
  ct::unpoison(message.t_tilde.data(), sizeof message.t_tilde);

  ReceiverOts ots;
  ots.count_ = batch * xi;
  ots.rows_ = columns(v, ots.count_);
  ots.choices_ = std::move(c_hat);
  ots.hash_key_ = keys.hash;
  return {std::move(message), std::move(ots)};
}

void ReceiverOts::hash(std::size_t first, std::size_t count, std::size_t blocks_per_ot,
                       std::span<Block> out) const {
  need_range(first, count, std::min(count_, rows_.size()));
  FixedKeyAes(hash_key_).hash(rows_.reveal().subspan(first, count), first, blocks_per_ot, out);
}

void ReceiverOts::hash_lanes(std::size_t first, std::size_t count, std::size_t blocks_per_ot,
                             std::span<std::uint64_t> out) const {
  need_range(first, count, std::min(count_, rows_.size()));
  ot::hash_lanes(hash_key_, Block{}, rows_.reveal().subspan(first, count), first, blocks_per_ot, out);
}

Result<SenderOts, Abort> SenderOts::extend(const PuncturedLeaves& leaves, const Binding& binding,
                                           std::size_t batch, std::size_t xi,
                                           const ExtensionMessage& message) {
  const auto dispute = [&](Fault fault, const char* detail) {
    return fail(Abort{fault, Blame::pair(binding.to, binding.from), detail});
  };
  const std::size_t bytes = extension_width(batch, xi) / 8, blocks = bytes / sizeof(Block);
  if (message.u.size() != kTrees * bytes)
    return dispute(Fault::Malformed, "OT extension: wrong number of u rows");
  const auto u = as_blocks(ByteView(message.u));
  const ExtensionKeys keys = extension_keys(binding);

  // SPEC 3.3: w_{ki+b} = part_b xor (Delta_i)_b (total xor u_i); see TreeReader for the unknown leaf.
  SecretVector<Block> w(kLambdaC * blocks), total(blocks);
  TreeReader trees(leaves.leaves.reveal(), keys.leaf, blocks);
  const Block& nabla = leaves.nabla.reveal();
  const auto nabla_mask = [&](std::size_t r) { return ct::mask(std::uint64_t{nabla[r / 8]} >> (r % 8) & 1); };
  for (std::size_t i = 0; i < kTrees; ++i) {
    const auto rows = w.reveal().subspan(i * kTreeDepth * blocks, kTreeDepth * blocks);
    trees.read(i, rows, total.reveal());
    xor_into(total.reveal(), u.subspan(i * blocks, blocks));
    for (std::size_t b = 0; b < kTreeDepth; ++b)
      xor_masked(rows.subspan(b * blocks, blocks), nabla_mask(kTreeDepth * i + b), total.reveal());
  }

  const std::vector<Block> chi = challenges(binding, batch, xi, message.u);
  SecretVector<Block> computed(kLambdaC), expected(kLambdaC);
  for (std::size_t r = 0; r < kLambdaC; ++r) {
    computed.reveal()[r] = row_check(chi, w.reveal().subspan(r * blocks, blocks));
    expected.reveal()[r] = message.t_tilde[r];
    xor_masked(expected.reveal().subspan(r, 1), nabla_mask(r), {&message.x_tilde, 1});
  }
  if (!ct::equal(raw_bytes(computed.reveal()), raw_bytes(expected.reveal())))
    return dispute(Fault::OtCheck, "OT extension: the consistency check failed");

  SenderOts ots;
  ots.count_ = batch * xi;
  ots.rows_ = columns(w, ots.count_);
  ots.nabla_ = Secret<Block>(nabla);
  ots.hash_key_ = keys.hash;
  return ots;
}

void SenderOts::hash(std::size_t first, std::size_t count, std::size_t blocks_per_ot, std::span<Block> out0,
                     std::span<Block> out1) const {
  need_range(first, count, std::min(count_, rows_.size()));
  const auto rows = rows_.reveal().subspan(first, count);
  FixedKeyAes aes(hash_key_);
  aes.hash(rows, first, blocks_per_ot, out0);

  SecretVector<Block> flipped(count);
  std::copy(rows.begin(), rows.end(), flipped.reveal().begin());
  for (auto& row : flipped.reveal()) xor_into({&row, 1}, {&nabla_.reveal(), 1});
  aes.hash(std::as_const(flipped).reveal(), first, blocks_per_ot, out1);
}

void SenderOts::hash_lanes(std::size_t first, std::size_t count, std::size_t blocks_per_ot,
                           std::span<std::uint64_t> out0, std::span<std::uint64_t> out1) const {
  need_range(first, count, std::min(count_, rows_.size()));
  const auto rows = rows_.reveal().subspan(first, count);
  ot::hash_lanes(hash_key_, Block{}, rows, first, blocks_per_ot, out0);
  ot::hash_lanes(hash_key_, nabla_.reveal(), rows, first, blocks_per_ot, out1);
}

}  // namespace quorate::ot
