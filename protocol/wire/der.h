#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "protocol/base/bytes.h"

/// The little of DER (X.690) that key files and the content policy need. Input is hostile: nothing here
/// reads outside what it was given, recurses without a bound or accepts a second encoding of one value.
namespace quorate::der {

/// Identifier octets as they stand in the encoding. Tag numbers above 30 are not supported.
inline constexpr std::uint8_t kBoolean = 0x01, kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04,
                              kNull = 0x05, kOid = 0x06, kEnumerated = 0x0a, kUtf8String = 0x0c,
                              kUtcTime = 0x17, kGeneralizedTime = 0x18, kSequence = 0x30, kSet = 0x31;
/// Context-specific [number]: primitive and constructed.
constexpr std::uint8_t context(unsigned number) { return static_cast<std::uint8_t>(0x80 | number); }
constexpr std::uint8_t context_constructed(unsigned number) { return static_cast<std::uint8_t>(0xa0 | number); }

/// One tag-length-value. Both views point into the input.
struct Element {
  std::uint8_t tag = 0;
  ByteView value;
  ByteView whole;  ///< with tag and length
};

/// Reads elements one after another. Lengths are definite and minimal, at most 2^24 - 1.
class Reader {
 public:
  explicit Reader(ByteView input) : rest_(input) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] ByteView rest() const { return rest_; }
  /// The next identifier octet; 0, which is no tag in use, at the end.
  [[nodiscard]] std::uint8_t peek() const { return rest_.empty() ? 0 : rest_[0]; }
  /// The next element, which is consumed; nothing, and nothing consumed, if it is malformed or cut off.
  std::optional<Element> next();
  /// The same if it has this tag.
  std::optional<Element> next(std::uint8_t tag);

 private:
  ByteView rest_;
};

/// The one element that the input consists of; nothing if it has another tag or something follows it.
std::optional<Element> only(ByteView input, std::uint8_t tag);

/// True if the input is exactly one DER value all the way down: minimal lengths, booleans 00 or FF,
/// minimal integers and OID arcs, zeroed padding bits, sorted SETs, primitive strings, 32 levels at most.
/// SETs are held to the order of SET OF. Octet strings are not looked into.
bool valid(ByteView input);

/// The value of an INTEGER element's contents if it is 0..2^31-1 and minimal.
std::optional<std::uint32_t> small_integer(ByteView contents);

/// tag, minimal length, contents.
Bytes encode(std::uint8_t tag, ByteView contents);
/// The same around several parts in a row.
Bytes encode(std::uint8_t tag, std::initializer_list<ByteView> parts);
/// INTEGER of a non-negative big-endian number: leading zeros dropped, a sign byte added where needed.
Bytes encode_unsigned(ByteView big_endian);

}  // namespace quorate::der
