#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/group/point.h"
#include "protocol/hash/identity.h"

namespace quorate::wire {

/// What is wrong with a field.
enum class Reason : std::uint8_t {
  Truncated,     ///< the payload ends before the field does
  Trailing,      ///< the payload goes on after the last field
  TooLong,       ///< a length or count is above its limit
  TooShort,      ///< a length or count is below its limit
  OutOfRange,    ///< a number is
  UnknownValue,  ///< not a value of this enumeration
  NotAscending,  ///< a list that must be strictly ascending is not
  NotText,       ///< a character that the field does not allow
  BadScalar,     ///< not below the group order
  BadPoint,      ///< not an uncompressed point of the curve, or infinity on a real curve
  Mismatch,      ///< two fields contradict each other
  UnknownType,   ///< no such message type
  WrongVersion,  ///< a wire version that is not spoken here
};
std::string_view name(Reason reason);

/// Where and why decoding stopped. field points at a string literal.
struct WireError {
  std::string_view field;
  Reason reason = Reason::Truncated;

  bool operator==(const WireError&) const = default;
  /// "SignRequest.content: TooLong"
  [[nodiscard]] std::string what() const;
};

/// 1 to 64 of A-Z a-z 0-9 . _ - : names of clusters and keys.
inline constexpr std::size_t kMaxName = 64;
bool valid_name(std::string_view name);

/// Least bytes that a point of this curve takes: on the toy curve infinity is a single byte.
inline std::size_t least_point_size(const Curve& curve) { return curve.is_toy() ? 1 : curve.point_size(); }

/// Takes a payload apart from front to back. Integers are big-endian. The first failure sticks: from
/// then on every read returns zero, nothing or an empty list, at once, and finish() reports the first
/// field that was wrong. Nothing is allocated before the bytes for it are known to be there. Whatever
/// the input, there is no exception and no undefined behaviour.
/// Field names must be string literals. Public data only; the running time depends on the content.
class Reader {
 public:
  explicit Reader(ByteView payload) : rest_(payload) {}

  [[nodiscard]] bool ok() const { return !error_; }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }
  /// Records a failure that the caller found; only the first one counts.
  void reject(std::string_view field, Reason reason);

  std::uint8_t u8(std::string_view field);
  std::uint16_t u16(std::string_view field);
  std::uint32_t u32(std::string_view field);
  std::uint64_t u64(std::string_view field);
  /// OutOfRange unless least <= x <= greatest.
  std::uint8_t u8_in(std::string_view field, std::uint8_t least, std::uint8_t greatest);
  std::uint16_t u16_in(std::string_view field, std::uint16_t least, std::uint16_t greatest);
  std::uint32_t u32_in(std::string_view field, std::uint32_t least, std::uint32_t greatest);
  /// An enumeration whose values are least..greatest without gaps.
  template <class E>
  E enumeration(std::string_view field, E least, E greatest) {
    const auto raw = u8(field);
    if (ok() && (raw < static_cast<std::uint8_t>(least) || raw > static_cast<std::uint8_t>(greatest)))
      reject(field, Reason::UnknownValue);
    return ok() ? static_cast<E>(raw) : least;
  }

  /// Exactly size bytes of the payload, not copied; empty after a failure.
  ByteView raw(std::string_view field, std::size_t size);
  template <std::size_t N>
  std::array<std::uint8_t, N> array(std::string_view field) {
    std::array<std::uint8_t, N> out{};
    if (auto bytes = raw(field, N); bytes.size() == N) std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
  }
  template <class IdType>
  IdType id(std::string_view field) {
    return IdType{array<32>(field)};
  }
  /// u8, u16 or u32 length and that many bytes.
  Bytes bytes8(std::string_view field, std::size_t greatest);
  Bytes bytes16(std::string_view field, std::size_t greatest);
  Bytes bytes32(std::string_view field, std::size_t greatest);
  /// u8 length and a valid_name().
  std::string name(std::string_view field);
  /// u16 length and printable ASCII, 0x20..0x7e.
  std::string text(std::string_view field, std::size_t greatest);

  /// The count of a list whose elements take least_size bytes or more each. Checked against its limits and
  /// against what is left of the payload before the caller allocates; 0 after a failure.
  std::size_t count8(std::string_view field, std::size_t least, std::size_t greatest, std::size_t least_size);
  std::size_t count16(std::string_view field, std::size_t least, std::size_t greatest, std::size_t least_size);
  std::size_t count32(std::string_view field, std::size_t least, std::size_t greatest, std::size_t least_size);

  /// A curve by its number; the P-256 curve after a failure. The toy curve needs Curve::allow_toy().
  const Curve& curve(std::string_view field);
  /// scalar_size() bytes below the order.
  Scalar scalar(std::string_view field, const Curve& curve);
  /// Uncompressed; see Point::decode.
  Point point(std::string_view field, const Curve& curve);
  /// `count` points without a prefix.
  std::vector<Point> points(std::string_view field, const Curve& curve, std::size_t count);
  /// 1..kMaxParties.
  PartyId party(std::string_view field);
  /// u8 count and that many signer ids, strictly ascending; least <= count <= kMaxParties.
  std::vector<PartyId> parties(std::string_view field, std::size_t least);
  /// parties() of two or more.
  Quorum quorum(std::string_view field) { return parties(field, 2); }
  PresignatureId presignature(std::string_view field);

  /// The value if everything was right and nothing is left over.
  template <class T>
  Result<T, WireError> finish(T value) {
    if (auto error = end()) return fail(*error);
    return Result<T, WireError>(std::move(value));
  }
  Result<void, WireError> finish() {
    if (auto error = end()) return fail(*error);
    return {};
  }

 private:
  std::optional<WireError> end();
  std::uint64_t number(std::string_view field, std::size_t size);
  Bytes bytes(std::string_view field, std::uint64_t size, std::size_t greatest);
  std::size_t count(std::string_view field, std::uint64_t count, std::size_t least, std::size_t greatest,
                    std::size_t least_size);

  ByteView rest_;
  std::optional<WireError> error_;
};

/// Puts a payload together. A value that breaks a limit of its field is the caller's bug and ends the
/// process: what comes from outside (a content, a name) is checked before a message is made of it.
class Writer {
 public:
  /// reserve: the expected size, so that payloads with secrets are not copied while they grow.
  explicit Writer(std::size_t reserve = 0) { out_.reserve(reserve); }

  Writer& u8(std::uint64_t x) { return number(x, 1); }
  Writer& u16(std::uint64_t x) { return number(x, 2); }
  Writer& u32(std::uint64_t x) { return number(x, 4); }
  Writer& u64(std::uint64_t x) { return number(x, 8); }
  template <class E>
    requires std::is_enum_v<E>
  Writer& enumeration(E value) {
    return u8(static_cast<std::uint8_t>(value));
  }

  Writer& raw(ByteView bytes);
  template <class Tag>
  Writer& id(const Id<Tag>& id) {
    return raw(id.view());
  }
  Writer& bytes8(ByteView bytes, std::size_t greatest);
  Writer& bytes16(ByteView bytes, std::size_t greatest);
  Writer& bytes32(ByteView bytes, std::size_t greatest);
  Writer& name(std::string_view name);
  /// Cut at `greatest`; what is not printable ASCII goes out as '?'.
  Writer& text(std::string_view text, std::size_t greatest);

  Writer& count8(std::size_t count, std::size_t least, std::size_t greatest);
  Writer& count16(std::size_t count, std::size_t least, std::size_t greatest);
  Writer& count32(std::size_t count, std::size_t least, std::size_t greatest);

  Writer& scalar(const Scalar& scalar);
  Writer& point(const Point& point) { return raw(point.encode()); }
  /// Without a prefix; one field inversion for all.
  Writer& points(std::span<const Point> points);
  Writer& party(PartyId party);
  Writer& parties(const std::vector<PartyId>& parties, std::size_t least);
  Writer& quorum(const Quorum& quorum) { return parties(quorum, 2); }
  Writer& presignature(const PresignatureId& id) { return raw(id.sid.view()).u32(id.index); }

  [[nodiscard]] Bytes take() && { return std::move(out_); }

 private:
  Writer& number(std::uint64_t x, std::size_t size);

  Bytes out_;
};

/// Ends the process if a message to be encoded breaks a limit.
void require(bool limit_holds);

}  // namespace quorate::wire
