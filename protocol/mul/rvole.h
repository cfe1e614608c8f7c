#pragma once

#include "protocol/base/abort.h"
#include "protocol/group/scalar.h"
#include "protocol/hash/transcript.h"
#include "protocol/ot/soft_spoken.h"

namespace quorate::mul {

/// SPEC section 4, Alice to Bob, one per instance.
struct RvoleMessage {
  Bytes a_tilde;  ///< xi x 3 scalars, scalar_size() big-endian bytes each: a~_j[0..2], j ascending
  Scalar eta;
  Digest mu;
};

/// ceil(3 * wide_size / 16): 9 (P-256), 12 (P-384).
std::size_t blocks_per_ot(const Curve& curve);

struct RvoleSent {
  RvoleMessage message;
  std::array<SecretScalar, 2> c;  ///< c_i with c_i + D_i = a_i chi
};

/// Alice. binding: sid, from = Alice, to = Bob, instance. Constant-time in a0, a1 and the OT outputs.
RvoleSent rvole_send(const Curve& curve, const Binding& binding, const ot::SenderOts& ots, const SecretScalar& a0,
                     const SecretScalar& a1, Rng& rng);

/// Bob's input of one instance: chi = sum beta_j g_j.
SecretScalar rvole_chi(const Curve& curve, const ot::ReceiverOts& ots, std::uint32_t instance);

/// Bob. Returns D_0, D_1. Fails with Malformed or RvoleCheck, blame pair(to, from).
Result<std::array<SecretScalar, 2>, Abort> rvole_receive(const Curve& curve, const Binding& binding,
                                                         const ot::ReceiverOts& ots, const RvoleMessage& message);

}  // namespace quorate::mul
