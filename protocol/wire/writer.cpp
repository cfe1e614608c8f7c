#include <algorithm>
#include <cstdlib>

#include "protocol/wire/codec.h"

namespace quorate::wire {

void require(bool limit_holds) {
  if (!limit_holds) std::abort();
}

Writer& Writer::number(std::uint64_t x, std::size_t size) {
  require(size == 8 || x >> (8 * size) == 0);
  for (auto i = size; i-- > 0;) out_.push_back(static_cast<std::uint8_t>(x >> (8 * i)));
  return *this;
}

Writer& Writer::raw(ByteView bytes) {
  append(out_, bytes);
  return *this;
}

Writer& Writer::bytes8(ByteView bytes, std::size_t greatest) {
  require(bytes.size() <= greatest);
  return u8(bytes.size()).raw(bytes);
}

Writer& Writer::bytes16(ByteView bytes, std::size_t greatest) {
  require(bytes.size() <= greatest);
  return u16(bytes.size()).raw(bytes);
}

Writer& Writer::bytes32(ByteView bytes, std::size_t greatest) {
  require(bytes.size() <= greatest);
  return u32(bytes.size()).raw(bytes);
}

Writer& Writer::name(std::string_view name) {
  require(valid_name(name));
  return bytes8(as_bytes(name), kMaxName);
}

Writer& Writer::text(std::string_view text, std::size_t greatest) {
  std::string out(text.substr(0, greatest));
  std::replace_if(out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return bytes16(as_bytes(out), greatest);
}

Writer& Writer::count8(std::size_t count, std::size_t least, std::size_t greatest) {
  require(least <= count && count <= greatest);
  return u8(count);
}

Writer& Writer::count16(std::size_t count, std::size_t least, std::size_t greatest) {
  require(least <= count && count <= greatest);
  return u16(count);
}

Writer& Writer::count32(std::size_t count, std::size_t least, std::size_t greatest) {
  require(least <= count && count <= greatest);
  return u32(count);
}

Writer& Writer::scalar(const Scalar& scalar) {
  const auto at = out_.size();
  out_.resize(at + scalar.curve().scalar_size());
  scalar.encode(MutableByteView(out_).subspan(at));
  return *this;
}

Writer& Writer::points(std::span<const Point> points) {
  for (const auto& bytes : Point::encode_all(points)) raw(bytes);
  return *this;
}

Writer& Writer::party(PartyId party) {
  require(party >= 1 && party <= kMaxParties);
  return u8(party);
}

Writer& Writer::parties(const std::vector<PartyId>& parties, std::size_t least) {
  count8(parties.size(), least, kMaxParties);
  for (std::size_t i = 0; i < parties.size(); ++i) {
    require(i == 0 || parties[i - 1] < parties[i]);
    party(parties[i]);
  }
  return *this;
}

}  // namespace quorate::wire
