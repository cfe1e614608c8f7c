#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/group/modulus.h"

/// What triples.h does with rows of three residues, for eight rows at a time (protocol/group/lanes.h).
/// Pointers only, because the sources behind it are compiled for processors that the rest need not have.
/// Groups are of eight rows; all arrays hold `groups` of them:
///
///   hashed   the OTs' outputs, three big-endian integers of N + 2 words a row, N being the modulus's: word k
///   of
///            eight rows, then word k + 1 of them, each as its eight bytes lie in memory
///   rows     three residues a row in limbs, L = lane_limbs(N): limb 0 of eight residues, limb 1 of them, ..,
///            then the next residue. Not below n, but tidy
///   gadget   one residue a row in the same form
///   choices  one bit a row, the first row's lowest
///   plain    residues as N words each, below n
///
/// Constant-time in all of them.
namespace quorate::mul {

/// floor(2^(64 limbs + 128) / n) - 2^128 for an n whose topmost bit is set; {0, 0} for others (toy curves).
struct Reciprocal {
  std::uint64_t lo = 0, hi = 0;
};

struct LaneKernels {
  /// rows := hashed0; out := hashed0 - hashed1 + shift (three plain residues), each 8N big-endian bytes, row
  /// after row
  void (*blind)(const Modulus& m, Reciprocal v, std::size_t groups, const std::uint64_t* hashed0,
                const std::uint64_t* hashed1, const std::uint64_t* shift, std::uint64_t* rows,
                std::uint8_t* out);
  /// rows := hashed + (choice and in), `in` being encoded as blind() does. Returns ones if all of `in` is
  /// below n
  std::uint64_t (*correct)(const Modulus& m, Reciprocal v, std::size_t groups, const std::uint64_t* hashed,
                           const std::uint8_t* choices, const std::uint8_t* in, std::uint64_t* rows);
  /// out := row[2] + theta_0 row[0] + theta_1 row[1] - (choice and eta), encoded; theta two plain residues,
  /// eta one
  void (*fold)(const Modulus& m, std::size_t groups, const std::uint64_t* rows, const std::uint64_t* theta,
               const std::uint64_t* eta, const std::uint8_t* choices, std::uint8_t* out);
  /// sum := eight residues in limbs (as in `rows`, limbs up to 52 bits), whose sum is that of gadget_j
  /// row_j[i] divided by 2^(52 L)
  void (*weigh)(const Modulus& m, std::size_t groups, const std::uint64_t* rows, const std::uint64_t* gadget,
                std::size_t i, std::uint64_t* sum);
  /// sum := the sum of (choice and gadget_j), spread over eight lanes, limbs up to 60 bits
  void (*choose)(std::size_t groups, const std::uint64_t* gadget, const std::uint8_t* choices,
                 std::uint64_t* sum);
};

/// For a modulus of 4 or 6 words, an order of P-256 or P-384.
const LaneKernels& portable_kernels(const Modulus& m);
const LaneKernels& ifma_kernels(const Modulus& m);

}  // namespace quorate::mul
