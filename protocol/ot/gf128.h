#pragma once

#include <span>

#include "protocol/ot/params.h"

/// GF(2^128) with modulus x^128 + x^7 + x^2 + x + 1. The coefficient of x^i is bit i % 8 of byte
/// i / 8 (SPEC 3.3); this is not GHASH's reflected order. Constant-time in all operands.
namespace quorate::ot::gf128 {

Block add(const Block& a, const Block& b);
Block mul(const Block& a, const Block& b);

/// sum_i a[i] b[i], reduced once. Equal lengths.
Block inner_product(std::span<const Block> a, std::span<const Block> b);

/// The same without carry-less multiplication in hardware: what inner_product() does on a machine
/// that has none. No table is indexed by an operand.
Block inner_product_portable(std::span<const Block> a, std::span<const Block> b);

/// Whether inner_product() uses the hardware's carry-less multiplication.
bool accelerated();

}  // namespace quorate::ot::gf128
