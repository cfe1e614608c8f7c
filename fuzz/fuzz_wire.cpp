// Every message decoder: hostile bytes are refused or mean exactly one message, the one they came from.
// Input: a selector of type and curve (wire_samples.h), then a payload. Selector 255: a frame header.

#include "fuzz/wire_samples.h"
#include "protocol/wire/frame.h"

using namespace quorate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Curve::allow_toy();
  if (size == 0) return 0;
  const ByteView payload(data + 1, size - 1);
  if (data[0] == 255) {
    const auto header = wire::parse_frame_header(payload);
    if (!header) return 0;
    const auto again = wire::encode_frame_header(*header);
    if (!std::equal(again.begin(), again.end(), payload.begin(), payload.end())) std::abort();
    return 0;
  }
  const auto selection = wire::sample::selected_by(data[0]);
  if (!selection) return 0;
  const auto again = wire::sample::recode(selection->type, *selection->curve, payload);
  if (!again) return 0;
  if (payload.size() > wire::max_payload(selection->type)) std::abort();
  if (!std::equal(again->begin(), again->end(), payload.begin(), payload.end())) std::abort();
  return 0;
}
