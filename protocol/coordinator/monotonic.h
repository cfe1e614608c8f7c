#pragma once

#include <chrono>
#include <cstdint>

namespace quorate::coordinator {

/// A point on the owner's monotonic clock: nanoseconds since an origin of its choice. The core never reads
/// a clock; every event brings the time with it. The same type serves as a span of time.
using Time = std::chrono::nanoseconds;

inline constexpr Time kNever = Time::max();
/// Earlier than any event, and far enough from the type's end for differences to be safe.
inline constexpr Time kLongAgo = Time::min() / 4;

/// Whole milliseconds, rounded down; for the wire and for texts.
inline std::int64_t whole_ms(Time t) { return std::chrono::duration_cast<std::chrono::milliseconds>(t).count(); }

}  // namespace quorate::coordinator
