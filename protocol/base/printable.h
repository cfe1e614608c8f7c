#pragma once

#include <string>
#include <string_view>

namespace quorate {

/// What others wrote (a file, a peer), for a terminal: control characters, those of Unicode's second block too, and
/// whatever is no UTF-8 are shown as \xNN. With keep_lines a line feed stays one.
inline std::string printable(std::string_view text, bool keep_lines = false) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
    const unsigned first = byte(i);
    std::size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xc0) != 0x80) length = 0;
    const bool control = first < 0x20 || first == 0x7f || (first == 0xc2 && byte(i + 1) < 0xa0);
    if (length > 0 && (!control || (keep_lines && first == '\n'))) {
      out.append(text.substr(i, length));
      i += length;
      continue;
    }
    out += {'\\', 'x', kDigits[first >> 4], kDigits[first & 15]};
    ++i;
  }
  return out;
}

}  // namespace quorate
