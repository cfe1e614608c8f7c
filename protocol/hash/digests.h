#pragma once

#include <vector>

#include "protocol/hash/transcript.h"

namespace quorate {

/// Many transcripts that differ in their binding and in one string: element i is
/// Transcript(label, bindings[i]).add(strings[i]).digest(). The strings are all of one length. Sixteen at a
/// time where lanes_in_use() is Lanes::Ifma, which takes less than half of the time. Constant-time in the
/// strings, which may be secret; the digests are then secret too.
std::vector<Digest> digests(Label label, std::span<const Binding> bindings,
                            std::span<const ByteView> strings);

}  // namespace quorate
