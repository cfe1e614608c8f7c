#pragma once

#include <cstddef>
#include <cstdint>

namespace quorate {

/// What a kernel takes and gives: arrays of words, items in groups of eight, one an item and lane.
struct LaneTask {
  /// x and y of each point, plain and below p; infinity is (0, 0).
  const std::uint64_t* points = nullptr;
  /// At (list * windows + w) * 8 groups + item: the scalar's digit of weight 32^w, from -16 to 16, plus 16.
  const std::uint64_t* digits = nullptr;
  std::size_t groups = 0, lists = 1, windows = 0;
  std::uint64_t* out = nullptr;
  std::uint64_t* faults = nullptr;  ///< eight words that get bits where a result is not on the curve
  void* work = nullptr;             ///< aligned to 64 bytes; holds secrets afterwards
  /// For add_hashes: both field elements of each item, plain and below p; and whether to subtract.
  const std::uint64_t* fields = nullptr;
  bool subtract = false;
};

/// Public points to be added up: x and y of each, as it is or negative.
struct LaneEntries {
  /// Montgomery form of the lanes, R = 2^(52 limbs), below p; room for whole groups of eight.
  const std::uint64_t* points = nullptr;
  const std::uint8_t* negative = nullptr;  ///< bit i of byte g: point 8 g + i is to be subtracted
  std::size_t count = 0;                   ///< at least 1
  std::uint64_t *x = nullptr, *z = nullptr;  ///< the sum's, x = X / Z, plain; Z = 0 is infinity
};

/// LaneProducts of one curve over one vector type. Constant-time in points and digits; what is infinity among
/// the points and the numbers of things may be seen.
struct LaneKernels {
  std::size_t words, limbs;          ///< of a coordinate: as plain words, and within a kernel
  std::size_t windows;               ///< digits of a scalar below the order
  std::size_t work_size, sum_size;   ///< bytes of LaneTask::work
  /// k P for one or two lists of scalars over the same points, none of them infinity.
  /// out: at list * 8 groups + item
  void (*multiply)(const LaneTask&);
  /// k G. points: what prepare_base made of (j + 1) 32^w G at 16 w + j
  void (*multiply_base)(const LaneTask&);
  /// Sums of k P, for each lane that of all its items; any points. windows may be fewer.
  /// out: X, Y, Z of each lane, x = X / Z, y = Y / Z
  void (*sum)(const LaneTask&);
  /// count (a multiple of 8) points in the form that multiply_base takes: 2 limbs words each.
  void (*prepare_base)(std::uint64_t* out, const std::uint64_t* points, std::size_t count);
  /// Any points but infinity, equal and opposite ones included. Variable time.
  void (*sum_var)(const LaneEntries&);
  /// P + H or P - H for any points P, H being the sum of the mapped fields (RFC 9380).
  void (*add_hashes)(const LaneTask&);
};

class Curve;
/// nullptr where single words compute: on toy curves, and as lanes_in_use() says.
const LaneKernels* lane_kernels(const Curve& curve);

#if defined(QUORATE_IFMA)
extern const LaneKernels kIfmaP256, kIfmaP384;
#endif

}  // namespace quorate
