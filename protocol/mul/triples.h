#pragma once

#include <cstdint>
#include <span>

#include "protocol/group/scalar.h"
#include "protocol/mul/lane_kernels.h"
#include "protocol/ot/params.h"

/// Loops over the xi rows of three residues that one RVOLE instance works on (SPEC 4). All arrays are
/// packed: modulus.limbs words per residue, plain (not Montgomery) and below n, row after row. A mask
/// is all ones or all zeros, one a row. Sizes that do not fit each other end the process. Everything
/// is constant-time in the values, the masks and the constants.
namespace quorate::mul {

using Word = std::uint64_t;

Reciprocal reciprocal(const Modulus& m);

/// Row j = the three big-endian integers of `width` bytes at the start of blocks
/// j * blocks_per_row .., each mod n. width is the curve's wide_size(), v the
/// modulus's reciprocal.
void reduce_rows(const Modulus& m, Reciprocal v, std::span<Word> rows, std::span<const ot::Block> in,
                 std::size_t blocks_per_row, std::size_t width);

/// row := minuend - row + shift, shift being one row.
void blind_rows(const Modulus& m, std::span<Word> rows, std::span<const Word> minuend,
                std::span<const Word> shift);

/// row := row + (mask and correction)
void correct_rows(const Modulus& m, std::span<Word> rows, std::span<const Word> masks,
                  std::span<const Word> correction);

/// out_j = row_j[2] + t0 row_j[0] + t1 row_j[1], the constants in Montgomery form.
void fold_rows(const Modulus& m, std::span<Word> out, std::span<const Word> rows, const Limbs& t0,
               const Limbs& t1);

/// value_j := value_j - (mask_j and c), one residue a row.
void subtract_where(const Modulus& m, std::span<Word> values, std::span<const Word> masks, const Limbs& c);

/// sum over j of (mask_j and value_j) mod n.
Limbs sum_where(const Modulus& m, std::span<const Word> values, std::span<const Word> masks);

/// Each residue as `size` big-endian bytes, and back. decode is false if some value is n or more; it
/// is for public input.
void encode(const Modulus& m, MutableByteView out, std::size_t size, std::span<const Word> values);
bool decode(const Modulus& m, std::span<Word> values, ByteView in, std::size_t size);

}  // namespace quorate::mul
