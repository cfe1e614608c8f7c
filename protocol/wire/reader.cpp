#include <algorithm>

#include "protocol/wire/codec.h"

namespace quorate::wire {
namespace {

bool printable(char c) { return c >= 0x20 && c <= 0x7e; }

bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

}  // namespace

std::string_view name(Reason reason) {
  switch (reason) {
    case Reason::Truncated: return "Truncated";
    case Reason::Trailing: return "Trailing";
    case Reason::TooLong: return "TooLong";
    case Reason::TooShort: return "TooShort";
    case Reason::OutOfRange: return "OutOfRange";
    case Reason::UnknownValue: return "UnknownValue";
    case Reason::NotAscending: return "NotAscending";
    case Reason::NotText: return "NotText";
    case Reason::BadScalar: return "BadScalar";
    case Reason::BadPoint: return "BadPoint";
    case Reason::Mismatch: return "Mismatch";
    case Reason::UnknownType: return "UnknownType";
    case Reason::WrongVersion: return "WrongVersion";
  }
  return "?";
}

std::string WireError::what() const { return std::string(field) + ": " + std::string(name(reason)); }

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), name_character);
}

void Reader::reject(std::string_view field, Reason reason) {
  if (!error_) error_ = WireError{field, reason};
  rest_ = {};
}

std::optional<WireError> Reader::end() {
  if (ok() && !rest_.empty()) reject("payload", Reason::Trailing);
  return error_;
}

ByteView Reader::raw(std::string_view field, std::size_t size) {
  if (size > rest_.size()) reject(field, Reason::Truncated);
  if (!ok()) return {};
  const auto taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

std::uint64_t Reader::number(std::string_view field, std::size_t size) {
  std::uint64_t x = 0;
  for (const auto byte : raw(field, size)) x = x << 8 | byte;
  return x;
}

std::uint8_t Reader::u8(std::string_view field) { return static_cast<std::uint8_t>(number(field, 1)); }
std::uint16_t Reader::u16(std::string_view field) { return static_cast<std::uint16_t>(number(field, 2)); }
std::uint32_t Reader::u32(std::string_view field) { return static_cast<std::uint32_t>(number(field, 4)); }
std::uint64_t Reader::u64(std::string_view field) { return number(field, 8); }

std::uint8_t Reader::u8_in(std::string_view field, std::uint8_t least, std::uint8_t greatest) {
  const auto x = u8(field);
  if (ok() && (x < least || x > greatest)) reject(field, Reason::OutOfRange);
  return ok() ? x : least;
}

std::uint16_t Reader::u16_in(std::string_view field, std::uint16_t least, std::uint16_t greatest) {
  const auto x = u16(field);
  if (ok() && (x < least || x > greatest)) reject(field, Reason::OutOfRange);
  return ok() ? x : least;
}

std::uint32_t Reader::u32_in(std::string_view field, std::uint32_t least, std::uint32_t greatest) {
  const auto x = u32(field);
  if (ok() && (x < least || x > greatest)) reject(field, Reason::OutOfRange);
  return ok() ? x : least;
}

Bytes Reader::bytes(std::string_view field, std::uint64_t size, std::size_t greatest) {
  if (ok() && size > greatest) reject(field, Reason::TooLong);
  if (!ok()) return {};
  const auto taken = raw(field, static_cast<std::size_t>(size));
  return {taken.begin(), taken.end()};
}

Bytes Reader::bytes8(std::string_view field, std::size_t greatest) {
  return bytes(field, number(field, 1), greatest);
}
Bytes Reader::bytes16(std::string_view field, std::size_t greatest) {
  return bytes(field, number(field, 2), greatest);
}
Bytes Reader::bytes32(std::string_view field, std::size_t greatest) {
  return bytes(field, number(field, 4), greatest);
}

std::string Reader::name(std::string_view field) {
  const auto raw_name = bytes8(field, kMaxName);
  std::string out(as_text(raw_name));
  if (!ok()) return {};
  if (out.empty()) return reject(field, Reason::TooShort), std::string();
  if (!valid_name(out)) return reject(field, Reason::NotText), std::string();
  return out;
}

std::string Reader::text(std::string_view field, std::size_t greatest) {
  const auto raw_text = bytes16(field, greatest);
  std::string out(as_text(raw_text));
  if (!std::all_of(out.begin(), out.end(), printable)) return reject(field, Reason::NotText), std::string();
  return out;
}

std::size_t Reader::count(std::string_view field, std::uint64_t count, std::size_t least, std::size_t greatest,
                          std::size_t least_size) {
  if (!ok()) return 0;
  if (count < least) return reject(field, Reason::TooShort), 0;
  if (count > greatest) return reject(field, Reason::TooLong), 0;
  if (least_size != 0 && count > rest_.size() / least_size) return reject(field, Reason::Truncated), 0;
  return static_cast<std::size_t>(count);
}

std::size_t Reader::count8(std::string_view field, std::size_t least, std::size_t greatest,
                           std::size_t least_size) {
  return count(field, number(field, 1), least, greatest, least_size);
}
std::size_t Reader::count16(std::string_view field, std::size_t least, std::size_t greatest,
                            std::size_t least_size) {
  return count(field, number(field, 2), least, greatest, least_size);
}
std::size_t Reader::count32(std::string_view field, std::size_t least, std::size_t greatest,
                            std::size_t least_size) {
  return count(field, number(field, 4), least, greatest, least_size);
}

const Curve& Reader::curve(std::string_view field) {
  const auto raw_id = u8(field);
  if (!ok()) return Curve::p256();
  const auto* found = Curve::find(static_cast<CurveId>(raw_id));
  if (!found) return reject(field, Reason::UnknownValue), Curve::p256();
  return *found;
}

Scalar Reader::scalar(std::string_view field, const Curve& curve) {
  const auto bytes = raw(field, curve.scalar_size());
  if (!ok()) return Scalar(curve);
  auto decoded = Scalar::decode(curve, bytes);
  if (!decoded) return reject(field, Reason::BadScalar), Scalar(curve);
  return *decoded;
}

Point Reader::point(std::string_view field, const Curve& curve) {
  const bool infinity = curve.is_toy() && !rest_.empty() && rest_.front() == 0;
  const auto bytes = raw(field, infinity ? 1 : curve.point_size());
  if (!ok()) return {};
  auto decoded = Point::decode(curve, bytes);
  if (!decoded) return reject(field, Reason::BadPoint), Point();
  return std::move(*decoded);
}

std::vector<Point> Reader::points(std::string_view field, const Curve& curve, std::size_t count) {
  std::vector<Point> out;
  if (count > rest_.size() / least_point_size(curve)) reject(field, Reason::Truncated);
  if (!ok()) return out;
  out.reserve(count);
  for (std::size_t i = 0; i < count && ok(); ++i) out.push_back(point(field, curve));
  return out;
}

PartyId Reader::party(std::string_view field) { return u8_in(field, 1, kMaxParties); }

std::vector<PartyId> Reader::parties(std::string_view field, std::size_t least) {
  const auto count = count8(field, least, kMaxParties, 1);
  std::vector<PartyId> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count && ok(); ++i) {
    const auto id = party(field);
    if (ok() && !out.empty() && id <= out.back()) reject(field, Reason::NotAscending);
    out.push_back(id);
  }
  return ok() ? out : std::vector<PartyId>{};
}

PresignatureId Reader::presignature(std::string_view field) {
  PresignatureId out;
  out.sid = id<SessionId>(field);
  out.index = u32(field);
  return out;
}

}  // namespace quorate::wire
