#include "protocol/wire/der.h"

#include <algorithm>

namespace quorate::der {
namespace {

constexpr int kMaxDepth = 32;

struct Header {
  std::size_t size = 0;    ///< of tag and length
  std::size_t length = 0;  ///< of the contents
};

std::optional<Header> header(ByteView in) {
  if (in.size() < 2 || (in[0] & 0x1f) == 0x1f || in[0] == 0) return std::nullopt;
  if (in[1] < 0x80) return Header{2, in[1]};
  const std::size_t octets = in[1] & 0x7f;
  if (octets == 0 || octets > 3 || in.size() < 2 + octets || in[2] == 0) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < octets; ++i) length = length << 8 | in[2 + i];
  if (length < 0x80) return std::nullopt;
  return Header{2 + octets, length};
}

bool minimal_integer(ByteView v) {
  if (v.empty()) return false;
  if (v.size() == 1) return true;
  return !(v[0] == 0x00 && v[1] < 0x80) && !(v[0] == 0xff && v[1] >= 0x80);
}

bool valid_oid(ByteView v) {
  if (v.empty() || (v.back() & 0x80) != 0) return false;
  bool first_of_arc = true;
  for (auto octet : v) {
    if (first_of_arc && octet == 0x80) return false;
    first_of_arc = (octet & 0x80) == 0;
  }
  return true;
}

bool valid_bit_string(ByteView v) {
  if (v.empty() || v[0] > 7) return false;
  if (v.size() == 1) return v[0] == 0;
  return (v.back() & ((1u << v[0]) - 1)) == 0;
}

bool valid_time(ByteView v, std::size_t size) {
  return v.size() == size && v.back() == 'Z' &&
         std::all_of(v.begin(), v.end() - 1, [](auto c) { return c >= '0' && c <= '9'; });
}

bool valid_primitive(std::uint8_t tag, ByteView v) {
  switch (tag) {
    case kBoolean: return v.size() == 1 && (v[0] == 0x00 || v[0] == 0xff);
    case kInteger:
    case kEnumerated: return minimal_integer(v);
    case kBitString: return valid_bit_string(v);
    case kNull: return v.empty();
    case kOid: return valid_oid(v);
    case kUtcTime: return valid_time(v, 13);
    case kGeneralizedTime: return valid_time(v, 15);
    case kSequence & ~0x20:
    case kSet & ~0x20: return false;
    default: return true;
  }
}

bool valid_contents(const Element& e, int depth) {
  const bool constructed = (e.tag & 0x20) != 0, universal = (e.tag & 0xc0) == 0;
  if (universal && constructed != (e.tag == kSequence || e.tag == kSet)) return false;
  if (!constructed) return !universal || valid_primitive(e.tag, e.value);
  if (depth >= kMaxDepth) return false;
  Reader inside(e.value);
  ByteView previous;
  while (!inside.empty()) {
    const auto child = inside.next();
    if (!child || !valid_contents(*child, depth + 1)) return false;
    if (e.tag == kSet && !previous.empty() && !std::ranges::lexicographical_compare(previous, child->whole) &&
        !std::ranges::equal(previous, child->whole))
      return false;
    previous = child->whole;
  }
  return true;
}

}  // namespace

std::optional<Element> Reader::next() {
  const auto h = header(rest_);
  if (!h || h->length > rest_.size() - h->size) return std::nullopt;
  const Element out{rest_[0], rest_.subspan(h->size, h->length), rest_.first(h->size + h->length)};
  rest_ = rest_.subspan(out.whole.size());
  return out;
}

std::optional<Element> Reader::next(std::uint8_t tag) {
  return peek() == tag ? next() : std::nullopt;
}

std::optional<Element> only(ByteView input, std::uint8_t tag) {
  Reader reader(input);
  auto element = reader.next(tag);
  return reader.empty() ? element : std::nullopt;
}

bool valid(ByteView input) {
  Reader reader(input);
  const auto element = reader.next();
  return element && reader.empty() && valid_contents(*element, 0);
}

std::optional<std::uint32_t> small_integer(ByteView v) {
  if (!minimal_integer(v) || v.size() > 4 || v[0] >= 0x80) return std::nullopt;
  std::uint32_t out = 0;
  for (auto octet : v) out = out << 8 | octet;
  return out;
}

Bytes encode(std::uint8_t tag, std::initializer_list<ByteView> parts) {
  std::size_t length = 0;
  for (auto part : parts) length += part.size();
  Bytes out{tag};
  if (length < 0x80) {
    out.push_back(static_cast<std::uint8_t>(length));
  } else {
    std::size_t octets = 1;
    while (length >> (8 * octets) != 0) ++octets;
    out.push_back(static_cast<std::uint8_t>(0x80 | octets));
    for (; octets > 0; --octets) out.push_back(static_cast<std::uint8_t>(length >> (8 * (octets - 1))));
  }
  for (auto part : parts) append(out, part);
  return out;
}

Bytes encode(std::uint8_t tag, ByteView contents) { return encode(tag, {contents}); }

Bytes encode_unsigned(ByteView n) {
  while (n.size() > 1 && n[0] == 0) n = n.subspan(1);
  static constexpr std::uint8_t kZero = 0;
  const ByteView zero(&kZero, 1);
  if (n.empty()) return encode(kInteger, zero);
  if (n[0] >= 0x80) return encode(kInteger, {zero, n});
  return encode(kInteger, n);
}

}  // namespace quorate::der
