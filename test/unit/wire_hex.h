#pragma once

#include "fuzz/wire_samples.h"

/// Payloads as hexadecimal text, field by field.
namespace quorate::wire {

template <class IdType>
IdType filled(std::uint8_t with) {
  IdType out;
  out.bytes.fill(with);
  return out;
}
inline std::string times(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}
inline std::string id_hex(std::string_view byte) { return times(byte, 32); }

inline const std::string kGenerator256 =
    "04"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

}  // namespace quorate::wire
