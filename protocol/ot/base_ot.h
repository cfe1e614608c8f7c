#pragma once

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "protocol/base/abort.h"
#include "protocol/base/rng.h"
#include "protocol/base/secret.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/params.h"

namespace quorate::ot {

/// kLambdaC pairs of points, one a base OT: (r_0, r_1) or (B_0, B_1).
using PointPairs = std::vector<std::array<Point, 2>>;

/// SPEC 2.1, Hpt(c, idx, sid, r): hash-to-curve of the binding, the slot c and the other slot's point.
/// binding  sid = set-up id, from = base-OT sender, to = base-OT receiver, instance = idx
/// c        0 or 1; hashed as data
/// other    point_size() bytes: the uncompressed encoding (toy infinity: zeros)
/// time     constant in c and other
Point base_ot_point(const Curve& curve, const Binding& binding, std::uint64_t c, ByteView other);

/// What the base-OT sender gets: its message, and both keys of each instance.
struct BaseOtSent {
  PointPairs b;
  SecretVector<std::array<Block, 2>> keys;  ///< kLambdaC pairs (rho_0, rho_1)
};

/// SPEC 2.1, the sender (the later extension's receiver).
/// binding  as for base_ot_point, instance unused
/// r        the receiver's message
/// fails    Malformed: not kLambdaC pairs of this curve. Infinity: some r_c or A_c is neutral (real
///          curves; a toy curve's A_c may be). Blame pair(from, to)
/// time     constant in the sender's scalars
Result<BaseOtSent, Abort> base_ot_send(const Curve& curve, const Binding& binding, const PointPairs& r,
                                       Rng& rng);

/// SPEC 2.1, the receiver (the later extension's sender). Bit j of choices (byte j/8, bit j%8) is the
/// choice of instance j. No operation on a point depends on a choice: what differs between the two
/// values of a bit is computed for both and selected among bytes, or masked first.
class BaseOtReceiver {
 public:
  /// The first move: the message (r_0, r_1), and who can finish it.
  static std::pair<PointPairs, BaseOtReceiver> choose(const Curve& curve, const Binding& binding,
                                                      Secret<Block> choices, Rng& rng);

  /// The last move: rho_b of each instance from the sender's (B_0, B_1). Single use.
  /// fails  Malformed: not kLambdaC pairs of this curve. Infinity: some B_c is neutral (real curves).
  ///        Blame pair(to, from); decided on public values only
  /// time   constant in the choices and in t_a
  Result<SecretVector<Block>, Abort> keys(const PointPairs& b) &&;

 private:
  BaseOtReceiver() = default;
  const Curve* curve_ = nullptr;
  Binding binding_;
  Secret<Block> choices_;
  std::vector<SecretScalar> t_;    ///< t_a of each instance
  SecretScalar mask_, mask_step_;  ///< of t_a G and of the points B_b while the library works on them
  Bytes r_;                        ///< (r_0, r_1) of each instance, point_size() bytes each
};

}  // namespace quorate::ot
