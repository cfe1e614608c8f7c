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

/// SPEC 4.2-4.5, Alice.
/// binding  sid, from = Alice, to = Bob, instance; the instance's OTs are number instance * xi and on,
///          and beyond the batch the process ends. Each instance is to be used once: a second message
///          over the same OTs gives the difference of the inputs away
/// out      the message, and c_0, c_1
/// time     constant in a0, a1 and the OT outputs
RvoleSent rvole_send(const Curve& curve, const Binding& binding, const ot::SenderOts& ots,
                     const SecretScalar& a0, const SecretScalar& a1, Rng& rng);
/// The same for instances 0, 1, ... of a batch, which costs less: their hashes are made side by side.
/// inputs   a_0, a_1 of each
std::vector<RvoleSent> rvole_send_each(const Curve& curve, const Binding& binding, const ot::SenderOts& ots,
                                       std::span<const std::array<const SecretScalar*, 2>> inputs, Rng& rng);

/// SPEC 4.1, Bob's input of one instance: chi = sum beta_j g_j. Constant-time in beta.
SecretScalar rvole_chi(const Curve& curve, const ot::ReceiverOts& ots, std::uint32_t instance);

/// SPEC 4.6, Bob.
/// binding  the sender's
/// out      D_0, D_1
/// fails    Malformed: a~ has the wrong length or holds a value of n or more, eta is of another curve.
///          RvoleCheck: mu does not match. Either is a dispute pair(to, from), and the set-up must be
///          destroyed before anything is answered: the answer may be a bit of beta or of Nabla
/// time     constant in beta and the OT outputs
Result<std::array<SecretScalar, 2>, Abort> rvole_receive(const Curve& curve, const Binding& binding,
                                                         const ot::ReceiverOts& ots,
                                                         const RvoleMessage& message);
/// The same for instances 0, 1, ... of a batch. Whatever fails, all others are worked through.
std::vector<Result<std::array<SecretScalar, 2>, Abort>> rvole_receive_each(
    const Curve& curve, const Binding& binding, const ot::ReceiverOts& ots,
    std::span<const RvoleMessage* const> messages);

}  // namespace quorate::mul
