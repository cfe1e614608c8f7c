#pragma once

#include "protocol/wire/admin_codec.h"
#include "protocol/wire/hello_codec.h"
#include "protocol/wire/keygen_codec.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/presign_codec.h"
#include "protocol/wire/quarantine_codec.h"
#include "protocol/wire/record_codec.h"
#include "protocol/wire/setup_codec.h"
#include "protocol/wire/tier_codec.h"
#include "test/sim/seeded_rng.h"

/// Messages of every type with random content that is well-formed and means nothing: seeds of the
/// fuzzers' corpora and material of the unit tests.
namespace quorate::wire::sample {

/// One message. Lists are short; points are on the curve; on the toy curve some are infinity.
template <class T>
T make(const Curve& curve, sim::SeededRng& rng);

/// Payload of a message of this type.
Bytes payload(MessageType type, const Curve& curve, sim::SeededRng& rng);

/// Whether the payload's layout depends on the curve that the receiver passes to the decoder.
bool takes_curve(MessageType type);

/// Decodes a payload of this type and encodes what came out.
Result<Bytes, WireError> recode(MessageType type, const Curve& curve, ByteView payload);

/// The first byte of a fuzzer's input: the type's number, plus 85 for P-384, plus 170 for the toy curve.
struct Selection {
  MessageType type{};
  const Curve* curve = nullptr;
};
std::uint8_t selector(const Selection& selection);
std::optional<Selection> selected_by(std::uint8_t selector);

}  // namespace quorate::wire::sample
